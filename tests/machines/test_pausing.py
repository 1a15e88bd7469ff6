"""SLA clocks stand still while their rule says so, and go on with what was left."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.calendars import CHINA
from engine.language.instants import DAY, HOUR, parse_instant
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from tests.machines.test_why import Told, codes
from tests.play import START, Play, rules

ROUTING = """
teams: {{east: {{supervisor: 周杰, members: [{{id: 陈静}}]}}}}
rules: [{{id: all, when: {{lead.city: 上海}}, assign: {{team: east}}}}, {{id: rest, assign: {{pool: public}}}}]
sla:
  - id: hot
    accept: {span}
    first_contact: 40d
    calendar: cn
    pause: {{when: {{lead.need: 稍后联系}}}}
    on_breach: [{{after: {span}, do: escalate}}, {{after: 30d, do: recycle, to: public}}]
pools: {{public: {{label: 公海池}}}}
"""
ROUTE = "journeys: [{id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}]}]"


def game(folder: Path, span: str = "5h") -> Told:
    """A lead that has just been assigned, and whose rules can be asked."""
    play = Told(rules(folder, routing=ROUTING.format(span=span), journeys=ROUTE))
    play.event("0d", "trial_requested", {"city": "上海"})
    return play


def due(play: Play) -> int:
    """The instant at which the clock runs out, in milliseconds from the start."""
    return play.lead.clocks["accept"].due - START


def test_a_clock_goes_on_with_what_was_left(tmp_path: Path) -> None:
    """Three hours standing still move the clock and the ladder by three hours."""
    play = game(tmp_path)
    play.event("2h", "form_submitted", {"need": "稍后联系"})
    assert play.lead.clocks["accept"].status == "paused"
    assert not [name for name in play.lead.timers if name.startswith("sla:")]
    play.clock("20h")
    assert play.happened("sla_breached") == []
    play.event("20h", "form_submitted", {"need": "现在联系"})
    assert (play.lead.clocks["accept"].status, due(play)) == ("running", 23 * HOUR)
    play.clock("22h")
    assert play.happened("sla_breached") == []
    play.clock("23h")
    assert {b["rung"] for b in play.happened("sla_breached")} == {"accept", "escalate"}


def test_working_time_is_what_was_left(tmp_path: Path) -> None:
    """A pause over a weekend takes working hours only: two were left, and two it is."""
    play = game(tmp_path, "6 working_hours")  # Monday 9:00, due at 15:00
    play.event("4h", "form_submitted", {"need": "稍后联系"})
    play.event("5d1h", "form_submitted", {"need": "现在联系"})  # Saturday
    assert due(play) == 7 * DAY + 2 * HOUR  # Monday 11:00


def test_a_contact_meets_a_clock_that_stands_still(tmp_path: Path) -> None:
    """Who gets in touch all the same has met the clock, and nothing of it comes back."""
    play = game(tmp_path)
    play.event("2h", "form_submitted", {"need": "稍后联系"})
    play.event("3h", "call_logged", outcome="connected")
    assert play.lead.clocks["accept"].status == "met"
    play.event("4h", "form_submitted", {"need": "现在联系"})
    play.clock("60d")
    assert play.happened("sla_breached") == []
    assert play.lead.facts["owner"] == "陈静"


def test_a_clock_may_start_standing_still(tmp_path: Path) -> None:
    """A lead that is assigned while the pause holds has its whole time after it."""
    play = Told(rules(tmp_path, routing=ROUTING.format(span="5h"), journeys=ROUTE))
    play.event("0d", "trial_requested", {"city": "上海", "need": "稍后联系"})
    assert play.lead.clocks["accept"].status == "paused"
    play.event("10h", "form_submitted", {"need": "现在联系"})
    assert due(play) == 15 * HOUR


def test_another_owner_ends_the_pause(tmp_path: Path) -> None:
    """What stood still for one owner is stopped, and the next one's clocks are judged anew."""
    play = game(tmp_path)
    play.event("2h", "form_submitted", {"need": "稍后联系"})
    play.take(Event("give", "lead_assigned", START + 3 * HOUR, properties={"pool": "public"}), START + 3 * HOUR)  # fmt: skip
    assert play.lead.halted == {}
    assert {clock.status for clock in play.lead.clocks.values()} == {"stopped"}
    play.event("4h", "form_submitted", {"need": "现在联系"})
    assert not [name for name in play.lead.timers if name.startswith("sla:")]


