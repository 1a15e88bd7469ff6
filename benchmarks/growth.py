"""Does an event cost the same with a million leads as with ten thousand, and how much memory?

Fills one database through the host's own commit path, in transactions of 1,000 with a form for
each new lead, and stops at each size. Then events come in, 500 a transaction: of the newest
10,000 leads, as where the same number of people are active however many are on file; and of
leads chosen at random from all, the worst that can be, since hardly one is in the cache. The
median over the transactions counts; before each stop as many go uncounted. Another database, of
the smallest size, takes as many in turn, transaction by transaction: a busy machine hits all.

With --raw the same is measured of SQLite alone: it writes the very rows that the host has just
written, by the same statements, into databases of its own.

    python benchmarks/growth.py [--leads 1000000] [--events 20000] [--raw]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import _root  # noqa: F401 - before the engine
from _feed import Arrival, Host, hosting, rules
from host import Recorder, write_raw
from msgspec import Struct
from search import leads as people

from engine.host.process import settle
from engine.language.instants import SECOND, parse_instant
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from engine.store.database import Store

START = parse_instant("2026-03-02T09:00:00+08:00")
SIZES = (10_000, 30_000, 100_000, 200_000, 300_000, 500_000, 1_000_000)
FILLING, BATCH = 1_000, 500
PAGES = ("pricing", "solution", "home", "cases", "blog")


class Raw:
    """SQLite alone beside a host, whose rows it writes; the host's own time does not count."""

    def __init__(self, store: Store, beside: Store, ruleset: Ruleset) -> None:
        self._raw = store
        self._recorder = Recorder(beside.connection)
        beside.connection = self._recorder  # type: ignore[assignment]
        self.host = Host(beside, ruleset, dictates=False)

    def take(self, batch: list[Arrival]) -> tuple[float, float]:
        """Write what the host makes of a batch; returns seconds of the clock and the processor."""
        self._recorder.transactions.clear()
        self.host.take(batch)
        began, cpu = perf_counter(), process_time()
        for statements in self._recorder.transactions:
            write_raw(self._raw.connection, statements)
        return perf_counter() - began, process_time() - cpu


