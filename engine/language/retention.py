"""How long what is no longer needed is kept: ``retention`` in ``server.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.language.instants import DAY, LONGEST, TooLong

KINDS: Final = ("events", "ledger", "happenings", "deliveries", "tasks")
PATTERN: Final = "[1-9][0-9]*[dwy]"
_DAYS: Final = {"d": 1, "w": 7, "y": 365}
_MOST: Final = LONGEST // DAY
_SPAN: Final = re.compile(r"([1-9][0-9]*)([dwy])")


class Retention(msgspec.Struct, frozen=True):
    """Milliseconds for which each kind is kept; None: for ever."""

    events: int | None = None
    ledger: int | None = None
    happenings: int | None = None
    deliveries: int | None = None
    tasks: int | None = None

    def kept(self) -> dict[str, int]:
        """Return the kinds that are not kept for ever, each with its milliseconds."""
        found = msgspec.structs.asdict(self)
        return {kind: span for kind, span in found.items() if span is not None}


def retention_of(settings: Mapping[str, Any]) -> Retention:
    """Return what ``retention`` in the server's settings says; its form is checked already."""
    given = settings.get("retention") or {}
    return Retention(**{kind: kept_for(text) for kind, text in given.items()})


def kept_for(text: str) -> int:
    """Return the milliseconds of ``90d``, ``52w`` or ``3y``; raises TooLong beyond 100 years."""
    found = _SPAN.fullmatch(text)
    assert found is not None, text
    if len(found[1]) > len(str(_MOST)) or int(found[1]) * _DAYS[found[2]] > _MOST:
        raise TooLong(text)
    return int(found[1]) * _DAYS[found[2]] * DAY
