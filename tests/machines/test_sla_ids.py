"""Each clock of REQUIREMENTS SLA and FUP-1 by its id, over a weekend, 春节, and a year unannounced.

The starts are Fridays at 16:00: before a plain weekend; before 14 February 2026, a Saturday that
is worked, and nine days off; and before the festival of 2028, which nobody has announced and the
lunar calendar puts from Tuesday 25 to Friday 28 January.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.instants import parse_instant
from engine.language.lint.running import lint
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from tests.machines.test_sla_calendars import ROUTE, Life
from tests.play import rules

STARTS = ("2026-03-06T16:00", "2026-02-13T16:00", "2028-01-21T16:00")
ROUTING = """
teams: {{east: {{supervisor: 周洁, members: [{{id: 李娜{member}}}]}}}}
rules: [{{id: all, assign: {{team: east}}}}, {{id: rest, assign: {{pool: public}}}}]
sla: [{sla}]
pools: {{public: {{{pool}}}}}
"""
GRADES = (
    "{id: a, when: {grade: A}, next_contact: 2 working_days, calendar: cn},"
    "{id: b, when: {grade: B}, next_contact: 5 working_days, calendar: cn},"
    "{id: c, when: {grade: C}, next_contact: 10 working_days, calendar: cn}"
)
SCORING = """
models:
  default:
    dimensions: {fit: {}}
    rules: [{id: r, dimension: fit, when: {lead.city: 上海}, points: 1}]
    grades: [{grade: A, from: 80}, {grade: B, from: 60}, {grade: C, from: 0}]
