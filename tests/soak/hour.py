"""An hour at half of what the server can do: does its memory stay flat, and does nothing fail?

    python tests/soak/hour.py [--minutes 60] [--measure 20] [--clients 64] [--config DIR]

First the limit is measured, then half of that is sent at a steady pace: each client sends an event
every so many ms. A server that falls behind shows in p99, and in fewer events than were due.
Prints a line a minute, and last the figures as JSON. Exits with 1 after an error, when memory
grows by more than --most, or when more than a hundredth of what was due was not sent.
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
from pathlib import Path
from statistics import linear_regression

import httpx
import uvloop

sys.path.append(str(Path(__file__).parents[2]))
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from _client import Body, Figures, keep_sending

from tests.crash._server import ROOT, Server

WARM_UP = 0.25  # of the time: caches fill in it, and growth there is no leak
LEADS = 20_000
_ON_TIME = 0.99
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


async def fill(http: httpx.AsyncClient) -> None:
    """Bring every lead in once: caches that fill while it is measured would look like a leak."""
    for first in range(0, LEADS, 500):
        events = [
            {"type": "page_viewed", "lead": {"user_id": f"u{n}", "company": f"金泰阀门{n}"}}
            for n in range(first, first + 500)
        ]
        (await http.post("/v1/events", json=events)).raise_for_status()


async def soak(server: Server, options: argparse.Namespace) -> dict[str, float]:
    """Measure, then hold half of it for the time asked; returns the figures."""
    body, port = bodies(7), int(server.url.rpartition(":")[2].strip("/"))

    async def send(seconds: float, every_s: float = 0.0) -> Figures:
        return await keep_sending(port, "/v1/events", body, options.clients, seconds, every_s)

    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        await fill(http)
    await send(options.measure / 2)  # to get warm
    limit = (await send(options.measure)).per_second
    print(f"limit {limit:,.0f} events/s; {limit / 2:,.0f} events/s from now on", flush=True)
    print(f"{'minute':>6} {'RSS MB':>7} {'events':>7} {'errors':>6} {'p99 ms':>7}")
    minutes: list[Figures] = []
    sizes: list[tuple[float, float]] = []
    for number in range(options.minutes):
        minutes.append(last := await send(options.length, options.clients * 2 / limit))
        sizes.append((number + 1.0, server.rss() / 1e6))
        print(
            f"{number + 1:>6} {sizes[-1][1]:>7.1f} {len(last.seconds):>7} {last.bad:>6}"
            f" {last.percentile(99):>7.1f}", flush=True
        )  # fmt: skip
    return _figures(limit, minutes, sizes, options.minutes * options.length * limit / 2)


def _figures(
    limit: float, minutes: list[Figures], sizes: list[tuple[float, float]], due: float
) -> dict[str, float]:
    late = sizes[int(len(sizes) * WARM_UP) :]
    slope = linear_regression(*zip(*late, strict=True)).slope if len(late) > 1 else 0.0
    everything = Figures()
    everything.seconds = [second for minute in minutes for second in minute.seconds]
    return {
        "limit_events_s": round(limit),
        "minutes": len(minutes),
        "events": len(everything.seconds),
        "sent_of_due": round(len(everything.seconds) / due, 4),
        "errors": sum(minute.bad for minute in minutes),
        "p50_ms": round(everything.percentile(50), 1),
        "p99_ms": round(everything.percentile(99), 1),
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
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--config", type=Path, default=ROOT / "benchmarks" / "guide004")
    parser.add_argument("--most", type=float, default=0.5, help="MB a minute that are no leak")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        # The log lies beside the configuration by default, and that is in the repository.
        server = Server(options.config, Path(scratch, "leads.db"))
        server.log = Path(scratch, "server.log")
        try:
            server.start()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures = runner.run(soak(server, options))
            assert server.stop() == 0
        finally:
            server.put_away()
        traces = server.log.read_text("utf-8").count('  File "')
    print(json.dumps(figures | {"traces_in_log": traces}))
    grows = figures["rss_slope_mb_per_minute"] > options.most and options.minutes >= 30
    behind = figures["sent_of_due"] < _ON_TIME
    return 1 if figures["errors"] or traces or grows or behind else 0


if __name__ == "__main__":
    sys.exit(main())
