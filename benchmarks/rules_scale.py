"""How much slower is a decision with 200, 1,000 and 5,000 scoring rules than with 20?

The rules are of the kinds that companies write: a page, a video, an industry, a city, a band of
employees, several things at once. However many there are, each event meets the same number of
them, so that what grows is only what has to be searched. Rounds are interleaved.

    python benchmarks/rules_scale.py [--leads 200] [--events 40] [--rounds 5] [--rules 20 200 ...]
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import _root  # noqa: F401 - before the engine

from engine.language.instants import HOUR, parse_instant
from engine.language.load import load_folder
from engine.machines.lead import decide, new_lead
from engine.machines.state import Event, Lead
from engine.network.ruleset import Ruleset

BASE = Path(__file__).parent / "guide004"
START = parse_instant("2026-03-02T09:00:00+08:00")
GRADES = [{"grade": "A", "from": 80}, {"grade": "D", "from": -1_000_000}]
KINDS = 5  # of rules, each the same share


def scoring(count: int) -> dict[str, Any]:
    """Return a scoring model of ``count`` rules, a fifth of each kind."""
    makers = (_page, _video, _industry, _band, _several)
    rules = [
        {"id": f"r{number}", "dimension": "d", "points": 1, **makers[number % KINDS](number)}
        for number in range(count)
    ]
    model = {"dimensions": {"d": {}}, "rules": rules, "grades": GRADES}
    return {"models": {"default": model}}


def _page(number: int) -> dict[str, Any]:
    where = {"page": [f"page-{number}", f"old-page-{number}"]}
    return {"event": "page_viewed", "where": where, "repeat": "each"}


def _video(number: int) -> dict[str, Any]:
    where = {"video": f"video-{number}", "fraction": {"gte": 0.95}}
    return {"event": "video_watched", "where": where, "repeat": {"at_most": 1, "per": "1d"}}


def _industry(number: int) -> dict[str, Any]:
    return {"when": {"lead.industry": f"industry-{number}"}}


def _band(number: int) -> dict[str, Any]:
    return {"when": {"lead.employees": {"gte": number * 100, "lt": (number + KINDS) * 100}}}


def _several(number: int) -> dict[str, Any]:
    return {"when": {"lead.city": f"city-{number}", "lead.title_level": {"at_least": "director"}}}


def compiled(count: int) -> Ruleset:
    """Return the network of ``count`` rules, everything else as in guide 004."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(BASE, folder, dirs_exist_ok=True)
        text = json.dumps(scoring(count), ensure_ascii=False)
        (Path(folder) / "scoring.yaml").write_text(text, encoding="utf-8")
        loaded = load_folder(Path(folder))
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


def stream(count: int, leads: int, events: int) -> list[list[Event]]:
    """Return the events of each lead; every value is one that one rule looks for."""
    chance = random.Random(count)

    def one(kind: int) -> int:
        return chance.randrange(count // KINDS) * KINDS + kind

    def event(number: int) -> Event:
        if number % 10 == 0:
            lead = {
                "industry": f"industry-{one(2)}",
                "employees": one(3) * 100 + chance.randrange(100),
                "city": f"city-{one(4)}",
                "title_level": chance.choice(["staff", "director"]),
            }
            return Event(f"e{number}", "form_submitted", START + number * HOUR, lead)
        seen: dict[str, Any] = {"page": f"page-{one(0)}"}
        if number % 4 == 0:
            seen = {"video": f"video-{one(1)}", "fraction": chance.choice([0.5, 1])}
        kind = "video_watched" if "video" in seen else "page_viewed"
        return Event(f"e{number}", kind, START + number * HOUR, {}, seen)

    return [[event(number) for number in range(events)] for _ in range(leads)]


def play(ruleset: Ruleset, leads: list[list[Event]]) -> tuple[float, int]:
    """Return the events a second and how many rules fired."""
    gc.collect()
    fired = 0
    begin = perf_counter()
    for number, events in enumerate(leads):
        lead: Lead = new_lead(ruleset, f"lead-{number}", events[0].at)
        for event in events:
            decision = decide(ruleset, lead, event, event.at)
            lead = decision.lead
            fired += len(decision.fired)
    return sum(map(len, leads)) / (perf_counter() - begin), fired


def main() -> int:
    """Compile, measure in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("leads", 200), ("events", 40), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rules", type=int, nargs="+", default=[20, 200, 1_000, 5_000])
    options = parser.parse_args()
    networks, seconds = {}, {}
    for count in options.rules:
        begin = perf_counter()
        networks[count] = compiled(count)
        seconds[count] = round(perf_counter() - begin, 2)
    streams = {count: stream(count, options.leads, options.events) for count in networks}
    rates: dict[int, list[float]] = {count: [] for count in networks}
    fired: dict[int, int] = {}
    for _ in range(options.rounds):
        for count, network in networks.items():
            rate, fired[count] = play(network, streams[count])
            rates[count].append(rate)
    middle = {count: median(each) for count, each in rates.items()}
    total = options.leads * options.events
    first = middle[options.rules[0]]
    print(f"{total:,} events of {options.leads} leads, {options.rounds} rounds")
    print(f"{'rules':>7}{'events/s':>12}{'slower':>9}{'fired/event':>13}{'load s':>9}")
    for count, rate in middle.items():
        share = fired[count] / total
        print(f"{count:7,}{rate:12,.0f}{first / rate:9.2f}{share:13.2f}{seconds[count]:9.2f}")
    figures = {
        "benchmark": "rules_scale",
        "python": platform.python_version(),
        "events": total,
        "rounds": options.rounds,
        "events_per_second": {str(count): round(rate) for count, rate in middle.items()},
        "times_slower": {str(c): round(first / rate, 3) for c, rate in middle.items()},
        "load_seconds": {str(count): took for count, took in seconds.items()},
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
