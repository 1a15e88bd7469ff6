"""What reports count: groups of leads, first entries of stages, sales, answers, messages.

Instants are half-open, [since, until); ``owners`` are those whose leads count, None for
everybody's. Each method is one SELECT over a projection or a covering index, or counts from group
to group, so that it takes well under a second for a million leads; asked again, it knows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import msgspec

from engine.store import audit, kinds, turns
from engine.store.counting import Groups
from engine.store.rows import from_json, to_json

Owners = Sequence[str] | None
_OWN: Final = """
(:owners IS NULL OR {lead} IN (SELECT id FROM leads WHERE owner IN (
    SELECT value FROM json_each(:owners))))
"""
# What is counted for everybody without an owner's leads.
_ARRIVED: Final = Groups(
    "arrivals", ("source", "campaign", "placed", "stage", "entered", "grade"), "created_at"
)
_ENTERED: Final = Groups("entries", ("stage", "source", "campaign", "placed"), "at")
# And of leads that somebody has.
_OWN_COUNTS: Final = """
SELECT {columns}, count(*) FROM {table} WHERE {at} >= :since AND {at} < :until
    AND lead IN (SELECT id FROM leads WHERE owner IN (SELECT value FROM json_each(:owners)))
GROUP BY {columns}
"""
# Leads merged into others, and which they are now, also over several merges.
_FAMILY: Final = """
WITH RECURSIVE up (absorbed, now) AS (
    SELECT absorbed, survivor FROM merges WHERE undone_at IS NULL
    UNION SELECT u.absorbed, m.survivor FROM up u JOIN merges m ON m.absorbed = u.now
    WHERE m.undone_at IS NULL
), family AS MATERIALIZED (
    SELECT absorbed, now FROM up WHERE now NOT IN (
        SELECT absorbed FROM merges WHERE undone_at IS NULL)
)
"""
_NOW: Final = "coalesce((SELECT f.now FROM family f WHERE f.absorbed = {lead}), {lead})"
_WINS: Final = f"""
SELECT w.lead, w.at, w.created_at, w.source,
    (SELECT min(e.at) FROM events e WHERE {kinds.CONTACTS} AND e.lead = w.lead)
FROM entries w WHERE w.stage = :stage AND w.at >= :since AND w.at < :until
    AND {_OWN.format(lead="w.lead")}
"""
_DEALS: Final = f"""
SELECT e.lead, e.at, e.body ->> '$.properties.amount', a.source, a.campaign, a.created_at,
    {turns.holder("e")}, a.placed
FROM events e LEFT JOIN arrivals a ON a.lead = e.lead
WHERE {kinds.SALES} AND e.type IN (SELECT value FROM json_each(:types)) AND e.bot = 0
    AND e.at >= :since AND e.at < :until AND {_OWN.format(lead="e.lead")}
ORDER BY e.at, e.seq
"""
_STAYS: Final = f"""
SELECT count(stayed), sum(stayed), max(stayed) FROM transitions
WHERE stayed IS NOT NULL AND "from" = :stage AND at >= :since AND at < :until
    AND {_OWN.format(lead="lead")}
"""
# People who were forgotten wait no more.
_WAITERS: Final = f"""
FROM arrivals WHERE stage = :stage AND since < :before
    AND created_at >= :since AND created_at < :until AND {_OWN.format(lead="lead")}
    AND lead NOT BETWEEN 'forgotten:' AND 'forgotten;'
"""
# In the order of the index but for those who came in one instant.
_WAITING: Final = f"SELECT lead, stage, since {_WAITERS} ORDER BY since, lead LIMIT :limit"
_STUCK: Final = f"SELECT count(*) {_WAITERS}"
_NAMES: Final = """
SELECT id, name, company, owner, score FROM leads WHERE id IN (SELECT value FROM json_each(?))
"""
_REASONS: Final = f"""
SELECT t."from", coalesce(t.reason, ''), count(*) FROM transitions t
WHERE t."to" = :stage AND {{when}} AND {_OWN.format(lead="{lead}")} GROUP BY 1, 2
"""
_MADE_THEN: Final = """
EXISTS (SELECT 1 FROM arrivals a WHERE a.lead = {lead}
    AND a.created_at >= :since AND a.created_at < :until)
"""
_TURNS: Final = """
SELECT owner, team, count(*), sum(claimed), count(took), sum(took), sum(met), sum(breached)
FROM assignments WHERE owner IS NOT NULL AND at >= :since AND at < :until
    AND (:owners IS NULL OR owner IN (SELECT value FROM json_each(:owners)))
