"""An import under way: rows to events, sent in batches; what is rejected goes to a file."""

from __future__ import annotations

import csv
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from engine.cli.table.events import CHANNEL, Making, raw_event
from engine.cli.table.problems import BadCell
from engine.cli.table.sheet import Row
from engine.cli.targets import Answer, Target

PATIENCE: Final = (0.5, 1, 2, 4, 8)  # seconds between attempts while the server is busy
JUDGED: Final = "history_judged"
SHOWN: Final = 10
Pair = tuple[Row, dict[str, Any]]


class Counts(msgspec.Struct):
    """What became of the rows; the four add up to ``rows``."""

    rows: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    rejected: int = 0


class Rejected:
    """Writes rejected rows to a CSV as they come, each with its line and the reason first.

    The file is made with the first one; what an earlier run left is then replaced, or taken
    away when nothing is rejected any more. Without a path nothing is written.
    """

    def __init__(self, path: Path | None, headings: Sequence[str]) -> None:
        self.path = path
        self.first: list[tuple[int, str]] = []
        self._headings = headings
        self._file: TextIO | None = None

    def add(self, row: Row, reason: str) -> None:
        """Write one row."""
        if len(self.first) < SHOWN:
            self.first.append((row.line, reason))
        if self.path is None:
            return
        if self._file is None:
            # With a byte order mark Excel reads it as UTF-8.
            self._file = self.path.open("w", encoding="utf-8-sig", errors="replace", newline="")
            csv.writer(self._file).writerow(("line", "reason", *self._headings))
        csv.writer(self._file).writerow((row.line, reason, *row.cells))

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
        elif self.path is not None and self.path.is_file():
            self.path.unlink()


class Leads:
    """The leads that an import touched, each once, in a file: there may be a million."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="leadrules-import-")
        self._database = sqlite3.connect(Path(self._folder.name, "leads.db"))
        self._database.execute("CREATE TABLE leads (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, ids: Sequence[str]) -> None:
        """Remember some."""
        rows = [(id,) for id in ids]
        self._database.executemany("INSERT OR IGNORE INTO leads VALUES (?)", rows)

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM leads").fetchone()[0])

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield all, some at a time."""
        found = self._database.execute("SELECT id FROM leads ORDER BY id")
        while rows := found.fetchmany(size):
            yield [row[0] for row in rows]

    def close(self) -> None:
        """Forget them."""
        self._database.close()
        self._folder.cleanup()


class Import:
    """One import; ``advance`` is told of each row that is done."""

    def __init__(
        self,
        target: Target,
        making: Making,
        rejected: Rejected,
        leads: Leads | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.counts = Counts()
        self._target = target
        self._making = making
        self._rejected = rejected
        self._leads = leads
        self._pause = pause
        self._turned_away: list[tuple[Row, str]] = []

    def take(self, rows: Sequence[Row]) -> None:
        """Bring some rows in."""
        self.counts.rows += len(rows)
        pairs = list(self._events(rows))
        answers = self._sent([event for _, event in pairs])
        for (row, _), answer in zip(pairs, answers, strict=True):
            if answer.status in ("rejected", "again"):
                self._reject(row, answer.reason)
            else:
                count = getattr(self.counts, answer.status)
                setattr(self.counts, answer.status, count + 1)
                if self._leads is not None and answer.lead is not None:
                    self._leads.add([answer.lead])
        # In the order of the file, whoever turned them away.
        for row, reason in sorted(self._turned_away, key=lambda pair: pair[0].line):
            self._rejected.add(row, reason)
        self._turned_away.clear()

    def _events(self, rows: Sequence[Row]) -> Iterator[Pair]:
        for row in rows:
            try:
                yield row, raw_event(row, self._making)
            except BadCell as error:
                self._reject(row, str(error))

    def _reject(self, row: Row, reason: str) -> None:
        self.counts.rejected += 1
        self._turned_away.append((row, reason))

    def _sent(self, events: Sequence[dict[str, Any]]) -> list[Answer]:
        """Send a batch, what the server was too busy for as often as it takes."""
        answers: list[Answer] = [Answer("again")] * len(events)
        for pause in (0, *PATIENCE):
            waiting = [i for i, answer in enumerate(answers) if answer.status == "again"]
            if not waiting:
                break
            if pause:
                self._pause(pause)
            found = self._target.send([events[i] for i in waiting])
            for index, answer in zip(waiting, found, strict=True):
                answers[index] = answer
        return answers

    def judge(self, size: int) -> int:
        """Have every touched lead judged by what history changed; returns how many were.

        Once for each file, so that an import that was cut off can be run again.
        """
        assert self._leads is not None
        judged = 0
        for ids in self._leads.batches(size):
            answers = self._sent([_judgement(id, self._making) for id in ids])
            judged += sum(answer.status == "accepted" for answer in answers)
        return judged


def _judgement(lead: str, making: Making) -> dict[str, Any]:
    return {
        "id": f"judged:{making.digest[:24]}:{lead}",
        "type": JUDGED,
        "lead": {"id": lead},
        "properties": {"text": f"导入 {making.file}"},
        "channel": CHANNEL,
        "by": CHANNEL,
    }
