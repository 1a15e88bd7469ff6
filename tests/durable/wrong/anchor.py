"""A regular expression with an anchor.

Right: prints ['a']
Outcome: raises durable.engine.MessageNotHandledException
"""

from _host import Rules

print(Rules(a={"$mt": {"p": "^ab"}}).fact(p="ab"))
