"""How long does each report take over a year, with a million leads?

Fills a database with a year's leads and what happened to them (`_year.py`). Then asks every
report over the whole year, warm, several times; the median counts. They are the same functions
that the API and the terminal call.

    python benchmarks/reports.py [--leads 1000000] [--rounds 3] [--db FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import _root  # noqa: F401 - before the engine
from _year import fill

from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from engine.reports.index import REPORTS
from engine.store.reading import Reader

CONFIG = Path(__file__).parents[1] / "config"


def measure(reader: Reader, ruleset: Ruleset, rounds: int) -> dict[str, list[float]]:
    """Return (seconds, seconds of the processor) of each report over the year."""
    found = {}
    now = reader.figures().span()[1] or 0
    for name in REPORTS:
        for cohort in ("created", "event") if name in ("sources", "stages", "cycle") else ("",):
            query = {"period": "last_365_days"} | ({"cohort": cohort} if cohort else {})
            query = {} if name == "funnel" else query  # of all leads, whenever
            took = []
            for _ in range(rounds + 1):
                began = perf_counter(), process_time()
                REPORTS[name](reader, ruleset, query, now)
                took.append((perf_counter() - began[0], process_time() - began[1]))
            key = f"{name} {cohort}".strip()
            found[key] = [median(each[i] for each in took[1:]) for i in (0, 1)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--db", type=Path, help="keep it here, or use the one that is there")
    options = parser.parse_args()
    definitions = load_folder(CONFIG, os.environ).definitions
    assert definitions is not None
    ruleset = Ruleset(definitions)
    with tempfile.TemporaryDirectory() as folder:
        path = options.db or Path(folder) / "leads.db"
        filled = 0.0 if path.exists() else fill(path, options.leads)
        reader = Reader(path, ruleset.default_model)
        found = measure(reader, ruleset, options.rounds)
        size = path.stat().st_size
        reader.close()
    print(f"{options.leads:,} leads of a year, {size / 1e9:.1f} GB, filled in {filled:.0f} s")
    print(f"{'report':<20}{'ms':>8}{'processor ms':>15}")
    for name, (wall, cpu) in found.items():
        print(f"{name:<20}{wall * 1000:>8.0f}{cpu * 1000:>15.0f}")
    figures = {name: [round(each, 4) for each in took] for name, took in found.items()}
    machine = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    print(json.dumps({"leads": options.leads, "seconds": figures, **machine}))


if __name__ == "__main__":
    main()
