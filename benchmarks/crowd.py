"""Does an event cost a server the same with a million leads as with ten thousand?

Two servers, each in its own process, are filled over HTTP, a form for each lead. Then rounds in
turn: 64 clients send an event a request, each of a lead chosen at random from all of that server's,
the worst that can be; where so many people are on file, fewer are active at a time. Besides the
rates it prints what memory of their own the servers and the processes that write for them take.

    python benchmarks/crowd.py [--leads 1000000] [--small 10000] [--clients 64] [--rounds 5]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from _client import Body, Figures, load
from _server import PAGES, Server, serving

HERE = Path(__file__).parent
FILLING = 500  # leads a request


class Crowd:
    """A server with its leads."""

    def __init__(self, server: Server, leads: int) -> None:
        self.server = server
        self.leads = leads
        self._numbers = itertools.count()
        self._chance = random.Random(7)
        self._run = f"{time.time_ns():x}"
        self._filled = 0
        self.rounds: list[Figures] = []

    def fill(self) -> float:
        """Send a form for each lead; returns how many a second it took."""
        began = time.perf_counter()
        while self._filled < self.leads:
            found = load(self.server.port, "/v1/events", self._forms, 2, 2.0)
            if found.bad:
                raise SystemExit(f"{found.bad} requests failed")
        return self._filled / (time.perf_counter() - began)

    def _forms(self) -> bytes:
        events = []
        for _ in range(FILLING):
            number, self._filled = self._filled, self._filled + 1
            lead = {"user_id": f"u{number}", "company": f"金泰阀门{number}厂", "city": "苏州"}
            events.append(
                {"id": f"{self._run}-f{number}", "type": "form_submitted", "lead": lead}
                | {"properties": {"form": "contact"}}
            )
        return json.dumps(events, ensure_ascii=False).encode()

    @property
    def visits(self) -> Body:
        """Return a maker of requests with one event of somebody."""
        chance = self._chance

        def body() -> bytes:
            event = {
                "id": f"{self._run}-{next(self._numbers)}",
                "type": "page_viewed",
                "lead": {"user_id": f"u{chance.randrange(self.leads)}", "city": "苏州"},
                "properties": {
                    "page": chance.choice(PAGES),
                    "url": "https://www.example.com/products/valves?utm_source=zhihu",
                    "title": "工业阀门解决方案与选型指南",
                    "duration": chance.randrange(5, 300),
                },
            }
            return json.dumps(event, ensure_ascii=False).encode()

        return body

    def measure(self, clients: int, seconds: float, counts: bool) -> None:
        """Send visits for some seconds."""
        found = load(self.server.port, "/v1/events", self.visits, clients, seconds)
        if found.bad:
            raise SystemExit(f"{found.bad} requests failed")
        if counts:
            self.rounds.append(found)

    def memory(self) -> float:
        """Return what the server and its children have for themselves, in MB."""
        tasks = Path(f"/proc/{self.server.pid}/task").glob("*/children")
        children = [int(each) for task in tasks for each in task.read_text().split()]
        return sum(map(_anonymous, (self.server.pid, *children))) / 1e3


def _anonymous(process: int) -> int:
    """Return a process's memory that is no file's, in kB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--config", type=Path, default=HERE / "guide004")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        crowds = []
        for leads in (options.small, options.leads):
            folder = Path(scratch) / str(leads)
            folder.mkdir()
            command = [sys.executable, "-m", "engine.cli", "serve", "--port", "0"]
            command += ["--config", str(options.config), "--db", str(folder / "leads.db")]
            crowds.append(Crowd(stack.enter_context(serving(command, folder)), leads))
        filled = [crowd.fill() for crowd in crowds]
        for turn in range(options.rounds + 2):
            for crowd in crowds:
                crowd.measure(options.clients, options.seconds, counts=turn > 1)
        report(crowds, filled)


def report(crowds: list[Crowd], filled: list[float]) -> None:
    """Print the table, and last the figures as JSON."""
    figures: dict[str, object] = {"benchmark": "crowd", "python": platform.python_version()}
    print(f"{'leads':>10}{'filled/s':>10}{'events/s':>10}{'p99 ms':>8}{'MB':>8}")
    for crowd, rate in zip(crowds, filled, strict=True):
        found = median(each.per_second for each in crowd.rounds)
        p99 = median(each.percentile(99) for each in crowd.rounds)
        memory = crowd.memory()
        print(f"{crowd.leads:>10,}{rate:>10,.0f}{found:>10,.0f}{p99:>8.1f}{memory:>8.0f}")
        figures |= {f"events_s_{crowd.leads}": round(found), f"mb_{crowd.leads}": round(memory)}
    small, large = crowds
    ratio = median(
        one.per_second / other.per_second
        for one, other in zip(small.rounds, large.rounds, strict=True)
    )
    print(f"an event takes {ratio:.2f} times as long")
    print(json.dumps({**figures, "ratio": round(ratio, 3), "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
