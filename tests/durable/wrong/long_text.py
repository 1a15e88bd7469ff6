"""Two texts of 70,000 characters that differ in the last one: its lengths have 16 bits.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

print(Rules(a={"p": "x" * 69_999 + "y"}).fact(p="x" * 69_999 + "z"))
