"""Half of a character, as JSON may write it.

Right: prints []
Outcome: raises durable_rules_engine.error
"""

from _host import Rules

print(Rules(a={"p": "x"}).fact(p="\ud800"))
