"""A text equals true.

Right: raises, or prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"p": True}).fact(p="true"))