def test_it_is_told(tmp_path: Path) -> None:
    """The explanation shows the pause's condition, that it holds, and what wakes it."""
    play = game(tmp_path)
    assert codes(play.why("hot", HOUR)) == []
    play.event("2h", "form_submitted", {"need": "稍后联系"})
    found = play.why("hot", 3 * HOUR)
    assert codes(found) == ["paused"]
    assert [(look.role, look.tree.holds) for look in found.looks] == [("pause", True)]
    assert [wake.role for wake in found.wakes] == ["when", "pause"]
    assert found.wakes[1].fields == ("lead.need",)


def test_rules_without_the_pause_let_clocks_go_on(tmp_path: Path) -> None:
    """A reload that drops the pause starts the clocks again at the lead's next event."""
    play = game(tmp_path)
    play.event("2h", "form_submitted", {"need": "稍后联系"})
    text = ROUTING.format(span="5h").replace("    pause: {when: {lead.need: 稍后联系}}\n", "")
    play.ruleset = rules(tmp_path, routing=text, journeys=ROUTE)
    play.event("4h", "page_viewed", page="pricing")
    assert (play.lead.clocks["accept"].status, due(play)) == ("running", 7 * HOUR)


VISITS = "pause: {when: {count: {event: page_viewed, within: 2h, gte: 1}}}"


def visited(folder: Path) -> Told:
    """A lead whose clocks stand still for two hours after a visit; another rule stands before."""
    text = ROUTING.format(span="5h").replace("pause: {when: {lead.need: 稍后联系}}", VISITS)
    first = "sla:\n  - {id: 北京, when: {lead.city: 北京}, accept: 1h}\n"
    return Told(rules(folder, routing=text.replace("sla:\n", first), journeys=ROUTE))


def test_time_alone_ends_a_pause(tmp_path: Path) -> None:
    """The window moves past the visit, and the clock goes on at that instant."""
    play = visited(tmp_path)
    play.event("0h", "trial_requested", {"city": "上海"})
    play.event("1h", "page_viewed", page="pricing")
    assert play.lead.timers["pause:hot"] == START + 3 * HOUR
    play.clock("4h")
    assert (play.lead.clocks["accept"].status, due(play)) == ("running", 7 * HOUR)
    assert [told["due"] for told in play.happened("sla_resumed")] == [
        {"accept": START + 7 * HOUR, "first_contact": START + 40 * DAY + 2 * HOUR}
    ]


def test_another_owner_ends_what_time_would_have_ended(tmp_path: Path) -> None:
    """No timer of the pause is left where the lead lies in a pool."""
    play = visited(tmp_path)
    play.event("0h", "trial_requested", {"city": "上海"})
    play.event("1h", "page_viewed", page="pricing")
    instant = START + 2 * HOUR
    play.take(Event("give", "lead_assigned", instant, properties={"pool": "public"}), instant)
    assert "pause:hot" not in play.lead.timers


def test_without_their_rule_clocks_go_on_by_the_time_that_passed(tmp_path: Path) -> None:
    """A reload that drops the whole rule moves what was due by the pause, hour for hour."""
    play = game(tmp_path / "old", "6 working_hours")
    play.event("2h", "form_submitted", {"need": "稍后联系"})
    text = ROUTING.format(span="6 working_hours")
    start = text.index("sla:")
    text = text[:start] + text[text.index("pools:") :]
    play.ruleset = rules(tmp_path / "new", routing=text, journeys=ROUTE)
    play.event("5d2h", "page_viewed", page="pricing")  # Saturday, when nobody works
    assert (play.lead.clocks["accept"].status, due(play)) == ("running", 5 * DAY + 6 * HOUR)


@pytest.fixture(scope="module")
def calendars(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    """A ruleset, for its calendars."""
    return rules(tmp_path_factory.mktemp("rules"))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 40 * 24), st.integers(1, 60), st.integers(0, 60 * 24), st.sampled_from(("hours", "days")))  # fmt: skip
def test_pausing_never_shortens(
    calendars: Ruleset, start: int, amount: int, pause: int, unit: str
) -> None:
    """Over Spring Festival too: a longer pause is never due earlier, and none changes nothing."""
    cn = calendars.calendars[CHINA]
    since = parse_instant("2026-02-01T00:00:00+08:00") + start * HOUR
    planned = cn.add(since, amount, unit)
    assert cn.later(planned, since, since, unit) == planned
    later = cn.later(planned, since, since + pause * HOUR, unit)
    assert planned <= later <= cn.later(planned, since, since + (pause + 9) * HOUR, unit)
    if unit == "hours":  # the whole of it passes: as if it began then
        assert cn.later(planned, since, since + pause * HOUR, unit) == cn.add(
            since + pause * HOUR, amount, unit
        )
