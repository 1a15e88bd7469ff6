"""An event that three rules match.

Right: prints ['a', 'b', 'c']
Outcome: prints ['a']
"""

from _host import Rules

rules = Rules(a={"p": 1}, b={"p": 1}, c={"p": 1})
print(rules.event(p=1))