"""
# An SLA, the clock that runs out, and when, from each of the starts.
CLOCKS = {
    "SLA-1: the owner is told within 10 minutes, at any hour": (
        "{id: x, notify: 10m}",
        "notify",
        ("2026-03-06T16:10", "2026-02-13T16:10", "2028-01-21T16:10"),
    ),
    "SLA-2: the owner confirms within an hour": (
        "{id: x, accept: 1h}",
        "accept",
        ("2026-03-06T17:00", "2026-02-13T17:00", "2028-01-21T17:00"),
    ),
    "SLA-2: within three hours of work, over the night": (
        "{id: x, accept: 3 working_hours, calendar: cn}",
        "accept",
        ("2026-03-09T10:00", "2026-02-14T10:00", "2028-01-24T10:00"),
    ),
    "SLA-3: five golden minutes": (
        "{id: x, first_contact: 5m}",
        "first_contact",
        ("2026-03-06T16:05", "2026-02-13T16:05", "2028-01-21T16:05"),
    ),
    "SLA-4: first contact within 24 hours, days off as well": (
        "{id: x, first_contact: 24h}",
        "first_contact",
        ("2026-03-07T16:00", "2026-02-14T16:00", "2028-01-22T16:00"),
    ),
    "SLA-5: 24 hours of work, then back into the pool": (
        "{id: x, accept: 1h, calendar: cn,"
        " on_breach: [{after: 24 working_hours, do: recycle, to: public}]}",
        "recycle",
        ("2026-03-11T13:00", "2026-02-25T13:00", "2028-02-01T13:00"),
    ),
    "SLA-5: two working days": (
        "{id: x, accept: 1h, calendar: cn,"
        " on_breach: [{after: 2 working_days, do: recycle, to: public}]}",
        "recycle",
        ("2026-03-10T16:00", "2026-02-24T16:00", "2028-01-31T16:00"),
    ),
}
# From one contact to the next: working days of the three starts.
PACE = {
    "A": ("2026-03-10T16:00", "2026-02-24T16:00", "2028-01-31T16:00"),
    "B": ("2026-03-13T16:00", "2026-02-27T16:00", "2028-02-03T16:00"),
    "C": ("2026-03-20T16:00", "2026-03-05T16:00", "2028-02-10T16:00"),
}
MILLISECOND = 1


def china(time: str) -> str:
    """Return a time in China as an instant."""
    return f"{time}:00+08:00"


def company(folder: Path, sla: str = "", pool: str = "", member: str = "", **files: str) -> Ruleset:
    """Return rules with one team of one, and these SLAs, recycling and journeys."""
    routing = ROUTING.format(sla=sla, pool=pool, member=member)
    return rules(folder, routing=routing, scoring=SCORING, **{"journeys": ROUTE, **files})


@pytest.mark.parametrize("start", range(len(STARTS)))
@pytest.mark.parametrize("id", CLOCKS)
def test_clock(tmp_path: Path, id: str, start: int) -> None:
    """Each runs out at its instant and not before, and taking the lead back frees the owner."""
    sla, rung, times = CLOCKS[id]
    life = Life(company(tmp_path, sla), china(STARTS[start]))
    due = parse_instant(china(times[start]))
    life.until(due - MILLISECOND)
    assert rung not in life.breached
    life.until(due)
    assert life.breached[rung] == due
    assert life.lead.facts.get("owner") == (None if rung == "recycle" else "李娜")


@pytest.mark.parametrize("start", range(len(STARTS)))
@pytest.mark.parametrize("id", CLOCKS)
def test_clock_met_at_the_last_moment(tmp_path: Path, id: str, start: int) -> None:
    """What is done a millisecond before the deadline is done in time, and nothing is breached."""
    sla, rung, times = CLOCKS[id]
    life = Life(company(tmp_path, sla), china(STARTS[start]))
    done = {"notify": ("email_sent", {"audience": "owner"}), "accept": ("lead_accepted", {})}
    kind, properties = done.get(rung, ("call_logged", {"outcome": "接通"}))
    life.event_at(kind, parse_instant(china(times[start])) - MILLISECOND, **properties)
    life.until(parse_instant(china(times[start])) + 400 * 86_400_000)
    assert rung not in life.breached
    assert life.lead.facts["owner"] == "李娜"


def test_sla_2_who_cannot_is_relieved_by_the_supervisor(tmp_path: Path) -> None:
    """SLA-2: declined, the lead is the supervisor's to give away, and the clocks start anew."""
    text = "{id: x, accept: 1 working_hours, calendar: cn}"
    life = Life(company(tmp_path, text), china(STARTS[1]))
    life.event("lead_declined", china("2026-02-13T16:30"), reason="出差")
    (told,) = life.tasks.values()
    assert told == ("周洁", parse_instant(china("2026-02-13T16:30")))
    life.event("lead_assigned", china("2026-02-14T17:30"), owner="何欣", team="east")
    assert life.lead.facts["owner"] == "何欣"
    assert life.lead.clocks["accept"].due == parse_instant(china("2026-02-24T09:30"))


def test_sla_4_contact_marks_the_lead_as_followed_up(tmp_path: Path) -> None:
    """SLA-4: the call that meets the clock moves the lead to 跟进中."""
    stages = "stages: [{id: new}, {id: following, label: 跟进中, event: call_logged}]\n"
    ruleset = company(tmp_path, "{id: x, first_contact: 24h}", lifecycle=stages)
    life = Life(ruleset, china(STARTS[0]))
    life.event("call_logged", china("2026-03-07T15:59"), outcome="接通")
    assert life.lead.facts["stage"] == "following"
    assert life.lead.clocks["first_contact"].status == "met"


@pytest.mark.parametrize("start", range(len(STARTS)))
def test_sla_5_idle_leads_are_recycled_by_working_days(tmp_path: Path, start: int) -> None:
    """SLA-5: whoever is not heard of for two working days goes back into the pool by rule."""
    pool = "recycle: [{id: idle, idle: 2 working_days, calendar: cn}]"
    life = Life(company(tmp_path, pool=pool), china(STARTS[start]))
    due = parse_instant(china(PACE["A"][start]))
    life.until(due - MILLISECOND)
    assert life.lead.facts["owner"] == "李娜"
    life.until(due)
    assert (life.lead.facts.get("owner"), life.lead.facts["pool"]) == (None, "public")


