"""How soon after a lead is captured has its salesperson's notification reached the provider?

A real `leadrules serve` in a process of its own, a real HTTP provider on loopback in another, and
this program, which sends leads and load over HTTP. A lead comes as a form; it is scored, given to
a member of a team by turns, and the member is told through the action `webhook`. Time runs from
before the post of the form to the provider having read the whole notification.

The load is that of `benchmarks/http.py`: 64 clients with page views, one event a request. First
its full speed is measured; then leads are captured beside nothing, half of it, and all of it.

    python benchmarks/handover.py [--leads 20] [--clients 64] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import _root  # noqa: F401 - before the engine
import uvloop
from _client import Body, Figures, keep_sending
from delivery import serving

SCORING = """
models:
  default:
    dimensions: {fit: {}, behavior: {}}
    rules:
      - {id: has-company, dimension: fit, when: {lead.company: {exists: true}}, points: 10}
      - {id: priced, dimension: behavior, event: page_viewed, where: {page: pricing}, points: 5,
         repeat: {at_most: 1, per: 1d}}
    grades: [{grade: A, from: 60}, {grade: C, from: 0}]
"""
ROUTING = """
teams:
  华东:
    members: [{id: 陈静}, {id: 刘洋}, {id: 孙丽}, {id: 赵敏}]
rules:
  - {id: all, assign: {team: 华东, strategy: round_robin}}
  - {id: rest, assign: {pool: 公海}}
sla: [{id: told, notify: 10m, accept: 1h}]
pools: {公海: {}}
"""
JOURNEYS = """
journeys:
  - id: 派单
    enter: {event: form_submitted}
    steps:
      - {id: assign, route: {}}
      - {id: tell, do: notify, with: {to: owner, title: "新线索 {{ lead.user_id }}"}}
      - {id: call, task: {title: 首次联系, to: owner, due: 1h, priority: high}}
"""
SERVER = """
connections:
  notify:
    plugin: webhook
    url: http://127.0.0.1:{port}/
    secret: {secret}
    allow_private: true
"""
SECRET = "whsec_" + "bGVhZHJ1bGVz" * 4  # the base64 of nothing that anybody keeps
NUMBER = re.compile(rb"new-(\d+)")
PAGES = ("pricing", "solution", "home", "cases", "blog")
_PATIENCE_S = 60
_LEADS_AT_ONCE = 8  # connections that capture leads


# --- the provider, in a process of its own ------------------------------------------------------


async def provider() -> None:
    """Answer every post with 200; print which lead it is about, and when it was read."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1]) if length else 0)
                found = NUMBER.search(body)
                if found:
                    print(found[1].decode(), time.time(), flush=True)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3_600)


