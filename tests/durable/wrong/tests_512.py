"""512 different tests, side by side.

Right: prints ['r7']
Outcome: hangs
"""

from _host import Rules

rules = Rules(**{f"r{i}": {"p": i} for i in range(512)})
print(rules.fact(p=7))
