"""A field is compared with one that is missing: it takes what it compared with before.

Right: prints ['a']
Outcome: prints ['a', 'b']
"""

from _host import Rules

rules = Rules(a={"p": "x"}, b={"p": {"$m": "q"}})
print(sorted(rules.fact(p="x")))
