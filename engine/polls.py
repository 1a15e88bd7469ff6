"""What passes between the engine and a channel that looks for news itself: a folder, a mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from engine.plugin_channels import Deliveries


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """One look: the channel's settings, and where the last one ended.

    ``cursor`` is what the last `Polled` gave, kept with the events in the database; None at the
    first look. ``fields`` are the lead's with their types, ``events`` each event's properties;
    ``deliveries`` finds what a receipt is about.
    """

    settings: Mapping[str, Any]
    cursor: str | None
    fields: Mapping[str, str]
    events: Mapping[str, Mapping[str, str]]
    now: int
    deliveries: Deliveries | None = None


class Polled(msgspec.Struct, frozen=True):
    """What a look found: raw events with ids of their own, and where the next one begins.

    The cursor is kept once the events are stored, so a look that is cut off is made again: an
    event is told from its repetition by its id. ``more`` asks for the next look at once.
    ``problems`` say what could not be read, by its place and without what stands there.
    """

    events: tuple[Mapping[str, Any], ...] = ()
    cursor: str | None = None
    more: bool = False
    problems: tuple[str, ...] = ()
