"""Filters of leads by what figures count: when they came, from where, which stages they entered,
how they went through journeys, what they were sent, who was given them, and what waits.

Those of what happened keep to the time from ``then_from`` to ``then_to``, where it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from engine.store import kinds
from engine.store.rows import to_json

Term = tuple[str, tuple[Any, ...]]
# Instants are milliseconds as text; ``reached``, ``without``, ``owners`` and ``letter`` have
# commas between.
NAMES: Final = (
    *("campaign", "placed", "created_from", "created_to", "owners", "score_from", "score_to"),
    *("reached", "without", "entered", "entered_from", "entered_to", "since_to"),
    *("then_from", "then_to", "moved_to", "moved_from", "because", "given_to", "letter"),
    *("journey", "at_step", "left", "came_to", "variant", "did"),
    *("clock", "clock_to", "todo"),
)
OUTCOMES: Final = ("sent", "opened", "clicked")  # what ``did`` may be
ANY: Final = "any"  # of ``clock``: whichever runs
_WITHOUT: Final = "(l.stage IS NULL OR l.stage NOT IN (SELECT value FROM json_each(?)))"
_REACHED: Final = "instr(x.entered, ?)"  # `entered` is a JSON list, the stage as it stands there
_ENTERED: Final = "x.stage = ? AND x.at BETWEEN ? AND ?"
_PARTS: Final = 4  # of a letter
_FIRST: Final = -(2**53)
_LAST: Final = 2**53


class _Rows(msgspec.Struct, frozen=True):
    """Rows ``x`` of a table with a column ``lead``; a lead fits that has one of them."""

    table: str
    which: str
    values: tuple[Any, ...]


def terms(filters: Mapping[str, str | None]) -> list[Term]:
    """Return the conditions of those of `NAMES` that are among the filters."""
    found: list[Term] = []
    if filters.get("created_from"):
        found.append(("l.created_at >= ?", (int(filters["created_from"] or 0),)))
    if filters.get("created_to"):
        found.append(("l.created_at < ?", (int(filters["created_to"] or 0),)))
    if filters.get("without"):
        found.append((_WITHOUT, (to_json((filters["without"] or "").split(",")),)))
    found += [(term.format(lead="l"), values) for term, values in _own(filters)]
    for rows in _having(filters):
        term = f"EXISTS (SELECT 1 FROM {rows.table} x WHERE x.lead = l.id AND ({rows.which}))"
        found.append((term, rows.values))
    return found


def lookups(filters: Mapping[str, str | None]) -> list[Term]:
    """Return SELECTs of leads, outside of which there is none that those of `terms` leave."""
    found = [
        (f"SELECT x.id FROM leads x WHERE {term.format(lead='x')}", values)
        for term, values in _own(filters)
    ]
    return found + [
        (f"SELECT x.lead FROM {rows.table} x WHERE {rows.which}", rows.values)
        for rows in _having(filters)
    ]


def _own(filters: Mapping[str, str | None]) -> Iterator[Term]:
    """Yield the conditions on columns of a lead that an index finds."""
    if filters.get("owners"):
        owners = to_json((filters["owners"] or "").split(","))
        yield "{lead}.owner IN (SELECT value FROM json_each(?))", (owners,)
    low, high = (filters.get(f"score_{end}") for end in ("from", "to"))
    score = "coalesce({lead}.score, 0.0)"
    if low and high:
        yield f"{score} >= ? AND {score} < ?", (float(low), float(high))
    elif low or high:
        yield f"{score} {'>=' if low else '<'} ?", (float(low or high or 0),)


def _having(filters: Mapping[str, str | None]) -> Iterator[_Rows]:
    """Yield what the leads have rows of."""
    if "campaign" in filters:
        yield _Rows("arrivals", "x.campaign = ?", (filters["campaign"] or "",))
    if filters.get("reached"):
        stages = [to_json(stage) for stage in (filters["reached"] or "").split(",")]
        yield _Rows("arrivals", " OR ".join([_REACHED] * len(stages)), tuple(stages))
    if filters.get("entered"):
        yield _Rows("entries", _ENTERED, (filters["entered"], *_span(filters, "entered")))
    if filters.get("placed"):
        yield _placed(filters["placed"] or "")
    if filters.get("since_to"):
        there = {"stage": filters["stage"]} if filters.get("stage") else {}
        yield _rows("arrivals", there, "x.since < ?", int(filters["since_to"] or 0))
    if filters.get("moved_to"):
        asked = (("to", "moved_to"), ("from", "moved_from"), ("reason", "because"))
        moved = {f'"{column}"': filters[name] for column, name in asked if name in filters}
        yield _then("transitions", moved, "at", filters)
    if filters.get("given_to"):
        yield _then("assignments", {"owner": filters["given_to"]}, "at", filters)
    if filters.get("letter"):
        yield _lettered(filters)
    if filters.get("journey"):
        yield _on_journey(filters)
    if filters.get("clock"):
        named = {} if filters["clock"] == ANY else {"clock": filters["clock"]}
        until = int(filters.get("clock_to") or _LAST)
        yield _rows("clocks", named, "x.status = 'running' AND x.due < ?", until)
    if filters.get("todo"):
        yield _rows("tasks", {"status": filters["todo"]})


def _on_journey(filters: Mapping[str, str | None]) -> _Rows:
    """Return how a lead went through ``journey``: by the most exact of what is asked."""
    journey, step = {"journey": filters["journey"]}, {"step": filters.get("came_to")}
    if filters.get("variant"):
        did: dict[str, str | None] = {n: "1" for n in OUTCOMES if n == filters.get("did")}
        return _then(
            "splits", {**journey, **step, "variant": filters["variant"], **did}, "at", filters
        )
    if filters.get("came_to"):
        return _rows("journey_steps", {**journey, **step})
    if filters.get("at_step"):
        return _rows("enrolments", {**journey, "step": filters["at_step"]}, "x.left_at IS NULL")
    if "left" not in filters:
        return _then("enrolments", journey, "entered_at", filters)
    if filters["left"]:
        return _rows("enrolments", {**journey, "reason": filters["left"]}, "x.left_at IS NOT NULL")
    return _rows("enrolments", journey, "x.left_at IS NULL")


def _lettered(filters: Mapping[str, str | None]) -> _Rows:
    """Return events about a letter: its type, message, journey and step, as far as they are said.

    The index has them as one JSON list, so those of one message begin alike.
    """
    parts = [part or None for part in (filters["letter"] or "").split(",")]
    said = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).removesuffix("]")
    whole = len(parts) == _PARTS
    begins = f"{kinds.LETTER} = ?" if whole else f"{kinds.LETTER} > ? AND {kinds.LETTER} < ?"
    values = (said + "]",) if whole else (said + ",", said + "-")  # "-" comes after ","
    since, until = _span(filters)
    which = f"{kinds.OF_LETTERS} AND {begins} AND x.at BETWEEN ? AND ?"
    return _Rows("events", which, (*values, since, until))


def _then(
    table: str, equal: Mapping[str, str | None], at: str, filters: Mapping[str, str | None]
) -> _Rows:
    """Return rows with these values of the time that is asked for."""
    return _rows(table, equal, f"x.{at} BETWEEN ? AND ?", *_span(filters))


def _span(filters: Mapping[str, str | None], since: str = "then") -> tuple[int, int]:
    """Return from when and until when, both inclusive."""
    first, last = filters.get(f"{since}_from"), filters.get(f"{since}_to")
    return int(first or _FIRST), int(last or _LAST) - 1


def _placed(place: str) -> _Rows:
    """Return arrivals of a kind, ``online/social``, and below; of a channel those of no kind."""
    if "/" not in place:
        return _rows("arrivals", {"placed": place})
    below = f"{place}/"
    which = "x.placed = ? OR substr(x.placed, 1, ?) = ?"
    return _Rows("arrivals", which, (place, len(below), below))


def _rows(table: str, equal: Mapping[str, str | None], *more: Any) -> _Rows:
    """Return rows with these values, and ``more``: a condition and what it takes."""
    which = [f"x.{column} IS ?" for column in equal] + list(more[:1])
    return _Rows(table, " AND ".join(which), (*equal.values(), *more[1:]))
