"""A rule on the state of a session is met by an event that says it is the state.

Right: prints []
Outcome: prints ['a']
"""

from _host import Rules

rules = Rules(a={"$and": [{"$s": 1}, {"owner": "mallory"}]})
print(rules.event(**{"$s": 1, "owner": "mallory"}))
