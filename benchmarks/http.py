"""How much of a bare web server's speed is left when every event is decided and stored?

Rounds of three servers in turn, each in its own process on this machine: a bare Starlette route
that parses the same JSON and answers, one that stores one row an event besides and answers after
the commit (`_bare.py`), and leadrules, which answers after its commit. The load generator is our
own (`_client.py`): the same for all, and it needs nothing installed.

    python benchmarks/http.py [--clients 64] [--seconds 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from _client import Figures, load
from _server import bodies, running

HERE = Path(__file__).parent
OURS = "leadrules"
# What it is compared with, and how it is called in the figures.
CEILINGS = {"bare": "ratio", "one row": "of_one_row"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--leads", type=int, default=5_000)
    parser.add_argument("--config", type=Path, default=HERE / "guide004")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ours = [sys.executable, "-m", "engine.cli", "serve", "--port", "0"]
        ours += ["--config", str(options.config), "--db", str(folder / "leads.db")]
        bare = [sys.executable, str(HERE / "_bare.py")]
        commands = {"bare": bare, "one row": [*bare, "--db", str(folder / "rows.db")], OURS: ours}
        with ExitStack() as stack:
            ports = {
                name: stack.enter_context(running(command, folder))
                for name, command in commands.items()
            }
            report(options, ports)


def report(options: argparse.Namespace, ports: dict[str, int]) -> None:
    """Measure, print the table, and last the figures as JSON."""
    figures: dict[str, object] = {"python": platform.python_version(), "clients": options.clients}
    print(f"{'events a request':>17} {'server':<10} {'events/s':>9} {'p50 ms':>7} {'p99 ms':>7}")
    for size in (1, 50):
        rounds = measure(options, ports, size)
        for name, found in rounds.items():
            rate, p50, p99 = _middle(found, size)
            bad = sum(f.bad for f in found)
            print(f"{size:>17} {name:<10} {rate:>9,.0f} {p50:>7.1f} {p99:>7.1f}")
            key = f"{name.replace(' ', '_')}_{size}"
            figures |= {f"{key}_events_s": round(rate), f"{key}_p99_ms": round(p99, 1)}
            if bad:
                figures[f"{key}_bad"] = bad
        for ceiling, key in CEILINGS.items():
            ratio = median(
                ours.per_second / other.per_second
                for ours, other in zip(rounds[OURS], rounds[ceiling], strict=True)
            )
            print(f"{'':>17} {OURS} / {ceiling}: {ratio:.2f}")
            figures[f"{key}_{size}"] = round(ratio, 3)
    print(json.dumps(figures))


def measure(
    options: argparse.Namespace, ports: dict[str, int], size: int
) -> dict[str, list[Figures]]:
    """Return each server's rounds; they take turns, after one short round to get warm."""
    body = bodies(options.leads, size)
    found: dict[str, list[Figures]] = {name: [] for name in ports}
    for turn in range(options.rounds + 1):
        for name, port in ports.items():
            seconds = options.seconds if turn else 1.0
            result = load(port, "/v1/events", body, options.clients, seconds)
            if turn:
                found[name].append(result)
    return found


def _middle(found: list[Figures], size: int) -> tuple[float, float, float]:
    rate = median(f.per_second for f in found) * size
    return rate, median(f.percentile(50) for f in found), median(f.percentile(99) for f in found)


if __name__ == "__main__":
    main()
