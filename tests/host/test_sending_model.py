"""Random leads, events, clocks, reloads, outages and crashes against a model of a few lines.

Nothing goes out twice, to somebody who opted out, in quiet hours or beyond a cap. The provider
here is a plugin that keeps what it was asked, and outlives the server. CI plays a fixed budget;
LEADRULES_MODEL_EXAMPLES plays more.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.host.delivery import Deliverer
from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.host.verifying import verify
from engine.language.instants import DAY, HOUR, MINUTE
from engine.network.ruleset import Ruleset
from engine.plugin import Action, ActionContext, Delivered, OutgoingDelivery, Result, Retry
from tests.host.test_clocks import MONDAY, Hand, settle
from tests.plugins.test_registry import registering
from tests.serving import write_config

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "")
PEOPLE = tuple(f"user-{n}" for n in range(len(ZONES)))
JOURNEYS = """
journeys:
  - id: care
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: hello, send: welcome}
      - {id: pause, wait: {until: 20h}}
      - {id: more, send: news}
      - {id: heard, wait: {event: email_opened, of: more, within: 2d}, then: end, else: end}
  - id: texting
    enter: {event: page_viewed}
    reentry: always
    steps:
      - {id: offer, send: offer}
  - id: shop
    enter: {event: order_placed}
    reentry: always
    steps:
      - {id: receipt, send: receipt}
"""
MESSAGES = """
messages:
  welcome: {action: mail, topic: marketing, text: 欢迎%s, to: lead.email, channel: email}
  news: {action: mail, topic: news, text: 资讯, to: lead.email, channel: email}
  offer: {action: mail, topic: promo, text: 新品, to: lead.phone, channel: sms}
  receipt: {action: mail, kind: transactional, text: 谢谢, to: lead.email, channel: email}
