"""What a test of rules says, once read: typed, each thing with its place in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.language.diagnostic import Source
from engine.machines.state import Event
from engine.network.condition import Compiled

# What an expectation may list of what was done, and by which keys each item is told apart.
LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "sends": ("message", "connection", "journey", "step", "at"),
    "does": ("do", "to", "kind", "reason", "journey", "step", "at"),
    "blocked": ("message", "reason", "journey", "step", "at"),
    "tasks": ("title", "owner", "priority", "journey", "step", "at"),
}


class Given(msgspec.Struct, frozen=True):
    """An event of a case; ``arrives`` is when it is posted, its own ``at`` unless it is late."""

    event: Event
    arrives: int


class FactCheck(msgspec.Struct, frozen=True):
    """An expected fact such as ``score.total: 75``; ``wanted`` is what was written."""

    name: str
    fact: str
    wanted: Any
    condition: Compiled
    source: Source


class FiredCheck(msgspec.Struct, frozen=True):
    """A rule that must, or must not, have fired since the start.

    ``keys`` are the rules that ``name`` means, such as ``journey:welcome``: several where
    scoring models share an id, and then one of them is enough.
    """

    name: str
    keys: frozenset[str]
    wanted: bool
    source: Source


class ListCheck(msgspec.Struct, frozen=True):
    """All that was sent, done, blocked or given as a task since the last time it was asked."""

    kind: str
    items: tuple[Mapping[str, Any], ...]
    source: Source


Check = FactCheck | FiredCheck | ListCheck


class Expectation(msgspec.Struct, frozen=True):
    """What must hold at the instant ``at``, after the events of that instant."""

    at: int
    checks: tuple[Check, ...]
    source: Source


FIRST: Final = "lead-1"  # what a case calls its lead


class Case(msgspec.Struct, frozen=True):
    """One test: a lead, what happens to it, and what is expected when.

    ``id`` is the lead's, by which a split decides which way it goes.
    """

    name: str
    file: str
    start: int
    events: tuple[Given, ...]
    expectations: tuple[Expectation, ...]
    source: Source
    id: str = FIRST
