"""A property that is null.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"$ex": {"p": 1}}).fact(p=None))
