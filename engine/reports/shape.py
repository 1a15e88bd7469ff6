"""What every report gives: figures, tables and lines, for programs, paper and screens alike.

A figure never stands alone: its column says by which formula it comes about, what kind of
number it is, and its row which leads are behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.language.label import Text

Value = Text | int | float | None
# text, count, number, share, money, duration, instant, lead: as docs/http.md tells.
SMALL_BELOW = 30


class Words(msgspec.Struct, frozen=True):
    """One text in both languages."""

    zh: str
    en: str


class Column(msgspec.Struct, frozen=True):
    """One column; ``kind`` is text, count, number, share, money, duration, instant or lead.

    Money is in ``unit``, durations are milliseconds; ``formula`` is None where there is nothing
    to calculate. What is about ``now`` is the same whatever the period, so nothing is compared.
    """

    key: str
    label: Words
    kind: str
    unit: str | None = None
    formula: Words | None = None
    now: bool = False


class Row(msgspec.Struct, frozen=True):
    """One line of a table, each mapping by column.

    ``before`` has the figures of the period before, ``intervals`` Wilson's 95 % [low, high] of
    shares, ``small`` the columns that rest on few cases, ``leads`` queries of GET /v1/leads,
    ``names`` what people call the ids among the cells.
    """

    cells: Mapping[str, Value]
    before: Mapping[str, Value] = {}
    intervals: Mapping[str, Sequence[float]] = {}
    small: Sequence[str] = ()
    leads: Mapping[str, str] = {}
    names: Mapping[str, str] = {}

    def text(self, column: str) -> Value:
        """Return a cell as people read it: the name of what it has an id of."""
        return self.names.get(column, self.cells.get(column))


class Table(msgspec.Struct, frozen=True):
    """A table; ``chart`` is how it is best drawn: funnel, bar, line or None.

    Bars show the column ``drawn``, which it is ordered by; by default the first count. ``now`` is
    as of a column, of all of them.
    """

    key: str
    title: Words
    columns: Sequence[Column]
    rows: Sequence[Row]
    total: Row | None = None
    chart: str | None = None
    drawn: str | None = None
    now: bool = False


class Line(msgspec.Struct, frozen=True):
    """One line over time, a value for each ``x`` of its series."""

    key: str
    label: Words
    kind: str
    unit: str | None
    values: Sequence[Value]


class Series(msgspec.Struct, frozen=True):
    """Lines over time; ``x`` are the days on which the buckets begin."""

    key: str
    title: Words
    x: Sequence[str]
    lines: Sequence[Line]
    chart: str = "line"


class Figure(msgspec.Struct, frozen=True):
    """One number by itself; ``now`` as of a column."""

    key: str
    label: Words
    kind: str
    unit: str | None
    formula: Words | None
    value: Value
    before: Value = None
    low: float | None = None
    high: float | None = None
    small: bool = False
    leads: str | None = None
    now: bool = False


class Report(msgspec.Struct, frozen=True):
    """A whole report. ``at`` is when it was made, RFC 3339; ``parameters`` what was asked."""

    report: str
    title: Words
    at: str
    parameters: Mapping[str, Any]
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    series: Sequence[Series] = ()
    notes: Sequence[Words] = ()
