"""Lists of leads: by last change, arrival or score, or found by text; in keyset pages.

Each order has its index, so the last page costs what the first does. Text is looked up in the
search index, which gives the newest leads first: that order is free, however much is found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.store import narrowing, search
from engine.store.pages import BadCursor, from_cursor, to_cursor

FILTERS: Final = ("grade", "stage", "owner", "team", "pool", "source")
SORTS: Final[Mapping[str, str]] = {
    "updated": "l.updated_at",
    "created": "l.created_at",
    "score": "coalesce(l.score, 0.0)",
}
# The order of leads found by text, unless another is asked for: newest first, of all or of one
# owner.
NEWEST: Final = "newest"
OWN: Final = "own"
_KEY_TYPES: Final[Mapping[str, type]] = {"updated": int, "created": int, "score": float}
_BY_COLUMN: Final = """
SELECT l.id, l.state, {key} AS key FROM leads l
WHERE {where} ORDER BY {key} DESC, l.id DESC LIMIT ?
"""
_BY_ARRIVAL: Final = """
SELECT l.id, l.state, s.rowid AS key FROM search s
CROSS JOIN searched k ON k.number = s.rowid CROSS JOIN leads l ON l.id = k.lead
WHERE {where} ORDER BY s.rowid DESC LIMIT ?
"""
_BY_OWNER: Final = """
SELECT l.id, l.state, k.number AS key FROM leads l CROSS JOIN searched k ON k.lead = l.id
WHERE {where} ORDER BY k.number DESC LIMIT ?
"""
# Of little that is found all is sorted; of much, the sorted list is looked through.
_IS_FOUND: Final = """
l.id IN (SELECT k.lead FROM search s JOIN searched k ON k.number = s.rowid WHERE search MATCH ?)
"""
_HAVING: Final[Mapping[str, str]] = {
    "owner": "SELECT id FROM leads WHERE owner = ?",
    "stage": "SELECT lead FROM arrivals WHERE stage = ?",
    "source": "SELECT lead FROM arrivals WHERE source = ?",
}
_FITS: Final = "EXISTS (SELECT 1 FROM searched k WHERE k.lead = l.id AND {fits})"
_LITTLE: Final = 5_000
_HOW_MUCH: Final = "SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ? LIMIT ?)"
_FOUND_BY: Final[Mapping[str, str]] = {NEWEST: _BY_ARRIVAL, OWN: _BY_OWNER}
Term = tuple[str, tuple[Any, ...]]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which leads, in which order.

    ``filters`` by name of `FILTERS`, where None means "has none", or of `narrowing.NAMES`;
    ``sort`` one of `SORTS`, None
    for the natural one: latest change first, and of leads found by ``text`` the newest first.
    """

    text: str | None = None
    filters: Mapping[str, str | None] = {}
    sort: str | None = None


class Found(msgspec.Struct, frozen=True):
    """Rows with id and state, and the cursor of those that follow; None on the last page."""

    rows: list[sqlite3.Row]
    next: str | None


def find_leads(
    connection: sqlite3.Connection, wanted: Wanted, limit: int, cursor: str | None
) -> Found:
    """Return one page; raises BadCursor."""
    given = [(name, wanted.filters[name]) for name in FILTERS if name in wanted.filters]
    is_text = bool(wanted.text and wanted.text.strip())
    where: list[Term] = [
        (f"l.{name} IS ?", (value,)) if is_text else _having(connection, name, value)
        for name, value in given
    ]
    where += narrowing.terms(wanted.filters)
    order = wanted.sort or "updated"
    if wanted.text and is_text:
        terms = search.terms(wanted.text)
        if terms is None:
            return Found([], None)
        order, term = _sought(connection, wanted, terms)
        where.append(term)
    return _page(connection, order, where, limit, cursor)


def _having(connection: sqlite3.Connection, name: str, value: str | None) -> Term:
    """Return the term of a filter: few leads are looked up, else the sorted list is walked."""
    if name == "pool" and value is not None:
        return "l.pool = ?", (value,)  # whose index has them in order
    few = _HAVING.get(name)
    if few is not None and value is not None:
        counted = f"SELECT count(*) FROM ({few} LIMIT {_LITTLE + 1})"
        if connection.execute(counted, (value,)).fetchone()[0] <= _LITTLE:
            return f"l.id IN ({few})", (value,)
    return f"+l.{name} IS ?", (value,)


def _sought(
    connection: sqlite3.Connection, wanted: Wanted, terms: search.Terms
) -> tuple[str, Term]:
    """Return the order and the term of leads found by text."""
    if terms.id:
        return wanted.sort or "updated", ("l.id >= ? AND l.id < ?", (terms.id, terms.id + "~"))
    if wanted.filters.get("owner"):  # whose leads are few beside what "公司" finds
        return (OWN, terms.checks()) if wanted.sort is None else _fitting(wanted.sort, terms)
    if wanted.sort is None:
        return NEWEST, ("search MATCH ?", (terms.match,))
    found = connection.execute(_HOW_MUCH, (terms.match, _LITTLE + 1)).fetchone()[0]
    if found > _LITTLE:
        return _fitting(wanted.sort, terms)
    return wanted.sort, (_IS_FOUND, (terms.match,))


def _fitting(sort: str, terms: search.Terms) -> tuple[str, Term]:
    fits, values = terms.checks()
    return sort, (_FITS.format(fits=fits), values)


def _page(
    connection: sqlite3.Connection, order: str, where: list[Term], limit: int, cursor: str | None
) -> Found:
    """Read one row more than ``limit``, to see whether more follow."""
    if cursor:
        where = [*where, _after(order, cursor)]
    terms = " AND ".join(term for term, _ in where) or "1"
    if order in _FOUND_BY:
        statement = _FOUND_BY[order].format(where=terms)
    else:
        statement = _BY_COLUMN.format(where=terms, key=SORTS[order])
    values = [value for _, given in where for value in given]
    found = connection.execute(statement, (*values, limit + 1)).fetchall()
    if len(found) <= limit:
        return Found(found, None)
    last = found[limit - 1]
    return Found(found[:limit], to_cursor(order, last["key"], last["id"]))


def _after(order: str, cursor: str) -> Term:
    kind = _KEY_TYPES.get(order, int)
    named, key, id = from_cursor(cursor, (str, kind, str))
    if named != order:
        raise BadCursor(f"{cursor[:80]!r} is of a list in another order; start again without one")
    if order == NEWEST:
        return "s.rowid < ?", (key,)
    if order == OWN:
        return "k.number < ?", (key,)
    return f"({SORTS[order]}, l.id) < (?, ?)", (key, id)
