"""A rule of two alternatives that both hold.

Right: prints ['a']
Outcome: prints ['a', 'a']
"""

from _host import Rules

rules = Rules(a={"$or": [{"p": 1}, {"q": 1}]})
print(rules.fact(p=1, q=1))
