"""A rule that says nothing but that a property is absent.

Right: prints ['a']
Outcome: hangs
"""

from _host import Rules

rules = Rules(a={"$nex": {"p": 1}})
print(rules.fact(q=1))
