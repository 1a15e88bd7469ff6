"""Notices to salespeople through the outbox: each is told once, later, in a digest, or refused."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.host.delivery import Deliverer
from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.host.verifying import verify
from engine.language.instants import format_instant, parse_instant
from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    OutgoingDelivery,
    Result,
    Retry,
)
from engine.store import checks
from engine.testing.clock import FakeClock
from tests.plugins.test_delivery import until
from tests.plugins.test_registry import registering
from tests.serving import write_config

ROUTING = """
notify:
  quiet_hours: [{between: ["20:00", "08:30"]}]
  urgent: [escalate]
  digest: {at: "08:40", kinds: [pool, declined]}
teams:
  east:
    supervisor: zhou.jie
    members:
      - {id: li.na, name: 李娜, away: [{from: 2026-03-04, to: 2026-03-05}]}
      - {id: hans, name: Hans, notify: {zone: Europe/Berlin, digest: {at: "02:30", kinds: [pool]}}}
rules:
  - {id: all, when: {lead.company: {exists: true}}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
"""
JOURNEYS = """
journeys:
  - id: welcome
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: assign, route: {}}
      - {id: tell, do: notify, with: {to: owner, title: "新线索 {{ lead.name }}", text: 请联系}}
"""
SERVER = "connections: {notify: {plugin: notes}}"
MORNING = "2026-03-02T09:00:00+08:00"


class Notes(Action):
    """Takes notes to salespeople; ``answers`` are what it says to the next ones."""

    name = "notes"

    def __init__(self) -> None:
        self.taken: list[OutgoingDelivery] = []
        self.answers: list[Result] = []

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        answer = self.answers.pop(0) if self.answers else Delivered()
        if isinstance(answer, Delivered):
            self.taken.append(delivery)
        return answer


class House:
    """A company whose time stands still between the steps of a test."""

    def __init__(self, folder: Path, at: str = MORNING, **files: str) -> None:
        texts = {"routing": ROUTING, "journeys": JOURNEYS, "server": SERVER, "messages": "{}"}
        self.config = write_config(folder / "config", **{**texts, **files})
        self.database = folder / "leads.db"
        self.notes = Notes()
        self.clock = FakeClock(at)
        self.plugins = Plugins({"mine": registering(self.notes)})
        self.runtime: Runtime

    def open(self) -> None:
        """Start the runtime, as after a crash: what the process before had in memory is gone."""
        self.runtime = Runtime(self.config, self.database, self.clock, self.plugins, environ={})
        assert not self.runtime.load()
        self.runtime.start()

    @asynccontextmanager
    async def running(self) -> Any:
        """Run between two restarts."""
        self.open()
        try:
            yield self
        finally:
            await self.runtime.stop()

    async def post(self, number: int, kind: str, **properties: Any) -> None:
        """Let something happen to a lead."""
        lead = {"email": f"w{number}@acme.cn", "name": f"王芳{number}", "company": "金泰阀门"}
        raw = {"type": kind, "lead": lead, "properties": properties, "by": "li.na"}
        (outcome,) = await self.runtime.submit([raw])
        assert outcome.status == "accepted", outcome

    async def pool(self, number: int) -> None:
        """Let a lead come into the pool."""
        await self.post(number, "lead_assigned", owner="li.na")
        await self.post(number, "lead_released", pool="public")

    def rows(self) -> list[dict[str, Any]]:
        """Return the whole outbox."""
        connection = sqlite3.connect(self.database)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute("SELECT * FROM deliveries")]
        finally:
            connection.close()

    def sound(self) -> None:
        """Check that the database is whole, and every lead what its log makes of it."""
        ruleset = self.runtime.ruleset
        assert {each.verdict for each in verify(self.database, {}, ruleset)} == {"same"}
        assert [f for f in checks.deep(self.database, "default") if f.level == "error"] == []

    async def deliver(self) -> None:
        """Hand over all that is due now."""
        deliverer = Deliverer(self.runtime, self.plugins, backoff=lambda attempt: 0, rest_s=0.01)
        deliverer.start()
        now = self.clock.now()

        def done() -> bool:
            waits = [row for row in self.rows() if row["status"] in ("queued", "leased")]
            return not any(row["status"] == "leased" or row["due"] <= now for row in waits)

        try:
            await until(done)
        finally:
            await deliverer.stop()


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run one test's coroutine."""
    asyncio.run(asyncio.wait_for(story(), 120))  # type: ignore[arg-type]


def test_a_digest_is_one_message(tmp_path: Path) -> None:
    """What was collected of three leads comes as one message, at its time, over a restart."""
    house = House(tmp_path)

    async def story() -> None:
        async with house.running():
            for number in (1, 2, 3):
                await house.pool(number)
            await house.deliver()
            assert house.notes.taken == []
        house.clock.tick("23h")
        async with house.running():
            await house.deliver()
            assert house.notes.taken == []  # it is eight o'clock
            house.clock.tick("40m")
            await house.deliver()

    run(story)
    (digest,) = [each for each in house.notes.taken if each.to == "li.na"]
    assert digest.subject == "您的 3 条提醒 / your notices: 3"
    assert [line.rpartition(": ")[2] for line in (digest.text or "").splitlines()[1:]] == [
        f"王芳{number} 金泰阀门" for number in (1, 2, 3)
    ]
    assert digest.params["what"] == "digest"
    status = Counter((row["person"], row["kind"], row["status"]) for row in house.rows())
    assert status["li.na", "pool", "collected"] == 3
    assert status["li.na", "digest", "delivered"] == 1


