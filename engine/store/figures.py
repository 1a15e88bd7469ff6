"""What reports count: groups of leads, first entries of stages, sales, answers, messages.

Instants are half-open, [since, until); ``owners`` are those whose leads count, None for
everybody's. Each method is one SELECT over a projection or a covering index, so that it takes
well under a second for a million leads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from engine.store import audit
from engine.store.rows import to_json

Owners = Sequence[str] | None

# Word for word as in the condition of the index, or SQLite does not use it.
_SALES: Final = "type IN ('opportunity_won', 'order_placed', 'contract_signed', 'payment_received')"
_CONTACTS: Final = "type IN ('call_logged', 'visit_logged')"
_ANSWERS: Final = "type IN ('lead_accepted', 'lead_declined', 'lead_claimed', 'lead_released')"
_MESSAGES: Final = """type IN ('email_sent', 'email_delivered', 'email_opened', 'email_clicked',
    'email_bounced', 'email_complained', 'email_replied', 'unsubscribed', 'sms_sent',
    'sms_delivered', 'sms_failed', 'sms_replied', 'wecom_message_received', 'message_blocked')"""
_OWN: Final = """
(:owners IS NULL OR {lead} IN (SELECT id FROM leads WHERE owner IN (
    SELECT value FROM json_each(:owners))))
"""
_GROUPS: Final = f"""
SELECT a.source, a.campaign, a.stage, a.entered, a.grade, count(*), min(a.created_at),
    max(a.created_at), a.placed FROM arrivals a
