"""What the programs beside this one share: a host, rules by name, and what they fire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable import engine

SESSION = {"id": "1", "sid": "s"}


class Host(engine.Host):
    """A host without its background threads."""

    def _run(self) -> None: ...


class Rules:
    """Rules by name, each one condition on one message."""

    def __init__(self, **conditions: Any) -> None:
        self.fired: list[str] = []
        self.host = Host()
        rules = {
            name: {"all": [{"m": condition}], "run": self._note(name)}
            for name, condition in conditions.items()
        }
        self.host.register_rulesets({"r": rules})

    def _note(self, name: str) -> Callable[[Any], None]:
        def run(_: Any) -> None:
            self.fired.append(name)

        return run

    def fact(self, **properties: Any) -> list[str]:
        """Return what a fact fires."""
        return self._say(self.host.assert_fact, properties)

    def event(self, **properties: Any) -> list[str]:
        """Return what an event fires."""
        return self._say(self.host.post, properties)

    def _say(self, say: Callable[..., Any], properties: dict[str, Any]) -> list[str]:
        self.fired.clear()
        say("r", {**SESSION, **properties})
        return list(self.fired)
