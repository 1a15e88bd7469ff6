"""An absence as one of two alternatives.

Right: prints ['a']
Outcome: hangs
"""

from _host import Rules

rules = Rules(a={"$or": [{"q": 1}, {"$nex": {"p": 1}}]})
print(rules.fact(q=1))
