"""How soon does each page of the console, and each report, answer with a million leads?

A real server process over a year's leads (`_year.py`). Every page is asked for until it is warm,
then several times; beside the median as it is waited for on this machine stands the processor
time of the server, which no neighbour changes; so are the lists of leads that figures of pages and
reports open into, two of each kind. Then when the first of a page is painted in a real
browser. Last what open pages cost the intake: events come in while five browsers have the
overview open, live, and while none has, in turn; judged by events a second and by the server's
processor time for each accepted event.

    python benchmarks/console.py [--leads 1000000] [--rounds 9] [--db FILE] [--only pages live]
"""

from __future__ import annotations

import argparse
import html
import json
import platform
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import _root  # noqa: F401 - before the engine
import httpx
from _client import load
from _server import Server, bodies, serving
from _year import fill

from engine.reports.index import REPORTS

PARTS = ("pages", "behind", "reports", "paint", "live")
CONFIG = Path(__file__).parents[1] / "config"
BROWSERS, CLIENTS, BATCH = 5, 16, 10
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
# Of each filter a value that many leads have, one that few have, and what few of the first are.
FILTERS = {
    "stage": ("won", "invalid"),
    "grade": ("C",),
    "owner": ("li.na", "-"),
    "team": ("east",),
    "pool": ("public",),
    "source": ("官网表单",),
}
SORTS = ("", "created", "score")
PAGES = (
    *("", "lead/{lead}", "day", "day?member=li.na", "journeys", "journeys/welcome"),
    *("journeys/welcome?step=opened", "routing", "experiments", "people", "rules"),
    *("deliveries", "deliveries?status=dead", "deliveries?connection=none"),
    *("audit", "audit?who=li.na", "audit?lead={lead}"),
    *("leads", "leads?q=阀门", "leads?q=公司&stage=won", "leads?q=公司&owner=li.na&sort=score"),
    *("leads?reached=%5B%22won%22%5D&created_from=2026-01-01T00:00:00Z", "leads?campaign=spring-3"),
)
DATA = ("/v1/leads?stage=won&sort=score", "/v1/leads?q=阀门", "/v1/tasks?owner=li.na&status=open")
PAINTED = ("", "leads", "lead/{lead}", "day?member=li.na", "journeys", "journeys/welcome")
PAINT = """() => new Promise(done => new PerformanceObserver(list => list.getEntries().forEach(
    each => each.name === "first-contentful-paint" && done(each.startTime)
)).observe({type: "paint", buffered: true}))"""
YEAR = "?period=last_365_days"


class Took(NamedTuple):
    """What a page took: ms until it was there, and ms of the server's processor."""

    waited: float
    worked: float


def lists() -> Iterator[str]:
    """Yield the addresses of the leads with each filter, and with each two, in each order."""
    given = [(name, value) for name, values in FILTERS.items() for value in values]
    some: list[tuple[tuple[str, str], ...]] = [(one,) for one in given]
    some += [(one, two) for one, two in combinations(given, 2) if one[0] != two[0]]
    for filters in some:
        query = "&".join(f"{name}={value}" for name, value in filters)
        for sort in SORTS:
            yield f"leads?{query}" + (f"&sort={sort}" if sort else "")


def paths(parts: list[str]) -> list[str]:
    """Return the addresses to be asked for; ``{lead}`` stands for a lead."""
    found = []
    if "pages" in parts:
        found += [*(f"/console/{page}" for page in (*PAGES, *lists())), *DATA]
    if "reports" in parts:
        found += [f"/console/reports/{name}{YEAR}" for name in REPORTS]
    return found


def behind(client: httpx.Client, lead: str) -> list[str]:
    """Return the leads that figures open into: of each page and report two of every kind."""
    first: dict[tuple[str, frozenset[str]], str] = {}
    last: dict[tuple[str, frozenset[str]], str] = {}
    figured = (*PAGES, *(f"reports/{name}{YEAR}" for name in REPORTS))
    for page in figured:
        text = client.get(f"/console/{page}".replace("{lead}", lead), timeout=120).text
        for link in re.findall(r'href="(/console/leads\?[^"]+)"', text):
            address = html.unescape(link)
            names = frozenset(parse_qs(urlsplit(address).query, keep_blank_values=True))
            kind = page.partition("?")[0], names
            first.setdefault(kind, address)
            last[kind] = address
    return list(dict.fromkeys([*first.values(), *last.values()]))


def ask(client: httpx.Client, path: str) -> float:
    """Return how many ms an answer took."""
    began = perf_counter()
    client.get(path, headers={"accept": "text/html"}, timeout=120).raise_for_status()
    return (perf_counter() - began) * 1_000


def measure(client: httpx.Client, server: Server, asked: list[str], rounds: int) -> dict[str, Took]:
    """Return the medians of each page, after two rounds to get warm."""
    found = {}
    for path in asked:
        took = []
        for _ in range(rounds + 2):
            before = server.processor_ms()
            waited = ask(client, path)
            took.append(Took(waited, server.processor_ms() - before))
        found[path] = Took(*(median(each) for each in zip(*took[2:], strict=True)))
        print(f"{path:<64}{found[path].waited:>9.1f}{found[path].worked:>9.1f}", flush=True)
    return found


