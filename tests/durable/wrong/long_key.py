"""A key of 9 million characters that holds a map, copied to the stack.

Right: prints ['a'], or raises
Outcome: dies by signal 11
"""

from _host import Rules

print(Rules(a={"p": 1}).fact(p=1, **{"k" * 9_000_000: {"x": 1}}))
