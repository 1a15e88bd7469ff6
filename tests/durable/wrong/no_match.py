"""An event that matches nothing.

Right: prints []
Outcome: raises durable.engine.MessageNotHandledException
"""

from _host import Rules

print(Rules(a={"p": 1}).event(p=2))
