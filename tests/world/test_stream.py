"""Five thousand leads with all they did, through the real server: nothing lost, nothing doubled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.leadforge.demo import free_port, mailbox, wait_until_ready
from examples.leadforge.stream import read, shifted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
ROOT = Path(__file__).parents[2]
BATCH = 500


class Server:
    """`leadrules serve` in a process of its own, on the default configuration."""

    def __init__(self, folder: Path, smtp: int) -> None:
        self.database = folder / "leadrules.db"
        self.log = folder / "server.log"
        self.port = free_port()
        self.smtp = smtp
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "engine.cli", "serve", "--config", str(ROOT / "config")]
        command += ["--db", str(self.database), "--port", str(self.port), "--clock", "stream"]
        env = {**os.environ, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(self.smtp)}
        env.pop("LEADRULES_TOKEN", None)
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        wait_until_ready(self.url, self.process, self.log)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, or kill it."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(60)

    def post(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        """Post a batch and return the answer."""
        answer = httpx.post(f"{self.url}/v1/events", json=events, timeout=120)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def select(self, query: str) -> list[tuple[Any, ...]]:
        """Read the database beside the running server."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def leads(self) -> dict[str, Any]:
        """Return what every lead came to, by its user id, without what differs by run."""
        found = {}
        for (state,) in self.select("SELECT state FROM leads"):
            lead = json.loads(state)
            journeys = {
                name: {k: v for k, v in way.items() if k != "entered_by"}
                for name, way in lead.get("journeys", {}).items()
            }
            found[lead["facts"]["lead.user_id"]] = {
                "facts": lead["facts"],
                "stages": lead["stages"],
                "journeys": journeys,
                # The notice's own clock is met when a real provider has it, at its own pace.
                "clocks": {k: v for k, v in lead.get("clocks", {}).items() if k != "notify"},
            }
        return found


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """The shipped world, ending an hour ago: the clock is the stream's to the last event."""
    return shifted(read(), datetime.now(UTC) - timedelta(hours=1))


@pytest.fixture(scope="module")
def smtp() -> Iterator[int]:
    """A mailbox that takes everything."""
    with mailbox() as (_, port):
        yield port


@pytest.fixture(scope="module")
def whole(
    events: list[dict[str, Any]], smtp: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that has taken the whole stream without interruption."""
    server = Server(tmp_path_factory.mktemp("whole"), smtp)
    server.start()
    for start in range(0, len(events), BATCH):
        answer = server.post(events[start : start + BATCH])
        assert (answer["rejected"], answer["duplicates"]) == (0, 0)
    yield server
    server.end()


def test_every_event_is_in_the_log_once(whole: Server, events: list[dict[str, Any]]) -> None:
    """What was posted is there, each id one time, and there are 5,000 leads."""
    logged = [id for (id,) in whole.select("SELECT id FROM events WHERE channel = 'leadforge'")]
    assert len(logged) == len(set(logged))
    assert set(logged) == {event["id"] for event in events}
    assert whole.select("SELECT count(*) FROM leads") == [(5000,)]


def test_every_score_is_the_sum_of_its_ledger(whole: Server) -> None:
    """The total of each lead equals its lines, to the last digit."""
    wrong = whole.select(
        "SELECT l.id, l.score, s.points FROM leads l JOIN "
        "(SELECT lead, round(sum(points), 4) AS points FROM ledger GROUP BY lead) s "
        "ON s.lead = l.id WHERE l.score <> s.points"
    )
    assert wrong == []
    without = "SELECT count(*) FROM leads WHERE score <> 0 AND id NOT IN (SELECT lead FROM ledger)"
    assert whole.select(without) == [(0,)]


def test_every_lead_over_the_threshold_has_an_owner_or_a_reason(whole: Server) -> None:
    """Who crossed 80 was routed: an owner, or a pool with the reason."""
    refused = {
        lead
        for (lead,) in whole.select(
            "SELECT lead FROM happenings WHERE kind = 'journey_not_entered' "
            "AND json_extract(data, '$.journey') = 'sales-ready'"
        )
    }
    crossed = 0
    for id, state in whole.select(
        "SELECT id, state FROM leads WHERE id IN (SELECT lead FROM ("
        "SELECT lead, sum(points) OVER (PARTITION BY lead ORDER BY rowid) AS total FROM ledger)"
        " WHERE total >= 80)"
    ):
        lead = json.loads(state)
        crossed += 1
        reason = lead.get("assignment", {}).get("reason") or id in refused
        assert lead["facts"].get("owner") or reason, id
    assert crossed > 500


def test_sent_again_the_stream_changes_nothing(whole: Server, events: list[dict[str, Any]]) -> None:
    """Every event is known; log, leads and ledger stay as they were."""
    before = (whole.leads(), whole.select("SELECT count(*), sum(points) FROM ledger"))
    for start in range(0, len(events), BATCH):
        answer = whole.post(events[start : start + BATCH])
        assert answer["accepted"] == 0
    assert (whole.leads(), whole.select("SELECT count(*), sum(points) FROM ledger")) == before


def test_killed_in_mid_stream_and_resumed_the_leads_are_the_same(
    whole: Server, events: list[dict[str, Any]], smtp: int, tmp_path: Path
) -> None:
    """Signal 9 three times on the way; each time the batch in flight is sent again."""
    server = Server(tmp_path, smtp)
    server.start()
    batches = [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
    deaths = {len(batches) // 5, len(batches) // 2, len(batches) * 4 // 5}
    for number, batch in enumerate(batches):
        if number in deaths:
            killer = subprocess.Popen(["sh", "-c", f"sleep 0.05; kill -9 {server.process.pid}"])
            with contextlib.suppress(httpx.TransportError):
                while True:  # until the kill hits a request that is under way
                    server.post(batch)
            killer.wait()
            server.process.wait(60)
            server.start()
        server.post(batch)
    resumed, uninterrupted = server.leads(), whole.leads()
    server.end()
    assert resumed.keys() == uninterrupted.keys()
    different = [id for id in resumed if resumed[id] != uninterrupted[id]]
    assert different == [], _unequal(resumed[different[0]], uninterrupted[different[0]])


def _unequal(one: Any, other: Any) -> list[tuple[str, Any, Any]]:
    """Return the parts of two leads that differ, for people to read."""
    return [
        (key, one.get(key), other.get(key)) for key in one | other if one.get(key) != other.get(key)
    ]


def test_the_server_met_no_defect(whole: Server) -> None:
    """Nothing in its log is a traceback."""
    assert "Traceback" not in whole.log.read_text()
