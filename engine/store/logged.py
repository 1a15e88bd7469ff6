"""An event as the log has it."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.machines.state import Event


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an event brings, as one JSON column."""

    lead: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    client: dict[str, str] = {}
    raw: dict[str, Any] = {}
    screened: dict[str, Any] = {}


class Logged(msgspec.Struct, frozen=True):
    """An event as the log has it. ``decided_at`` is the ``now`` of its decision.

    ``first`` is the lead that it was decided for, where that was merged into ``lead`` later.
    """

    seq: int
    lead: str
    decided_at: int
    ruleset: str
    event: Event
    first: str | None = None
