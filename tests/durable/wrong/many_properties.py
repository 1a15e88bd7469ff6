"""A message of 255 properties, its id and session among them.

Right: prints ['a']
Outcome: raises durable_rules_engine.error
"""

from _host import Rules

print(Rules(a={"p": 1}).fact(p=1, **{f"q{i}": 1 for i in range(252)}))
