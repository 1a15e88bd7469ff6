"""Waits for times of day, working hours, dates of the lead, and to-dos that people do."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.instants import format_instant, parse_instant
from engine.machines.state import Event
from tests.machines.test_steps import journey
from tests.play import START, Play, rules

HOUR = 3_600_000
DAY = 24 * HOUR


def play(
    folder: Path, *steps: str, at: str = "2026-03-02T09:00:00+08:00", **fields: object
) -> Play:
    """Play a journey of these steps on a lead that fills in a form at an instant."""
    game = Play(rules(folder, journeys=journey(*steps)))
    instant = parse_instant(at)
    game.lead.created_at = instant
    given = {"email": "a@b.cn", **fields}
    game.take(Event("e1", "form_submitted", instant, lead=given), instant)
    return game


def over(game: Play) -> str | None:
    """When the present wait ends, None when none does."""
    due = game.lead.timers.get("journey:care")
    return format_instant(due) if due is not None else None


NINE = '{id: nine, wait: {at: "09:00", %s}}'


@pytest.mark.parametrize(
    ("arrival", "more", "due"),
    [
        ("2026-03-02T08:59:59+08:00", "zone: Asia/Shanghai", "2026-03-02T01:00:00Z"),
        ("2026-03-02T09:00:00+08:00", "zone: Asia/Shanghai", None),
        ("2026-03-02T09:00:00.001+08:00", "zone: Asia/Shanghai", "2026-03-03T01:00:00Z"),
        ("2026-03-02T09:30:00+08:00", "zone: Europe/Berlin", "2026-03-02T08:00:00Z"),
        # A Friday evening: the next Monday that is one of the days.
        ("2026-03-06T18:00:00+08:00", "days: [mon, tue]", "2026-03-09T01:00:00Z"),
        # 2026-02-14 is worked against the weekend, 15 to 23 February are the Spring Festival.
        ("2026-02-13T18:00:00+08:00", "calendar: cn", "2026-02-14T01:00:00Z"),
        ("2026-02-14T18:00:00+08:00", "calendar: cn", "2026-02-24T01:00:00Z"),
    ],
)
def test_a_time_of_day_is_the_next_one_that_fits(
    tmp_path: Path, arrival: str, more: str, due: str | None
) -> None:
    """At that very instant the wait is over; a millisecond later it is for another day."""
    game = play(tmp_path, NINE % more, "{id: rest, set: {tags: {add: [到]}}}", at=arrival)
    assert over(game) == due
    assert (game.lead.facts.get("lead.tags") == ["到"]) == (due is None)


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        ("America/New_York", "2026-03-02T14:00:00Z"),
        ("Mars/Olympus", "2026-03-03T01:00:00Z"),
        (None, "2026-03-03T01:00:00Z"),
    ],
)
def test_the_leads_own_zone_counts_where_it_is_a_good_one(
    tmp_path: Path, zone: str | None, due: str
) -> None:
    """Else the server's: a wrong name in a form must not stop a journey."""
    fields = {"timezone": zone} if zone else {}
    game = play(tmp_path, NINE % "zone: lead", at="2026-03-02T10:00:00+08:00", **fields)
    assert over(game) == due


