"""Two whole numbers beyond 64 bits, one apart.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"p": 2**63}).fact(p=2**63 + 1))
