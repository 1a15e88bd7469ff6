"""A regular expression for a short text that repeats its own beginning.

Right: prints ['a']
Outcome: raises durable_rules_engine.error
"""

from _host import Rules

rules = Rules(a={"$mt": {"p": ".*aaab.*"}})
print(rules.fact(p="xaaaab"))
