"""A text equals a number.

Right: raises, or prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"p": 1}).fact(p="1"))
