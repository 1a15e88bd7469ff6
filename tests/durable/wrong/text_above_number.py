"""A text is compared with a number.

Right: raises, or prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"$gt": {"p": 500}}).fact(p="abc"))
