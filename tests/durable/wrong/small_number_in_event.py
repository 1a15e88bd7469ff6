"""An event with a number that JSON writes in e-notation.

Right: prints []
Outcome: raises durable_rules_engine.error
"""

from _host import Rules

print(Rules(a={"$gt": {"p": 1}}).fact(p=1e-7))