GROUP BY owner, team
"""
_ANSWERED: Final = f"""
SELECT "by", count(DISTINCT iif(type = 'lead_accepted', turn, NULL)),
    count(DISTINCT iif(type = 'lead_declined', turn, NULL))
FROM (SELECT "by", type, {turns.answered("x")} AS turn FROM events x
    WHERE {kinds.ANSWERS} AND at >= :since AND at < :until AND "by" IS NOT NULL)
WHERE (:owners IS NULL OR "by" IN (SELECT value FROM json_each(:owners)))
GROUP BY "by"
"""
_TASKS: Final = """
SELECT {who} AS who, count(*), sum(t.status = 'done' AND t.completed_at IS NOT NULL),
    coalesce(sum(t.due < coalesce(t.completed_at, :now)), 0)
FROM tasks t {of}
WHERE t.created_at >= :since AND t.created_at < :until AND who IS NOT NULL
    AND (:owners IS NULL OR who IN (SELECT value FROM json_each(:owners)))
GROUP BY who
"""
# A to-do without an owner is for whoever has the lead.
_TASKS_OF_ALL: Final = (
    _TASKS.format(who="t.owner", of=""),
    _TASKS.format(who="l.owner", of="CROSS JOIN leads l ON l.id = t.lead AND t.owner IS NULL"),
)
_HEARD: Final = f"""
FROM events INDEXED BY events_letters WHERE {kinds.OF_LETTERS} AND at >= :since AND at < :until
    AND {_OWN.format(lead="lead")}
"""
_LETTERS: Final = f"SELECT {kinds.LETTER}, count(DISTINCT lead) {_HEARD} GROUP BY 1"
# The leads of one letter in the order of the index: many are merged, not sorted.
_READERS: Final = f"SELECT DISTINCT lead {_HEARD} AND {kinds.LETTER} = :key{{number}}"
_VARIANTS: Final = f"""
SELECT journey, step, variant, count(*), sum(sent), sum(opened), sum(clicked) FROM splits
WHERE at >= :since AND at < :until AND {_OWN.format(lead="lead")}
GROUP BY journey, step, variant
"""
_ENROLLED: Final = f"""
SELECT e.journey, a.entered, count(DISTINCT a.lead) FROM enrolments e
CROSS JOIN arrivals a ON a.lead = {{lead}}
WHERE e.entered_at >= :since AND e.entered_at < :until AND {_OWN.format(lead="a.lead")}
GROUP BY e.journey, a.entered
"""
_TOUCHES: Final = f"""
SELECT lead, at, {kinds.CHANNEL} FROM events INDEXED BY events_touches
WHERE {kinds.OF_TOUCHES} AND lead IN (SELECT value FROM json_each(?)) ORDER BY lead, at, seq
"""
_SCORES: Final = f"""
SELECT count(*) FROM leads WHERE coalesce(score, 0.0) >= :low AND coalesce(score, 0.0) < :high
    AND {_OWN.format(lead="id")}
"""
# People who were forgotten are counted when they came, too.
_GONE: Final = "FROM arrivals WHERE lead BETWEEN 'forgotten:' AND 'forgotten;'"
_SPAN: Final = f"""
SELECT min(first), max(last) FROM (
    SELECT (SELECT min(created_at) FROM leads) AS first, (SELECT max(created_at) FROM leads) AS last
    UNION ALL SELECT min(created_at), max(created_at) {_GONE})
"""
_NEW: Final = f"""
SELECT (SELECT count(*) FROM leads WHERE created_at >= :since AND created_at < :until
    AND {_OWN.format(lead="id")}) + (
    SELECT count(*) {_GONE} AND created_at >= :since AND created_at < :until AND :owners IS NULL)
