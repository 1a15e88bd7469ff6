"""An hour at half of what the server can do: does its memory stay flat, and does nothing fail?

    python tests/soak/hour.py [--minutes 60] [--measure 20] [--clients 16] [--config DIR]

First the limit is measured, then half of that is sent at a steady pace, open loop: a request goes
out when its time has come, whether or not those before it were answered, so that a server that
falls behind shows in p99 and does not slow down its own load. Prints a line a minute, and last
the figures as JSON. Exits with 1 after an error, or when memory grows by more than --most.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import linear_regression, quantiles
from typing import NamedTuple

import httpx

if str(Path(__file__).parents[2]) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.crash._server import ROOT, Server

Body = Callable[[], bytes]
WARM_UP = 0.25  # of the time: caches fill in it, and growth there is no leak
LEADS = 20_000
PAGES = ("pricing", "solution", "home", "cases", "blog")
NAMES = ("王芳", "李娜", "张伟", "刘洋", "陈静")


def bodies(seed: int) -> Body:
    """Return a maker of events of ``LEADS`` leads: four views to a form."""
    chance, numbers = random.Random(seed), itertools.count()
    run = f"{time.time_ns():x}"

    def body() -> bytes:
        who, number = chance.randrange(LEADS), next(numbers)
        lead: dict[str, str] = {"user_id": f"u{who}", "company": f"金泰阀门{who}"}
        type, properties = "page_viewed", {"page": chance.choice(PAGES)}
        if number % 5 == 0:
            type, properties = "form_submitted", {"form": "contact"}
            lead |= {"name": chance.choice(NAMES), "email": f"w{who}@acme.cn"}
        event = {"id": f"{run}-{number}", "type": type, "lead": lead, "properties": properties}
        return json.dumps(event, ensure_ascii=False).encode()

    return body


class Minute:
    """What one stretch of time gave: seconds of each answer, and what was no 200."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.errors = 0
        self.first_error = ""

    def p99(self) -> float:
        """Return milliseconds."""
        return quantiles(self.seconds, n=100)[98] * 1_000 if len(self.seconds) > 1 else 0.0

    async def send(self, http: httpx.AsyncClient, body: bytes, began: float) -> None:
        """Send one event; its time counts from when it was to go out."""
        try:
            answer = await http.post(
                "/v1/events", content=body, headers={"content-type": "application/json"}
            )
            wrong = "" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
        except httpx.TransportError as error:
            wrong = type(error).__name__
        self.seconds.append(time.perf_counter() - began)
        if wrong:
            self.errors += 1
            self.first_error = self.first_error or wrong


class Load(NamedTuple):
    """So many events a second, over at most so many connections at once."""

    rate: float
    clients: int


async def measure(http: httpx.AsyncClient, body: Body, clients: int, seconds: float) -> float:
    """Return how many events a second ``clients`` get answered that wait for each answer."""
    until, found = time.perf_counter() + seconds, Minute()

    async def client() -> None:
        while time.perf_counter() < until:
            await found.send(http, body(), time.perf_counter())

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    if found.errors:
        raise SystemExit(f"{found.errors} errors while measuring: {found.first_error}")
    return len(found.seconds) / (time.perf_counter() - began)


async def fill(http: httpx.AsyncClient) -> None:
    """Bring every lead in once: caches that fill while it is measured would look like a leak."""
    for first in range(0, LEADS, 500):
        events = [
            {"type": "page_viewed", "lead": {"user_id": f"u{n}", "company": f"金泰阀门{n}"}}
            for n in range(first, first + 500)
        ]
        (await http.post("/v1/events", json=events)).raise_for_status()


async def keep_up(http: httpx.AsyncClient, body: Body, load: Load, seconds: float) -> Minute:
    """Send so many events a second, on time, and return what came of them.

    What is due while every client waits for an answer goes out late and counts from when it was
    due; it queues here, as a pool of connections slows down with those that wait for one.
    """
    found, due = Minute(), asyncio.Queue[float | None]()

    async def client() -> None:
        while (instant := await due.get()) is not None:
            await found.send(http, body(), instant)

    clients = [asyncio.create_task(client()) for _ in range(load.clients)]
    began = time.perf_counter()
    for at in itertools.takewhile(lambda at: at < seconds, _instants(load.rate)):
        wait = began + at - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        due.put_nowait(began + at)
    for _ in clients:
        due.put_nowait(None)
    await asyncio.gather(*clients)
    return found


def _instants(rate: float) -> Iterator[float]:
    return (number / rate for number in itertools.count())


async def soak(server: Server, options: argparse.Namespace) -> dict[str, float]:
    """Measure, then hold half of it for the time asked; returns the figures."""
    body = bodies(7)
    limits = httpx.Limits(max_connections=options.clients * 4)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as http:
        await fill(http)
        limit = await measure(http, body, options.clients, options.measure)
        print(f"limit {limit:,.0f} events/s; {limit / 2:,.0f} events/s from now on", flush=True)
        print(f"{'minute':>6} {'RSS MB':>7} {'events':>7} {'errors':>6} {'p99 ms':>7}")
        load = Load(limit / 2, options.clients * 4)
        minutes: list[Minute] = []
        sizes: list[tuple[float, float]] = []
        for number in range(options.minutes):
            minutes.append(await keep_up(http, body, load, options.length))
            sizes.append((number + 1.0, server.rss() / 1e6))
            last = minutes[-1]
            print(
                f"{number + 1:>6} {sizes[-1][1]:>7.1f} {len(last.seconds):>7} {last.errors:>6}"
                f" {last.p99():>7.1f}", flush=True
            )  # fmt: skip
            if last.first_error:
                print(last.first_error, flush=True)
    return _figures(limit, minutes, sizes)


def _figures(
    limit: float, minutes: list[Minute], sizes: list[tuple[float, float]]
) -> dict[str, float]:
    late = sizes[int(len(sizes) * WARM_UP) :]
    slope = linear_regression(*zip(*late, strict=True)).slope if len(late) > 1 else 0.0
    everything = Minute()
    everything.seconds = [second for minute in minutes for second in minute.seconds]
    return {
        "limit_events_s": round(limit),
        "minutes": len(minutes),
        "events": len(everything.seconds),
        "errors": sum(minute.errors for minute in minutes),
        "p99_ms": round(everything.p99(), 1),
        "rss_first_mb": round(sizes[0][1], 1),
        "rss_last_mb": round(sizes[-1][1], 1),
        "rss_slope_mb_per_minute": round(slope, 3),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--length", type=float, default=60.0, help="seconds that a minute has")
    parser.add_argument("--measure", type=float, default=20.0, help="seconds")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--config", type=Path, default=ROOT / "benchmarks" / "guide004")
    parser.add_argument("--most", type=float, default=0.5, help="MB a minute that are no leak")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        # The log lies beside the configuration by default, and that is in the repository.
        server = Server(options.config, Path(scratch, "leads.db"))
        server.log = Path(scratch, "server.log")
        try:
            server.start()
            figures = asyncio.run(soak(server, options))
            assert server.stop() == 0
        finally:
            server.put_away()
        traces = server.log.read_text("utf-8").count('  File "')
    print(json.dumps(figures | {"traces_in_log": traces}))
    grows = figures["rss_slope_mb_per_minute"] > options.most and options.minutes >= 30
    return 1 if figures["errors"] or traces or grows else 0


if __name__ == "__main__":
    sys.exit(main())