class Whole:
    """A host by itself."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def take(self, batch: list[Arrival]) -> tuple[float, float]:
        """Have a batch decided and stored; returns seconds of the clock and the processor."""
        began, cpu = perf_counter(), process_time()
        self.host.take(batch)
        return perf_counter() - began, process_time() - cpu


@contextmanager
def taking(path: Path, ruleset: Ruleset, raw: bool) -> Iterator[Whole | Raw]:
    """Run what is measured on a database until the end of the block."""
    if not raw:
        with hosting(path, ruleset) as host:
            yield Whole(host)
        return
    store, beside = Store(path), Store(path.with_suffix(".host"))
    measured = Raw(store, beside, ruleset)
    try:
        yield measured
    finally:
        measured.host.close()
        beside.close()
        store.close()


class Database:
    """A growing database: fills itself, and makes events of the leads that it has."""

    def __init__(self, measured: Whole | Raw, most: int, name: str) -> None:
        self.measured, self.name, self.leads = measured, name, 0
        self._people = people(most, random.Random(7))
        self._chance = random.Random(11)
        self._number = 0

    def grow(self, size: int) -> float:
        """Take in new leads until there are ``size``; returns µs for each of them."""
        count, took = size - self.leads, 0.0
        for _ in range(0, count, FILLING):
            took += self.measured.take(list(self._forms(min(FILLING, size - self.leads))))[0]
        return took / count * 1e6 if count else 0.0

    def _forms(self, count: int) -> Iterator[Arrival]:
        for _ in range(count):
            lead, identities = next(self._people)
            names = ("name", "company", "email", "phone")
            fields = {name: lead.facts[f"lead.{name}"] for name in names}
            event = self._event("form_submitted", {"form": "contact"}, fields)
            yield Arrival(event, (("user_id", f"u{self.leads}"), *identities))
            self.leads += 1

    def _event(self, kind: str, properties: dict[str, Any], fields: dict[str, Any]) -> Event:
        # All within a day: what is measured is the number of leads, not that of deadlines.
        self._number += 1
        at = START + self._number * SECOND // 100
        return Event(f"{self.name}{self._number}", kind, at, fields, properties)

    def visits(self, among: int) -> list[Arrival]:
        """Return a batch of events of leads chosen at random among the newest so many."""
        chance, oldest = self._chance, max(0, self.leads - among)
        return [
            Arrival(
                self._event("page_viewed", {"page": chance.choice(PAGES)}, {}),
                (("user_id", f"u{chance.randrange(oldest, self.leads)}"),),
            )
            for _ in range(BATCH)
        ]


class Cost(Struct):
    """µs an event, by the clock and by the processor, a figure for each transaction."""

    clock: list[float]
    cpu: list[float]

    def take(self, database: Database, among: int) -> None:
        clock, cpu = database.measured.take(database.visits(among))
        self.clock.append(clock / BATCH * 1e6)
        self.cpu.append(cpu / BATCH * 1e6)


def compared(small: Database, large: Database, events: int, among: int) -> tuple[Cost, Cost]:
    """Measure both in turn, the large one by its newest leads, after as many to get warm."""
    for _ in range(2):
        base, cost = Cost([], []), Cost([], [])
        for _ in range(max(1, events // BATCH)):
            base.take(small, small.leads)
            cost.take(large, among)
    return base, cost


def ratios(name: str, base: Cost, cost: Cost) -> dict[str, float]:
    """Return µs an event, and how many times those of the small database."""
    return {
        f"{name}_us": round(median(cost.clock), 1),
        f"{name}_ratio": round(median(cost.clock) / median(base.clock), 3),
        f"{name}_cpu_ratio": round(median(cost.cpu) / median(base.cpu), 3),
    }


def resident_mb() -> float:
    """Return the memory of this process that is its own, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(folder: Path, most: int, events: int, raw: bool) -> list[dict[str, Any]]:
    """Grow to each size up to ``most``; print and return what was found there."""
    found = []
    ruleset = rules()
    head = ("leads", "new µs", "active µs", "ratio", "cpu", "all µs", "ratio", "cpu", "RSS MB")
    print("".join(f"{name:>11}" for name in (*head, "file MB")), flush=True)
    with (
        taking(folder / "s.db", ruleset, raw) as one,
        taking(folder / "l.db", ruleset, raw) as other,
    ):
        small, large = Database(one, SIZES[0], "s"), Database(other, most, "l")
        small.grow(min(SIZES[0], most))
        for size in sorted({*(s for s in SIZES if s <= most), most}):
            new = large.grow(size)
            # All leads come last: they drive the newest from the cache.
            active = compared(small, large, events, SIZES[0])
            every = compared(small, large, events, size)
            row = {
                "leads": size,
                "new_us": round(new, 1),
                **ratios("active", *active),
                **ratios("all", *every),
                "rss_mb": round(resident_mb(), 1),
                "file_mb": round((folder / "l.db").stat().st_size / 1e6),
            }
            print("".join(f"{value:>11,}" for value in row.values()), flush=True)
            found.append(row)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--raw", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    settle()  # as leadrules does
    with tempfile.TemporaryDirectory() as scratch:
        sizes = measure(Path(scratch), options.leads, options.events, options.raw)
    about = {"benchmark": "growth", "raw": options.raw, "python": platform.python_version()}
    loads = [round(load, 1), round(os.getloadavg()[0], 1)]
    last = {name: each for name, each in sizes[-1].items() if name.endswith("_ratio")}
    print(json.dumps({**about, "sizes": sizes, **last, "load": loads}))


if __name__ == "__main__":
    main()
