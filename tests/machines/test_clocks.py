"""SLA clocks: for whom they start, what meets them, and what is heard of a breach."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from tests.play import START, Play, rules

HOUR = 3_600_000
ROUTING = """
teams:
  east: {supervisor: zhou.jie, members: [{id: liu}, {id: chen}]}
  west: {members: [{id: sun}]}
rules:
  - {id: west, when: {lead.city: 成都}, assign: {team: west}}
  - {id: all, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla:
  - {id: big, when: {lead.amount: {gte: 500}}, notify: 10m, accept: 1h, on_breach: [{after: 2h, do: remind}, {after: 3h, do: escalate}]}
  - {id: city, when: {lead.city: {exists: true}}, first_contact: 5h}
pools: {public: {}}
"""
ROUTE = "journeys:\n  - {id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}, {id: w, wait: 90d}]}\n"
NOTIFIED = """
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  notify: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
"""


def play(folder: Path, server: str = "", **lead: object) -> Play:
    """A lead that has just been given to somebody."""
    files = {"server": server} if server else {}
    game = Play(rules(folder, routing=ROUTING, journeys=ROUTE, **files))
    game.event("0d", "trial_requested", lead)
    return game


def statuses(game: Play) -> dict[str, str]:
    """How each clock of the lead stands."""
    return {name: clock.status for name, clock in game.lead.clocks.items()}


def test_the_first_that_fits_starts_its_clocks(tmp_path: Path) -> None:
    """Others are not asked; a lead that none fits has no clocks and hears of none."""
    assert statuses(play(tmp_path / "a", amount=900, city="上海")) == {
        "notify": "running",
        "accept": "running",
    }
    assert statuses(play(tmp_path / "b", city="上海")) == {"first_contact": "running"}
    none = play(tmp_path / "c")
    assert none.lead.clocks == {}
    assert none.happened("sla_started") == []
    none.event("1h", "call_logged", outcome="connected")
    assert none.happened("sla_met") == []


def test_a_message_meets_notify_only_if_it_goes_to_the_owner(tmp_path: Path) -> None:
    """What is sent to the customer tells the salesperson nothing."""
    game = play(tmp_path, amount=900)
    game.event("1m", "email_sent", message="welcome")
    assert statuses(game)["notify"] == "running"
    game.event("2m", "email_sent", audience="owner")
    assert statuses(game) == {"notify": "met", "accept": "running"}
    assert [h["by"] for h in game.happened("sla_met")] == ["email_sent"]


def test_accepting_meets_its_clock_and_leaves_the_ladder(tmp_path: Path) -> None:
    """Only contact ends the ladder; who accepted is still reminded."""
    game = play(tmp_path, amount=900)
    game.event("30m", "lead_accepted")
    assert statuses(game) == {"notify": "breached", "accept": "met"}
    game.clock("150m")
    assert [h["rung"] for h in game.happened("sla_breached")] == ["notify", "remind"]


def test_without_a_connection_nobody_is_notified_and_that_is_recorded(tmp_path: Path) -> None:
    """A note that cannot go out is blocked with the reason; the task is made all the same."""
    game = play(tmp_path, amount=900)
    game.clock("4h")
    assert [(d.connection, d.to, d.status) for d in game.deliveries] == [
        ("notify", "liu", "blocked"),
        ("notify", "zhou.jie", "blocked"),
    ]
    assert game.deliveries[0].reason == "nobody to notify or no connection notify"
    assert [(t.owner, t.priority) for t in game.tasks] == [("zhou.jie", "high")]


def test_reminders_and_escalations_are_sent_to_those_they_concern(tmp_path: Path) -> None:
    """The owner is reminded, the supervisor told; each once, with keys of their own."""
    game = play(tmp_path, NOTIFIED, amount=900)
    game.clock("4h")
    told = [(d.to, d.status, d.audience, d.params["what"]) for d in game.deliveries]
    assert told == [
        ("liu", "queued", "owner", "remind"),
        ("zhou.jie", "queued", "owner", "escalate"),
    ]
    assert len({d.key for d in game.deliveries}) == 2


def test_a_team_without_a_supervisor_escalates_to_nobody(tmp_path: Path) -> None:
    """The task has no owner and the note is blocked, visibly."""
    game = play(tmp_path, NOTIFIED, amount=900, city="成都")
    game.clock("4h")
    assert [(d.to, d.status) for d in game.deliveries] == [("sun", "queued"), (None, "blocked")]
    assert [t.owner for t in game.tasks] == [None]


@pytest.fixture
def later(tmp_path: Path) -> Ruleset:
    """The same, after the SLA was taken out or its ladder shortened."""
    text = ROUTING.replace("id: big", "id: other")
    return rules(tmp_path / "later", routing=text, journeys=ROUTE)


def test_clocks_of_an_sla_that_is_gone_run_out_silently(tmp_path: Path, later: Ruleset) -> None:
    """Nobody is blamed by a rule that is no more."""
    game = play(tmp_path / "before", amount=900)
    game.ruleset = later
    game.clock("9h")
    assert game.happened("sla_breached") == []
    assert not any(name.startswith("sla:") for name in game.lead.timers)


def test_rungs_and_clocks_that_are_gone_are_not_climbed(tmp_path: Path) -> None:
    """A deadline that no clock or rung has any more passes without effect."""
    game = play(tmp_path, amount=900)
    stray = {"sla:big:7": START + HOUR, "sla:big:first_contact": START + HOUR}
    game.lead = msgspec.structs.replace(game.lead, timers={**game.lead.timers, **stray})
    game.event("5m", "lead_accepted")
    game.clock("90m")
    assert game.happened("sla_breached") == []
    assert stray.keys().isdisjoint(game.lead.timers)


def test_a_lead_that_is_given_back_has_no_running_clocks(tmp_path: Path) -> None:
    """Those that ran are stopped, and said to be; those that were met stay met."""
    game = play(tmp_path, amount=900)
    game.event("5m", "email_sent", audience="owner")
    game.event("6m", "lead_released", pool="public", reason="换人")
    assert statuses(game) == {"notify": "met", "accept": "stopped"}
    assert game.happened("sla_stopped") == [{"clocks": ["accept"], "reason": "换人"}]
    game.clock("9h")
    assert game.happened("sla_breached") == []


def assigned(folder: Path, *slas: str) -> Play:
    """A lead that has just been assigned where these SLAs hold."""
    lines = "".join(f"  - {sla}\n" for sla in slas)
    head, _, tail = ROUTING.partition("sla:\n")
    text = f"{head}sla:\n{lines}pools:{tail.partition('pools:')[2]}"
    game = Play(rules(folder, routing=text, journeys=ROUTE))
    game.event("0d", "trial_requested")
    return game


def test_an_sla_of_later_contacts_has_nothing_to_say_of_the_first(tmp_path: Path) -> None:
    """The next one is asked, and of one that has both clocks only the first ones start."""
    game = assigned(
        tmp_path,
        "{id: care, next_contact: 2d}",
        "{id: both, accept: 1h, next_contact: 3d}",
        "{id: never, accept: 5h}",
    )
    assert {n: c.sla for n, c in game.lead.clocks.items()} == {"accept": "both"}
    game.event("10m", "call_logged", outcome="接通")
    assert statuses(game) == {"accept": "met", "next_contact": "running"}
    assert game.lead.clocks["next_contact"].sla == "care"


def by(game: Play, at: int, kind: str, who: str) -> None:
    """Let somebody say something of the lead."""
    event = Event(f"{kind}-{who}", kind, START + at, properties={"reason": "出差"}, by=who)
    game.take(event, START + at)


def test_nobody_answers_for_somebody_else(tmp_path: Path) -> None:
    """Only the owner's word meets clocks; who is neither owner nor supervisor declines nothing."""
    game = play(tmp_path, city="上海", amount=900)
    owner = game.lead.facts["owner"]
    other = "chen" if owner == "liu" else "liu"
    for who in (other, "zhou.jie"):
        by(game, HOUR // 10, "lead_accepted", who)
        assert statuses(game) == {"notify": "running", "accept": "running"}
    tasks = len(game.tasks)
    by(game, HOUR // 9, "lead_declined", other)
    assert len(game.tasks) == tasks
    by(game, HOUR // 8, "lead_declined", "zhou.jie")
    assert len(game.tasks) == tasks + 1
    by(game, HOUR // 7, "lead_accepted", owner)
    assert statuses(game) == {"notify": "met", "accept": "met"}


STAGES = """
stages:
  - {id: new}
  - {id: assigned, from: [new], event: lead_assigned, where: {owner: {exists: true}}}
  - {id: contacted, from: [assigned], event: call_logged}
  - {id: won, from: [contacted], event: contract_signed, final: true}
"""


def test_a_condition_sees_what_the_assignment_itself_has_changed(tmp_path: Path) -> None:
    """The stage that the lead enters by being assigned, or by the call, decides which SLA it is."""
    sla = """sla:
  - {id: early, when: {stage: new}, accept: 1h}
  - {id: hot, when: {stage: assigned}, accept: 2h}
  - {id: pace, when: {stage: contacted}, next_contact: 2d}
"""
    text = f"{ROUTING.partition('sla:')[0]}{sla}pools: {{public: {{}}}}\n"
    game = Play(rules(tmp_path, routing=text, journeys=ROUTE, lifecycle=STAGES))
    game.event("0d", "trial_requested")
    assert {n: c.sla for n, c in game.lead.clocks.items()} == {"accept": "hot"}
    kinds = [happening.kind for happening in game.happenings]
    assert kinds.index("stage") < kinds.index("sla_started")
    game.event("10m", "call_logged", outcome="接通")
    assert game.lead.clocks["next_contact"].sla == "pace"
    assert game.lead.clocks["next_contact"].due == START + HOUR // 6 + 48 * HOUR


def test_two_rungs_at_one_instant_take_a_lead_back_once(tmp_path: Path) -> None:
    """Both are told as breaches, and the lead comes into one pool."""
    game = assigned(
        tmp_path,
        "{id: late, accept: 1h, on_breach: [{after: 2h, do: recycle, to: public}, "
        "{after: 2h, do: recycle, to: public}]}",
    )
    turn = game.event("2h", "timer_due")
    assert [h["rung"] for h in game.happened("sla_breached")] == ["accept", "recycle", "recycle"]
    assert [entry.event.type for entry in turn.entries] == ["timer_due", "lead_released"]
    assert game.lead.facts["pool"] == "public"
    assert "owner" not in game.lead.facts


def test_contact_with_a_lead_of_nobody_starts_no_clock(tmp_path: Path) -> None:
    """There is nobody whose next contact could be late; nobody's work is counted either."""
    game = assigned(tmp_path, "{id: care, next_contact: 2d}")
    game.event("1h", "lead_released", pool="public", reason="换人")
    before = game.teams
    game.event("2h", "call_logged", outcome="接通")
    assert game.lead.clocks == {}
    assert game.teams == before
    assert game.lead.contacted_at == START + 2 * HOUR
