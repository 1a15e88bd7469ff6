"""How soon does each page of the console, and each report, answer with a million leads?

A real server process over a year's leads (`_year.py`). Every page is asked for until it is warm,
then several times; the median of the server's own time counts, from the request's first byte to
the answer's last on this machine. Then what open pages cost the intake: events come in while five
browsers have the overview open, live, and while none has, in turn.

    python benchmarks/console.py [--leads 1000000] [--rounds 9] [--db FILE] [--pages-only]
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import _root  # noqa: F401 - before the engine
import httpx
from _client import load
from _server import bodies, running
from _year import fill

from engine.reports.index import REPORTS

CONFIG = Path(__file__).parents[1] / "config"
BROWSERS, CLIENTS = 5, 16
SPLIT = """
journeys:
  - id: subject-test
    enter: {event: webinar_registered}
    steps:
      - id: ab
        split:
          variants: [{name: short, weight: 1, next: one}, {name: long, weight: 1, next: two}]
          auto_winner: {metric: clicked, confidence: 0.95, min_sample: 500, within: 3d}
      - {id: one, send: welcome, next: end}
      - {id: two, send: welcome}
"""
SEARCHED = "%E9%98%80%E9%97%A8"  # 阀门
PAGES = (
    *("", "leads", f"leads?q={SEARCHED}", "leads?stage=qualified&sort=score"),
    *("leads?stage=invalid", "leads?owner=li.na", "lead/{lead}", "day", "day?member=li.na"),
    *("journeys", "journeys/welcome", "journeys/welcome?step=opened", "routing", "experiments"),
    *("deliveries", "deliveries?status=dead", "rules", "people", "audit"),
)
YEAR = "?period=last_365_days"


def paths(lead: str) -> list[str]:
    """Return the addresses of all pages, and of all reports over a year."""
    found = [f"/console/{page.format(lead=lead)}" for page in PAGES]
    return found + [f"/console/reports/{name}{YEAR}" for name in REPORTS]


def ask(client: httpx.Client, path: str) -> tuple[float, int]:
    """Return how many ms an answer took, and its status."""
    began = perf_counter()
    answer = client.get(path, headers={"accept": "text/html"}, timeout=120)
    return (perf_counter() - began) * 1_000, answer.status_code


def measure(client: httpx.Client, lead: str, rounds: int) -> dict[str, float]:
    """Return the median ms of each page."""
    found = {}
    for path in paths(lead):
        asked = [ask(client, path) for _ in range(rounds + 2)]
        assert {status for _, status in asked} == {200}, (path, asked)
        found[path] = median(took for took, _ in asked[2:])
        print(f"{path:<52}{found[path]:>9.1f}", flush=True)
    return found


@contextmanager
def browsing(port: int, browsers: int) -> Iterator[None]:
    """Keep the overview open: wait for news, and ask for the page again when there is some."""
    over = threading.Event()

    def browser() -> None:
        client, seen = httpx.Client(base_url=f"http://127.0.0.1:{port}"), ""
        while not over.is_set():
            news = client.get("/console/live", headers={"last-event-id": seen}, timeout=120)
            text = news.text
            seen = next(line[4:] for line in text.splitlines() if line.startswith("id: "))
            if "event: figures" in text:
                ask(client, "/console/")
            sleep(1.0)  # the retry that the answer names

    threads = [threading.Thread(target=browser, daemon=True) for _ in range(browsers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def live_cost(port: int, rounds: int, seconds: float) -> tuple[float, float]:
    """Return events a second with no browser, and with all of them; both in turn."""
    body = bodies(5_000, 10)
    rates: dict[int, list[float]] = {0: [], BROWSERS: []}
    for turn in range(rounds + 1):
        for browsers, found in rates.items():
            with browsing(port, browsers):
                rate = load(port, "/v1/events", body, CLIENTS, seconds).per_second * 10
            if turn:
                found.append(rate)
    return median(rates[0]), median(rates[BROWSERS])


def folder_of(scratch: Path) -> Path:
    """Return a copy of the default rules with an experiment."""
    config = scratch / "config"
    shutil.copytree(CONFIG, config)
    (config / "journeys").mkdir(exist_ok=True)
    (config / "journeys" / "experiment.yaml").write_text(SPLIT, encoding="utf-8")
    return config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--db", type=Path, help="keep it here, or use the one that is there")
    parser.add_argument("--pages-only", action="store_true", help="without the cost of live pages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = options.db or folder / "leads.db"
        if not path.exists():
            print(f"filled in {fill(path, options.leads):.0f} s")
        reader = sqlite3.connect(path)
        (lead,) = reader.execute("SELECT id FROM leads WHERE stage = 'won' LIMIT 1").fetchone()
        reader.close()
        command = [sys.executable, "-m", "engine.cli", "serve", "--port", "0"]
        command += ["--config", str(folder_of(folder)), "--db", str(path)]
        with running(command, folder) as port:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                found = measure(client, lead, options.rounds)
            none, some = (0.0, 0.0) if options.pages_only else live_cost(port, 5, options.seconds)
    figures: dict[str, object] = {"benchmark": "console", "python": platform.python_version()}
    figures |= {"leads": options.leads, "ms": {k: round(v, 1) for k, v in found.items()}}
    pages = [ms for path, ms in found.items() if "/reports/" not in path]
    reports = [ms for path, ms in found.items() if "/reports/" in path]
    figures |= {
        "slowest_page_ms": round(max(pages), 1),
        "slowest_report_ms": round(max(reports), 1),
    }
    if none:
        print(f"events a second: {none:,.0f}; with {BROWSERS} browsers open: {some:,.0f}")
        figures["live_cost"] = round(1 - some / none, 4)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
