"""How fast is one decision, beside other engines and beside a function written by hand?

One process, one stream: 11 scoring rules with grades, a lifecycle and 4 routes (guide004/).
Everybody answers the whole stream first, and all answers must be equal; then rounds are
interleaved, so that a busy moment of the machine hits everybody, and the median counts.

There are two ceilings, both written by hand: one that knows the score and nothing else, and one
that tells what our decisions tell, whose leads, ledgers and timelines must equal ours.

    python benchmarks/decide.py [--leads 500] [--events 40] [--rounds 5]
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import _root  # noqa: F401 - before the engine
import msgspec
from _in_full import InFull
from _peers import PEERS, Ours, Take
from _stream import Answer, stream

from engine.machines import lead
from engine.machines.state import Decision, Event, Lead

Stream = list[tuple[str, Event]]
Told = dict[str, Any]
Start = Callable[[], Take]


def installed() -> tuple[dict[str, Start], dict[str, str]]:
    """Return the engines that are there, and why the others are not."""
    found: dict[str, Start] = {}
    skipped: dict[str, str] = {}
    for name, build in PEERS.items():
        try:
            found[name] = build()
        except ImportError as error:
            skipped[name] = str(error)
    return found, skipped


def unequal(peers: dict[str, Start], events: Stream) -> list[str]:
    """Return where an engine answers otherwise than the function written by hand."""
    wanted = _answers(peers["by hand"](), events)
    found = []
    for name, start in peers.items():
        for index, answer in enumerate(_answers(start(), events)):
            if answer != wanted[index]:
                id, event = events[index]
                text = f"{name} says {answer}, not {wanted[index]}"
                found.append(f"event {index} ({event.type} of {id}): {text}")
                break
    return found


def untold(events: Stream) -> list[str]:
    """Return where the function by hand that tells everything tells something else than we do."""
    ours, full = Ours(), InFull(Ours().ruleset)
    told: list[Told] = []
    ours.note = full.note = lambda state, made: told.append(_told(state, made))
    ours_takes = ours()
    for index, (id, event) in enumerate(events):
        told.clear()
        ours_takes(id, event)
        full.take(id, event)
        mine, wanted = told
        differing = [key for key in mine.keys() | wanted.keys() if mine.get(key) != wanted.get(key)]
        if differing:
            said = (f"{key}: {mine.get(key)}, not {wanted.get(key)}" for key in differing)
            return [f"event {index} ({event.type} of {id}): {'; '.join(said)}"]
    return []


def _told(state: Lead, made: Decision) -> Told:
    """Return a copy, as the same state may be gone on with; what tells scanners aside."""
    told: Told = msgspec.to_builtins(state)
    told.pop("mail", None)
    told |= {"ledger": [*made.ledger], "happenings": [*made.happenings], "fired": [*made.fired]}
    return told


def _answers(take: Take, events: Stream) -> list[Answer]:
    return [take(id, event) for id, event in events]


def measure(peers: dict[str, Start], events: Stream, rounds: int) -> dict[str, list[float]]:
    """Return the events a second of each engine in each round."""
    rates: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        for name, start in peers.items():
            take = start()
            gc.collect()
            begin = perf_counter()
            for id, event in events:
                take(id, event)
            rates[name].append(len(events) / (perf_counter() - begin))
    return rates


def table(rates: dict[str, list[float]]) -> str:
    """Return what people read."""
    middle = {name: median(each) for name, each in rates.items()}
    lines = [
        f"{'':35}{'events/s':>12}{'slowest':>12}{'fastest':>12}{'by hand':>10}{'leadrules':>11}"
    ]
    for name, rate in sorted(middle.items(), key=lambda pair: -pair[1]):
        of_hand, of_ours = rate / middle["by hand"], rate / middle["leadrules"]
        low, high = min(rates[name]), max(rates[name])
        lines.append(
            f"{name:35}{rate:12,.0f}{low:12,.0f}{high:12,.0f}{of_hand:10.3f}{of_ours:11.3f}"
        )
    return "\n".join(lines)


def main() -> int:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("leads", 500), ("events", 40), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    events = stream(options.leads, options.events)
    peers, skipped = installed()
    differences = [*unequal(peers, events), *untold(events)]
    if differences:
        print("The answers differ:", *differences, sep="\n  ", file=sys.stderr)
        return 1
    print(f"{len(events):,} events of {options.leads} leads; all answers equal.")
    is_compiled = not lead.__file__.endswith(".py")
    print(f"leadrules is {'compiled' if is_compiled else 'pure Python (make bench: compiled)'}.")
    for name, why in skipped.items():
        print(f"skipped: {name}: {why}")
    rates = measure(peers, events, options.rounds)
    print(table(rates))
    middle = {name: round(median(each)) for name, each in rates.items()}
    figures = {
        "benchmark": "decide",
        "python": platform.python_version(),
        "compiled": is_compiled,
        "events": len(events),
        "rounds": options.rounds,
        "events_per_second": middle,
        "times_durable_rules": _ratio(middle, "durable-rules"),
        "times_durable_sessions": _ratio(middle, "durable-rules, a session per lead"),
        "of_by_hand": _ratio(middle, "by hand"),
        "of_by_hand_in_full": _ratio(middle, "by hand, with ledger and reasons"),
        "skipped": skipped,
    }
    print(json.dumps(figures, ensure_ascii=False))
    return 0


def _ratio(rates: dict[str, int], other: str) -> float | None:
    return round(rates["leadrules"] / rates[other], 3) if other in rates else None


if __name__ == "__main__":
    sys.exit(main())