def painted(server: Server, lead: str, rounds: int) -> dict[str, float]:
    """Return the median ms from going to a page to its first paint, in Debian's Chromium."""
    from playwright.sync_api import sync_playwright  # optional, as for the browser tests

    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    found = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        for name in PAINTED:
            took = [_first_paint(page, server, name.format(lead=lead)) for _ in range(rounds + 1)]
            found[name] = median(took[1:])
            print(f"first paint of {'/console/' + name:<49}{found[name]:>9.1f}", flush=True)
        browser.close()
    return found


def _first_paint(page: Any, server: Server, name: str) -> float:
    page.goto(f"http://127.0.0.1:{server.port}/console/{name}", wait_until="load")
    took: float = page.evaluate(PAINT)
    return took


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
            retry = next(line[7:] for line in text.splitlines() if line.startswith("retry: "))
            over.wait(int(retry) / 1_000)

    threads = [threading.Thread(target=browser, daemon=True) for _ in range(browsers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


class Rate(NamedTuple):
    """Events a second, and µs of the server's processor for each."""

    events: float
    each_us: float


def live_cost(server: Server, rounds: int, seconds: float) -> tuple[Rate, Rate]:
    """Return the medians with no browser, and with all of them; both in turn."""
    body = bodies(5_000, BATCH)
    rates: dict[int, list[Rate]] = {0: [], BROWSERS: []}
    for turn in range(rounds + 1):
        for browsers, found in rates.items():
            with browsing(server.port, browsers):
                before = server.processor_ms()
                figures = load(server.port, "/v1/events", body, CLIENTS, seconds)
                worked = server.processor_ms() - before
            assert not figures.bad, f"{figures.bad} answers were errors"
            events = len(figures.seconds) * BATCH
            rate = Rate(figures.per_second * BATCH, worked * 1_000 / events)
            print(f"{browsers} browsers{rate.events:>12,.0f}/s{rate.each_us:>10.1f} µs", flush=True)
            if turn:
                found.append(rate)
    none, some = (Rate(*map(median, zip(*each, strict=True))) for each in rates.values())
    return none, some


def folder_of(scratch: Path) -> Path:
    """Return a copy of the default rules with an experiment."""
    config = scratch / "config"
    shutil.copytree(CONFIG, config)
    (config / "journeys").mkdir(exist_ok=True)
    (config / "journeys" / "experiment.yaml").write_text(SPLIT, encoding="utf-8")
    return config


def lead_of(path: Path) -> str:
    """Return the id of a lead to look at."""
    reader = sqlite3.connect(path)
    (lead,) = reader.execute("SELECT id FROM leads WHERE stage = 'won' LIMIT 1").fetchone()
    reader.close()
    return str(lead)


def told(found: dict[str, Took]) -> dict[str, object]:
    """Return the figures of pages and reports as they are printed last."""
    figures: dict[str, object] = {}
    for what, among in (("page", False), ("report", True)):
        took = {path: each for path, each in found.items() if ("/reports/" in path) is among}
        if took:
            slowest = max(took, key=lambda path: took[path].waited)
            figures[f"slowest_{what}"] = slowest
            figures[f"slowest_{what}_ms"] = round(took[slowest].waited, 1)
            figures[f"most_{what}_processor_ms"] = round(
                max(each.worked for each in took.values()), 1
            )
    return figures | {"ms": {path: [round(ms, 1) for ms in each] for path, each in found.items()}}


def run(server: Server, lead: str, options: argparse.Namespace) -> dict[str, object]:
    """Measure what was asked for; returns the figures by name."""
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        asked = [path.replace("{lead}", lead) for path in paths(options.only)]
        asked += behind(client, lead) if "behind" in options.only else []
        figures = told(measure(client, server, asked, options.rounds))
    if "paint" in options.only:
        paints = painted(server, lead, options.rounds)
        figures |= {"first_paint_ms": {name: round(ms, 1) for name, ms in paints.items()}}
        figures["slowest_first_paint_ms"] = round(max(paints.values()), 1)
    if "live" in options.only:
        none, some = live_cost(server, options.turns, options.seconds)
        print(f"events a second: {none.events:,.0f}; with {BROWSERS} browsers: {some.events:,.0f}")
        print(f"µs of processor an event: {none.each_us:.1f}; with browsers: {some.each_us:.1f}")
        figures["live_cost"] = round(1 - some.events / none.events, 4)
        figures["live_processor_cost"] = round(some.each_us / none.each_us - 1, 4)
        figures["live_ms_a_second"] = round((some.each_us - none.each_us) * some.events / 1_000, 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9, help="how often each page is asked for")
    parser.add_argument("--turns", type=int, default=5, help="of the intake, with and without")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each turn")
    parser.add_argument("--db", type=Path, help="keep it here, or use the one that is there")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = options.db or folder / "leads.db"
        if not path.exists():
            print(f"filled in {fill(path, options.leads):.0f} s")
        command = [sys.executable, "-m", "engine.cli", "serve", "--port", "0"]
        command += ["--config", str(folder_of(folder)), "--db", str(path)]
        lead = lead_of(path)
        with serving(command, folder) as server:
            found = run(server, lead, options)
    figures: dict[str, object] = {"benchmark": "console", "python": platform.python_version()}
    print(json.dumps(figures | {"leads": options.leads} | found, ensure_ascii=False))


if __name__ == "__main__":
    main()
