"""Two message ids with the same 32-bit hash: the second message is lost.

Right: prints ['a']
Outcome: raises durable.engine.MessageObservedException
"""

from _host import Rules

rules = Rules(a={"p": 1})
rules.fact(p=1, id="13875173225")
print(rules.fact(p=1, id="13870782442"))
