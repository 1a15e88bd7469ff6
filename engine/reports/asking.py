"""What is asked of a report: which time, by which days, whose leads, beside which time before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from engine.errors import LeadrulesError
from engine.language.instants import LAST_INSTANT, format_instant
from engine.language.nearest import did_you_mean
from engine.language.zones import is_zone, zone_hint
from engine.store.rows import to_json

PERIODS: Final = (
    *("today", "week", "month", "quarter", "year"),
    *("last_7_days", "last_30_days", "last_90_days", "last_365_days"),
    *("last_week", "last_month", "last_quarter", "last_year", "all"),
)
COHORTS: Final = ("created", "event")
COMPARE: Final = ("none", "previous")
PARAMETERS: Final = ("period", "from", "to", "zone", "cohort", "compare", "owner", "team")
# What a filter of leads is given: one value, several, or None for "has none".
Given = str | Sequence[Any] | None
_DAY: Final = 86_400_000
_LAST: Final = 253_402_300_799_999
_FIRST: Final = -62_135_424_000_000  # 0001-01-03T00:00:00Z, which is a day of year 1 in every zone


class BadQuestion(LeadrulesError):
    """A parameter of a report that means nothing."""

    code = "bad-parameter"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. Instants are half-open, [since, until); None is without an end.

    ``owners`` are those whose leads count, None for everybody's. ``now`` is the instant of asking.
    """

    now: int
    zone: str
    period: str = "all"
    since: int | None = None
    until: int | None = None
    cohort: str = "created"
    compare: str = "none"
    owners: tuple[str, ...] | None = None
    owner: str | None = None
    team: str | None = None

    @property
    def start(self) -> int:
        """Where the period begins, for comparisons."""
        return self.since if self.since is not None else 0

    @property
    def end(self) -> int:
        """Where it ends, for comparisons; what lies ahead counts only under ``all``."""
        return self.until if self.until is not None else _LAST

    def parameters(self) -> dict[str, Any]:
        """Return what was asked, as the report repeats it."""
        return {
            "period": self.period,
            "from": None if self.since is None else format_instant(self.since),
            "to": None if self.until is None else format_instant(self.until),
            "zone": self.zone,
            "cohort": self.cohort,
            "compare": self.compare,
            "owner": self.owner,
            "team": self.team,
        }

    def before(self) -> Question | None:
        """Return the same question of as long a time just before; None where none is asked for."""
        if self.compare != "previous" or self.since is None or self.until is None:
            return None
        since = _same_length_before(self.since, self.until, self.zone)
        return msgspec.structs.replace(self, since=since, until=self.since, compare="none")

    def created(self) -> dict[str, Given]:
        """Return the filters of the leads that were made in the period."""
        found: dict[str, Given] = {}
        if self.since is not None:
            found["created_from"] = format_instant(self.since)
        if self.until is not None:
            found["created_to"] = format_instant(self.until)
        return {**found, **self.whose()}

    def whose(self) -> dict[str, Given]:
        """Return the filter of those whose leads count; empty for everybody's."""
        if self.owner is not None:
            return {"owner": self.owner}
        return {} if self.owners is None else {"owners": self.owners}

    def then(self, **more: Given) -> str:
        """Return the query of leads with whom something happened in the period."""
        return _query({**self.whose(), **self._then(), **more})

    def anybodys(self, **more: Given) -> str:
        """Return the same, whoever has the leads now."""
        return _query({**self._then(), **more})

    def _then(self) -> dict[str, Given]:
        asked = self.parameters()
        return {f"then_{end}": at for end in ("from", "to") if (at := asked[end]) is not None}

    def entering(self, stage: str) -> dict[str, Given]:
        """Return the filters of leads that entered a stage in the period for the first time."""
        asked = self.parameters()
        given = {f"entered_{end}": at for end in ("from", "to") if (at := asked[end]) is not None}
        return {"entered": stage, **given}

    def link(self, **more: Given) -> str:
        """Return the query of the leads made in the period, and what more they have in common."""
        return _query({**self.created(), **more})

    def bare_link(self, **more: Given) -> str:
        """Return the query of leads with something in common, whenever they were made."""
        return _query({**self.whose(), **more})

    def buckets(self, first: int, last: int) -> list[int]:
        """Return where days, weeks or months begin, whichever suits the period asked for.

        Without a beginning it begins ``first``; it ends now, or ``last`` where that is later.
        """
        # Nothing is older than 1970, or than the first: a period from the year 1 is not drawn.
        since = first if self.since is None else max(self.since, min(first, 0))
        until = min(self.end, max(last, self.now) + 1)
        if until <= since:
            return []
        zone = ZoneInfo(self.zone)
        day = datetime.fromtimestamp(since / 1000, zone).date()
        span = (until - since) // _DAY
        step = "day" if span <= 31 else "week" if span <= 400 else "month"
        return list(_steps(day, step, until, zone))

    def day(self, instant: int) -> str:
        """Return the day of an instant in the zone, ``2026-03-01``."""
        return datetime.fromtimestamp(instant / 1000, ZoneInfo(self.zone)).date().isoformat()


def _query(filters: Mapping[str, Given]) -> str:
    return urlencode({name: _written(value) for name, value in filters.items()})


