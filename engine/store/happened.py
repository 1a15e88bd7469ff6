"""Filters of leads by what happened with them: moves, turns of salespeople, letters, journeys,
sales, to-dos, and rules that fired; within the time from ``then_from`` to ``then_to``, if given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from engine.store import kinds, turns
from engine.store.rows import to_json

Filters = Mapping[str, str | None]
# Instants and ``within`` are milliseconds as text.
NAMES: Final = (
    *("then_from", "then_to", "moved_to", "moved_from", "because"),
    *("given_to", "turn", "answered_by", "answer", "bought", "sold_by", "touched", "letter"),
    *("journey", "at_step", "left", "came_to", "variant", "did", "had", "had_mail", "within"),
    *("clock", "clock_to", "todo", "todo_of", "late_at", "fired", "routed_by", "sla"),
)
# What only says more of another filter, and of which: one of them must be there.
_THEN: Final = (
    *("moved_to", "moved_from", "given_to", "answered_by", "bought", "sold_by", "touched"),
    *("letter", "journey", "todo", "todo_of", "late_at", "fired", "routed_by", "sla"),
)
_WAYS: Final = ("at_step", "left", "came_to", "variant")
BELONGS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("then_from", "then_to"), _THEN),
    **dict.fromkeys(_WAYS, ("journey",)),
    **dict.fromkeys(("did", "had", "had_mail"), ("variant",)),
    "because": ("moved_to", "moved_from"),
    "turn": ("given_to",),
    "answer": ("answered_by",),
    "within": ("had", "had_mail"),
    "clock_to": ("clock",),
}
# Of a letter its type, message, journey and step, None where it has none, as `kinds.LETTER` has it.
Letter = tuple[str, str | None, str | None, str | None]
# What takes several takes them as a JSON list, and of what: any name can stand in it.
LISTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("given_to", "answered_by", "bought", "sold_by", "todo_of"), list[str]),
    **dict.fromkeys(("had", "had_mail"), list[str]),
    "letter": list[Letter],
}
OUTCOMES: Final = ("sent", "opened", "clicked")  # what ``did`` may be
# What ``turn`` may be: what became of an assignment.
TURNS: Final[Mapping[str, str]] = {
    "claimed": "x.claimed = 1",
    "contacted": "x.took IS NOT NULL",
    "met": "x.met > 0",
    "breached": "x.breached > 0",
}
ANSWERS: Final = ("accepted", "declined", "claimed", "released")  # what ``answer`` may be
# By which filter the leads are found for whom a rule of a kind has fired.
OF_RULES: Final[Mapping[str, str]] = {
    "rule": "fired",
    "stage": "entered",
    "route": "routed_by",
    "sla": "sla",
    "journey": "journey",
}
ANY: Final = "any"  # of ``clock``: whichever runs
_FIRST: Final = -(2**53)
_LAST: Final = 2**53
# Of what many leads have rows, each lead's are looked up, not all the rows of a time.
_BY_LEAD: Final[Mapping[str, str]] = {
    "assignments": "assignments_turns",
    # What SQLite calls a primary key.
    "clocks": "sqlite_autoindex_clocks_1",
    "enrolments": "sqlite_autoindex_enrolments_1",
    "events": "events_lead",
    "journey_steps": "journey_steps_lead",
    "ledger": "ledger_lead",
    "splits": "splits_lead",
    "tags": "sqlite_autoindex_tags_1",
    "tasks": "tasks_lead",
    "transitions": "transitions_lead",
}
_LISTED: Final = "IN (SELECT value FROM json_each(?))"
_UNOWNED: Final = (
    f"x.owner IS NULL AND x.lead IN (SELECT o.id FROM leads o WHERE o.owner {_LISTED})"
)
_LATE: Final = "x.due < coalesce(x.completed_at, ?)"
_SOLD_BY: Final = f"{turns.holder('x')} {_LISTED}"
# A touch before the sale or at it, of what it says that it comes from, else of what it is.
_TOUCH: Final = f"""
SELECT 1 FROM (SELECT lead, at, {kinds.CHANNEL} AS touched FROM events INDEXED BY events_touches
    WHERE {kinds.OF_TOUCHES}) t WHERE t.lead = x.lead AND t.at <= x.at
