"""A scanner's first clicks count when they come; what they gave goes with the one that shows it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import DAY, HOUR, MINUTE, SECOND
from engine.machines import bots
from engine.machines.bots import GIVEN
from engine.machines.state import Decision, Event
from engine.network.ruleset import Ruleset
from tests.machines.generators import Data
from tests.machines.rulesets import QUIET, one_model
from tests.machines.test_properties_scoring import Life, check_ledger
from tests.play import START, rules

CLICK: Data = {"event": "email_clicked"}
SHAPES: tuple[Data, ...] = (
    {**CLICK, "points": 5, "repeat": "each"},
    {**CLICK, "points": 5, "repeat": "once"},
    {**CLICK, "points": 2.25, "repeat": {"at_most": 1, "per": "1d"}},
    {**CLICK, "points": 8, "repeat": "each", "expires": "30d"},
    {**CLICK, "points": 8, "repeat": "each", "expires": "3s"},
    {**CLICK, "points": 8, "repeat": {"at_most": 2}, "decay": {"half_life": "2d"}},
    {**CLICK, "points": 8, "repeat": "each", "decay": {"half_life": "2s"}},
    {"event": ["email_clicked", "page_viewed"], "points": 3, "repeat": "each"},
    {**CLICK, "where": {"url": {"contains": "价格"}}, "points": 7, "repeat": "each"},
    {"when": {"count": {**CLICK, "gte": 1}}, "points": 4},
    {"when": {"count": {**CLICK, "within": "1d", "gte": 2}}, "points": 6},
    {"when": {"count": {"event": "any", "within": "1h", "gte": 3}}, "points": 9},
    {"when": {"last": {**CLICK, "lte": "7d"}}, "points": 1.5},
    {"when": {"last": {**CLICK, "within": "3d", "lte": "1d"}}, "points": 2.5},
    {"when": {"max": {"event": ["email_clicked", "order_placed"], "of": "amount", "gte": 5}}, "points": 11},
    {"when": {"max": {"event": ["email_clicked", "order_placed"], "of": "amount", "within": "2d", "gte": 5}}, "points": 12},
    {"when": {"sum": {"event": ["email_clicked", "order_placed"], "of": "amount", "gte": 5}}, "points": 13},
    {"when": {"absent": {"event": "any", "for": "1d"}}, "points": -4},
    {"when": {"absent": {"event": "any", "for": "1d"}}, "points": -10, "repeat": "each"},
    {"when": {"absent": {**CLICK, "for": "2d"}}, "points": -1},
)  # fmt: skip


@cache
def _rules(chosen: tuple[int, ...], most: int | None) -> Ruleset:
    chosen_rules = [{"id": f"r{i}", "dimension": "互动", **SHAPES[i]} for i in chosen]
    model = one_model(chosen_rules, {"互动": {} if most is None else {"max": most}})
    with TemporaryDirectory() as folder:
        return rules(
            Path(folder),
            scoring=json.dumps({"models": model}),
            lifecycle=json.dumps(QUIET),
            journeys="journeys: []",
            catalog="events: {email_clicked: {properties: {amount: number}}}",
        )


class Gated(Life):
    """A lead whose clicks are looked at as a host looks at them, or are known to be a scanner's."""

    known = False

    def come(self, event: Event) -> Decision:
        """Take an event, marked where it has to be."""
        settings = self.ruleset.definitions.intake.bots
        if self.known and event.type == bots.CLICKED and event.id.startswith("扫描"):
            return self.take(bots.marked(event, "known", []))
        reason = bots.suspicion(settings, self.lead, event)
        if reason is not None:
            event = bots.marked(event, reason, bots.burst(settings, self.lead, event))
        return self.take(event)

    def read(self) -> Data:
        """What every window says at present."""
        windows = self.ruleset.windows.items()
        return {key: w.read(self.lead.windows.get(key), self.now) for key, w in windows}


def _click(name: str, at: int, **more: object) -> Event:
    link = {"url": f"https://acme.cn/价格/{name}", "message": "周报", **more}
    return Event(name, "email_clicked", at, properties=link)


BEFORE = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.sampled_from(["page_viewed", "email_clicked", "order_placed", "nothing"]),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=200)
@given(
    chosen=st.lists(st.integers(0, len(SHAPES) - 1), min_size=1, max_size=5, unique=True).map(tuple),
    most=st.sampled_from([None, 10]),
    before=BEFORE,
    burst=st.permutations(range(4)),
    pages=st.lists(st.integers(0, 3), max_size=2),
)  # fmt: skip
def test_a_burst_leaves_a_lead_as_if_it_had_been_known_from_the_first_click(
    chosen: tuple[int, ...],
    most: int | None,
    before: list[tuple[int, str]],
    burst: list[int],
    pages: list[int],
) -> None:
    """Score, sum by rule, fading points, windows and silences; so do limits at a reader's next click.

    Whatever the order of the clicks, and whatever a person did before and meanwhile.
    """
    found, known = Gated(_rules(chosen, most)), Gated(_rules(chosen, most))
    known.known = True
    for life in (found, known):
        for number, (hours, kind) in enumerate(before):
            life.reach(life.now + hours * HOUR)
            amount = {"amount": number + 3} if kind == "order_placed" else {}
            if kind != "nothing":
                life.come(Event(f"b{number}", kind, life.now, properties=amount))
        life.reach(life.now + 30 * MINUTE)
        start = life.now
        for place, number in enumerate(burst):
            life.reach(start + (place + 4) * SECOND)
            life.come(_click(f"扫描{number}", start + number * SECOND, amount=number + 4))
            if place in pages:
                life.come(Event(f"p{place}", "page_viewed", life.now))
        check_ledger(life)
    _alike(found, known)
    for life in (found, known):
        life.reach(life.now + MINUTE)
        life.come(_click("读者", life.now))
    _alike(found, known)
    for life in (found, known):
        life.reach(life.now + 40 * DAY)
        life.wake()
        check_ledger(life)
    _alike(found, known)


