"""What the console's pages count and list beside leads, to-dos and deliveries."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from engine.language.instants import DAY
from engine.store import rows
from engine.store.shapes import Item, when

_CREATED: Final = """
SELECT (created_at + ?2) / ?3 AS day, count(*) FROM leads WHERE created_at >= ?1 GROUP BY day
"""
_ENTERED: Final = """
SELECT (at + ?2) / ?3 AS day, count(*) FROM transitions WHERE "to" = ?4 AND at >= ?1 GROUP BY day
"""
_STAGES: Final = "SELECT stage, count(*) FROM arrivals GROUP BY stage"
# From each source to the next, however many leads are between.
_SOURCES: Final = """
WITH RECURSIVE known (source) AS (
    SELECT min(source) FROM arrivals
    UNION ALL SELECT (SELECT min(a.source) FROM arrivals a WHERE a.source > k.source)
    FROM known k WHERE k.source IS NOT NULL
) SELECT source FROM known WHERE source > ''
"""
_SINCE: Final = "SELECT count(*) FROM leads WHERE created_at >= ?"
_CLOCKS: Final = """
SELECT c.lead, c.clock, c.sla, c.started_at, c.due, l.name, l.company, l.owner, l.team, l.grade,
    l.score FROM clocks c JOIN leads l ON l.id = c.lead
WHERE c.status = 'running' AND (?1 IS NULL OR l.owner = ?1) AND (?2 IS NULL OR c.clock = ?2)
ORDER BY c.due LIMIT ?3
"""
_RUNNING: Final = """
SELECT count(*), coalesce(sum(due < ?), 0) FROM clocks WHERE status = 'running'
"""
_LATE: Final = """
SELECT l.owner, count(DISTINCT c.lead) FROM clocks c CROSS JOIN leads l ON l.id = c.lead
WHERE c.status = 'running' AND c.due < ? AND l.owner IS NOT NULL GROUP BY l.owner
"""
_WAITING: Final = """
SELECT step, count(*) FROM enrolments WHERE journey = ? AND left_at IS NULL GROUP BY step
"""
_LEFT: Final = """
SELECT coalesce(reason, ''), count(*) FROM enrolments WHERE journey = ? AND left_at IS NOT NULL
GROUP BY reason ORDER BY 2 DESC
"""
_PASSED: Final = "SELECT step, count(*) FROM journey_steps WHERE journey = ? GROUP BY step"
# Who left a step came to the next one at that instant, or to the end. Of those who entered last:
# to put the steps of all in order would take seconds for a million leads.
_MOVED: Final = """
SELECT step, CASE WHEN at = left_at THEN next WHEN EXISTS (
    SELECT 1 FROM enrolments e WHERE e.lead = s.lead AND e.journey = ?1
    AND e.left_at = s.left_at AND e.reason = 'completed') THEN 'end' END AS target, count(*)
