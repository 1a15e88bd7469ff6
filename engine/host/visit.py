"""What comes to the door, and what comes through it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.host.faults import Hints
from engine.machines.directory import Identity
from engine.machines.state import Event


class Arrival(msgspec.Struct, frozen=True):
    """An event on its way in; ``identities`` strongest first, ``lead`` the id of a known lead."""

    event: Event
    identities: tuple[Identity, ...]
    lead: str | None = None


class Visit(msgspec.Struct, frozen=True):
    """What the door knows of a submission: its instant, and defaults for its events.

    ``latest`` is the last instant that an event may be dated; ``client`` is whose browser
    sends (``ip``, ``agent``), where that is the lead's own. ``own`` events are made by the
    engine: their ids may be reserved ones, and nobody screens them. Without ``deeds`` neither
    what people do nor the name of one comes in.
    """

    now: int
    latest: int
    channel: str = "api"
    by: str | None = None
    client: Mapping[str, str] = {}
    own: bool = False
    deeds: bool = True
    hints: Hints = msgspec.field(default_factory=Hints)
