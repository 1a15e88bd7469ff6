"""The 1,025th session, which here is the 1,025th lead.

Right: prints 1025
Outcome: raises MemoryError
"""

from _host import Rules

rules = Rules(a={"p": 1})
for number in range(1, 1026):
    rules.fact(p=1, id=str(number), sid=f"lead-{number}")
print(number)
