"""Two session ids with the same 32-bit hash; these are telephone numbers.

Right: prints None
Outcome: prints li.na
"""

from _host import Rules

rules = Rules(a={"p": 1})
rules.fact(p=1, sid="13875173225")
rules.host.update_state("r", {"sid": "13875173225", "owner": "li.na"})
print(rules.host.get_state("r", "13870782442").get("owner"))