def _written(value: Given) -> str:
    """Return a filter's value as an address has it; in JSON any name survives."""
    if value is None:
        return ""
    return value if isinstance(value, str) else to_json(value)


def _steps(day: date, step: str, until: int, zone: ZoneInfo) -> Iterator[int]:
    if step == "week":
        day -= timedelta(days=day.weekday())
    elif step == "month":
        day = day.replace(day=1)
    while (at := _midnight(day, zone)) < until:
        yield at
        if step == "month":
            day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        else:
            day += timedelta(days=7 if step == "week" else 1)


def ask(
    query: Mapping[str, str],
    now: int,
    zone: str,
    members: Mapping[str, tuple[str, ...]],
    own: frozenset[str] | None = None,
) -> Question:
    """Return the question that a query means; raises BadQuestion.

    ``members`` maps teams to those in it, ``own`` are those whose leads who asks may see.
    """
    for name in query:
        if name not in PARAMETERS:
            raise BadQuestion(
                f'"{name[:80]}" is no parameter of reports; {did_you_mean(name, PARAMETERS)}'
            )
    zone = query.get("zone", zone)
    if not is_zone(zone):
        raise BadQuestion(f'"{zone[:80]}" is no time zone; {zone_hint(zone[:80])}')
    given = "from" in query or "to" in query
    period = "custom" if given else _one_of(query, "period", PERIODS, "month")
    since, until = _span(query, period, now, ZoneInfo(zone))
    if since is not None and until is not None and since >= until:
        raise BadQuestion("the period ends before it begins: from comes before to")
    owner, team = query.get("owner"), query.get("team")
    return Question(
        now=now,
        zone=zone,
        period=period,
        since=since,
        until=until,
        cohort=_one_of(query, "cohort", COHORTS, "created"),
        compare=_one_of(query, "compare", COMPARE, "none"),
        owners=_owners(owner, team, members, own),
        owner=owner,
        team=team,
    )


def _one_of(query: Mapping[str, str], name: str, known: tuple[str, ...], otherwise: str) -> str:
    value = query.get(name, otherwise)
    if value not in known:
        raise BadQuestion(f'"{value[:80]}" is no {name}; {did_you_mean(value[:80], known)}')
    return value


def _owners(
    owner: str | None,
    team: str | None,
    members: Mapping[str, tuple[str, ...]],
    own: frozenset[str] | None,
) -> tuple[str, ...] | None:
    wanted: set[str] | None = None if own is None else set(own)
    if team is not None:
        if team not in members:
            raise BadQuestion(f'there is no team "{team[:80]}"; {did_you_mean(team[:80], members)}')
        wanted = set(members[team]) if wanted is None else wanted & set(members[team])
    if owner is not None:
        wanted = {owner} if wanted is None else wanted & {owner}
    return None if wanted is None else tuple(sorted(wanted))


def _span(
    query: Mapping[str, str], period: str, now: int, zone: ZoneInfo
) -> tuple[int | None, int | None]:
    if period == "custom":
        since = _instant(query["from"], zone, 0) if "from" in query else None
        return since, _instant(query["to"], zone, 1) if "to" in query else None
    if period == "all":
        return None, None
    first, last = _days(period, datetime.fromtimestamp(now / 1000, zone).date())
    return _midnight(first, zone), _midnight(last, zone)


def _days(period: str, today: date) -> tuple[date, date]:
    """Return the first day of a period and the first one behind it."""
    if period.startswith("last_") and period.endswith("_days"):
        return today - timedelta(days=int(period.split("_")[1]) - 1), today + timedelta(days=1)
    first = {
        "today": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "quarter": today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1),
        "year": today.replace(month=1, day=1),
    }
    if not period.startswith("last_"):
        return first[period], today + timedelta(days=1)
    end = first[period.removeprefix("last_")]
    return _days_of(period.removeprefix("last_"), end - timedelta(days=1)), end


def _days_of(kind: str, day: date) -> date:
    return _days(kind, day)[0]


def _instant(text: str, zone: ZoneInfo, behind: int) -> int:
    """Return where a day begins, or the one ``behind`` it; an instant with an offset is itself."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=behind)
            return _known(_midnight(day, zone), text)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise BadQuestion(f'"{text[:80]}" is no day; write it as 2026-03-01') from error
    if found.tzinfo is None:
        raise BadQuestion(f'"{text[:80]}" has no offset; write it as 2026-03-01T09:00:00+08:00')
    return _known(_ms(found), text)


def _known(at: int, text: str) -> int:
    if not _FIRST <= at <= LAST_INSTANT:
        raise BadQuestion(f'"{text[:80]}" is out of range; years 1 to 9999 are known')
    return at


def _midnight(day: date, zone: ZoneInfo) -> int:
    return _ms(datetime.combine(day, time(), zone))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _same_length_before(since: int, until: int, zone: str) -> int:
    """Return the start of as many days before; of instants within days, as many milliseconds.

    There is nothing before the year 1.
    """
    if 2 * since - until <= _FIRST + _DAY:
        return min(_FIRST, since - 1)
    place = ZoneInfo(zone)
    ends = [datetime.fromtimestamp(at / 1000, place) for at in (since, until)]
    if all(end.time() == time() for end in ends):
        days = ends[1].date() - ends[0].date()
        return _midnight(ends[0].date() - days, place)
    return since - (until - since)
