"""A key with a dot is another key inside of a map.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"p.q": 1}).fact(p={"q": 1}))
