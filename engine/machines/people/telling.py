"""When a person is told: at once, after their quiet hours, or in their digest. Of rules only.

Asked twice, as for leads: when a notice is made, and by the host before each attempt.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.language.handling import Away
from engine.language.instants import DAY, format_instant
from engine.language.notices import Notices
from engine.machines.policy import QUIET
from engine.machines.quiet import day_of, instants, quiet_end
from engine.network.ruleset import Ruleset

_MOST_DAYS_OFF: Final = 100  # in a row; more is taken for a calendar that works on no day


class Plan(msgspec.Struct, frozen=True):
    """When: now, at ``due``, or ``collected`` in the digest of that instant; and why not now."""

    due: int | None = None
    reason: str = ""
    collected: bool = False


class _Person(msgspec.Struct, frozen=True):
    notices: Notices
    zone: ZoneInfo
    away: tuple[Away, ...]


def plan(ruleset: Ruleset, person: str, kind: str, now: int, by: int | None = None) -> Plan:
    """Return when ``person`` is told of something of ``kind``.

    What is of use up to the instant ``by`` only goes into no digest after it.
    """
    at = digest_at(ruleset, person, kind, now)
    if at is not None and (by is None or at <= by):
        return Plan(at, f"in the digest of {format_instant(at)}", collected=True)
    until = quiet_until(ruleset, person, kind, now)
    if until is not None:
        return Plan(until, f"{QUIET} until {format_instant(until)}")
    return Plan()


def quiet_until(ruleset: Ruleset, person: str, kind: str, now: int) -> int | None:
    """Return until when ``person`` is not to be disturbed by something of ``kind``, None: now."""
    who = _person(ruleset, person)
    if kind in who.notices.urgent or not who.notices.quiet:
        return None
    calendar = ruleset.calendars[who.notices.calendar]

    def after_absence(at: int) -> int:
        return max((a.until for a in who.away if a.since <= at < a.until), default=at)

    def after_day_off(at: int) -> int:
        day = day_of(at, who.zone)
        for _ in range(_MOST_DAYS_OFF):
            if calendar.works(day):
                return max(at, instants(day, 0, who.zone)[0])
            day += timedelta(days=1)
        return at

    return quiet_end(who.notices.quiet, who.zone, now, after_absence, after_day_off)


def digest_at(ruleset: Ruleset, person: str, kind: str, now: int) -> int | None:
    """Return the next instant of the digest that takes up ``kind``; None without one."""
    who = _person(ruleset, person)
    digest = who.notices.digest
    if digest is None or kind not in digest.kinds:
        return None
    day = day_of(now, who.zone)
    for _ in range(_MOST_DAYS_OFF):
        # Where clocks are put back the first of the two instants, so that there is one a day.
        at = instants(day, digest.at, who.zone)[0]
        is_here = not any(a.since <= at < a.until for a in who.away)
        if at > now and is_here and ruleset.calendars[who.notices.calendar].works(day):
            return at
        day += timedelta(days=1)
    return None


def last_digest_before(ruleset: Ruleset, person: str, kind: str, now: int, by: int) -> int | None:
    """Return the last digest after ``now`` that comes at ``by`` or before, None without one."""
    found, at = None, digest_at(ruleset, person, kind, max(now, by - _MOST_DAYS_OFF * DAY))
    while at is not None and at <= by:
        found, at = at, digest_at(ruleset, person, kind, at)
    return found


def _person(ruleset: Ruleset, id: str) -> _Person:
    routing = ruleset.definitions.routing
    member = routing.member(id)
    notices = member.notices if member is not None else routing.notices
    zone = ZoneInfo(notices.zone or ruleset.definitions.server.zone)
    return _Person(notices, zone, member.away if member is not None else ())