UNASSIGNED = """
journeys:
  - id: r
    enter: {event: trial_requested}
    steps:
      - {id: go, route: {}}
      - {id: there, branch: [{when: {owner: {exists: true}}, next: end}, {next: hand}]}
      - {id: hand, wait: {event: lead_assigned, where: {owner: {exists: true}}, within: SPAN}, then: end, else: late}
      - {id: late, task: {title: 无人跟进, to: 周洁, priority: high}}
"""
# SLA-6 is a day of the clock; an alert of SLA-7 may wait for those who work to be there.
ALONE = {
    "SLA-6": ("24h", ("2026-03-07T16:00", "2026-02-14T16:00", "2028-01-22T16:00")),
    "SLA-7": ("2 working_days", PACE["A"]),
}


@pytest.mark.parametrize("start", range(len(STARTS)))
@pytest.mark.parametrize("id", ALONE)
def test_a_lead_that_nobody_has_raises_an_alert(tmp_path: Path, id: str, start: int) -> None:
    """SLA-6, SLA-7: the supervisor hears of a lead that lies in the pool, at the instant."""
    span, times = ALONE[id]
    files = {"journeys": UNASSIGNED.replace("SPAN", span)}
    life = Life(company(tmp_path, member=", capacity: 0", **files), china(STARTS[start]))
    assert life.lead.facts["pool"] == "public"
    due = parse_instant(china(times[start]))
    life.until(due - MILLISECOND)
    assert life.tasks == {}
    life.until(due)
    assert life.tasks == {"无人跟进": ("周洁", due)}


@pytest.mark.parametrize("id", ALONE)
def test_a_lead_that_is_given_away_in_time_raises_none(tmp_path: Path, id: str) -> None:
    """SLA-6, SLA-7: assigned by hand a moment before, nobody is alarmed."""
    span, times = ALONE[id]
    files = {"journeys": UNASSIGNED.replace("SPAN", span)}
    life = Life(company(tmp_path, member=", capacity: 0", **files), china(STARTS[0]))
    at = parse_instant(china(times[0])) - MILLISECOND
    life.event_at("lead_assigned", at, owner="李娜", team="east")
    life.until(at + 400 * 86_400_000)
    assert life.tasks == {}


@pytest.mark.parametrize("start", range(len(STARTS)))
@pytest.mark.parametrize("grade", PACE)
def test_fup_1_each_grade_has_its_pace(tmp_path: Path, grade: str, start: int) -> None:
    """FUP-1: A in two, B in five, C in ten working days; a contact starts the next span."""
    life = Life(company(tmp_path, GRADES), china(STARTS[start]))
    life.event("grade_overridden", china(STARTS[start]), grade=grade, reason="熟客")
    life.event("call_logged", china(STARTS[start]), outcome="接通")
    due = parse_instant(china(PACE[grade][start]))
    assert life.lead.clocks["next_contact"].sla == grade.lower()
    life.until(due - MILLISECOND)
    assert life.breached == {}
    life.until(due)
    assert life.breached == {"next_contact": due}


def test_a_year_that_nobody_announced_is_warned_of(tmp_path: Path) -> None:
    """Whoever counts working time in 2028 is told that its days off are worked out, not official."""
    company(tmp_path, CLOCKS["SLA-5: two working days"][0])
    loaded = load_folder(tmp_path)
    assert loaded.definitions is not None
    report = lint(loaded, loaded.definitions, parse_instant(china(STARTS[2])))
    found = {each.diagnostic.code: each.diagnostic.severity for each in report.found}
    assert found["unofficial-calendar"] == "warning"
    before = lint(loaded, loaded.definitions, parse_instant(china("2026-01-05T09:00")))
    assert "unofficial-calendar" not in {each.diagnostic.code for each in before.found}
