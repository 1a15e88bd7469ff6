"""A message of 100,000 maps in each other.

Right: raises
Outcome: dies by signal 11
"""

import durable_rules_engine
from _host import Rules

rules = Rules(a={"p": 1})
message = '{"id": "1", "sid": "s", "p": ' + '{"p": ' * 100_000 + "1" + "}" * 100_001
durable_rules_engine.assert_fact(rules.host.get_ruleset("r")._handle, message)
print("read")
