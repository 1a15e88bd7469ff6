"""How many events of the past does a backtest play a second, both rules together?

Two pasts: guide 004's rules (guide004/), and the shipped company's four months by the default
configuration with its journeys, routing and clocks. Both are written as `leadrules export events`
writes them and played as `leadrules backtest` does: old and new rules at the same time, a process
each, from the start of these to the comparison.

    python benchmarks/backtest.py [--leads 5000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import _root  # noqa: F401 - before the engine
import msgspec
from _feed import GUIDE, rules
from _stream import stream

from engine.cli.backtest import play_both
from engine.host.door import Door
from engine.host.visit import Arrival, Visit
from engine.language.instants import format_instant
from engine.machines.state import Event
from engine.workbench.backtest import compare
from examples.leadforge.stream import read, shifted

CONFIG = Path(__file__).parents[1] / "config"
Past = Iterable[tuple[str, Event]]


def company() -> Iterator[tuple[str, Event]]:
    """Yield the shipped company's events as its door reads them."""
    ruleset = rules(CONFIG)
    door = Door(ruleset.catalogue, ruleset.definitions.identities, ruleset.screen)
    now = datetime(2026, 11, 20, tzinfo=UTC)
    at = round(now.timestamp() * 1_000)
    for raw in shifted(read(), now):
        found = door.read(raw, Visit(at, at + 60_000, "api", None, {}))
        assert isinstance(found, Arrival), found
        yield raw["lead"]["user_id"], found.event


def write(path: Path, past: Past) -> int:
    """Write a past; returns its number of events."""
    number = 0
    with path.open("wb") as file:
        for number, (lead, event) in enumerate(past, 1):  # noqa: B007 - counted
            line = {
                "id": event.id,
                "type": event.type,
                "at": format_instant(event.at),
                "lead": event.lead,
                "properties": event.properties,
                "channel": event.channel,
                "lead_id": lead,
            }
            file.write(msgspec.json.encode(line) + b"\n")
    return number


def measured(config: Path, past: Past, folder: Path, rounds: int) -> dict[str, float]:
    """Return how many events were played a second, by both rules."""
    history = folder / "history.ndjson"
    events = write(history, past)
    seconds = []
    for _ in range(rounds):
        began = perf_counter()
        made = compare(*play_both(config, config, history))
        seconds.append(perf_counter() - began)
        assert made.events == events
        assert not any(standing.moves for standing in made.standings.values())
    return {"events": events, "seconds": round(median(seconds), 2),
            "events_s": round(events / median(seconds))}  # fmt: skip


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, config, past in (
            ("guide 004", GUIDE, stream(options.leads, 40)),
            ("default", CONFIG, company()),
        ):
            found[name] = measured(config, past, Path(scratch), options.rounds)
            each = found[name]
            print(f"{name:12}{each['events']:>10,} events{each['seconds']:>8} s"
                  f"{each['events_s']:>10,} events/s")  # fmt: skip
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"python": platform.python_version(), "load": load, **found}))


if __name__ == "__main__":
    main()
