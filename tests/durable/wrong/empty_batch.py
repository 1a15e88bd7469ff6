"""A batch without a message.

Right: nothing happens
Outcome: dies by signal 11
"""

from _host import Rules

Rules(a={"p": 1}).host.post_batch("r", [])
print("nothing happened")
