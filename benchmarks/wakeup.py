"""How long until everybody is stepped when 100,000 waiting journeys come due at once?

Fills a database through the runtime's door, lets every lead wait in a journey for seven days,
and turns the clock on by eight. Meanwhile lone events keep coming at an even pace; each one's
wait for its commit is measured, from when it was to be sent, before the jump and during it.
The process is tuned as that of `leadrules serve`.

    python benchmarks/wakeup.py [--leads 100000] [--rate 50]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from time import perf_counter, process_time
from typing import Any

import _root  # noqa: F401 - before the engine
from _feed import GUIDE

from engine.host.clock import SystemClock, system_time
from engine.host.process import settle
from engine.host.runtime import Runtime
from engine.language.instants import DAY

JOURNEYS = """
journeys:
  - id: nurture
    enter: {event: form_submitted}
    steps:
      - {id: week, wait: {until: 7d, since: enter}}
      - {id: mark, set: {tags: {add: [待培育]}}}
      - {id: call, task: {title: 请致电, to: marketing, due: 1d}}
      - {id: month, wait: {until: 30d, since: enter}}
"""
BATCH = 500


class Ahead(SystemClock):
    """The computer's clock, turned on by ``shift`` ms."""

    def __init__(self) -> None:
        self.shift = 0

    def now(self) -> int:
        return system_time() + self.shift

    wall = now

    def reach(self, at: int) -> int:
        return self.now()


def form(number: int) -> dict[str, Any]:
    lead = {"user_id": f"u{number}", "name": f"王小{number}", "company": "苏州金泰阀门有限公司"}
    return {"type": "form_submitted", "lead": lead, "properties": {"form": "contact"}}


class Stream:
    """Lone events at an even pace, and the ms that each waited."""

    def __init__(self, runtime: Runtime, leads: int, rate: float) -> None:
        self._runtime, self._leads, self._rate = runtime, leads, rate
        self.waits: list[float] = []
        self.refused = 0

    async def run(self, done: asyncio.Event) -> None:
        """Send until ``done``; one that is late is sent at once, and waits from when it was due."""
        began, number, tasks = perf_counter(), 0, set()
        while not done.is_set():
            due = began + number / self._rate
            await asyncio.sleep(max(0.0, due - perf_counter()))
            task = asyncio.create_task(self._one(number, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.gather(*tasks)

    async def _one(self, number: int, due: float) -> None:
        user = f"u{number * 7919 % self._leads}"
        raw = {"type": "page_viewed", "lead": {"user_id": user}, "properties": {"page": "pricing"}}
        (outcome,) = await self._runtime.submit([raw])
        self.refused += outcome.status != "accepted"
        self.waits.append((perf_counter() - due) * 1e3)

    def figures(self, name: str) -> dict[str, Any]:
        cut = quantiles(self.waits, n=100)
        return {
            f"{name}_events": len(self.waits),
            f"{name}_refused": self.refused,
            f"{name}_p50_ms": round(cut[49], 1),
            f"{name}_p99_ms": round(cut[98], 1),
            f"{name}_worst_ms": round(max(self.waits), 1),
        }


async def measure(runtime: Runtime, clock: Ahead, leads: int, rate: float) -> dict[str, Any]:
    """Fill, send in peace for five seconds, turn the clock on, and send until all are stepped."""
    began = perf_counter()
    for start in range(0, leads, BATCH):
        some = [form(number) for number in range(start, min(start + BATCH, leads))]
        outcomes = await runtime.submit(some)
        assert all(each.status == "accepted" for each in outcomes), outcomes[0]
    figures: dict[str, Any] = {"fill_s": round(perf_counter() - began, 1)}
    await _sending(runtime, leads, rate, asyncio.sleep(5), figures, "calm")
    clock.shift = 8 * DAY
    began, cpu = perf_counter(), process_time()
    await _sending(runtime, leads, rate, _stepped(runtime, leads), figures, "storm")
    figures["all_stepped_s"] = round(perf_counter() - began, 2)
    figures["all_stepped_cpu_s"] = round(process_time() - cpu, 2)
    return figures


async def _sending(
    runtime: Runtime, leads: int, rate: float, until: Any, figures: dict[str, Any], name: str
) -> None:
    stream, done = Stream(runtime, leads, rate), asyncio.Event()
    sending = asyncio.create_task(stream.run(done))
    await until
    done.set()
    await sending
    figures |= stream.figures(name)


async def _stepped(runtime: Runtime, leads: int) -> None:
    """Return once nobody is at the first wait any more, and every lead at the second."""

    def wait() -> None:
        connection = sqlite3.connect(runtime.database)
        waiting = "FROM enrolments WHERE journey = 'nurture' AND step = ? AND left_at IS NULL"
        # One look into an index: counting a hundred thousand again and again is work of its own.
        while connection.execute(f"SELECT 1 {waiting} LIMIT 1", ("week",)).fetchone():
            time.sleep(0.1)
        ((found,),) = connection.execute(f"SELECT count(*) {waiting}", ("month",))
        connection.close()
        assert found == leads, found

    await asyncio.to_thread(wait)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=50.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "config"
        shutil.copytree(GUIDE, folder)
        (folder / "journeys.yaml").write_text(JOURNEYS, encoding="utf-8")
        clock, load = Ahead(), os.getloadavg()[0]
        runtime = Runtime(folder, Path(scratch) / "leads.db", clock, environ={})
        found = [d for d in runtime.load() if d.severity == "error"]
        assert not found, found
        figures = asyncio.run(_whole(runtime, clock, options))
    took, cpu = figures["all_stepped_s"], figures["all_stepped_cpu_s"]
    print(
        f"{options.leads:,} journeys due at once: all stepped in {took} s ({cpu} s of a processor)"
    )
    print(f"{'lone events':<12}{'events':>8}{'p50 ms':>9}{'p99 ms':>9}{'worst':>9}{'refused':>9}")
    for name in ("calm", "storm"):
        of = ("events", "p50_ms", "p99_ms", "worst_ms", "refused")
        numbers = [figures[f"{name}_{each}"] for each in of]
        print(f"{name:<12}{numbers[0]:>8}" + "".join(f"{n:>9}" for n in numbers[1:]))
    about = {"benchmark": "wakeup", "python": platform.python_version(), "leads": options.leads}
    loads = [round(load, 1), round(os.getloadavg()[0], 1)]
    print(json.dumps({**about, "rate": options.rate, **figures, "load": loads}))


async def _whole(runtime: Runtime, clock: Ahead, options: argparse.Namespace) -> dict[str, Any]:
    runtime.start()
    settle()
    try:
        return await measure(runtime, clock, options.leads, options.rate)
    finally:
        await runtime.stop()


if __name__ == "__main__":
    main()