quiet_hours: [{between: ["21:00", "08:00"]}]
frequency: [{at_most: 3, per: 1d}, {at_most: 1, per: 2d, channels: [sms]}]
"""
SERVER = "connections: {mail: {plugin: provider, limits: {max_age: 30d, attempts: 50}}}"
ABOUT = {
    "welcome": ("marketing", "email"),
    "news": ("news", "email"),
    "offer": ("promo", "sms"),
    "receipt": (None, "email"),
}
EXAMPLES = int(os.environ.get("LEADRULES_MODEL_EXAMPLES", "10"))


class Provider(Action):
    """Keeps what it is asked; ``mode`` is ok, down, or lost: done, and the answer never comes."""

    name = "provider"

    def __init__(self, clock: Hand) -> None:
        self.clock = clock
        self.mode = "ok"
        self.asked: list[tuple[OutgoingDelivery, int, str]] = []

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        self.asked.append((delivery, self.clock.now(), self.mode))
        if self.mode == "ok":
            return Delivered()
        return Retry("没有答复", after=10 * MINUTE, about="recipient")


class Sending(RuleBasedStateMachine):
    """The server on its database file, and what it may do."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="leadrules-model-"))
        self.clock = Hand(MONDAY)
        self.provider = Provider(self.clock)
        self.rulesets: dict[str, Ruleset] = {}
        self.runs = 0
        self.loads = 0
        self.seen = 0
        # The model: what each person said and when, whose address is dead, what was queued when.
        self.said: dict[tuple[str, str], tuple[int, str]] = {}
        self.dead: set[str] = set()
        self.angry: set[str] = set()
        self.queued: dict[str, tuple[str, str, int]] = {}
        self.done: set[str] = set()
        self.entered: dict[tuple[str, str], int] = {}

    # --- the server ------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """Start it with a few people."""
        self._write_config()
        self.database = self.folder / "0.db"
        self._do(self._start)
        for who, zone in zip(PEOPLE, ZONES, strict=True):
            lead = {"user_id": who, "email": f"{who}@acme.cn", "phone": f"1380013800{who[-1]}"}
            self._submit("note_added", who, {**lead, **({"timezone": zone} if zone else {})})

    def _write_config(self) -> None:
        write_config(
            self.folder / "config",
            journeys=JOURNEYS,
            messages=MESSAGES % self.loads,
            server=SERVER,
        )

    async def _start(self) -> None:
        plugins = Plugins({"mine": registering(self.provider)}, entry_points=False)
        self.runtime = Runtime(
            self.folder / "config", self.database, self.clock, plugins=plugins, environ={}
        )
        found = self.runtime.load()
        assert not found, found
        self.rulesets[self.runtime.ruleset.version] = self.runtime.ruleset
        self.runtime.start()
        self.deliverer = Deliverer(self.runtime, plugins, drain_s=1.0)
        self.deliverer.start()

    async def _stop(self) -> None:
        await self.deliverer.stop()
        await self.runtime.stop()

    def _do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Run something and let the server come to rest."""

        async def whole() -> None:
            await work()
            await self._rest()

        self.runner.run(whole())
        self._look()

    async def _rest(self) -> None:
        """Wait until nobody is overdue and nothing that is due waits in the outbox."""
        for _ in range(2_000):
            await settle(self.runtime)
            await self.deliverer.retry_all(
                "mail", "test", "failed"
            )  # nothing fails; wakes the lane
            if not self._rows("status IN ('leased') OR (status = 'queued' AND due <= ?)"):
                await self.runtime.write(lambda connection: None)
                return
            await asyncio.sleep(0.002)
        raise AssertionError("the outbox never rests")

    def _rows(self, which: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.database)
        try:
            values = (self.clock.now(),) if "?" in which else ()
            return connection.execute(
                f"SELECT key, lead, message, status FROM deliveries WHERE {which}", values
            ).fetchall()
        finally:
            connection.close()

    def _submit(self, kind: str, who: str, lead: Any = None, **properties: Any) -> None:
        event = {"type": kind, "lead": lead or {"user_id": who}, "properties": properties}

        async def send() -> None:
            (outcome,) = await self.runtime.submit([event])
            assert outcome.status == "accepted", outcome

        self._do(send)

    # --- what happens ----------------------------------------------------------------------------

    @rule(
        who=st.sampled_from(PEOPLE),
        kind=st.sampled_from(["form_submitted", "page_viewed", "order_placed"]),
    )
    def behave(self, who: str, kind: str) -> None:
        """Somebody does what starts a journey."""
        self.entered[who, kind] = self.entered.get((who, kind), 0) + 1
        self._submit(kind, who)

    @rule(
        who=st.sampled_from(PEOPLE),
        topic=st.sampled_from(["marketing", "news", "promo", "all"]),
        status=st.sampled_from(["withdrawn", "given", "given"]),
    )
    def choose(self, who: str, topic: str, status: str) -> None:
        """Somebody leaves a topic, or joins it."""
        self._say(who, topic, status)
        if status == "given":
            lead = {"user_id": who, "consent": {topic: "given"}}
            self._submit("subscribed", who, lead, topic=topic)
        else:
            self._submit("unsubscribed", who, topic=topic)

    @rule(who=st.sampled_from(PEOPLE), visits=st.integers(1, 4))
    def rush(self, who: str, visits: int) -> None:
        """Somebody does several things in one hour."""
        for kind in ("form_submitted", *["page_viewed"] * visits):
            self.behave(who, kind)
        self.behave(PEOPLE[0], "page_viewed")

    @rule(
        who=st.sampled_from(PEOPLE), text=st.sampled_from(["退订", "t", "好的", "多少钱", "谢谢"])
    )
    def reply(self, who: str, text: str) -> None:
        """Somebody answers a text message."""
        if text in ("退订", "t"):
            self._say(who, "sms", "withdrawn")
        self._submit("sms_replied", who, text=text)

    @rule(who=st.sampled_from(PEOPLE), kind=st.sampled_from(["email_bounced", "email_complained"]))
    def refuse(self, who: str, kind: str) -> None:
        """An address does not exist, or its owner complains."""
        (self.dead if kind == "email_bounced" else self.angry).add(who)
        self._submit(kind, who, **({"hard": True} if kind == "email_bounced" else {}))

    def _say(self, who: str, topic: str, status: str) -> None:
        at, known = self.clock.now(), self.said.get((who, topic), (-1, ""))
        if at > known[0] or (at == known[0] and status == "withdrawn"):
            self.said[who, topic] = (at, status)

    @rule(step=st.sampled_from([-90 * MINUTE, MINUTE, HOUR, 5 * HOUR, 11 * HOUR, DAY, 3 * DAY]))
    def turn(self, step: int) -> None:
        """Time passes, or somebody turns the clock back."""
        self.clock.at += step
        self._do(self._nothing)

    async def _nothing(self) -> None:
        return None

    @rule(mode=st.sampled_from(["ok", "ok", "down", "lost"]))
    def weather(self, mode: str) -> None:
        """The provider works, or does not."""
        self.provider.mode = mode

    @rule()
    def reload(self) -> None:
        """Somebody edits the text of a message."""
        self.loads += 1
        self._write_config()
        assert not self.runtime.reload()
        self.rulesets[self.runtime.ruleset.version] = self.runtime.ruleset

    @precondition(lambda self: self.runs < 3)
    @rule(crash=st.booleans(), away=st.sampled_from([0, HOUR, DAY]), busy=st.sampled_from(PEOPLE))
    def restart(self, crash: bool, away: int, busy: str) -> None:
        """The server stops, or dies with its database as it is on the disk; and comes back."""
        self.runs += 1
        if crash:
            self.runner.run(self._die(busy))
        self.runner.run(self._stop())
        self._look(answered=not crash)
        self.clock.at += away
        self._do(self._start)

    async def _die(self, busy: str) -> None:
        """Take an event in, and keep the disk as it is while its messages are under way."""
        kind = "form_submitted"
        self.entered[busy, kind] = self.entered.get((busy, kind), 0) + 1
        await self.runtime.submit([{"type": kind, "lead": {"user_id": busy}}])
        self.database = self._image()

    def _image(self) -> Path:
        """Return a copy of the database in mid-work: what a machine without power would keep."""
        copy = self.folder / f"{self.runs}.db"
        for suffix in ("-wal", ""):
            whole = Path(f"{self.database}{suffix}")
            if whole.exists():
                shutil.copyfile(whole, f"{copy}{suffix}")
        return copy

    def teardown(self) -> None:
        """Stop the server. Replay, which knows no provider, agrees with every lead to the byte."""
        try:
            if hasattr(self, "deliverer"):
                self.runner.run(self._stop())
                checked = verify(self.database, self.rulesets, self.runtime.ruleset)
                assert [each for each in checked if each.verdict != "same"] == []
        finally:
            self.runner.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- what must hold --------------------------------------------------------------------------

    def _look(self, answered: bool = True) -> None:
        """Check everything that the provider was asked since the last look.

        What a server that died was ``answered`` last it may not have written down.
        """
        for key, lead, message, status in self._rows("1 = 1"):
            if status != "blocked" and key not in self.queued:
                self.queued[key] = (lead, message, self.clock.now())
        for delivery, at, mode in self.provider.asked[self.seen :]:
            assert delivery.message is not None
            assert delivery.key not in self.done, "it was delivered before"
            who = PEOPLE[int(str(delivery.to).partition("@")[0][-1])]
            topic, channel = ABOUT[delivery.message]
            assert not self._refused(who, topic, channel), f"{who} wants no {delivery.message}"
            assert topic is None or not self._quiet(who, at), f"{who} sleeps"
            if mode == "ok" and answered:
                self.done.add(delivery.key)
        self.seen = len(self.provider.asked)

    def _refused(self, who: str, topic: str | None, channel: str) -> bool:
        if who in self.dead and channel == "email":
            return True
        if topic is None:
            return False
        own_at, own = self.said.get((who, topic), (-1, ""))
        if own == "withdrawn" or (who in self.angry and channel == "email"):
            return True
        wide = [self.said.get((who, name), (-1, "")) for name in ("all", channel)]
        given_at = own_at if own == "given" else -1
        return any(status == "withdrawn" and at >= given_at for at, status in wide)

    def _quiet(self, who: str, at: int) -> bool:
        zone = ZoneInfo(ZONES[PEOPLE.index(who)] or "Asia/Shanghai")
        hour = datetime.fromtimestamp(at / 1_000, zone).hour
        return hour >= 21 or hour < 8

    @invariant()
    def caps_hold(self) -> None:
        """No window of a day has four messages of marketing, none of two days two texts."""
        by_lead: dict[str, list[tuple[int, str]]] = {}
        for lead, message, at in self.queued.values():
            topic, channel = ABOUT[message]
            if topic is not None:
                by_lead.setdefault(lead, []).append((at, channel))
        for sends in by_lead.values():
            for at, _ in sends:
                assert sum(at - DAY < other <= at for other, _ in sends) <= 3
                texts = sum(at - 2 * DAY < o <= at and c == "sms" for o, c in sends)
                assert texts <= 1

    @invariant()
    def nothing_twice(self) -> None:
        """Each entry into a journey sends each of its messages once at most."""
        counts: dict[str, int] = {}
        for _, message, _ in self.queued.values():
            counts[message] = counts.get(message, 0) + 1
        told = {"welcome": "form_submitted", "news": "form_submitted", "offer": "page_viewed"}
        for message, kind in {**told, "receipt": "order_placed"}.items():
            most = sum(n for (_, each), n in self.entered.items() if each == kind)
            assert counts.get(message, 0) <= most


TestSending = pytest.mark.timeout(60 + 10 * EXAMPLES)(Sending.TestCase)
TestSending.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    derandomize="LEADRULES_MODEL_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
