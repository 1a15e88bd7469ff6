"""A ruleset is replaced by a new version of itself.

Right: nothing happens
Outcome: raises Exception
"""

from _host import Rules

rules = Rules(a={"p": 1})
rules.host.register_rulesets({"r": {"a": {"all": [{"m": {"p": 2}}], "run": lambda _: None}}})
print("replaced")