class Provider:
    """The other process; ``received`` has the first instant (s) of each lead's notification."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.port = int(self._lines.readline())
        self.received: dict[int, float] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            number, at = line.split()
            self.received.setdefault(int(number), float(at))

    def wait_for(self, numbers: Sequence[int]) -> None:
        """Wait until all of these have come; ends the program when they do not."""
        until = time.monotonic() + _PATIENCE_S
        while missing := [n for n in numbers if n not in self.received]:
            if time.monotonic() > until:
                raise SystemExit(f"{len(missing)} of {len(numbers)} notifications never came")
            time.sleep(0.05)


@contextlib.contextmanager
def providing() -> Iterator[Provider]:
    """Run the provider."""
    command = [sys.executable, __file__, "--provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Provider(process)
        finally:
            process.kill()


# --- one run ------------------------------------------------------------------------------------


def write_config(folder: Path, port: int) -> Path:
    """Write rules by which each form is assigned and its owner told."""
    config = folder / "config"
    config.mkdir()
    texts = {
        "scoring": SCORING,
        "routing": ROUTING,
        "journeys": JOURNEYS,
        "server": SERVER.format(port=port, secret=SECRET),
    }
    for name, text in texts.items():
        (config / f"{name}.yaml").write_text(text, encoding="utf-8")
    return config


class Sender:
    """What is posted: page views of known visitors, and new leads; ``sent`` is when, by number."""

    def __init__(self, visitors: int) -> None:
        self.sent: dict[int, float] = {}
        self._visitors = visitors
        self._chance = random.Random(7)
        self._views, self._leads = count(), count()

    def view(self) -> bytes:
        """Return a page view."""
        visitor = self._chance.randrange(self._visitors)
        return _encoded(
            f"view-{next(self._views)}",
            "page_viewed",
            {"user_id": f"u{visitor}", "company": "金泰阀门有限公司", "city": "苏州"},
            {"page": self._chance.choice(PAGES), "title": "工业阀门解决方案与选型指南"},
        )

    def lead(self) -> bytes:
        """Return a form of somebody new, whose time begins now."""
        number = next(self._leads)
        lead = {"user_id": f"new-{number}", "name": "王芳", "company": "阀门厂", "city": "苏州"}
        body = _encoded(f"form-{number}", "form_submitted", lead, {"form": "contact"})
        self.sent[number] = time.time()
        return body


def _encoded(id: str, type: str, lead: dict[str, Any], properties: dict[str, Any]) -> bytes:
    event = {"id": id, "type": type, "lead": lead, "properties": properties}
    return json.dumps(event, ensure_ascii=False).encode()


def sending(
    port: int, options: argparse.Namespace, rate: float | None, view: Body, lead: Body
) -> tuple[Figures, Figures]:
    """Send leads, beside ``rate`` page views a second; None is as many as there can be."""

    async def both() -> tuple[Figures, Figures]:
        path, seconds = "/v1/events", options.seconds
        every_s = 0.0 if rate is None else options.clients / max(rate, 1e-9)
        clients = options.clients if rate != 0 else 0
        views = keep_sending(port, path, view, clients, seconds, every_s)
        if not options.leads:
            return await views, Figures()
        apart = _LEADS_AT_ONCE / options.leads
        leads = keep_sending(port, path, lead, _LEADS_AT_ONCE, seconds, apart)
        return await asyncio.gather(views, leads)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(both())


def measure(
    port: int,
    provider: Provider,
    sender: Sender,
    options: argparse.Namespace,
    rate: float | None,
) -> dict[str, Any]:
    """Capture leads beside a load; return how long each took to reach the provider, in ms."""
    before = len(sender.sent)
    views, leads = sending(port, options, rate, sender.view, sender.lead)
    numbers = list(range(before, len(sender.sent)))
    provider.wait_for(numbers)
    took = sorted((provider.received[n] - sender.sent[n]) * 1_000 for n in numbers)
    return {
        "views_s": round(views.per_second),
        "leads": len(numbers),
        "leads_s": round(len(numbers) / leads.took, 1),
        "refused": views.bad + leads.bad,
        **{f"p{share}_ms": round(_share(took, share), 1) for share in (50, 95, 99)},
        "worst_ms": round(took[-1], 1),
        "answer_p99_ms": round(leads.percentile(99), 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _share(ordered: Sequence[float], percent: int) -> float:
    return ordered[math.ceil(percent / 100 * len(ordered)) - 1]


def full_speed(port: int, sender: Sender, options: argparse.Namespace) -> float:
    """Return how many page views a second the server takes without leads, after getting warm."""
    warm = argparse.Namespace(**{**vars(options), "seconds": 2.0})
    sending(port, warm, None, sender.view, sender.lead)
    alone = argparse.Namespace(**{**vars(options), "leads": 0.0})
    views, _ = sending(port, alone, None, sender.view, sender.lead)
    return views.per_second


def main() -> int:
    """Measure at each load and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--leads", type=float, default=20.0, help="new leads a second")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--visitors", type=int, default=5_000)
    parser.add_argument("--provider", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.provider:
        asyncio.run(provider())
        return 0
    with tempfile.TemporaryDirectory() as scratch, providing() as other:
        folder, sender = Path(scratch), Sender(options.visitors)
        config = write_config(folder, other.port)
        with serving(config, folder / "leads.db") as url:
            port = int(url.rpartition(":")[2])
            full = full_speed(port, sender, options)
            runs = {
                name: measure(port, other, sender, options, rate)
                for name, rate in (("none", 0.0), ("half", full / 2), ("full", None))
            }
    report(options, full, runs)
    return 0


def report(options: argparse.Namespace, full: float, runs: dict[str, dict[str, Any]]) -> None:
    """Print the table, and last the figures as JSON."""
    print(f"full load: {full:,.0f} page views a second, {options.clients} clients")
    print("ms from the post of a form to its notification at the provider")
    times = ("p50_ms", "p95_ms", "p99_ms", "worst_ms", "answer_p99_ms")
    columns = ("views_s", "leads_s", "leads", *times, "refused")
    print(f"{'load':<6}" + "".join(f"{name:>14}" for name in columns))
    for name, found in runs.items():
        print(f"{name:<6}" + "".join(f"{found[column]:>14,}" for column in columns))
    print(
        json.dumps(
            {
                "benchmark": "handover",
                "python": platform.python_version(),
                "clients": options.clients,
                "full_load_views_s": round(full),
                **runs,
            }
        )
    )


if __name__ == "__main__":
    sys.exit(main())
