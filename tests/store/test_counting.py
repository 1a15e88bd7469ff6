"""Counting by seeking from group to group gives what comparing every row gives."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

import pytest

from engine.store import counting
from engine.store.counting import Groups

GROUPS = Groups("seen", ("source", "stage"), "at")
SOURCES = ("官网表单", "百度SEM", "", "知乎白皮书", "a", "华东区线下展会")


def filled(rows: list[tuple[str, str, int]]) -> sqlite3.Connection:
    """A table of its own with these rows."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE seen (source TEXT, stage TEXT, at INTEGER)")
    connection.execute("CREATE INDEX seen_groups ON seen (source, stage, at)")
    connection.executemany("INSERT INTO seen VALUES (?,?,?)", rows)
    return connection


def plainly(rows: list[tuple[str, str, int]], since: int, until: int) -> list[tuple[Any, ...]]:
    """The same counts by a loop."""
    found: dict[tuple[str, str], int] = {}
    for source, stage, at in rows:
        if since <= at < until:
            found[source, stage] = found.get((source, stage), 0) + 1
    return [
        (*key, found[key]) for key in sorted(found, key=lambda k: [part.encode() for part in k])
    ]


@pytest.mark.parametrize("few", [5_000, 3])
@pytest.mark.parametrize("seed", range(5))
def test_groups_are_counted_as_by_a_loop(
    seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the rows and the period, also with more groups than seeking pays for."""
    monkeypatch.setattr(counting, "_FEW", few)
    chance = random.Random(seed)
    rows = [
        (chance.choice(SOURCES), chance.choice(("new", "mql", "won")), chance.randrange(-50, 50))
        for _ in range(400)
    ]
    connection = filled(rows)
    for since, until in ((-(2**53), 2**53), (-10, 10), (0, 0), (49, 50), (50, 90)):
        assert GROUPS.counts(connection, since, until) == plainly(rows, since, until)


def test_nothing_has_no_groups() -> None:
    """An empty table gives an empty list."""
    assert GROUPS.counts(filled([]), 0, 1) == []
