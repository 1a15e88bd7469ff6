"""Two property names with the same 32-bit hash.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"p2785215": 1}).fact(p6803771=1))
