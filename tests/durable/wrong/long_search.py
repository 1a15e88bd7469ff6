"""A regular expression for what stands behind 65,535 other characters.

Right: prints ['a']
Outcome: raises durable.engine.MessageNotHandledException
"""

from _host import Rules

print(Rules(a={"$mt": {"p": ".*y.*"}}).fact(p="x" * 65_535 + "y"))