WHERE a.created_at >= :since AND a.created_at < :until AND {_OWN.format(lead="a.lead")}
GROUP BY a.source, a.campaign, a.placed, a.stage, a.entered, a.grade
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
_FIRST: Final = """
SELECT lead, min(at) AS at FROM transitions WHERE "to" = :stage GROUP BY lead
"""
_FIRST_OF_FAMILY: Final = """
SELECT lead, min(at) AS at FROM (
    SELECT coalesce((SELECT f.now FROM family f WHERE f.absorbed = t.lead), t.lead) AS lead, t.at
    FROM transitions t WHERE t."to" = :stage
) GROUP BY lead
"""
# Of several stages at once; a lead that is here or was merged into one that is.
_REACHED: Final = f"""
SELECT stage, count(*) FROM (
    SELECT "to" AS stage, {{lead}} AS lead, min(at) AS at FROM transitions t
    WHERE "to" IN (SELECT value FROM json_each(:stages)) GROUP BY 1, 2
) WHERE at >= :since AND at < :until AND {_OWN.format(lead="lead")} GROUP BY stage
"""
_ENTRIES: Final = f"""
SELECT a.source, a.campaign, a.placed, count(*) FROM ({{first}}) t
CROSS JOIN arrivals a ON a.lead = t.lead
WHERE t.at >= :since AND t.at < :until AND {_OWN.format(lead="t.lead")} GROUP BY 1, 2, 3
"""
_ENTRANTS: Final = f"""
SELECT t.lead, t.at, a.created_at, a.source FROM ({{first}}) t
CROSS JOIN arrivals a ON a.lead = t.lead
WHERE t.at >= :since AND t.at < :until AND {_OWN.format(lead="t.lead")}
"""
_DEALS: Final = f"""
SELECT e.lead, e.at, e.body ->> '$.properties.amount', a.source, a.campaign, a.created_at,
    (SELECT s.owner FROM assignments s WHERE s.lead = e.lead AND s.at <= e.at
     ORDER BY s.number DESC LIMIT 1), a.placed
FROM events e LEFT JOIN arrivals a ON a.lead = e.lead
WHERE e.{_SALES} AND e.type IN (SELECT value FROM json_each(:types)) AND e.bot = 0
    AND e.at >= :since AND e.at < :until AND {_OWN.format(lead="e.lead")}
ORDER BY e.at, e.seq
"""
_CONTACTED: Final = f"""
SELECT lead, min(at) FROM events WHERE {_CONTACTS}
    AND lead IN (SELECT value FROM json_each(:leads)) GROUP BY lead
"""
# Of people who were forgotten the stays are no figures of theirs any more: left out.
_STAYS: Final = f"""
SELECT "from", count(stayed), sum(stayed), max(stayed) FROM transitions
WHERE stayed IS NOT NULL AND "from" IS NOT NULL AND at >= :since AND at < :until
    AND {_OWN.format(lead="lead")}
    AND lead NOT BETWEEN 'forgotten:' AND 'forgotten;'
GROUP BY "from"
"""
_WAITING: Final = f"""
SELECT a.lead, a.stage, max(t.at) AS since FROM arrivals a
CROSS JOIN transitions t ON t."to" = a.stage AND t.lead = a.lead
WHERE a.stage IN (SELECT value FROM json_each(:stages)) AND a.lead NOT LIKE 'forgotten:%'
    AND a.created_at >= :since AND a.created_at < :until AND {_OWN.format(lead="a.lead")}
GROUP BY a.lead, a.stage HAVING since < :before ORDER BY since, a.lead
"""
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
_GIVEN: Final = """
SELECT owner, team, count(*), sum(event GLOB '*:claim:*') FROM assignments
WHERE owner IS NOT NULL AND at >= :since AND at < :until
    AND (:owners IS NULL OR owner IN (SELECT value FROM json_each(:owners)))
GROUP BY owner, team
"""
# How long until whom a lead was given to called or visited; somebody else's time does not count.
_REACTIONS: Final = f"""
SELECT owner, count(*), count(took), sum(took) FROM (
    SELECT s.owner, (
        SELECT min(e.at) FROM events e WHERE {_CONTACTS.replace("type", "e.type")}
        AND e.lead = s.lead AND e.at >= s.at AND e.at < coalesce((SELECT min(n.at)
            FROM assignments n WHERE n.lead = s.lead AND n.number > s.number), 9e18)
    ) - s.at AS took FROM assignments s
    WHERE s.owner IS NOT NULL AND s.at >= :since AND s.at < :until
        AND (:owners IS NULL OR s.owner IN (SELECT value FROM json_each(:owners)))
) GROUP BY owner
"""
_ANSWERED: Final = f"""
SELECT "by", type, count(*) FROM events
WHERE {_ANSWERS} AND at >= :since AND at < :until AND "by" IS NOT NULL
    AND (:owners IS NULL OR "by" IN (SELECT value FROM json_each(:owners)))
GROUP BY "by", type
"""
_CLOCKS: Final = """
SELECT s.owner, c.clock, c.status, count(*), sum(c.ended_at - c.started_at), count(c.ended_at)
FROM assignments s CROSS JOIN clocks c ON c.lead = s.lead AND c.started_at = s.at
WHERE s.owner IS NOT NULL AND s.at >= :since AND s.at < :until
    AND (:owners IS NULL OR s.owner IN (SELECT value FROM json_each(:owners)))
GROUP BY s.owner, c.clock, c.status
"""
_TASKS: Final = """
SELECT coalesce(t.owner, (SELECT l.owner FROM leads l WHERE l.id = t.lead)) AS who, count(*),
    sum(t.status = 'done'), coalesce(sum(t.due < coalesce(t.completed_at, :now)), 0)
FROM tasks t
WHERE t.created_at >= :since AND t.created_at < :until
GROUP BY who HAVING who IS NOT NULL
    AND (:owners IS NULL OR who IN (SELECT value FROM json_each(:owners)))
"""
_LETTERS: Final = f"""
SELECT type, {{by}}, count(*), count(DISTINCT lead) FROM events
WHERE {_MESSAGES} AND at >= :since AND at < :until AND bot = 0 AND {_OWN.format(lead="lead")}
GROUP BY type, {{by}}
"""
_OF_LETTERS: Final = {
    name: f"body ->> '$.properties.{name}'" for name in ("message", "journey", "step")
}
_VARIANTS: Final = f"""
SELECT s.journey, s.step, s.variant, count(DISTINCT s.lead),
    count(DISTINCT CASE WHEN e.type = 'email_sent' THEN s.lead END),
    count(DISTINCT CASE WHEN e.type = 'email_opened' THEN s.lead END),
    count(DISTINCT CASE WHEN e.type = 'email_clicked' THEN s.lead END)
FROM splits s LEFT JOIN events e ON e.lead = s.lead AND e.at >= s.at AND e.bot = 0
    AND e.type IN ('email_sent', 'email_opened', 'email_clicked')
    AND e.body ->> '$.properties.journey' = s.journey
WHERE s.at >= :since AND s.at < :until AND {_OWN.format(lead="s.lead")}
GROUP BY s.journey, s.step, s.variant
"""
_ENROLLED: Final = f"""
SELECT e.journey, a.entered, count(DISTINCT a.lead) FROM enrolments e
CROSS JOIN arrivals a ON a.lead = {{lead}}
WHERE e.entered_at >= :since AND e.entered_at < :until AND {_OWN.format(lead="a.lead")}
GROUP BY e.journey, a.entered
"""
_TOUCHES: Final = """
SELECT lead, at, type, body ->> '$.lead."source.name"' FROM events
WHERE lead IN (SELECT value FROM json_each(:leads)) AND bot = 0 AND (
    type IN (SELECT value FROM json_each(:types)) OR body ->> '$.lead."source.name"' IS NOT NULL)
ORDER BY lead, at, seq
"""
_SCORES: Final = f"""
SELECT count(*) FROM leads WHERE coalesce(score, 0.0) >= :low AND coalesce(score, 0.0) < :high
    AND {_OWN.format(lead="id")}
"""
_SPAN: Final = "SELECT min(created_at), max(created_at) FROM leads"
_NEW: Final = f"""
SELECT count(*) FROM leads WHERE created_at >= :since AND created_at < :until
    AND {_OWN.format(lead="id")}
"""


