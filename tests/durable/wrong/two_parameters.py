"""A rule whose action has a second parameter, with a default: no rule fires any more.

Right: prints ['a', 'b']
Outcome: prints []
"""

from _host import Host, Rules

rules = Rules(a={"p": 1}, b={"p": 1})


def run(_: object, name: str = "a") -> None:
    """An ordinary action, with one more parameter."""
    rules.fired.append(name)


host = Host()
host.register_rulesets({"q": {n: {"all": [{"m": {"p": 1}}], "run": run} for n in ("a", "b")}})
host.assert_fact("q", {"id": "1", "sid": "s", "p": 1})
print([name for name in rules.fired if isinstance(name, str)])
