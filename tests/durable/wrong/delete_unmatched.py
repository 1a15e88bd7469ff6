"""A session is deleted in which nothing has matched.

Right: nothing happens
Outcome: dies by signal 11
"""

import contextlib

from _host import Rules
from durable.engine import MessageNotHandledException

rules = Rules(a={"p": 1})
with contextlib.suppress(MessageNotHandledException):
    rules.fact(p=2)
rules.host.delete_state("r", "s")
print("deleted")
