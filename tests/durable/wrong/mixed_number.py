"""A whole number equals a floating one: beyond 2^53 they meet as doubles.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"p": float(2**53)}).fact(p=2**53 + 1))
