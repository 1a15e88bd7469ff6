"""What is asked of a report: periods, zones, comparisons, whose leads."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.reports.asking import PERIODS, BadQuestion, Question, ask

NOW = round(datetime.fromisoformat("2026-03-31T00:30:00+08:00").timestamp() * 1000)
TEAMS = {"east": ("li.na", "wang.fang"), "west": ("zhao.min",)}


def asked(own: frozenset[str] | None = None, **query: str) -> Question:
    """The question of a query, in China, at half past midnight on 31 March."""
    names = {k.rstrip("_"): v for k, v in query.items()}
    return ask(names, NOW, "Asia/Shanghai", TEAMS, own)


def days(question: Question) -> tuple[str, str]:
    """Where the period begins and ends, as the zone's days."""
    assert question.since is not None
    assert question.until is not None
    return question.day(question.since), question.day(question.until)


@pytest.mark.parametrize(
    ("period", "span"),
    [
        ("today", ("2026-03-31", "2026-04-01")),
        ("week", ("2026-03-30", "2026-04-01")),
        ("month", ("2026-03-01", "2026-04-01")),
        ("quarter", ("2026-01-01", "2026-04-01")),
        ("year", ("2026-01-01", "2026-04-01")),
        ("last_7_days", ("2026-03-25", "2026-04-01")),
        ("last_365_days", ("2025-04-01", "2026-04-01")),
        ("last_week", ("2026-03-23", "2026-03-30")),
        ("last_month", ("2026-02-01", "2026-03-01")),
        ("last_quarter", ("2025-10-01", "2026-01-01")),
        ("last_year", ("2025-01-01", "2026-01-01")),
    ],
)
def test_periods_begin_with_days_of_the_zone(period: str, span: tuple[str, str]) -> None:
    """Each period is whole days in the zone, from the first up to the one behind the last."""
    assert days(asked(period=period)) == span
    assert period in PERIODS


def test_the_zone_says_which_day_it_is() -> None:
    """At half past midnight in China it is yesterday in London and in New York."""
    assert days(asked(period="today", zone="America/New_York")) == ("2026-03-30", "2026-03-31")


def test_days_of_a_change_of_clocks_have_23_or_25_hours() -> None:
    """A day is from midnight to midnight, however long that is."""
    spring = asked(from_="2026-03-08", to="2026-03-08", zone="America/New_York")
    assert spring.until is not None
    assert spring.since is not None
    assert spring.until - spring.since == 23 * 3_600_000


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize(
    "query",
    [{"from_": "0001-01-01"}, {"to": "0001-01-01"}, {"from_": "9999-12-31T23:00:00Z"}],
)
def test_what_no_calendar_has_is_no_time(query: dict[str, str], zone: str) -> None:
    """Days before the year 1, or behind 9999, of which some zone has no date, are refused."""
    with pytest.raises(BadQuestion):
        asked(**query, zone=zone)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize("since", ["0001-01-04", "0500-01-01", "0900-01-01T10:00:00+08:00"])
def test_before_the_year_1_is_nothing(since: str, zone: str) -> None:
    """A time before that would begin sooner begins there."""
    question = asked(from_=since, to="2026-01-01", zone=zone, compare="previous")
    before = question.before()
    assert before is not None
    assert before.until == question.since
    assert days(before)[0] in {"0001-01-02", "0001-01-03"}
    assert before.parameters()["from"] == "0001-01-03T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "axis"),
    [
        ({"period": "last_week"}, ("2026-03-23", "2026-03-29", 7)),
        ({"period": "last_7_days"}, ("2026-03-25", "2026-03-31", 7)),
        ({"period": "week"}, ("2026-03-30", "2026-03-31", 2)),
        ({"from_": "2026-03-02", "to": "2026-03-08"}, ("2026-03-02", "2026-03-08", 7)),
        ({"from_": "2026-03-25"}, ("2026-03-25", "2026-03-31", 7)),
        ({"from_": "2026-03-25", "to": "2099-12-31"}, ("2026-03-25", "2026-03-31", 7)),
        ({"period": "last_quarter"}, ("2025-09-29", "2025-12-29", 14)),
        ({"period": "last_365_days"}, ("2025-03-31", "2026-03-30", 53)),
        ({"from_": "2024-01-01", "to": "2025-12-31"}, ("2024-01-01", "2025-12-01", 24)),
        ({"from_": "0002-01-01"}, ("1970-01-01", "2026-03-01", 675)),
        ({"period": "all"}, ("2026-03-26", "2026-03-31", 6)),
    ],
)
@pytest.mark.parametrize("hours", [1, 100])
def test_a_time_line_has_the_period_asked_for(
    query: dict[str, str], axis: tuple[str, str, int], hours: int
) -> None:
    """Days for weeks, weeks for a quarter, months for years; however little lies in the period."""
    first = round(datetime.fromisoformat("2026-03-26T09:00:00+08:00").timestamp() * 1000)
    question = asked(**query)
    found = [question.day(at) for at in question.buckets(first, first + hours * 3_600_000)]
    assert (found[0], found[-1], len(found)) == axis


def test_the_time_before_is_as_many_days() -> None:
    """March is compared with the 31 days before it, whatever the clocks did."""
    march = asked(from_="2026-03-01", to="2026-03-31", compare="previous", zone="Europe/Berlin")
    before = march.before()
    assert before is not None
    assert days(before) == ("2026-01-29", "2026-03-01")
    assert asked(period="all", compare="previous").before() is None


@pytest.mark.parametrize(
    "query",
    [
        {"period": "lastweek"},
        {"cohort": "made"},
        {"compare": "yes"},
        {"zone": "Asia/Peking"},
        {"from_": "2026-02-30"},
        {"from_": "2026-03-01T00:00:00"},
        {"from_": "2026-03-02", "to": "2026-03-01"},
        {"team": "esat"},
        {"colour": "red"},
    ],
)
def test_what_means_nothing_is_refused(query: dict[str, str]) -> None:
    """A misspelt parameter is an error that quotes it, not silently another question."""
    with pytest.raises(BadQuestion):
        asked(**query)


def test_nobody_asks_beyond_their_own_leads() -> None:
    """A salesperson who asks for others' or a team's leads gets their own among them at most."""
    own = frozenset({"li.na"})
    assert asked(own).owners == ("li.na",)
    assert asked(own, team="east").owners == ("li.na",)
    assert asked(own, owner="zhao.min").owners == ()
    assert asked(None, team="east").owners == ("li.na", "wang.fang")
    assert asked(None).owners is None
