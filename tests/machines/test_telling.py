"""When salespeople are told: their quiet hours, days off, absences and digests; simulated clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.instants import format_instant, parse_instant
from engine.language.notices import DIGESTED, KINDS, URGENT
from engine.machines.people import telling
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from tests.play import START, Play, rules

SERVER = "connections: {notify: {plugin: log}, email: {plugin: log}}"
TEAM = """
notify:
  quiet_hours: [{{between: ["20:00", "08:30"]}}]
  {more}
teams:
  east:
    supervisor: zhou
    members: [{{id: li, name: 李娜{own}}}]
rules:
  - {{id: all, assign: {{team: east}}}}
  - {{id: rest, assign: {{pool: public}}}}
sla: [{{id: hot, first_contact: 24h, on_breach: [{{after: 12h, do: remind}}, {{after: 20h, do: escalate}}]}}]
pools: {{public: {{label: 公海池}}}}
"""
ROUTE = "journeys:\n  - {id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}, {id: w, wait: 900d}]}\n"
DIGEST = 'digest: {at: "08:40", kinds: [task, remind, pool]}'


def team(folder: Path, more: str = "", own: str = "", **files: str) -> Ruleset:
    """Return rules with one salesperson, ``own`` are her further keys."""
    routing = TEAM.format(more=more, own=own)
    return rules(folder, **{"routing": routing, "journeys": ROUTE, "server": SERVER, **files})


def until(ruleset: Ruleset, at: str, kind: str = "task", who: str = "li") -> str | None:
    """Return until when somebody is not disturbed."""
    found = telling.quiet_until(ruleset, who, kind, parse_instant(at))
    return None if found is None else format_instant(found)


def digest(ruleset: Ruleset, at: str, who: str = "li", kind: str = "task") -> str | None:
    """Return the next digest."""
    found = telling.digest_at(ruleset, who, kind, parse_instant(at))
    return None if found is None else format_instant(found)


def test_nothing_is_declared_and_all_comes_at_once(tmp_path: Path) -> None:
    """Without `notify` nobody's notice waits, at whatever hour."""
    routing = TEAM.format(more="", own="").replace(
        'notify:\n  quiet_hours: [{between: ["20:00", "08:30"]}]', ""
    )
    ruleset = team(tmp_path, routing=routing)
    plans = [telling.plan(ruleset, "li", kind, START - 6 * 3_600_000) for kind in KINDS]
    assert plans == [telling.Plan()] * len(KINDS)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-03-02T19:59:59+08:00", None),
        ("2026-03-02T20:00:00+08:00", "2026-03-03T00:30:00Z"),  # night
        ("2026-03-03T08:30:00+08:00", None),
        ("2026-03-06T21:00:00+08:00", "2026-03-09T00:30:00Z"),  # Friday night: over the weekend
        ("2026-03-07T10:00:00+08:00", "2026-03-09T00:30:00Z"),  # Saturday
        ("2026-02-13T21:00:00+08:00", "2026-02-14T00:30:00Z"),  # a Saturday worked (调休)
        ("2026-02-14T21:00:00+08:00", "2026-02-24T00:30:00Z"),  # Spring Festival, nine days
    ],
)
def test_nights_weekends_and_spring_festival_are_quiet(
    tmp_path: Path, at: str, end: str | None
) -> None:
    """With quiet hours the calendar's days off are quiet; make-up working days are not."""
    assert until(team(tmp_path), at) == end


def test_what_is_urgent_passes(tmp_path: Path) -> None:
    """By default the ladder of a late follow-up passes; `urgent` names what passes instead."""
    night = "2026-03-02T22:00:00+08:00"
    ruleset = team(tmp_path / "default")
    assert [kind for kind in KINDS if until(ruleset, night, kind) is None] == list(URGENT)
    ruleset = team(tmp_path / "own", own=", notify: {urgent: [journey]}")
    assert [kind for kind in KINDS if until(ruleset, night, kind) is None] == ["journey"]
    assert until(ruleset, night, "remind", "zhou") is None  # the supervisor is in no team


def test_somebody_away_is_left_alone(tmp_path: Path) -> None:
    """An absence is quiet to its end, and then to the end of that night."""
    ruleset = team(tmp_path, DIGEST, ", away: [{from: 2026-03-02, to: 2026-03-11}]")
    assert until(ruleset, "2026-03-02T10:00:00+08:00") == "2026-03-12T00:30:00Z"
    assert digest(ruleset, "2026-03-02T08:00:00+08:00") == "2026-03-12T00:40:00Z"