"""
_TOUCHED: Final = f"""
(EXISTS ({_TOUCH} AND t.touched = ?) OR (
    coalesce((SELECT a.source FROM arrivals a WHERE a.lead = x.lead), '') = ?
    AND NOT EXISTS ({_TOUCH})))
"""
_HAD: Final = f"""
EXISTS (SELECT 1 FROM events e WHERE e.lead = x.lead AND e.bot = 0 AND e.type {_LISTED}
AND e.at >= x.at AND e.at < x.at + ? {{own}})
"""
_OWN_MAIL: Final = "AND e.body ->> '$.properties.journey' = x.journey"


class Rows(msgspec.Struct, frozen=True):
    """Rows ``x`` of a table with a column ``lead``; a lead fits that has one of them.

    Where SQLite would take a worse one, ``index`` is that to look them up by, and ``by_lead``
    that by which the rows of one lead are found.
    """

    table: str
    which: str
    values: tuple[Any, ...]
    index: str | None = None
    by_lead: str | None = None

    @property
    def of_a_lead(self) -> str:
        """Return the condition that the lead ``l`` has such a row."""
        named = self.by_lead or _BY_LEAD.get(self.table)
        index = f"INDEXED BY {named}" if named else ""
        rows = f"{self.table} x {index} WHERE x.lead = l.id AND ({self.which})"
        return f"EXISTS (SELECT 1 FROM {rows})"

    @property
    def leads(self) -> str:
        """Return the SELECT of all leads that have one."""
        index = f"INDEXED BY {self.index}" if self.index else ""
        return f"SELECT x.lead FROM {self.table} x {index} WHERE {self.which}"


def having(filters: Filters) -> Iterator[tuple[Rows, ...]]:
    """Yield what the leads have rows of: of each tuple any one."""
    if filters.get("moved_to") or filters.get("moved_from"):
        yield (_moved(filters),)
    if filters.get("given_to"):
        which = f"x.owner {_LISTED}", TURNS.get(filters.get("turn") or "")
        yield (_then("assignments", {}, "at", filters, which, filters["given_to"]),)
    if filters.get("answered_by"):
        yield (_answered(filters),)
    if any(name in filters for name in ("bought", "sold_by", "touched")):
        yield (_sold(filters),)
    if filters.get("letter"):
        which = kinds.OF_LETTERS, f"{kinds.LETTER} {_LISTED}"
        yield (_then("events", {}, "at", filters, which, filters["letter"]),)
    if filters.get("journey"):
        yield from ((each,) for each in _on_journey(filters))
    if filters.get("clock"):
        named = {} if filters["clock"] == ANY else {"clock": filters["clock"]}
        until = int(filters.get("clock_to") or _LAST)
        yield (rows("clocks", named, "x.status = 'running' AND x.due < ?", until),)
    if filters.get("todo") or filters.get("todo_of") or filters.get("late_at"):
        yield _todos(filters)
    for name, table, column, at in (
        *(("fired", "ledger", "rule", "at"), ("routed_by", "assignments", "rule", "at")),
        ("sla", "clocks", "sla", "started_at"),
    ):
        if filters.get(name):
            which = f"x.{column} = ?", None
            yield (_then(table, {}, at, filters, which, filters[name]),)


def rows(table: str, equal: Filters, *more: Any) -> Rows:
    """Return rows with these values, and ``more``: a condition and what it takes."""
    which = [f"x.{column} IS ?" for column in equal] + list(more[:1])
    return Rows(table, " AND ".join(which), (*equal.values(), *more[1:]))


def span(filters: Filters, since: str = "then") -> tuple[int, int]:
    """Return from when and until when, both inclusive."""
    first, last = filters.get(f"{since}_from"), filters.get(f"{since}_to")
    return int(first or _FIRST), int(last or _LAST) - 1


def _then(
    table: str,
    equal: Filters,
    at: str,
    filters: Filters,
    which: tuple[str | None, ...] = (),
    *values: Any,
) -> Rows:
    """Return rows with these values, and for which all of ``which`` hold, of the time asked for."""
    more = " AND ".join([*filter(None, which), f"x.{at} BETWEEN ? AND ?"])
    return rows(table, equal, more, *values, *span(filters))


def _moved(filters: Filters) -> Rows:
    """Return moves to or from a stage; of those from it alone the stays that it ended."""
    asked = (("to", "moved_to"), ("from", "moved_from"), ("reason", "because"))
    moved = {f'"{column}"': filters[name] for column, name in asked if name in filters}
    stayed = None if filters.get("moved_to") else "x.stayed IS NOT NULL"
    return _then("transitions", moved, "at", filters, (stayed,))


def _answered(filters: Filters) -> Rows:
    """Return what salespeople answered to being given leads, or did with pools."""
    answer = filters.get("answer")
    types = [f"lead_{each}" for each in ANSWERS if answer in (None, each)]
    own = f"(x.type NOT IN ('lead_accepted', 'lead_declined') OR {turns.answered('x')} IS NOT NULL)"
    which = kinds.ANSWERS, f'x."by" {_LISTED}', f"x.type {_LISTED}", own
    found = _then("events", {}, "at", filters, which, filters["answered_by"], to_json(types))
    return msgspec.structs.replace(found, by_lead="events_answered")


def _sold(filters: Filters) -> Rows:
    """Return sales: of these types, by whom had the lead then, after a touch of a channel."""
    which: list[str] = [kinds.SALES, "x.bot = 0"]
    values: list[Any] = []
    if filters.get("bought"):
        which.append(f"x.type {_LISTED}")
        values.append(filters["bought"])
    if filters.get("sold_by"):
        which.append(_SOLD_BY)
        values.append(filters["sold_by"])
    if "touched" in filters:
        which.append(_TOUCHED)
        values += [filters["touched"] or ""] * 2
    found = _then("events", {}, "at", filters, tuple(which), *values)
    return msgspec.structs.replace(found, by_lead="events_sold")


def _on_journey(filters: Filters) -> Iterator[Rows]:
    """Yield how a lead went through ``journey``, all that is asked; of a variant its step, too."""
    journey, step = {"journey": filters["journey"]}, {"step": filters.get("came_to")}
    if filters.get("variant"):
        yield _dealt({**journey, **step, "variant": filters["variant"]}, filters)
    elif filters.get("came_to"):
        yield _then("journey_steps", {**journey, **step}, "arrived_at", filters)
    if filters.get("at_step"):
        there = {**journey, "step": filters["at_step"]}
        yield _then("enrolments", there, "arrived_at", filters, ("x.left_at IS NULL",))
    if filters.get("left"):
        left = {**journey, "reason": filters["left"]}
        yield _then("enrolments", left, "left_at", filters, ("x.left_at IS NOT NULL",))
    elif "left" in filters:
        yield _then("enrolments", journey, "entered_at", filters, ("x.left_at IS NULL",))
    if not any(name in filters for name in _WAYS):
        yield _then("enrolments", journey, "entered_at", filters)


def _dealt(equal: Filters, filters: Filters) -> Rows:
    """Return leads dealt to a variant, and what they did since then."""
    did: dict[str, str | None] = {n: "1" for n in OUTCOMES if n == filters.get("did")}
    which, values = list[str](), list[Any]()
    for name, own in (("had", ""), ("had_mail", _OWN_MAIL)):
        if filters.get(name):
            which.append(_HAD.format(own=own))
            values += [filters[name], float(filters.get("within") or _LAST)]
    return _then("splits", {**equal, **did}, "at", filters, tuple(which), *values)


def _todos(filters: Filters) -> tuple[Rows, ...]:
    """Return to-dos; one without an owner is for whoever has the lead."""
    status = {"status": filters["todo"]} if filters.get("todo") else {}
    late = filters.get("late_at")
    which, by = (_LATE, [int(late)]) if late else (None, [])
    if not filters.get("todo_of"):
        return (_then("tasks", status, "created_at", filters, (which,), *by),)
    owners = filters["todo_of"]
    own, unowned = (
        _then("tasks", status, "created_at", filters, (whose, which), owners, *by)
        for whose in (f"x.owner {_LISTED}", _UNOWNED)
    )
    return own, msgspec.structs.replace(unowned, index="tasks_unowned")
