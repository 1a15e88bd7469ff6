"""How much of raw SQLite's speed is left when every event is decided?

Two databases side by side: one takes decoded events through the host, durable, in batches; the
other gets the very rows that the host wrote (recorded in a run before) by the same statements in
the same transactions, on the same schema with the same pragmas. Both take turns batch by batch,
so that a busy moment of the machine hits both; the median of the rounds counts. Last, lone
events: how long one waits for its commit.

    python benchmarks/host.py [--leads 2000] [--events 20] [--batch 500] [--rounds 5]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

import _root  # noqa: F401 - before the engine
from _feed import GUIDE, Arrival, Host, arrivals, hosting, rules
from msgspec import Struct

from engine.host.process import settle
from engine.network.ruleset import Ruleset
from engine.store.database import Store

Statement = tuple[str, tuple[Any, ...]]  # with the values of one or more rows
TABLES = (
    *("events", "leads", "identities", "ledger", "happenings", "deliveries", "tasks", "searched"),
    *("enrolments", "journey_steps", "assignments", "transitions", "grade_changes", "clocks"),
    "timers",
)
WRITES = ("INSERT", "UPDATE", "DELETE")


class Recorder:
    """A connection that notes what is written through it, transaction by transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.transactions: list[list[Statement]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        if sql.startswith("BEGIN"):
            self.transactions.append([])
        elif sql.lstrip().startswith(WRITES):
            self.transactions[-1].append((sql, tuple(values)))
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        kept = [tuple(row) for row in rows]
        self.transactions[-1].extend((sql, row) for row in kept)
        return self._connection.executemany(sql, kept)


class Round(Struct):
    """Seconds of the clock and of the processor, of both, over all batches of a round."""

    ours: float = 0.0
    raw: float = 0.0
    ours_cpu: float = 0.0
    raw_cpu: float = 0.0


def batches(events: list[Arrival], size: int) -> list[list[Arrival]]:
    return [events[start : start + size] for start in range(0, len(events), size)]


def record(path: Path, ruleset: Ruleset, parts: list[list[Arrival]]) -> list[list[Statement]]:
    """Return what the host writes for each batch."""
    store = Store(path)
    recorder = Recorder(store.connection)
    store.connection = recorder  # type: ignore[assignment]
    host = Host(store, ruleset, dictates=False)
    found = []
    for part in parts:
        recorder.transactions.clear()
        outcomes = host.take(part)
        assert all(each.status == "accepted" for each in outcomes), outcomes[:3]
        assert len(recorder.transactions) == 1
        found.append(recorder.transactions.pop())
    host.close()
    store.close()
    return found


def write_raw(connection: sqlite3.Connection, statements: list[Statement]) -> None:
    """Write a batch's rows as plainly as it goes."""
    connection.execute("BEGIN IMMEDIATE")
    for sql, values in statements:
        connection.execute(sql, values)
    connection.execute("COMMIT")


def one_round(
    folder: Path, ruleset: Ruleset, parts: list[list[Arrival]], recorded: list[list[Statement]]
) -> Round:
    """Run both on new databases, batch by batch in turn."""
    found = Round()
    raw = Store(folder / "raw.db")
    gc.collect()
    gc.freeze()  # what is recorded is not the host's to look through
    with hosting(folder / "ours.db", ruleset) as host:
        for number, (part, statements) in enumerate(zip(parts, recorded, strict=True)):
            for ours in (True, False) if number % 2 else (False, True):
                began, cpu = perf_counter(), process_time()
                if ours:
                    host.take(part)
                    found.ours += perf_counter() - began
                    found.ours_cpu += process_time() - cpu
                else:
                    write_raw(raw.connection, statements)
                    found.raw += perf_counter() - began
                    found.raw_cpu += process_time() - cpu
    assert _contents(folder / "ours.db") == _contents(folder / "raw.db")
    raw.close()
    for file in folder.iterdir():
        file.unlink()
    return found


def _contents(path: Path) -> list[tuple[str, int]]:
    """Return how many rows each table has."""
    connection = sqlite3.connect(path)
    found = [(t, connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0]) for t in TABLES]
    connection.close()
    return found


def lone(folder: Path, ruleset: Ruleset, events: list[Arrival], count: int) -> dict[str, float]:
    """Return the ms that events wait which come one after the other, and raw SQLite beside."""
    ours, raw = [], []
    recorded = record(folder / "recorded.db", ruleset, batches(events[:count], 1))
    plain = Store(folder / "raw.db")
    with hosting(folder / "ours.db", ruleset) as host:
        for event, statements in zip(events[:count], recorded, strict=True):
            began = perf_counter()
            host.take([event])
            ours.append((perf_counter() - began) * 1e3)
            began = perf_counter()
            write_raw(plain.connection, statements)
            raw.append((perf_counter() - began) * 1e3)
    plain.close()
    return {
        "lone_p50_ms": round(median(ours), 2),
        "lone_p99_ms": round(quantiles(ours, n=100)[98], 2),
        "lone_raw_p50_ms": round(median(raw), 2),
        "lone_raw_p99_ms": round(quantiles(raw, n=100)[98], 2),
    }


def table(name: str, rates: list[float]) -> str:
    return f"{name:<24}{median(rates):>10,.0f}{min(rates):>10,.0f}{max(rates):>10,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("leads", 2_000), ("events", 20), ("batch", 500), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--lone", type=int, default=500)
    parser.add_argument("--config", type=Path, default=GUIDE)
    options = parser.parse_args()
    settle()
    ruleset, load = rules(options.config), os.getloadavg()[0]
    events = arrivals(options.leads, options.events)
    parts = batches(events, options.batch)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        recorded = record(folder / "recorded.db", ruleset, parts)
        kept = dict(_contents(folder / "recorded.db"))
        rows, logged = sum(kept.values()), kept["events"]
        for file in folder.iterdir():
            file.unlink()
        rounds = [one_round(folder, ruleset, parts, recorded) for _ in range(options.rounds)]
        alone = lone(folder, ruleset, events, options.lone)
    count = len(events)
    print(
        f"{count:,} events of {options.leads:,} leads in batches of {options.batch}: with timers "
        f"and answers {logged:,} in the log, {rows:,} rows ({rows / count:.1f} an event)"
    )
    print(f"{'events/s':<24}{'median':>10}{'slowest':>10}{'fastest':>10}")
    print(table("host", [count / r.ours for r in rounds]))
    print(table("raw SQLite", [count / r.raw for r in rounds]))
    figures: dict[str, Any] = {
        "benchmark": "host",
        "python": platform.python_version(),
        "config": options.config.name,
        "events": count,
        "rows_an_event": round(rows / count, 2),
        "events_s": round(median(count / r.ours for r in rounds)),
        "raw_events_s": round(median(count / r.raw for r in rounds)),
        "of_raw": round(median(r.raw / r.ours for r in rounds), 3),
        "cpu_us": round(median(r.ours_cpu / count for r in rounds) * 1e6, 1),
        "raw_cpu_us": round(median(r.raw_cpu / count for r in rounds) * 1e6, 1),
        "of_raw_cpu": round(median(r.raw_cpu / r.ours_cpu for r in rounds), 3),
        **alone,
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
    }
    print(f"host / raw: {figures['of_raw']:.2f}; of the processor's time {figures['of_raw_cpu']}")
    print(f"a lone event: {alone}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
