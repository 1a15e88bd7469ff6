"""A regular expression reads JSON: a line break is a backslash and an n.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"$mt": {"p": ".*n.*"}}).fact(p="1\n2"))
