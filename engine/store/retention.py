"""Removing what is kept long enough, in slices so small that the writer never waits for them.

A lead whose events go keeps a snapshot of its state, from which its log is played again, and
the ids of those events, so that none counts twice. Ledger lines that go leave one line with
their sum: the score stays the sum of its ledger.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.network.ruleset import tidy
from engine.store import meta, rows, snapshots, splits, turns

CARRIED: Final = "carried-over"  # the rule of a line that stands for older ones
LAST: Final = "retention"
_ROWS: Final = 25
_SLICE_S: Final = 0.005
_OLDEST: Final = """
SELECT seq, decided_at, lead, id FROM events WHERE seq > ? ORDER BY seq LIMIT ?
"""
_KEEP_IDS: Final = """
INSERT OR IGNORE INTO removed_events (id, lead) SELECT id, lead FROM events
WHERE seq IN (SELECT value FROM json_each(?)) AND channel <> 'engine'
"""
# A receipt's id names its delivery, and the try by hand where there was one.
_RECEIPTED: Final = """
UPDATE deliveries SET receipted = 1 WHERE key IN (
    SELECT d.key FROM json_each(?) j JOIN deliveries d
        ON d.key = j.value OR d.key = rtrim(rtrim(j.value, '0123456789'), ':'))
"""
_DELETE: Final[Mapping[str, str]] = {
    table: f"DELETE FROM {table} WHERE rowid IN (SELECT value FROM json_each(?))"
    for table in ("events", "ledger", "happenings", "deliveries", "tasks")
}
_WALK: Final[Mapping[str, str]] = {
    "happenings": "SELECT rowid, at, 1 FROM happenings",
    "deliveries": "SELECT rowid, created_at, finished_at < ?3 FROM deliveries",
    "tasks": "SELECT rowid, created_at, completed_at < ?3 FROM tasks",
    "ledger": f"SELECT rowid, at, rule <> '{CARRIED}', lead FROM ledger",
}
_LEDGER: Final = """
SELECT rowid, at, model, dimension, points, ruleset FROM ledger WHERE lead = ? AND at < ?
ORDER BY rowid
"""
_CARRY: Final = f"""
INSERT INTO ledger (rowid, lead, at, model, dimension, rule, points, event, source, ruleset, reason)
VALUES (?,?,?,?,?,'{CARRIED}',?,NULL,'',?,?)
"""
_RECEIPT: Final = "receipt:"


class Sweep:
    """One pass over everything that is kept too long.

    ``before`` maps kinds to the instant before which they go. Give `step` to the writer again
    and again until it returns True; ``removed`` counts rows by kind.
    """

    def __init__(
        self,
        before: Mapping[str, int],
        now: int,
        ticks: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._before = dict(before)
        self._now = now
        self._ticks = ticks
        self._left = [kind for kind in _DELETE if kind in before]
        self._position = 0
        self.removed: dict[str, int] = dict.fromkeys(self._left, 0)

    def step(self, connection: sqlite3.Connection) -> bool:
        """Remove for some milliseconds; True when nothing is left to do."""
        until = self._ticks() + _SLICE_S
        while self._left:
            kind = self._left[0]
            some = self._events if kind == "events" else self._walk
            if not some(connection, kind, self._before[kind]):
                self._left.pop(0)
                self._position = 0
            if self._ticks() >= until:
                break
        if self._left:
            return False
        told = {"at": self._now, "removed": self.removed}
        meta.put(connection, LAST, rows.to_json(told))
        return True

    def _events(self, connection: sqlite3.Connection, kind: str, before: int) -> bool:
        """Remove the oldest events, which stand first; leads that lose some keep a snapshot."""
        found = connection.execute(_OLDEST, (0, _ROWS)).fetchall()
        old = []
        for row in found:
            if row[1] >= before:
                break
            old.append(row)
        if not old:
            return False
        for lead in dict.fromkeys(lead for _, _, lead, _ in old):
            newest = max(seq for seq, _, whose, _ in old if whose == lead)
            kept = snapshots.covered(connection, lead)
            if kept is None or kept < newest:
                snapshots.take(connection, lead, self._now)
        seqs = rows.to_json([seq for seq, *_ in old])
        connection.execute(_KEEP_IDS, (seqs,))
        receipts = [id.removeprefix(_RECEIPT) for *_, id in old if id.startswith(_RECEIPT)]
        if receipts:
            connection.execute(_RECEIPTED, (rows.to_json(receipts),))
        self._delete(connection, kind, seqs, len(old))
        leads = dict.fromkeys(lead for _, _, lead, _ in old)
        turns.refresh(connection, leads)
        splits.refresh(connection, leads)
        return True

    def _walk(self, connection: sqlite3.Connection, kind: str, before: int) -> bool:
        """Go on in the order of writing; what is young ends the pass, what is open stays."""
        statement = f"{_WALK[kind]} WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"
        values = (self._position, _ROWS, before)[: 3 if "?3" in statement else 2]
        found = connection.execute(statement, values).fetchall()
        old = []
        for row in found:
            if row[1] >= before:
                break
            old.append(row)
            self._position = row[0]
        gone = [row for row in old if row[2]]
        if kind == "ledger":
            for lead in dict.fromkeys(row[3] for row in gone):
                self._carry(connection, lead, before)
        elif gone:
            self._delete(connection, kind, rows.to_json([row[0] for row in gone]), len(gone))
        return len(old) == _ROWS

    def _carry(self, connection: sqlite3.Connection, lead: str, before: int) -> None:
        """Put one line in the place of a lead's older ones, for each dimension that has several."""
        groups: dict[tuple[str, str], list[Any]] = {}
        for row in connection.execute(_LEDGER, (lead, before)):
            groups.setdefault((row[2], row[3]), []).append(row)
        for (model, dimension), lines in groups.items():
            if len(lines) < 2:
                continue
            numbers = [line[0] for line in lines]
            self._delete(connection, "ledger", rows.to_json(numbers), len(lines) - 1)
            points = tidy(sum(line[4] for line in lines))
            at = max(line[1] for line in lines)
            reason = f"the sum of {len(lines)} older lines"
            values = (lead, at, model, dimension, points, lines[-1][5], reason)
            connection.execute(_CARRY, (numbers[0], *values))

    def _delete(self, connection: sqlite3.Connection, kind: str, numbers: str, count: int) -> None:
        connection.execute(_DELETE[kind], (numbers,))
        self.removed[kind] += count


def last(connection: sqlite3.Connection) -> dict[str, Any] | None:
    """Return {at, removed} of the last whole pass, None before the first."""
    text = meta.get(connection, LAST)
    found: dict[str, Any] | None = None if text is None else rows.from_json(text)
    return found


def cutoffs(kept: Mapping[str, int], now: int) -> dict[str, int]:
    """Return the instant before which each kind goes; ``kept`` maps kinds to milliseconds."""
    return {kind: now - span for kind, span in kept.items()}
