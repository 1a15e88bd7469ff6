"""100,000 leads in a ten-step journey, their server killed ten times on the way.

    python -m tests.crash.journeys [--leads 100000] [--kills 10] [--seed N]

Events come in order of time over two months of the stream's clock, and the last one lets
everything come due that still waits. The server is killed with signal 9 while it takes events and
while it wakes leads, and is sent again what it has not acknowledged. In the end each lead's path
must be that of the pure simulation of its events: the same steps at the same instants.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from engine.language.instants import DAY, HOUR, MINUTE, format_instant, parse_instant
from engine.language.load import load_folder
from engine.machines.state import Event, Teams
from engine.machines.turn import Entry, new_lead, take_turn
from engine.network.ruleset import Ruleset
from tests.crash._server import Server

START = parse_instant("2026-03-02T09:00:00+08:00")
BATCH = 200
FILES = {
    "catalog": "fields: {计划: {type: string}}\n",
    "scoring": """
models:
  default:
    dimensions: {behavior: {}}
    rules:
      - {id: priced, dimension: behavior, event: page_viewed, where: {page: pricing}, points: 15,
         repeat: {at_most: 1, per: 7d}}
      - {id: silent, dimension: behavior, when: {absent: {event: any, for: 15d}}, points: -5,
         repeat: each}
    grades: [{grade: A, from: 15}, {grade: B, from: -1000}]
""",
    "routing": """
