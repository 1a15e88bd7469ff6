"""A message id of 9 million characters, copied to the stack.

Right: prints ['a'], or raises
Outcome: dies by signal 11
"""

from _host import Rules

print(Rules(a={"p": 1}).fact(p=1, id="1" * 9_000_000))