def test_a_member_differs_by_key(tmp_path: Path) -> None:
    """A member's own keys go before those of all, key by key; null takes the digest away."""
    ruleset = team(tmp_path / "zone", DIGEST, ", notify: {zone: Europe/Berlin, calendar: always}")
    assert until(ruleset, "2026-03-07T10:00:00+01:00") is None
    assert until(ruleset, "2026-03-07T20:30:00+01:00") == "2026-03-08T07:30:00Z"
    assert digest(ruleset, "2026-03-07T00:00:00+01:00") == "2026-03-07T07:40:00Z"
    ruleset = team(tmp_path / "none", DIGEST, ", notify: {digest: null}")
    assert digest(ruleset, "2026-03-03T00:00:00+08:00") is None
    assert digest(ruleset, "2026-03-03T00:00:00+08:00", "zhou") == "2026-03-03T00:40:00Z"


def test_a_shift_is_the_calendar_of_its_member(tmp_path: Path) -> None:
    """Who works by a calendar of their own has its days off, unless `notify` names another one."""
    calendars = "calendars:\n  gulf: {zone: Asia/Dubai, days: [sun, mon, tue, wed, thu]}\n"
    ruleset = team(tmp_path / "shift", own=", calendar: gulf", calendars=calendars)
    assert until(ruleset, "2026-03-08T10:00:00+08:00") is None  # a Sunday
    assert until(ruleset, "2026-03-06T10:00:00+08:00") == "2026-03-08T00:30:00Z"
    named = team(tmp_path / "named", "calendar: cn", ", calendar: gulf", calendars=calendars)
    assert until(named, "2026-03-08T10:00:00+08:00") == "2026-03-09T00:30:00Z"


@pytest.mark.parametrize(
    ("at", "digests"),
    [
        # Clocks go forward on 29 March 2026: 02:30 does not exist that Sunday.
        ("2026-03-28T12:00:00+01:00", ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]),
        # They go back on 25 October: 02:30 is there twice, the digest once.
        ("2026-10-24T12:00:00+02:00", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
    ],
)
def test_one_digest_a_day_whatever_the_clocks_do(
    tmp_path: Path, at: str, digests: list[str]
) -> None:
    """In a zone with summer time each day has its digest, by the wall clock, once."""
    own = ', notify: {zone: Europe/Berlin, calendar: always, digest: {at: "02:30", kinds: [task]}}'
    ruleset, found = team(tmp_path, own=own), []
    for _ in digests:
        at = str(digest(ruleset, at))
        found.append(at)
    assert found == digests


def test_a_calendar_that_works_on_no_day_holds_nothing_back(tmp_path: Path) -> None:
    """Where no working day comes within a hundred days, notices do not wait for one."""
    away = ", away: [{from: 2020-01-01, to: 2035-01-01}]"
    ruleset = team(tmp_path, DIGEST, away)
    assert digest(ruleset, "2026-03-03T12:00:00+08:00") is None


# --- in a lead's life ----------------------------------------------------------------------------


def play(folder: Path, more: str = DIGEST, own: str = "") -> Play:
    """A lead that has just been given to Li, on a Monday at nine."""
    game = Play(team(folder, more, own))
    game.event("0d", "trial_requested", {"name": "王芳", "company": "金泰阀门"})
    return game


def told(game: Play) -> list[tuple[str, str | None, str, str | None]]:
    """Return (kind, who, status, when it goes out) of all notices."""
    return [
        (d.kind, d.to, d.status, None if d.due is None else format_instant(d.due))
        for d in game.deliveries
    ]


def test_a_ladder_at_night(tmp_path: Path) -> None:
    """SLA: at nine in the evening the reminder is collected, at five the escalation passes."""
    game = play(tmp_path)
    game.clock("1d")
    assert told(game) == [
        ("remind", "li", "collected", "2026-03-03T00:40:00Z"),
        ("escalate", "zhou", "queued", None),
    ]
    assert game.deliveries[0].reason == "in the digest of 2026-03-03T00:40:00Z"


def test_what_others_write_waits_for_the_morning(tmp_path: Path) -> None:
    """A conversion signal (CNV-5) late on Friday alerts owner and supervisor on Monday morning."""
    game = play(tmp_path, "", "")
    game.event("4d13h", "call_logged", outcome="接通", signals=["合同细节", "付款方式"])
    monday = "2026-03-09T00:30:00Z"
    signals = [each for each in told(game) if each[0] == "signal"]
    assert signals == [("signal", "li", "queued", monday), ("signal", "zhou", "queued", monday)]
    assert {d.reason for d in game.deliveries if d.due} == {f"quiet hours until {monday}"}
    assert [t.priority for t in game.tasks if "成交信号" in t.title] == ["high"]


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        # A day and more ahead: in the digest of that morning, and never again.
        ("2026-03-04T15:00:00+08:00", ("task", "li", "collected", "2026-03-04T00:40:00Z")),
        # Before any digest: at the time itself (FUP-4).
        ("2026-03-02T15:00:00+08:00", ("task", "li", "queued", None)),
        # Due before the digest of its day: in the one before.
        ("2026-03-05T08:35:00+08:00", ("task", "li", "collected", "2026-03-04T00:40:00Z")),
        # Due on Sunday: in Friday's.
        ("2026-03-08T10:00:00+08:00", ("task", "li", "collected", "2026-03-06T00:40:00Z")),
    ],
)
def test_a_to_do_is_told_in_the_last_digest_before_it_is_due(
    tmp_path: Path, due: str, expected: tuple[str, str, str, str | None]
) -> None:
    """FUP-4: a reminder is of use before its time; without a digest in between it comes then."""
    game = play(tmp_path)
    game.event("1h", "call_logged", outcome="接通", next_at=due, next_step="发送案例")
    game.clock("9d")
    assert [each for each in told(game) if each[0] == "task"] == [expected]
    assert game.lead.todos == {}


