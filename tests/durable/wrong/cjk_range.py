"""A regular expression with a range of Chinese characters.

Right: prints ['a']
Outcome: dies by signal 11
"""

from _host import Rules

rules = Rules(a={"$mt": {"p": "[一-龥]+"}})
print(rules.fact(p="制造业"))
