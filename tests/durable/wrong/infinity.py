"""An event with an infinite number.

Right: prints ['a']
Outcome: raises durable_rules_engine.error
"""

from _host import Rules

print(Rules(a={"$gt": {"p": 1}}).fact(p=float("inf")))