def test_a_to_do_that_is_done_is_in_no_digest(tmp_path: Path) -> None:
    """Nobody is reminded in the morning of what was done the day before; put off, it moves."""
    game = play(tmp_path)
    game.event("1h", "task_given", title="寄样品", due="2026-03-04T15:00:00+08:00", owner="li")
    game.event("2h", "task_given", title="约见", due="2026-03-04T16:00:00+08:00", owner="li")
    game.event("3h", "task_completed", task="lead-1:task:e2", outcome="已寄出")
    game.event(
        "4h", "task_snoozed", task="lead-1:task:e3", until="2026-03-06T10:00:00+08:00", title="约见"
    )
    game.clock("9d")
    tasks = [each for each in told(game) if each[0] == "task"]
    assert tasks == [("task", "li", "collected", "2026-03-06T00:40:00Z")]


def test_a_digest_that_is_gone_leaves_the_reminder_to_its_time(tmp_path: Path) -> None:
    """A reload takes the digest away while a to-do waits for it: it is told when it is due."""
    game = play(tmp_path / "before")
    game.event("1h", "task_given", title="寄样品", due="2026-03-04T15:00:00+08:00", owner="li")
    game.ruleset = team(tmp_path / "after")
    game.clock("3d")
    reminded = [h for h in game.happenings if h.kind == "task_reminded"]
    assert [format_instant(h.at) for h in reminded] == ["2026-03-04T07:00:00Z"]
    assert [each for each in told(game) if each[0] == "task"] == [("task", "li", "queued", None)]


def test_an_outage_over_a_digest(tmp_path: Path) -> None:
    """Who wakes late tells in a digest to come or at once, never in one that has passed."""
    game = play(tmp_path)
    game.event("1h", "task_given", title="寄样品", due="2026-03-03T15:00:00+08:00", owner="li")
    late = parse_instant("2026-03-03T16:00:00+08:00")  # nothing ran from the morning on
    game.take(Event(id="wake", type="timer_due", at=late), late)
    assert [each for each in told(game) if each[0] == "task"] == [("task", "li", "queued", None)]


def test_a_pool_is_told_to_who_collects_it(tmp_path: Path) -> None:
    """A lead that comes into a pool is in the digest of those who ask for it, and no other note."""
    game = play(tmp_path)
    game.event("1h", "lead_released", reason="没有时间")
    pooled = [each for each in told(game) if each[0] == "pool"]
    assert pooled == [("pool", "li", "collected", "2026-03-03T00:40:00Z")]
    plain = play(tmp_path / "plain", "")
    plain.event("1h", "lead_released", reason="没有时间")
    assert told(plain) == []


def test_history_tells_nobody(tmp_path: Path) -> None:
    """A back-fill is no news: it puts leads into pools without a word."""
    game = play(tmp_path)
    game.event("1h", "lead_released", history=True, reason="旧系统")
    assert told(game) == []


def test_digests_collect_what_the_engine_writes() -> None:
    """What a journey sends has words and a connection of its own, and is never collected."""
    assert set(KINDS) - set(DIGESTED) == {"journey"}


def test_a_step_reminds_of_its_to_do(tmp_path: Path) -> None:
    """A rule's to-do with `remind` is told when it is due, one that was done is not; without it none."""
    task = "{{id: {0}, task: {{title: {0}, due: 4h{1}}}}}"
    steps = [task.format("寄样品", ", remind: true"), task.format("约见", ", remind: true")]
    steps.append(task.format("回访", ""))
    journeys = (
        ROUTE
        + f"  - {{id: t, enter: {{event: webinar_registered}}, steps: [{', '.join(steps)}]}}\n"
    )
    game = Play(team(tmp_path, journeys=journeys))
    game.event("0d", "trial_requested", {"name": "王芳"})
    game.event("1h", "webinar_registered")
    game.event("2h", "task_completed", task=game.tasks[0].id, outcome="已寄出")
    game.clock("8h")
    assert [t.title for t in game.tasks] == ["寄样品", "约见", "回访"]
    assert [d.params["title"] for d in game.deliveries] == ["待办到期 / a to-do is due: 约见"]
    assert [format_instant(d.at) for d in game.deliveries] == ["2026-03-02T06:00:00Z"]
