"""The same thing happens twice, and nobody gave it an id.

Right: prints ['a'] twice
Outcome: raises durable.engine.MessageObservedException
"""

from _host import Rules

rules = Rules(a={"p": 1})
message = {"sid": "s", "p": 1}
rules.host.assert_fact("r", dict(message))
rules.host.assert_fact("r", dict(message))
print(rules.fired)
