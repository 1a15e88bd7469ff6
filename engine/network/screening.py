"""Screening: the rules of intake.yaml compiled, and judged on one event as it enters. Pure.

Its verdict is recorded with the event, so that a replay does not judge again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.language.intake import FLAG, Intake, ScreenRule
from engine.network.condition import Compiled, ConditionCompiler
from engine.network.lists import List


class _Rule(msgspec.Struct, frozen=True):
    definition: ScreenRule
    events: frozenset[str]
    where: Compiled | None
    when: Compiled | None


class _Facts(dict[str, Any]):
    """The fields an event brings, as rules name them; lists are looked up when asked for."""

    def __init__(self, screen: Screen, event: Entering) -> None:
        super().__init__((f"lead.{name}", value) for name, value in event.lead.items())
        self.matched: dict[str, list[str]] = {}
        self._screen = screen
        self._event = event

    def get(self, name: str, default: Any = None) -> Any:
        head, _, rest = name.partition(".")
        if head != "listed":
            return super().get(name, default)
        if rest not in self.matched:
            event = self._event
            self.matched[rest] = self._screen.lists[rest].find(
                event.lead, event.properties, event.client
            )
        return bool(self.matched[rest])


class Entering(msgspec.Struct, frozen=True):
    """An event at the door: its type, the lead's fields, its properties, and who sent it.

    ``client`` may have ``ip`` and ``agent``; ``by`` is the colleague who did it, if one did.
    """

    type: str
    lead: Mapping[str, Any]
    properties: Mapping[str, Any]
    client: Mapping[str, Any]
    by: str | None = None


class _Look:
    """What compiled conditions read; nothing that only a lead would know."""

    __slots__ = ("before", "created_at", "facts", "now", "properties", "windows")

    def __init__(self, facts: _Facts, properties: Mapping[str, Any], now: int) -> None:
        self.facts = facts
        self.properties = properties
        self.now = now
        self.created_at = now
        self.before: dict[str, Any] = {}
        self.windows: dict[str, Any] = {}


class Screen:
    """The compiled intake of one configuration."""

    def __init__(self, intake: Intake, compiler: ConditionCompiler) -> None:
        self.intake = intake
        self.lists = {name: List(each) for name, each in intake.lists.items()}
        self._rules = tuple(
            _Rule(
                rule,
                frozenset(rule.events),
                compiler.optional(rule.where),
                compiler.optional(rule.when),
            )
            for rule in intake.rules
        )
        self._by_type: dict[str, tuple[_Rule, ...]] = {}

    def judge(self, event: Entering, now: int) -> dict[str, Any]:
        """Return the verdict on an event; empty when no rule has anything to say.

        ``rule``, ``do`` and ``reason`` of the first rule that rejects or holds it, ``flags``
        of those before, and ``matched``, the entries of lists that led there.
        """
        rules = self._by_type.get(event.type)
        if rules is None:
            rules = tuple(r for r in self._rules if not r.events or event.type in r.events)
            self._by_type[event.type] = rules
        if event.by is not None:  # what colleagues write is looked at by rules that name it
            rules = tuple(r for r in rules if r.events)
        if not rules:
            return {}
        look = _Look(_Facts(self, event), event.properties, now)
        verdict: dict[str, Any] = {}
        flags: list[str] = []
        for rule in rules:
            if not _holds(rule, look):
                continue
            definition = rule.definition
            if definition.do == FLAG:
                flags.append(definition.flag)
                verdict.setdefault("reasons", {})[definition.flag] = definition.reason
                continue
            verdict.update(rule=definition.id, do=definition.do, reason=definition.reason)
            break
        if flags:
            verdict["flags"] = list(dict.fromkeys(flags))
        matched = {name: found for name, found in look.facts.matched.items() if found}
        if verdict and matched:
            verdict["matched"] = matched
        return verdict

    def mail_kind(self, domain: str) -> str | None:
        """Return business, disposable or free where a list says so, business first."""
        for kind in ("business", "disposable", "free"):
            for name in self.intake.mail.get(kind, ()):
                if name in self.lists and self.lists[name].of_domain(domain) is not None:
                    return kind
        return None

    def scanner(self, client: Mapping[str, Any]) -> str | None:
        """Return why who sent an event is a known scanner, None when nobody knows it."""
        bots = self.intake.bots
        for name in bots.agents:
            found = self.lists[name].in_agent(client.get("agent")) if name in self.lists else None
            if found is not None:
                return f'its user agent has "{found}" of {name}'
        for name in bots.addresses:
            found = self.lists[name].of_address(client.get("ip")) if name in self.lists else None
            if found is not None:
                return f"its address is in {found} of {name}"
        return None


def _holds(rule: _Rule, look: _Look) -> bool:
    return (rule.where is None or rule.where.holds(look)) and (
        rule.when is None or rule.when.holds(look)
    )
