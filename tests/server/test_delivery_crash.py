"""Kill -9 in the middle of deliveries, against a real mail server that is no help."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from plugins.actions.letter import message_id
from tests.plugins.test_email_pool import Moody
from tests.server.test_process import server
from tests.serving import form, mail_server, wait_for, write_config

KILLS = 6


class Unhelpful(Moody):
    """Takes its time, and at every tenth message hangs up instead of answering."""

    def __init__(self) -> None:
        super().__init__()
        self.reached: Counter[str] = Counter()
        self.unclear: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        count = sum(self.reached.values())
        self.delay_s = 0.01 * (count % 7)
        self.drops = int(count % 10 == 9)
        dropped = bool(self.drops)
        head = envelope.content.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace")
        id = next(ln for ln in head.split("\r\n") if ln.lower().startswith("message-id:"))
        key = id.split(":", 1)[1].strip()
        self.reached[key] += 1
        self.unclear[key] += dropped
        return await super().handle_DATA(server, session, envelope)


def post_on(url: str, first: int, acknowledged: list[int]) -> None:
    """Post forms until the server is gone."""
    with httpx.Client(timeout=10) as client, contextlib.suppress(httpx.TransportError):
        for n in range(first, first + 100_000):
            answer = client.post(f"{url}/v1/events", json=form(n, company="阀门厂"))
            assert answer.status_code == 200
            acknowledged.append(n)


def under_way(database: Path) -> set[str]:
    """Return the Message-IDs of what was with the provider; nothing waits for its time after."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT key FROM deliveries WHERE status = 'leased' AND connection = 'email'"
        ).fetchall()
        connection.execute("UPDATE deliveries SET due = 1 WHERE status = 'queued'")
        connection.commit()
    return {message_id(key, "news@example.com") for (key,) in rows}


def open_now(url: str) -> int:
    """Return how many deliveries are not done."""
    found = httpx.get(f"{url}/-/status", timeout=10).json()["deliveries"]
    return int(found.get("queued", 0)) + int(found.get("leased", 0))


def test_killed_in_the_middle_of_deliveries(tmp_path: Path) -> None:
    """No key reaches the provider more often than its answer was lost, and none is forgotten."""
    box, acknowledged = Unhelpful(), list[int]()
    database, lost = tmp_path / "leads.db", Counter[str]()
    with mail_server(box) as port:
        config = write_config(tmp_path / "config", port)
        for _ in range(KILLS):
            with server(config, database) as served:
                first = max(acknowledged, default=-1) + 1
                thread = threading.Thread(target=post_on, args=(served.url, first, acknowledged))
                thread.start()
                time.sleep(random.uniform(0.3, 0.9))
                served.end(signal.SIGKILL)
                thread.join()
            lost.update(under_way(database))
        while True:
            with server(config, database) as served:
                with contextlib.suppress(AssertionError):
                    wait_for(lambda: open_now(served.url) == 0, 5)
                left = open_now(served.url)
                assert served.end() == 0
            assert under_way(database) == set()
            if not left:
                break
    assert len(acknowledged) > 20
    assert sum(lost.values()) > 0
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT key, status FROM deliveries WHERE connection = 'email'"
        ).fetchall()
        receipts = connection.execute(
            "SELECT count(*) FROM events WHERE id LIKE 'receipt:%' AND type = 'email_sent'"
        ).fetchone()[0]
    assert len(rows) >= len(acknowledged)
    assert {status for _, status in rows} == {"delivered"}
    assert receipts == len(rows)
    for key, _ in rows:
        id = message_id(key, "news@example.com")
        assert 1 <= box.reached[id] <= 1 + box.unclear[id] + lost[id], (key, box.reached[id])
    assert set(box.reached) == {message_id(key, "news@example.com") for key, _ in rows}