def test_a_daily_loop_comes_once_a_day(tmp_path: Path) -> None:
    """A step that comes round at its own instant waits for the next day, not for none."""
    game = play(
        tmp_path,
        NINE % "zone: Asia/Shanghai",
        "{id: call, task: {title: 每日回访, to: marketing}, next: nine}",
        at="2026-03-02T08:00:00+08:00",
    )
    game.clock("71h")  # START is 09:00
    assert [(t.created_at - START) // HOUR for t in game.tasks] == [0, 24, 48]


def test_a_span_and_then_a_time_of_day(tmp_path: Path) -> None:
    """Two days, and then the next nine o'clock."""
    game = play(
        tmp_path,
        '{id: later, wait: {until: 2d, since: enter, at: "09:00"}}',
        at="2026-03-02T10:00:00+08:00",
    )
    assert over(game) == "2026-03-05T01:00:00Z"


@pytest.mark.parametrize(
    ("arrival", "due"),
    [
        ("2026-03-02T17:59:59+08:00", None),
        ("2026-03-02T18:00:00+08:00", "2026-03-03T01:00:00Z"),
        ("2026-03-06T20:00:00+08:00", "2026-03-09T01:00:00Z"),
        ("2026-03-09T08:59:59+08:00", "2026-03-09T01:00:00Z"),
    ],
)
def test_working_hours_begin_again_when_the_calendar_says(
    tmp_path: Path, arrival: str, due: str | None
) -> None:
    """Within them nobody waits; at closing time it is too late."""
    game = play(tmp_path, "{id: open, wait: {calendar: cn}}", at=arrival)
    assert over(game) == due


BIRTH = '{id: day, wait: {date: lead.birthday, yearly: true, at: "09:00"}, else: none}'
AFTER = (
    "{id: mail, set: {tags: {add: [生日快乐]}}, next: end}",
    "{id: none, set: {tags: {add: [不知道生日]}}}",
)


@pytest.mark.parametrize(
    ("arrival", "birthday", "due"),
    [
        ("2026-03-02T12:00:00+08:00", "1990-03-05", "2026-03-05T01:00:00Z"),
        ("2026-03-02T12:00:00+08:00", "1990-03-01", "2027-03-01T01:00:00Z"),
        # 29 February is the 28th in a common year, and itself in a leap year.
        ("2026-02-01T12:00:00+08:00", "1992-02-29", "2026-02-28T01:00:00Z"),
        ("2027-03-01T00:00:00+08:00", "1992-02-29", "2028-02-29T01:00:00Z"),
        ("2026-02-28T08:00:00+08:00", "1992-02-29", "2026-02-28T01:00:00Z"),
        ("2026-12-31T23:59:59+08:00", "1990-01-01", "2027-01-01T01:00:00Z"),
    ],
)
def test_a_birthday_comes_every_year(tmp_path: Path, arrival: str, birthday: str, due: str) -> None:
    """The next one, at the hour asked for, in the company's zone."""
    assert over(play(tmp_path, BIRTH, *AFTER, at=arrival, birthday=birthday)) == due


def test_on_the_day_itself_nobody_waits_a_year(tmp_path: Path) -> None:
    """Who comes at noon of the birthday is not too late for nine o'clock."""
    game = play(tmp_path, BIRTH, *AFTER, at="2026-03-02T12:00:00+08:00", birthday="1990-03-02")
    assert game.lead.facts["lead.tags"] == ["生日快乐"]


def test_a_birthday_greets_once_a_year_in_a_loop(tmp_path: Path) -> None:
    """Coming round on the day itself, the lead waits for the next year."""
    loop = (BIRTH, "{id: mail, task: {title: 生日祝福, to: marketing}, next: day}", AFTER[1])
    game = play(tmp_path, *loop, at="2026-03-02T12:00:00+08:00", birthday="1990-03-02")
    game.clock("800d")
    assert [format_instant(t.created_at)[:10] for t in game.tasks] == [
        "2026-03-02",
        "2027-03-02",
        "2028-03-02",
    ]


def test_without_the_date_it_goes_the_else_way_and_says_why(tmp_path: Path) -> None:
    """Nothing waits for a day that is not known."""
    game = play(tmp_path, BIRTH, *AFTER)
    assert game.lead.facts["lead.tags"] == ["不知道生日"]
    assert game.happened("journey_wait_over") == [
        {"journey": "care", "step": "day", "reason": "the lead has no lead.birthday"}
    ]


def test_a_corrected_date_moves_the_wait(tmp_path: Path) -> None:
    """The lead waits for the day that is true now."""
    game = play(tmp_path, BIRTH, *AFTER, birthday="1990-05-01")
    assert over(game) == "2026-05-01T01:00:00Z"
    game.event("1d", "form_submitted", {"birthday": "1990-04-01"})
    assert over(game) == "2026-04-01T01:00:00Z"
    game.clock("60d")
    assert game.lead.facts["lead.tags"] == ["生日快乐"]


ENDS = '{id: before-end, wait: {date: lead.contract_ends, before: 30d, at: "09:00"}, else: none}'
CATALOG = "fields:\n  contract_ends: {type: date, label: 合同到期日}\n"


@pytest.mark.parametrize(
    ("ends", "due"),
    [("2026-06-01", "2026-05-02T01:00:00Z"), ("2026-03-31", None), ("2020-01-01", None)],
)
def test_so_many_days_before_a_contract_ends(tmp_path: Path, ends: str, due: str | None) -> None:
    """A day that is past already goes the else way: nobody hears of last year's contract."""
    game = Play(rules(tmp_path, journeys=journey(ENDS, *AFTER), catalog=CATALOG))
    game.event("0d", "form_submitted", {"email": "a@b.cn", "contract_ends": ends})
    assert over(game) == due
    assert (game.lead.facts.get("lead.tags") == ["不知道生日"]) == (due is None)


def test_an_instant_is_waited_for_on_its_day_where_the_wait_is(tmp_path: Path) -> None:
    """23:30 in Berlin is the next day in Shanghai."""
    catalog = "fields:\n  demo_at: {type: datetime, label: 演示时间}\n"
    step = '{id: day, wait: {date: lead.demo_at, at: "09:00", zone: %s}, else: none}'
    for zone, due in (
        ("Asia/Shanghai", "2026-05-02T01:00:00Z"),
        ("Europe/Berlin", "2026-05-01T07:00:00Z"),
    ):
        text = journey(step % zone, *AFTER)
        game = Play(rules(tmp_path / zone, journeys=text, catalog=catalog))
        game.event("0d", "form_submitted", {"demo_at": "2026-05-01T23:30:00+02:00"})
        assert over(game) == due


CALL = (
    "{id: call, task: {title: 一对一沟通, to: zhang.wei, within: 3d}, then: good, else: late}",
    "{id: good, set: {tags: {add: [已沟通]}}, next: end}",
    "{id: late, set: {tags: {add: [没人打]}}}",
)


@pytest.mark.parametrize(("at", "tag"), [("259199s", "已沟通"), ("3d", "没人打")])
def test_a_to_do_is_waited_for_until_its_limit(tmp_path: Path, at: str, tag: str) -> None:
    """Done at the last second it counts; at the limit the journey has gone on."""
    game = play(tmp_path, *CALL)
    game.event(at, "task_completed", task=game.tasks[0].id, outcome="已接通")
    assert game.lead.facts["lead.tags"] == [tag]
    assert len(game.tasks) == 1


def test_another_to_do_is_not_the_one_waited_for(tmp_path: Path) -> None:
    """Only this step's own; a test of rules may name the step."""
    game = play(tmp_path, *CALL)
    game.event("1h", "task_completed", task="lead-1:other:call:e1")
    assert game.lead.facts["journey.care"] == "call"
    game.event("2h", "task_completed", task="call")
    assert game.lead.facts["lead.tags"] == ["已沟通"]


def test_a_later_wait_hears_the_outcome_it_asks_for(tmp_path: Path) -> None:
    """`of` names the step that made the to-do, `where` looks at the outcome."""
    game = play(
        tmp_path,
        "{id: call, task: {title: 一对一沟通, to: zhang.wei}}",
        "{id: done, wait: {event: task_completed, of: call, where: {outcome: 已接通}, within: 2d}, then: good, else: end}",
        CALL[1],
    )
    game.event("1h", "task_completed", task=game.tasks[0].id, outcome="无人接听")
    assert game.lead.facts["journey.care"] == "done"
    game.event("2h", "task_completed", task=game.tasks[0].id, outcome="已接通")
    assert game.lead.facts["lead.tags"] == ["已沟通"]


def test_a_day_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    """No Sunday is a working day of this calendar, so the journey goes on and says why."""
    calendar = 'calendars: {五天: {hours: ["09:00", "18:00"], days: [mon, tue, wed, thu, fri]}}\n'
    sunday = '{id: sunday, wait: {at: "09:00", days: [sun], calendar: 五天}}'
    steps = journey(sunday, "{id: on, set: {tags: {add: [下一步]}}}")
    game = Play(rules(tmp_path, journeys=steps, calendars=calendar))
    game.event("0d", "form_submitted", {"email": "a@b.cn"})
    assert game.lead.facts["lead.tags"] == ["下一步"]
    [told] = game.happened("journey_wait_over")
    assert told["reason"] == "no such day comes within five years"


@pytest.mark.parametrize(
    ("ends", "reason"),
    [("9999-12-31", "beyond the calendar"), ("2026-03-31", "past"), ("0001-01-01", "beyond the calendar")],
)  # fmt: skip
def test_a_contract_for_ever_is_no_contract_of_last_year(
    tmp_path: Path, ends: str, reason: str
) -> None:
    """Both go the else way, and each says which it is."""
    game = Play(rules(tmp_path, journeys=journey(ENDS, *AFTER), catalog=CATALOG))
    game.event("0d", "form_submitted", {"email": "a@b.cn", "contract_ends": ends})
    assert game.lead.facts["lead.tags"] == ["不知道生日"]
    [told] = game.happened("journey_wait_over")
    assert told["reason"] == f"lead.contract_ends is {reason}"


def test_days_after_the_last_day_there_is_are_beyond_the_calendar(tmp_path: Path) -> None:
    """A date that cannot be moved stops nobody."""
    after = ENDS.replace("before", "after").replace("after-end", "before-end")
    game = Play(rules(tmp_path, journeys=journey(after, *AFTER), catalog=CATALOG))
    game.event("0d", "form_submitted", {"email": "a@b.cn", "contract_ends": "9999-12-31"})
    [told] = game.happened("journey_wait_over")
    assert told["reason"] == "lead.contract_ends is beyond the calendar"


def test_the_last_birthday_there_is_does_not_come_again(tmp_path: Path) -> None:
    """Years end with 9999, and nobody waits for one after it."""
    game = play(tmp_path, BIRTH, *AFTER, at="9998-12-01T09:00:00+08:00", birthday="1992-02-29")
    [told] = game.happened("journey_wait_over")
    assert told["reason"] == "lead.birthday does not come again"


def test_a_date_that_changes_while_another_step_waits_changes_nothing(tmp_path: Path) -> None:
    """Only who waits for the day looks at it again."""
    game = play(tmp_path, "{id: rest, wait: 5d}", BIRTH, *AFTER, birthday="1990-05-01")
    before = over(game)
    game.event("1d", "form_submitted", {"birthday": "1990-03-03"})
    assert over(game) == before
    assert game.lead.facts["journey.care"] == "rest"


def test_a_date_that_is_today_after_all_ends_the_wait(tmp_path: Path) -> None:
    """Corrected to the day itself, the lead goes on at once, and the old deadline is gone."""
    game = play(tmp_path, BIRTH, *AFTER, birthday="1990-05-01")
    game.event("4h", "form_submitted", {"birthday": "1990-03-02"})
    assert game.lead.facts["lead.tags"] == ["生日快乐"]
    assert over(game) is None