def test_a_name_is_no_template(tmp_path: Path) -> None:
    """Whoever calls themselves by a template gets it into a digest as it is."""
    house = House(tmp_path)

    async def story() -> None:
        async with house.running():
            await house.pool(1)
            lead = {"email": "w1@acme.cn", "name": "{{ 7 * 7 }}{% for %}"}
            await house.runtime.submit([{"type": "form_submitted", "lead": lead}])
            house.clock.tick("1d")
            await house.deliver()

    run(story)
    assert any("{{ 7 * 7 }}{% for %}" in (each.text or "") for each in house.notes.taken)


def test_an_outage_ends_at_night(tmp_path: Path) -> None:
    """What was queued by day and could not go out waits for the morning, with its reason."""
    house = House(tmp_path)

    async def story() -> None:
        async with house.running():
            await house.post(1, "form_submitted", form="contact")
            house.clock.tick("12h")
            await house.deliver()
            assert house.notes.taken == []
            (row,) = house.rows()
            assert (row["status"], row["attempts"]) == ("queued", 0)
            assert row["due"] == parse_instant("2026-03-03T08:30:00+08:00")
            assert row["reason"] == "quiet hours until 2026-03-03T00:30:00Z"
            house.clock.tick("12h")
            await house.deliver()

    run(story)
    assert [each.subject for each in house.notes.taken] == ["新线索 王芳1"]


def test_nothing_is_added_to_a_digest_that_went_out(tmp_path: Path) -> None:
    """A note that is written for an instant whose digest is under way has one of its own."""
    house = House(tmp_path)

    async def story() -> None:
        async with house.running():
            await house.pool(1)
            house.clock.tick("1d")
            await house.deliver()
            house.clock._now = parse_instant(MORNING)  # as where the computer's clock jumps back
            await house.pool(2)
            house.clock.tick("1d")
            await house.deliver()

    run(story)
    texts = [each.text or "" for each in house.notes.taken if each.to == "li.na"]
    assert ["王芳1" in text for text in texts] == [True, False]
    assert ["王芳2" in text for text in texts] == [False, True]
    assert len({each.key for each in house.notes.taken}) == len(house.notes.taken)


def test_who_is_forgotten_is_in_no_digest(tmp_path: Path) -> None:
    """A digest that waits leaves the person out; of one that went out the text is gone."""
    house = House(tmp_path)

    async def story() -> None:
        async with house.running():
            await house.pool(1)
            await house.pool(2)
            await house.runtime.forget(house.runtime.reader.find("w1@acme.cn"))
            house.clock.tick("1d")
            await house.deliver()
            (digest,) = [each for each in house.notes.taken if each.to == "li.na"]
            assert "王芳1" not in (digest.text or "")
            assert "王芳2" in str([row["body"] for row in house.rows()])
            await house.runtime.forget(house.runtime.reader.find("w2@acme.cn"))
            assert "王芳2" not in str(house.rows())
            assert house.runtime.reader.inbox().unread("li.na") == 0

    run(story)


# --- whatever happens ----------------------------------------------------------------------------

DEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("form_submitted", {"form": "contact"}),
    ("call_logged", {"outcome": "接通", "signals": ["付款方式"]}),
    ("lead_declined", {"reason": "没有时间"}),
    ("lead_assigned", {"owner": "hans"}),
    ("lead_released", {"pool": "public"}),
    ("note_added", {"text": "客户很感兴趣", "signals": ["试用"]}),
)
ANSWERS: tuple[Result, ...] = (
    *(Delivered(), Delivered(), Delivered()),
    *(Retry("busy", about="recipient"), Failed("no such person")),
)


@pytest.mark.parametrize("seed", range(6))
def test_every_notice_is_accounted_for(tmp_path: Path, seed: int) -> None:
    """Told, waiting with an instant, in one digest, or refused with a reason: exactly once each,
    over nights, weekends, absences, failures and restarts.
    """
    chance = random.Random(seed)
    house = House(tmp_path)

    async def story() -> None:
        for _ in range(5):
            async with house.running():
                for _ in range(chance.randint(1, 3)):
                    for _ in range(chance.randint(1, 4)):
                        kind, properties = chance.choice(DEEDS)
                        await house.post(chance.randint(1, 4), kind, **properties)
                    house.notes.answers = [chance.choice(ANSWERS) for _ in range(4)]
                    if chance.random() < 0.7:  # else the process ends before
                        await house.deliver()
                    house.clock.tick(f"{chance.randint(1, 40)}h")
        _account(house)

    run(story)
    house.sound()


def _account(house: House) -> None:
    rows, now = {row["key"]: row for row in house.rows()}, house.clock.now()
    taken = Counter(each.key for each in house.notes.taken)
    texts = {each.key: each.text or "" for each in house.notes.taken}
    assert len(rows) > 3
    for key, row in rows.items():
        status, carrier = row["status"], row["digest"]
        assert taken[key] == (status == "delivered"), key
        if status == "queued":
            assert row["due"] > row["created_at"] or row["due"] <= now
        elif status == "collected":
            assert rows[carrier]["kind"] == "digest"
            assert rows[carrier]["person"] == row["person"]
            assert format_instant(row["due"]) in row["reason"]
        else:
            assert status == "delivered" or row["reason"], (status, key)
    for key, row in rows.items():
        if row["kind"] == "digest" and row["status"] == "delivered":
            carried = [each for each in rows.values() if each["digest"] == key]
            assert len(texts[key].splitlines()) == len(carried) + 1
