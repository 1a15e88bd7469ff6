"""Lists of leads: by last change, arrival or score, or found by text; in keyset pages.

Each order has its index, so the last page costs what the first does. An index holds what filters
ask for too: where most leads do not fit, none of their rows is read. Conditions on anything else
cost more for each lead that is looked at; what few leads have is looked up and sorted. Text is
looked up in the search index, which gives the newest leads first: that order is free, however
much is found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.store import narrowing, search
from engine.store.narrowing import Term
from engine.store.pages import BadCursor, from_cursor, to_cursor
from engine.store.rows import to_json

FILTERS: Final = ("grade", "stage", "owner", "team", "pool", "source")
SORTS: Final[Mapping[str, str]] = {
    "updated": "l.updated_at",
    "created": "l.created_at",
    "score": "coalesce(l.score, 0.0)",
}
# The order of leads found by text, unless another is asked for: newest first.
NEWEST: Final = "newest"
_KEY_TYPES: Final[Mapping[str, type]] = {"updated": int, "created": int, "score": float}
_LIST: Final = """
SELECT l.id, l.state, {key} AS key FROM {tables} WHERE {where} ORDER BY {key} DESC{tie} LIMIT ?
"""
_HAVING: Final[Mapping[str, str]] = {
    "owner": "SELECT id FROM leads WHERE owner = ?",
    "pool": "SELECT id FROM leads WHERE pool = ?",
    "stage": "SELECT lead FROM arrivals WHERE stage = ?",
    "source": "SELECT lead FROM arrivals WHERE source = ?",
}
_MATCHING: Final = """
SELECT k.lead FROM search s CROSS JOIN searched k ON k.number = s.rowid WHERE search MATCH ?
"""
_BY_ID: Final = "sqlite_autoindex_leads_1"  # what SQLite calls the index of the primary key
_AMONG: Final = "l.id IN (SELECT value FROM json_each(?))"
_FITS: Final = "EXISTS (SELECT 1 FROM searched k WHERE k.lead = l.id AND {fits})"
_FEW: Final = 10_000  # as many are looked up and sorted sooner than a long list is walked


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


class _Way(msgspec.Struct, frozen=True):
    """How a list is read: its order, by the key in which tables, and the terms that lead there."""

    order: str
    key: str
    tables: str
    terms: tuple[Term, ...] = ()


def find_leads(
    connection: sqlite3.Connection, wanted: Wanted, limit: int, cursor: str | None
) -> Found:
    """Return one page; raises BadCursor."""
    way: _Way | None
    if wanted.text and wanted.text.strip():
        way = _sought(connection, wanted, search.terms(wanted.text))
    else:
        way = _ordered(wanted.sort or "updated", _few(connection, wanted.filters))
    if way is None:
        return Found([], None)
    # The plus keeps an index of one filter from being preferred to that of the order.
    given = [(name, wanted.filters[name]) for name in FILTERS if name in wanted.filters]
    where: list[Term] = [(f"+l.{name} IS ?", (value,)) for name, value in given]
    return _page(connection, way, [*where, *narrowing.terms(wanted.filters)], limit, cursor)


def _ordered(order: str, few: Term | None, *more: Term) -> _Way:
    """Return the way by a column: few leads are sorted, of many the sorted list is walked."""
    if few is not None:
        return _Way(order, SORTS[order], f"leads l INDEXED BY {_BY_ID}", (few, *more))
    return _Way(order, SORTS[order], f"leads l INDEXED BY leads_{order}", more)


def _few(connection: sqlite3.Connection, filters: Mapping[str, str | None]) -> Term | None:
    """Return the leads that one of the filters leaves, where it leaves few."""
    lookups: list[Term] = [
        (select, (value,)) for name, select in _HAVING.items() if (value := filters.get(name))
    ]
    for lookup in [*lookups, *narrowing.lookups(filters)]:
        if found := _among(connection, lookup):
            return found
    return None


def _among(connection: sqlite3.Connection, lookup: Term) -> Term | None:
    """Return the term for the leads that a SELECT finds; None when they are many."""
    select, values = lookup
    rows = connection.execute(f"{select} LIMIT {_FEW + 1}", values).fetchall()
    return (_AMONG, (to_json([row[0] for row in rows]),)) if len(rows) <= _FEW else None


def _sought(
    connection: sqlite3.Connection, wanted: Wanted, terms: search.Terms | None
) -> _Way | None:
    """Return the way to leads found by text; None for a text in which there is nothing."""
    if terms is None:
        return None
    if terms.id:
        begins: Term = "l.id >= ? AND l.id < ?", (terms.id, terms.id + "~")
        return _ordered(wanted.sort or "updated", begins)
    few, (fits, values) = _few(connection, wanted.filters), terms.checks()
    if wanted.sort is not None:
        if few is None:
            few = _among(connection, (_MATCHING, (terms.match,)))
        return _ordered(wanted.sort, few, (_FITS.format(fits=fits), values))
    if few is not None:
        tables = "leads l CROSS JOIN searched k ON k.lead = l.id"
        return _Way(NEWEST, "k.number", tables, (few, (fits, values)))
    tables = """search s CROSS JOIN searched k ON k.number = s.rowid
        CROSS JOIN leads l ON l.id = k.lead"""
    return _Way(NEWEST, "s.rowid", tables, (("search MATCH ?", (terms.match,)),))


def _page(
    connection: sqlite3.Connection, way: _Way, where: list[Term], limit: int, cursor: str | None
) -> Found:
    """Read one row more than ``limit``, to see whether more follow."""
    where = [*way.terms, *where]
    if cursor:
        where.append(_after(way, cursor))
    terms = " AND ".join(term for term, _ in where) or "1"
    tie = "" if way.order == NEWEST else ", l.id DESC"
    statement = _LIST.format(key=way.key, tables=way.tables, where=terms, tie=tie)
    values = [value for _, given in where for value in given]
    found = connection.execute(statement, (*values, limit + 1)).fetchall()
    if len(found) <= limit:
        return Found(found, None)
    last = found[limit - 1]
    return Found(found[:limit], to_cursor(way.order, last["key"], last["id"]))


def _after(way: _Way, cursor: str) -> Term:
    kind = _KEY_TYPES.get(way.order, int)
    named, key, id = from_cursor(cursor, (str, kind, str))
    if named != way.order:
        raise BadCursor(f"{cursor[:80]!r} is of a list in another order; start again without one")
    if way.order == NEWEST:
        return f"{way.key} < ?", (key,)
    return f"({way.key}, l.id) < (?, ?)", (key, id)
