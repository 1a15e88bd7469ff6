"""What 50 sessions of 500 rules keep, in MB each.

Right: prints 0
Outcome: prints 6
"""

import os
import pathlib

from _host import Rules

rules = Rules(
    **{f"r{i}": {"$and": [{"t": "x"}, {"$gt": {"q": i % 20}}, {"p": i % 100}]} for i in range(500)}
)


def resident() -> int:
    """Return the bytes this process has in memory."""
    pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


before = resident()
for number in range(50):
    rules.fact(t="x", p=5, q=30, sid=f"lead-{number}")
print((resident() - before) // 50 // 1_000_000)
