"""How salespeople are told, typed: quiet hours of their own, what is urgent, a digest."""

from __future__ import annotations

from typing import Final

from engine.language.calendars import CHINA
from engine.language.rules import Struct
from engine.language.sending import QuietHours

POOL: Final = "pool"
JOURNEY: Final = "journey"
# Of what people are told: the rungs of a ladder, what others write down, to-dos, and pools.
DIGESTED: Final = ("remind", "escalate", "declined", "signal", "task", POOL)
# What a journey sends them is written for its own connection: no digest takes it up.
KINDS: Final = (*DIGESTED, JOURNEY)
URGENT: Final = ("remind", "escalate")


class Digest(Struct, frozen=True, kw_only=True):
    """One message on each working day, at a minute of the day, with all notices of ``kinds``."""

    at: int
    kinds: tuple[str, ...]


class Notices(Struct, frozen=True, kw_only=True):
    """How one person is told. ``zone`` None: the server's.

    With ``quiet`` the days off of ``calendar`` and absences are quiet, too; what is ``urgent``
    passes.
    """

    quiet: tuple[QuietHours, ...] = ()
    urgent: tuple[str, ...] = URGENT
    digest: Digest | None = None
    calendar: str = CHINA
    zone: str | None = None
