"""A rule with a number that JSON writes in e-notation.

Right: prints ['a']
Outcome: raises durable_rules_engine.error
"""

from _host import Rules

print(Rules(a={"$gt": {"p": 1e-7}}).fact(p=1))