FROM (
    SELECT lead, step, left_at, lead(step) OVER w AS next, lead(arrived_at) OVER w AS at
    FROM journey_steps WHERE journey = ?1 AND lead IN (
        SELECT lead FROM enrolments WHERE journey = ?1 ORDER BY entered_at DESC LIMIT ?2)
    WINDOW w AS (PARTITION BY lead ORDER BY number)
) s GROUP BY step, target
"""
_WHO_WAITS: Final = """
SELECT e.lead, e.step, e.arrived_at, l.name, l.company, l.score, l.grade, l.owner
FROM enrolments e JOIN leads l ON l.id = e.lead
WHERE e.journey = ?1 AND e.left_at IS NULL AND (?2 IS NULL OR e.step = ?2)
ORDER BY e.arrived_at LIMIT ?3
"""
_SPLITS: Final = """
SELECT variant, count(*) FROM splits WHERE journey = ? AND step = ? GROUP BY variant
"""


class Boards:
    """Reads figures over one connection. Instants go in as ms and come out as RFC 3339."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def newest(self) -> int:
        """Return the number of the newest event, 0 for none."""
        found: int = self._one("SELECT coalesce(max(seq), 0) FROM events")[0]
        return found

    def stages(self) -> dict[str, int]:
        """Return how many leads are in each stage, '' for those in none."""
        return self._pairs(_STAGES)

    def sources(self) -> list[str]:
        """Return the sources that leads came from, in order."""
        return [source for (source,) in self._all(_SOURCES)]

    def created(self, since: int, offset: int) -> dict[int, int]:
        """Return how many leads came, by day since 1970 in a zone ``offset`` ms ahead of UTC."""
        return self._pairs(_CREATED, since, offset, DAY)

    def entered(self, stage: str, since: int, offset: int) -> dict[int, int]:
        """Return how often a stage was entered, by day as in `created`."""
        return self._pairs(_ENTERED, since, offset, DAY, stage)

    def created_since(self, since: int) -> int:
        """Return how many leads have come since an instant."""
        found: int = self._one(_SINCE, since)[0]
        return found

    def clocks(
        self, owner: str | None = None, clock: str | None = None, limit: int = 50
    ) -> list[Item]:
        """Return the SLA clocks that run, the first to run out first."""
        found = self._all(_CLOCKS, owner, clock, limit)
        return [{**dict(r), "due": when(r["due"]), "due_ms": r["due"]} for r in found]

    def running(self, now: int) -> tuple[int, int]:
        """Return how many clocks run, and how many of them have run out."""
        found = self._one(_RUNNING, now)
        return found[0], found[1]

    def late(self, now: int) -> dict[str, int]:
        """Return how many leads each person has of which a clock has run out, by owner."""
        return self._pairs(_LATE, now)

    def journey(self, id: str) -> Item:
        """Return {entered, inside, waiting: {step: leads}, passed: {step: times}, left: [...]}."""
        waiting = self._pairs(_WAITING, id)
        left = [tuple(row) for row in self._all(_LEFT, id)]
        inside = sum(waiting.values())
        return {
            "entered": inside + sum(leads for _, leads in left),
            "inside": inside,
            "waiting": waiting,
            "passed": self._pairs(_PASSED, id),
            "left": left,
        }

    def moved(self, journey: str, most: int) -> dict[tuple[str, str | None], int]:
        """Return how often the last ``most`` leads went from a step to another, by both.

        "end" is the journey's; None counts those who wait there or left from there.
        """
        return {(step, to): times for step, to, times in self._all(_MOVED, journey, most)}

    def waiting(self, journey: str, step: str | None, limit: int = 50) -> list[Item]:
        """Return leads that are in a journey, or at one of its steps, the longest first."""
        found = self._all(_WHO_WAITS, journey, step, limit)
        return [{**dict(row), "arrived_at": when(row["arrived_at"])} for row in found]

    def split(self, journey: str, step: str) -> dict[str, int]:
        """Return how many leads each variant of a split was given."""
        return self._pairs(_SPLITS, journey, step)

    def winner(self, journey: str, step: str) -> Item | None:
        """Return {variant, at, figures} of a split that has decided, else None."""
        statement = "SELECT variant, at, figures FROM winners WHERE journey = ? AND step = ?"
        row = self._connection.execute(statement, (journey, step)).fetchone()
        if row is None:
            return None
        figures = rows.from_json(row["figures"])
        return {"variant": row["variant"], "at": when(row["at"]), "figures": figures}

    def hits(self) -> dict[tuple[str, str], int]:
        """Return how often each rule has fired, by (kind, id), as last written down."""
        found = self._all("SELECT kind, rule, hits FROM rule_hits")
        return {(kind, rule): count for kind, rule, count in found}

    def _pairs(self, statement: str, *values: Any) -> dict[Any, int]:
        """Return rows of two columns as a dict."""
        return dict(map(tuple, self._all(statement, *values)))

    def _all(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: Any) -> sqlite3.Row:
        found: sqlite3.Row = self._connection.execute(statement, values).fetchone()
        return found