teams: {east: {members: [{id: li.na, name: 李娜}, {id: wang.lei, name: 王磊}]}}
rules:
  - {id: known, when: {lead.city: 上海}, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
pools: {public: {}}
""",
    "journeys": """
journeys:
  - id: 培育
    enter: {event: form_submitted}
    steps:
      - {id: one, set: {tags: {add: [培育中]}}}
      - {id: two, wait: 1d}
      - {id: three, wait: {event: page_viewed, where: {page: pricing}, within: 3d}, then: five, else: four}
      - {id: four, score: {dimension: behavior, points: 1}}
      - id: five
        branch:
          - {when: {lead.city: 上海}, next: six}
          - {next: seven}
      - {id: six, task: {title: 请致电, to: marketing, due: 1d}}
      - {id: seven, wait: {until: 10d, since: enter}}
      - {id: eight, set: {fields: {计划: 案例}}}
      - {id: nine, wait: {event: page_viewed, within: 5d}, then: ten, else: ten}
      - {id: ten, wait: {until: 20d, since: enter}, next: end}
""",
}
Steps = list[tuple[str, str, int]]  # (lead, step, instant)


def company(folder: Path) -> Path:
    """Write the configuration."""
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def stream(leads: int, seed: str) -> list[dict[str, Any]]:
    """Return the events of all leads in order of time: a form, then a few pages for most."""
    chance = random.Random(seed)
    found: list[tuple[int, str, str, dict[str, Any], dict[str, str]]] = []
    for number in range(leads):
        at, who = START + chance.randrange(20 * DAY), f"u{number}"
        city = {"city": chance.choice(["上海", "苏州"])} if chance.random() < 0.7 else {}
        found.append((at, who, "form_submitted", {"form": "试用"}, city))
        while chance.random() < 0.5:
            # Now and then to the very millisecond of a deadline.
            at += chance.choice([MINUTE, HOUR, DAY, 3 * DAY, 4 * DAY, 6 * DAY])
            page = chance.choice(["pricing", "home"])
            found.append((at, who, "page_viewed", {"page": page}, {}))
    found.sort(key=lambda each: each[:2])
    last = START + 60 * DAY
    found.append((last, "last", "page_viewed", {"page": "home"}, {}))
    return [
        {
            "id": f"e{number}",
            "type": kind,
            "at": format_instant(at),
            "lead": {"user_id": who, **fields},
            "properties": properties,
        }
        for number, (at, who, kind, properties, fields) in enumerate(found)
    ]


def simulated(ruleset: Ruleset, events: Sequence[dict[str, Any]]) -> Steps:
    """Return what the machines alone make of the events, each lead for itself."""
    by_lead: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_lead.setdefault(event["lead"]["user_id"], []).append(event)
    end = parse_instant(events[-1]["at"])
    return [step for who, own in by_lead.items() for step in _walk(ruleset, who, own, end)]


def _walk(
    ruleset: Ruleset, who: str, events: Sequence[dict[str, Any]], end: int
) -> Iterator[tuple[str, str, int]]:
    first = parse_instant(events[0]["at"])
    lead, teams = new_lead(ruleset, who, first), Teams()
    told: list[Entry] = []
    for said in events:
        at = parse_instant(said["at"])
        event = Event(said["id"], said["type"], at, dict(said["lead"]), said["properties"])
        turn = take_turn(ruleset, lead, teams, event, at)
        lead, teams = turn.lead, turn.teams
        told += turn.entries
    turn = take_turn(ruleset, lead, teams, Event("end", "timer_due", end), end)
    for entry in (*told, *turn.entries):
        for happening in entry.decision.happenings:
            if happening.kind == "journey_step":
                yield who, happening.data["step"], happening.at
            elif happening.kind == "journey_left":
                yield who, "left", happening.at


def walked(database: Path) -> Steps:
    """Return the paths that the server stored."""
    with closing(sqlite3.connect(database)) as connection:
        steps = connection.execute(
            "SELECT i.value, s.step, s.arrived_at FROM journey_steps s"
            " JOIN identities i ON i.lead = s.lead WHERE i.kind = 'user_id' ORDER BY s.rowid"
        ).fetchall()
        left = connection.execute(
            "SELECT i.value, 'left', e.left_at FROM enrolments e"
            " JOIN identities i ON i.lead = e.lead WHERE i.kind = 'user_id' AND left_at IS NOT NULL"
        ).fetchall()
    return [*steps, *left]


class Sender:
    """Sends everything in order, again when nobody answered, while somebody kills the server."""

    def __init__(self, server: Server, chance: random.Random) -> None:
        self._server = server
        self._chance = chance
        self.killed = 0
        self._killer: threading.Thread | None = None

    def send(self, events: Sequence[dict[str, Any]], kills: int) -> None:
        """Send all events; the kills fall evenly among the batches, at any instant of one."""
        batches = [events[n : n + BATCH] for n in range(0, len(events), BATCH)]
        doomed = set(self._chance.sample(range(len(batches)), min(kills, len(batches))))
        for number, batch in enumerate(batches):
            if number in doomed:
                self.kill_soon(self._chance.uniform(0, 0.3))
            self._deliver(batch)

    def kill_soon(self, seconds: float) -> None:
        """Kill the server in so many seconds, and start the next one."""

        def run() -> None:
            time.sleep(seconds)
            self._server.kill()
            self.killed += 1
            self._server.start()

        self.wait()
        self._killer = threading.Thread(target=run, daemon=True)
        self._killer.start()

    def wait(self) -> None:
        """Wait until the server that was to be killed is there again."""
        if self._killer is not None:
            self._killer.join()

    def _deliver(self, batch: Sequence[dict[str, Any]]) -> None:
        for _ in range(100):
            try:
                answer = httpx.post(f"{self._server.url}/v1/events", json=batch, timeout=60)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code == 200:
                assert all("error" not in each for each in answer.json()["results"]), answer.text
                return
            assert answer.status_code in (429, 503), answer.text
            time.sleep(0.2)
        raise AssertionError("the server did not come back")


def drained(server: Server) -> bool:
    """Whether nobody is to be woken any more."""
    try:
        return bool(server.status()["oldest_overdue_timer"] == 0.0)
    except (httpx.HTTPError, KeyError):
        return False


def run(folder: Path, leads: int, kills: int, seed: str) -> dict[str, Any]:
    """Send, kill, drain and compare; raises AssertionError where a path differs."""
    began, chance = time.monotonic(), random.Random(seed)
    config = company(folder / "config")
    loaded = load_folder(config)
    assert loaded.definitions is not None, loaded.diagnostics
    events = stream(leads, seed)
    server = Server(config, folder / "leads.db", "--clock", "stream")
    server.log = folder / "server.log"
    late = kills // 3  # of the kills, so many hit a server that wakes everybody at once
    try:
        server.start()
        sender = Sender(server, chance)
        sender.send(events[:-1], kills - late)
        sender.send(events[-1:], 0)
        sender.wait()
        for _ in range(late):
            time.sleep(chance.uniform(0, 2))
            server.kill()
            sender.killed += 1
            server.start()
        while not drained(server):
            time.sleep(0.5)
        assert server.stop() == 0
    finally:
        server.put_away()
    wanted, found = simulated(Ruleset(loaded.definitions), events), walked(server.database)
    differing = set(wanted) ^ set(found)
    assert len(found) == len(set(found)), "a step was stored twice"
    assert not differing, f"{len(differing)} steps differ, such as {sorted(differing)[:6]}"
    return {
        "leads": leads,
        "events": len(events),
        "steps": len(found),
        "kills": sender.killed,
        "seconds": round(time.monotonic() - began, 1),
        "seed": seed,
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(run(Path(scratch), options.leads, options.kills, options.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
