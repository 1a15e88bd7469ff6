"""``explain`` of one rule, of a why-not, and of an instant, with and without the server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import CONFIG, Ran

Command = Callable[..., Ran]
LEAD = {"email": "wang@acme-valves.cn"}
WHO = {**LEAD, "title_level": "director", "employees": 600, "industry": "制造业"}
EVENTS = [
    {"id": "f", "type": "chat_started", "lead": WHO},
    {"id": "p", "type": "page_viewed", "lead": LEAD, "properties": {"page": "pricing"}},
    {"id": "h", "type": "page_viewed", "lead": LEAD, "properties": {"page": "home"}},
]


@pytest.fixture
def known(server: tuple[str, Path]) -> tuple[str, Path]:
    """A server that knows a director who has looked at the prices."""
    answer = httpx.post(f"{server[0]}v1/events", json=EVENTS)
    assert answer.status_code == 200
    return server


def both(leadrules: Command, known: tuple[str, Path], *asked: str) -> str:
    """Return what the server and the database alone say; they must agree."""
    url, database = known
    online = leadrules("explain", LEAD["email"], *asked, "--url", url)
    offline = leadrules("explain", LEAD["email"], *asked, "--db", database, "--config", CONFIG)
    assert (online.code, offline.code) == (0, 0), online.err + offline.err
    assert online.out == offline.out
    return online.out


def test_a_rule(leadrules: Command, known: tuple[str, Path]) -> None:
    """A rule is told with its tree, the events it has seen and what wakes it."""
    told = both(leadrules, known, "--rule", "visited-pricing")
    assert "rule visited-pricing 访问“定价”或“方案”页面" in told
    assert "✓ it gives +15 points" in told
    assert "page_viewed p: +15 points" in told
    assert "✗ page: [pricing, solution] — home  config/scoring.yaml:" in told
    assert "when: events page_viewed" in told
    told = both(leadrules, known, "--rule", "idle")
    assert "when: clock absent: {event: any, for: 30d}" in told
    assert "期限 deadlines" in told


def test_why_not(leadrules: Command, known: tuple[str, Path]) -> None:
    """What stands in the way comes first, then the tree with its false parts marked."""
    told = both(leadrules, known, "--why-not", "fast-conversion")
    assert "✗ the lead has never been in it" in told
    assert "✗ its condition does not hold: 3 parts are false" in told
    assert "      ✗ grade: A — B" in told
    assert "唤醒" not in told
    told = both(leadrules, known, "--why-not", "title-manager")
    assert "✗ lead.title_level: manager — director" in told


@pytest.fixture(params=["UTC", "Asia/Shanghai"])
def offset(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put the terminal into a time zone; yields its hours before UTC."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield 0 if request.param == "UTC" else 8
    monkeypatch.undo()
    time.tzset()


def test_at_an_instant(leadrules: Command, known: tuple[str, Path], offset: int) -> None:
    """In forty days, if nothing happens, the silence has cost its points."""
    ahead = (datetime.now(UTC) + timedelta(days=40)).isoformat(timespec="seconds")
    told = both(leadrules, known, "--rule", "welcome", "--at", ahead)
    there = (datetime.fromisoformat(ahead) + timedelta(hours=offset)).isoformat()
    zone = f"+{offset:02}:00" if offset else "Z"
    assert f"时刻 as of {there[:10]} {there[11:19]}{zone}" in told
    now = json.loads(both(leadrules, known, "--format", "json"))
    then = json.loads(both(leadrules, known, "--at", ahead, "--format", "json"))
    assert then["score"]["total"] == now["score"]["total"] - 10


def test_names_that_are_not_there_are_2(leadrules: Command, known: tuple[str, Path]) -> None:
    """A rule that is not there is answered with the nearest, with and without the server."""
    url, database = known
    for where in (("--url", url), ("--db", str(database), "--config", str(CONFIG))):
        ran = leadrules("explain", LEAD["email"], "--rule", "welcom", *where)
        assert (ran.code, ran.out) == (2, "")
        assert 'did you mean "welcome"' in ran.err
        ran = leadrules("explain", LEAD["email"], "--at", "2001-01-01T00:00:00Z", *where)
        assert ran.code == 2
        assert "was not there yet" in ran.err


def test_rules_that_have_changed_are_noted(
    leadrules: Command, known: tuple[str, Path], config: Path
) -> None:
    """Looking back by other rules says how many events these did not decide."""
    file = config / "scoring.yaml"
    file.write_text(file.read_text("utf-8").replace("points: 20", "points: 21"), "utf-8")
    where = ("--db", known[1], "--config", config)
    ran = leadrules("explain", LEAD["email"], "--at", "2126-01-01T00:00:00Z", *where)
    assert ran.code == 0
    assert "of its events were decided by other rules than these" in ran.out
