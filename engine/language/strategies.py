"""Routing strategies: those built in, and what one of a plugin's own is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

BUILT_IN: Final = (
    *("designated", "round_robin", "weighted", "least_loaded"),
    *("least_recently_active", "territory"),
)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A member who may have the lead.

    ``load`` is how many open leads they have, ``turn`` grows with the latest turn they had in
    the team (0: none yet), ``active_at`` is their latest follow-up, in ms since 1970 UTC (0:
    none), ``won`` and ``lost`` are the deals they closed.
    """

    id: str
    name: str
    weight: int
    level: str | None = None
    skills: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    load: int = 0
    turn: int = 0
    active_at: int = 0
    won: int = 0
    lost: int = 0


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """A lead that somebody is to get, at the instant ``now``.

    ``facts`` is what conditions read, by whole name: ``lead.city``, ``grade``,
    ``score.default.total``, ``stage``.
    """

    id: str
    facts: Mapping[str, Any]
    now: int


Strategy = Callable[[Routed, Sequence[Candidate]], str]
