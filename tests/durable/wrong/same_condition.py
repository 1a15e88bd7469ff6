"""257 rules with the same condition.

Right: prints 257
Outcome: raises durable_rules_engine.error
"""

from _host import Rules

rules = Rules(**{f"r{i}": {"p": 1} for i in range(257)})
print(len(rules.fact(p=1)))
