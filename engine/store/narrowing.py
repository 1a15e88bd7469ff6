"""Filters of leads by what figures count: when they came, from where, and which stages they
entered; those by what happened with them are in `happened`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from engine.store import happened, kinds
from engine.store.happened import Filters, Rows, rows, span
from engine.store.rows import from_json, to_json

Term = tuple[str, tuple[Any, ...]]
# Instants are milliseconds as text.
NAMES: Final = (
    *("tag", "campaign", "placed", "placed_at", "created_from", "created_to", "owners"),
    *("score_from", "score_to", "reached", "short_of", "without", "since_to"),
    *("entered", "called_before", "entered_from", "entered_to"),
    *happened.NAMES,
)
# What takes several takes them as a JSON list, and of what. Of each of some stages a term is made:
# SQLite takes nearly 500 of them.
_Stages = Annotated[list[str], msgspec.Meta(max_length=200)]
LISTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("placed_at", "owners", "without"), list[str]),
    **dict.fromkeys(("reached", "short_of"), _Stages),
    **happened.LISTS,
}
BELONGS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("entered_from", "entered_to"), ("entered", "called_before")),
    **happened.BELONGS,
}
_NOWHERE: Final = '[""]'
_WITHOUT: Final = "(l.stage IS NULL OR l.stage NOT IN (SELECT value FROM json_each(?)))"
_UNTAGGED: Final = "NOT EXISTS (SELECT 1 FROM tags x WHERE x.lead = l.id)"
_REACHED: Final = "instr(x.entered, ?)"  # `entered` is a JSON list, the stage as it stands there
_ENTERED: Final = "x.stage = ? AND x.at BETWEEN ? AND ?"
_CALLED: Final = f"""
EXISTS (SELECT 1 FROM events e WHERE {kinds.CONTACTS}
    AND e.lead = x.lead AND e.at <= x.at)
"""


def terms(filters: Filters) -> list[Term]:
    """Return the conditions of those of `NAMES` that are among the filters."""
    found: list[Term] = []
    if filters.get("created_from"):
        found.append(("l.created_at >= ?", (int(filters["created_from"] or 0),)))
    if filters.get("created_to"):
        found.append(("l.created_at < ?", (int(filters["created_to"] or 0),)))
    if "tag" in filters and not filters["tag"]:
        found.append((_UNTAGGED, ()))
    if filters.get("without"):
        found.append((_WITHOUT, (filters["without"],)))
    if filters.get("short_of"):
        passed = _reached(filters["short_of"] or "")
        found.append((f"NOT {passed.of_a_lead}", passed.values))
    found += [(term.format(lead="l"), values) for term, values in _own(filters)]
    for any_of in _having(filters):
        term = " OR ".join(each.of_a_lead for each in any_of)
        found.append((f"({term})", _values(any_of)))
    return found


def lookups(filters: Filters) -> list[Term]:
    """Return SELECTs of leads, outside of which there is none that those of `terms` leave."""
    found = [
        (f"SELECT x.id FROM leads x WHERE {term.format(lead='x')}", values)
        for term, values in _own(filters)
    ]
    return found + [
        (" UNION ALL ".join(each.leads for each in any_of), _values(any_of))
        for any_of in _having(filters)
    ]


def _values(any_of: tuple[Rows, ...]) -> tuple[Any, ...]:
    return tuple(value for each in any_of for value in each.values)


def _own(filters: Filters) -> Iterator[Term]:
    """Yield the conditions on columns of a lead that an index finds."""
    if filters.get("owners"):
        yield "{lead}.owner IN (SELECT value FROM json_each(?))", (filters["owners"],)
    low, high = (filters.get(f"score_{end}") for end in ("from", "to"))
    score = "coalesce({lead}.score, 0.0)"
    if low and high:
        yield f"{score} >= ? AND {score} < ?", (float(low), float(high))
    elif low or high:
        yield f"{score} {'>=' if low else '<'} ?", (float(low or high or 0),)


def _having(filters: Filters) -> Iterator[tuple[Rows, ...]]:
    """Yield what the leads have rows of: of each tuple any one."""
    if filters.get("tag"):
        yield (rows("tags", {"tag": filters["tag"]}),)
    if "campaign" in filters:
        yield (Rows("arrivals", "x.campaign = ?", (filters["campaign"] or "",)),)
    if filters.get("reached"):
        yield (_reached(filters["reached"] or ""),)
    if filters.get("entered"):
        yield (Rows("entries", _ENTERED, (filters["entered"], *span(filters, "entered"))),)
    if filters.get("called_before"):
        values = filters["called_before"], *span(filters, "entered")
        yield (Rows("entries", f"{_ENTERED} AND {_CALLED}", values),)
    if filters.get("placed"):
        yield (_placed(filters["placed"] or ""),)
    if "placed_at" in filters:
        which = "x.placed IN (SELECT value FROM json_each(?))"
        yield (Rows("arrivals", which, (filters["placed_at"] or _NOWHERE,)),)
    if filters.get("since_to"):
        there = {"stage": filters["stage"]} if filters.get("stage") else {}
        yield (rows("arrivals", there, "x.since < ?", int(filters["since_to"] or 0)),)
    yield from happened.having(filters)


def _reached(stages: str) -> Rows:
    """Return arrivals of leads that entered any of these stages, a JSON list."""
    each = tuple(to_json(stage) for stage in from_json(stages))
    return Rows("arrivals", " OR ".join([_REACHED] * len(each)) or "0", each)


def _placed(place: str) -> Rows:
    """Return arrivals of a kind, ``online/social``, and below; of a channel those of no kind."""
    if "/" not in place:
        return rows("arrivals", {"placed": place})
    below = f"{place}/"
    which = "x.placed = ? OR substr(x.placed, 1, ?) = ?"
    return Rows("arrivals", which, (place, len(below), below))