"""


# When the oldest event that is left was decided, NULL where retention has removed none.
_LOG_BEGINS: Final = """
SELECT decided_at FROM events WHERE EXISTS (SELECT 1 FROM removed_events) ORDER BY seq LIMIT 1
"""


class Letter(NamedTuple):
    """What happened to one message of a journey's step, and to how many leads.

    ``key`` is what the index knows it by.
    """

    type: str
    message: str | None
    journey: str | None
    step: str | None
    leads: int
    key: str


def _letter(key: str, leads: int) -> Letter:
    type, message, journey, step = from_json(key)
    return Letter(type, message, journey, step, leads, key)


class Deal(msgspec.Struct, frozen=True, gc=False):
    """One sale: ``amount`` as the event said it, None where it said nothing."""

    lead: str
    at: int
    amount: int | float | None
    source: str | None
    campaign: str | None
    created_at: int | None
    owner: str | None
    placed: str | None = None


class Figures:
    """Counts over one connection of a reader."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[Any, ...], Any] = {}
        self._merged = bool(
            connection.execute("SELECT 1 FROM merges WHERE undone_at IS NULL LIMIT 1").fetchone()
        )

    def _all(self, statement: str, since: int, until: int, owners: Owners, **more: Any) -> Any:
        """Return all rows; parts of one report ask the same again, and get the same answer."""
        asked = {"since": since, "until": until, "owners": _json(owners), **more}
        key = statement, *asked.values()
        if key not in self._known:
            cursor = self._connection.cursor()
            cursor.row_factory = None  # plain tuples
            self._known[key] = cursor.execute(statement, asked).fetchall()
        return self._known[key]

    def _counts(self, groups: Groups, since: int, until: int, owners: Owners) -> Any:
        """Return (*columns, rows) of a table whose rows are leads'."""
        if owners is not None:
            columns = ", ".join(groups.columns)
            own = _OWN_COUNTS.format(table=groups.table, at=groups.at, columns=columns)
            return self._all(own, since, until, owners)
        key = groups, since, until
        if key not in self._known:
            self._known[key] = groups.counts(self._connection, since, until)
        return self._known[key]

    def _present(self, statement: str, lead: str) -> str:
        """Return a statement in which ``{lead}`` is the lead that a column means after merges."""
        if not self._merged:
            return statement.format(lead=lead)
        return _FAMILY + statement.format(lead=_NOW.format(lead=lead))

    def groups(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (source, campaign, placed, stage, entered, grade, leads) of leads made then.

        ``placed`` is where the source stands in the tree, ``entered`` a JSON list of stages.
        """
        found: list[tuple[Any, ...]] = self._counts(_ARRIVED, since, until, owners)
        return found

    def entries(
        self, since: int, until: int, owners: Owners = None
    ) -> list[tuple[str, str, str, str, int]]:
        """Return (stage, source, campaign, placed, leads) of leads that first entered it then."""
        found: list[tuple[str, str, str, str, int]] = self._counts(_ENTERED, since, until, owners)
        return found

    def wins(
        self, stage: str, since: int, until: int, owners: Owners = None
    ) -> list[tuple[str, int, int, str, int | None]]:
        """Return (lead, at, created_at, source, first contact) of leads that entered it then.

        For the first time; contacts are calls and visits.
        """
        found: list[tuple[str, int, int, str, int | None]] = self._all(
            _WINS, since, until, owners, stage=stage
        )
        return found

    def deals(
        self, types: Iterable[str], since: int, until: int, owners: Owners = None
    ) -> list[Deal]:
        """Return the sales then, oldest first; who had the lead at that time is their owner."""
        found = self._all(_DEALS, since, until, owners, types=to_json(list(types)))
        return [Deal(*row) for row in found]

    def stays(
        self, stage: str, since: int, until: int, owners: Owners = None
    ) -> tuple[int, int | None, int | None]:
        """Return (stays, ms together, the longest) of stays in a stage that ended then.

        Those of people who were forgotten are left out.
        """
        found: tuple[int, int | None, int | None]
        (found,) = self._all(_STAYS, since, until, owners, stage=stage)
        return found

    def waiting(
        self,
        stages: Iterable[str],
        before: int,
        limit: int,
        since: int,
        until: int,
        owners: Owners = None,
    ) -> list[tuple[str, str, int]]:
        """Return (lead, stage, since when) of leads made then that wait there since ``before``.

        The first ``limit`` of them, who wait the longest.
        """
        asked = {"before": before, "limit": limit}
        found = (
            self._all(_WAITING, since, until, owners, stage=stage, **asked) for stage in stages
        )
        return sorted(chain(*found), key=lambda each: (each[2], each[0]))[:limit]

    def stuck(self, stage: str, before: int, since: int, until: int, owners: Owners = None) -> int:
        """Return how many of the leads made then wait in a stage since ``before``."""
        found = self._all(_STUCK, since, until, owners, stage=stage, before=before)
        return int(found[0][0])

    def names(self, leads: Iterable[str]) -> dict[str, tuple[Any, ...]]:
        """Return (name, company, owner, score) by lead."""
        found = self._connection.execute(_NAMES, (to_json(list(leads)),))
        return {row[0]: tuple(row)[1:] for row in found}

    def reasons(
        self, stage: str, by_creation: bool, since: int, until: int, owners: Owners = None
    ) -> list[tuple[str | None, str, int]]:
        """Return (stage before, reason, entries) of entries into ``stage`` then.

        ``by_creation``: of those, whenever they were, of leads made then.
        """
        when = _MADE_THEN if by_creation else "t.at >= :since AND t.at < :until"
        found: list[tuple[str | None, str, int]] = self._all(
            self._present(_REASONS.replace("{when}", when), "t.lead"),
            *(since, until, owners),
            stage=stage,
        )
        return found

    def turns(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (owner, team, assignments, claims, contacted, ms until then, met, breached).

        Claims are those by which somebody took the lead from a pool; contacted counts those
        followed by a call or visit before the next assignment; the last two are SLA clocks.
        """
        found: list[tuple[Any, ...]] = self._all(_TURNS, since, until, owners)
        return found

    def answered(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (who, leads accepted, leads declined)."""
        found: list[tuple[Any, ...]] = self._all(_ANSWERED, since, until, owners)
        return found

    def tasks(
        self, since: int, until: int, now: int, owners: Owners = None
    ) -> list[tuple[Any, ...]]:
        """Return (owner, made, done, late) of to-dos made then; somebody may stand there twice."""
        found = [self._all(each, since, until, owners, now=now) for each in _TASKS_OF_ALL]
        return list(chain(*found))

    def letters(self, since: int, until: int, owners: Owners = None) -> list[Letter]:
        """Return what was sent, opened, clicked and so on; suspected scanners are left out."""
        found = self._all(_LETTERS, since, until, owners)
        return [_letter(*each) for each in found]

    def readers(
        self, letters: Sequence[Letter], since: int, until: int, owners: Owners = None
    ) -> int:
        """Return how many leads several letters have together, each lead once."""
        if len(letters) == 1:
            return letters[0].leads
        each = (_READERS.format(number=number) for number in range(len(letters)))
        together = f"SELECT count(*) FROM ({' UNION '.join(each)} ORDER BY 1)"
        keys = {f"key{number}": letter.key for number, letter in enumerate(letters)}
        return int(self._all(together, since, until, owners, **keys)[0][0])

    def variants(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (journey, step, variant, leads, sent, opened, clicked) of splits dealt then."""
        found: list[tuple[Any, ...]] = self._all(_VARIANTS, since, until, owners)
        return found

    def enrolled(self, since: int, until: int, owners: Owners = None) -> list[tuple[str, str, int]]:
        """Return (journey, stages entered as JSON, leads) of those that entered it then."""
        found: list[tuple[str, str, int]] = self._all(
            self._present(_ENROLLED, "e.lead"), since, until, owners
        )
        return found

    def touches(self, leads: Iterable[str]) -> list[tuple[str, int, str]]:
        """Return (lead, at, channel) of the touches of these leads, each lead's in their order."""
        cursor = self._connection.cursor()
        cursor.row_factory = None  # plain tuples
        return cursor.execute(_TOUCHES, (to_json(list(leads)),)).fetchall()

    def scored(self, low: float, high: float, owners: Owners = None) -> int:
        """Return how many leads have a score in [low, high) now."""
        return int(self._all(_SCORES, 0, 0, owners, low=low, high=high)[0][0])

    def span(self) -> tuple[int | None, int | None]:
        """Return when the first and the last of the leads were made, also of the forgotten."""
        found = self._connection.execute(_SPAN).fetchone()
        return found[0], found[1]

    def created(self, since: int, until: int, owners: Owners = None) -> int:
        """Return how many leads were made then."""
        return int(self._all(_NEW, since, until, owners)[0][0])

    def log_begins(self) -> int | None:
        """Return when the log begins, None while retention has removed nothing of it."""
        found = self._connection.execute(_LOG_BEGINS).fetchone()
        return None if found is None else int(found[0])

    def hits(self) -> dict[tuple[str, str], int]:
        """Return how often each rule (kind, id) has fired since the database was made."""
        return audit.hits(self._connection)


def _json(owners: Owners) -> str | None:
    return None if owners is None else to_json(list(owners))
