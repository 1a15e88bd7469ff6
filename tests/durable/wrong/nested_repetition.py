"""A regular expression with a repetition in a repetition.

Right: prints ['a']
Outcome: hangs
"""

from _host import Rules

rules = Rules(a={"$mt": {"p": ".*(a*)*.*"}})
print(rules.fact(p="aa"))