class Deal(msgspec.Struct, frozen=True):
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
        self._merged = bool(
            connection.execute("SELECT 1 FROM merges WHERE undone_at IS NULL LIMIT 1").fetchone()
        )

    def _all(self, statement: str, since: int, until: int, owners: Owners, **more: Any) -> Any:
        asked = {"since": since, "until": until, "owners": _json(owners), **more}
        return [tuple(row) for row in self._connection.execute(statement, asked)]

    def _firsts(self, statement: str) -> str:
        if self._merged:
            return _FAMILY + statement.format(first=_FIRST_OF_FAMILY)
        return statement.format(first=_FIRST)

    def _present(self, statement: str, lead: str) -> str:
        """Return a statement in which ``{lead}`` is the lead that a column means after merges."""
        if not self._merged:
            return statement.format(lead=lead)
        return _FAMILY + statement.format(lead=_NOW.format(lead=lead))

    def groups(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (source, campaign, stage, entered, grade, leads, first, last, placed) of leads.

        Of those made then. ``placed`` is where the source stands in the tree, ``entered`` a JSON
        list of stages; first and last are the instants of their making.
        """
        found: list[tuple[Any, ...]] = self._all(_GROUPS, since, until, owners)
        return found

    def entries(
        self, stage: str, since: int, until: int, owners: Owners = None
    ) -> list[tuple[str, str, str, int]]:
        """Return (source, campaign, placed, leads) of leads that first entered ``stage`` then."""
        found: list[tuple[str, str, str, int]] = self._all(
            self._firsts(_ENTRIES), since, until, owners, stage=stage
        )
        return found

    def reached(
        self, stages: Iterable[str], since: int, until: int, owners: Owners = None
    ) -> dict[str, int]:
        """Return how many leads entered each of these stages then for the first time."""
        found = self._all(
            self._present(_REACHED, "t.lead"), since, until, owners, stages=to_json(list(stages))
        )
        return dict(found)

    def entrants(
        self, stage: str, since: int, until: int, owners: Owners = None
    ) -> list[tuple[str, int, int, str]]:
        """Return (lead, at, created_at, source) of those same leads."""
        found: list[tuple[str, int, int, str]] = self._all(
            self._firsts(_ENTRANTS), since, until, owners, stage=stage
        )
        return found

    def deals(
        self, types: Iterable[str], since: int, until: int, owners: Owners = None
    ) -> list[Deal]:
        """Return the sales then, oldest first; who had the lead at that time is their owner."""
        found = self._all(_DEALS, since, until, owners, types=to_json(list(types)))
        return [Deal(*row) for row in found]

    def contacted(self, leads: Iterable[str]) -> dict[str, int]:
        """Return when each of these leads was first called or visited."""
        found = self._connection.execute(_CONTACTED, {"leads": to_json(list(leads))})
        return {row[0]: row[1] for row in found}

    def stays(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (stage, stays, ms together, the longest) of stays that ended then.

        Those of people who were forgotten are left out.
        """
        found: list[tuple[Any, ...]] = self._all(_STAYS, since, until, owners)
        return found

    def waiting(
        self, stages: Iterable[str], before: int, since: int, until: int, owners: Owners = None
    ) -> list[tuple[str, str, int]]:
        """Return (lead, stage, since when) of leads made then that wait there since ``before``."""
        found: list[tuple[str, str, int]] = self._all(
            _WAITING, since, until, owners, stages=to_json(list(stages)), before=before
        )
        return found

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

    def given(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (owner, team, assignments, those by which somebody claimed the lead)."""
        found: list[tuple[Any, ...]] = self._all(_GIVEN, since, until, owners)
        return found

    def reactions(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (owner, assignments, those followed by a call or visit, ms until it together)."""
        found: list[tuple[Any, ...]] = self._all(_REACTIONS, since, until, owners)
        return found

    def answered(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (who, lead_accepted and the like, times)."""
        found: list[tuple[Any, ...]] = self._all(_ANSWERED, since, until, owners)
        return found

    def clocks(self, since: int, until: int, owners: Owners = None) -> list[tuple[Any, ...]]:
        """Return (owner, clock, status, clocks, ms of the ended together, ended)."""
        found: list[tuple[Any, ...]] = self._all(_CLOCKS, since, until, owners)
        return found

    def tasks(
        self, since: int, until: int, now: int, owners: Owners = None
    ) -> list[tuple[Any, ...]]:
        """Return (owner, made, done, late) of to-dos made then."""
        found: list[tuple[Any, ...]] = self._all(_TASKS, since, until, owners, now=now)
        return found

    def letters(
        self, by: Sequence[str], since: int, until: int, owners: Owners = None
    ) -> list[tuple[Any, ...]]:
        """Return (type, ..., events, leads) ``by`` message, journey or step, or several of them.

        Suspected scanners are left out.
        """
        columns = ", ".join(_OF_LETTERS[each] for each in by)
        found: list[tuple[Any, ...]] = self._all(_LETTERS.format(by=columns), since, until, owners)
        return found

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

    def touches(
        self, leads: Iterable[str], types: Iterable[str]
    ) -> list[tuple[str, int, str, str | None]]:
        """Return (lead, at, type, source named) of events of ``types`` or that name a source."""
        asked = {"leads": to_json(list(leads)), "types": to_json(list(types))}
        return [tuple(row) for row in self._connection.execute(_TOUCHES, asked)]

    def scored(self, low: float, high: float, owners: Owners = None) -> int:
        """Return how many leads have a score in [low, high) now."""
        return int(self._all(_SCORES, 0, 0, owners, low=low, high=high)[0][0])

    def span(self) -> tuple[int | None, int | None]:
        """Return when the first and the last of the leads were made."""
        found = self._connection.execute(_SPAN).fetchone()
        return found[0], found[1]

    def created(self, since: int, until: int, owners: Owners = None) -> int:
        """Return how many of the leads that there are were made then."""
        return int(self._all(_NEW, since, until, owners)[0][0])

    def hits(self) -> dict[tuple[str, str], int]:
        """Return how often each rule (kind, id) has fired since the database was made."""
        return audit.hits(self._connection)


def _json(owners: Owners) -> str | None:
    return None if owners is None else to_json(list(owners))