def _alike(found: Gated, known: Gated) -> None:
    assert found.scores() == known.scores()
    assert found.given() == known.given()
    assert found.read() == known.read()
    for name in ("facts", "grants", "holds", "truths"):
        assert getattr(found.lead, name) == getattr(known.lead, name), name
    assert found.lead.mail.get("clicks") == known.lead.mail.get("clicks")


def test_the_ledger_says_what_was_taken_back_and_the_timeline_whose_it_was() -> None:
    """Lines with the reason bot, one happening with the ids, and nothing of a reader's click."""
    life = Gated(_rules((0,), None))
    life.come(_click("读者", START, message="其他"))
    life.now += MINUTE
    for number in range(3):
        last = life.come(_click(f"扫描{number}", life.now + number))
    assert [(line.rule, line.points, line.reason) for line in life.ledger] == [
        ("r0", 5, ""), ("r0", 5, ""), ("r0", 5, ""), ("r0", -5, "bot"), ("r0", -5, "bot"),
    ]  # fmt: skip
    assert [h.data for h in last.happenings if h.kind == "withdrawn"] == [
        {"events": ["扫描0", "扫描1"], "reason": "3 links of one message within 10 s"}
    ]
    assert life.lead.mail[GIVEN] == []
    fourth = life.come(_click("扫描9", life.now + 5))
    assert fourth.ledger == []
    assert [h.kind for h in fourth.happenings] == []


def test_a_readers_turn_is_not_used_up_by_a_scanner() -> None:
    """Of `once`, the click that counts is the person's."""
    life = Gated(_rules((1,), None))
    for number in range(3):
        life.come(_click(f"扫描{number}", life.now + number))
    life.now += HOUR
    life.come(_click("读者", life.now))
    assert life.lead.facts["score.default.total"] == 5
    assert [line.event for line in life.ledger if not line.reason] == ["扫描0", "读者"]


def test_what_a_click_gave_is_remembered_as_long_as_a_burst_may_last() -> None:
    """The state does not grow with clicks, and history and marked ones are not remembered."""
    life = Gated(_rules((0, 9), None))
    for number in range(50):
        life.now += 5 * SECOND
        life.come(_click(f"c{number}", life.now, url="https://acme.cn/同一个"))
    assert len(life.lead.mail[GIVEN]) == 2
    life.now += MINUTE
    life.take(msgspec.structs.replace(_click("旧", life.now), history=True))
    life.take(bots.marked(_click("名单", life.now), "known", []))
    assert life.lead.mail[GIVEN] == []


@pytest.mark.parametrize("gone", [True, False])
def test_a_rule_that_is_gone_meanwhile_loses_what_it_gave(gone: bool) -> None:
    """Between two clicks the rules were changed; windows and points of the old ones go too."""
    life = Gated(_rules((0, 10, 17), None))
    life.come(_click("扫描0", START))
    life.now += 1
    life.come(_click("扫描1", START + 1))
    assert life.lead.facts["score.default.total"] == 16
    if gone:
        life.ruleset = _rules((1,), None)
    life.come(_click("扫描2", START + 2))
    assert life.lead.facts["score.default.total"] == 0
    check_ledger(life)


def test_a_scanner_whose_first_clicks_nobody_remembers_takes_nothing_back() -> None:
    """After an outage or an edit of the settings its ids may be unknown: nothing happens."""
    life = Gated(_rules((0,), None))
    life.come(_click("读者", START))
    shown = life.take(bots.marked(_click("扫描", START + 1), "3 links", ["早就忘了"]))
    assert (shown.ledger, shown.happenings) == ([], [])
    assert len(life.lead.mail[GIVEN]) == 1


def test_a_readers_click_among_a_scanners_stays_the_latest() -> None:
    """What a reader displaced in a window comes back no more once it was a scanner's."""
    life = Gated(_rules((13,), None))
    life.come(_click("扫描0", START))
    life.now += 1
    life.come(_click("读者", START + 1, message="其他"))
    for number in (1, 2):
        life.now += 1
        life.come(_click(f"扫描{number}", life.now))
    assert list(life.read().values()) == [START + 1]
    assert life.lead.facts["score.default.total"] == 2.5


def test_a_silence_goes_on_that_only_a_scanner_broke() -> None:
    """It holds again since when it held, and is not paid a second time."""
    life = Gated(_rules((18, 19), None))
    life.come(Event("看", "page_viewed", START, properties={"page": "pricing"}))
    life.now += 3 * DAY
    life.take(Event("钟", "timer_due", life.now))
    truths, score = dict(life.lead.truths), life.lead.facts["score.default.total"]
    assert (len(truths), score) == (1, -31)
    for number in range(3):
        life.now += 1
        life.come(_click(f"扫描{number}", life.now))
    assert life.lead.truths == truths
    assert life.lead.facts["score.default.total"] == score
    check_ledger(life)
