"""Who may be given a lead: shifts, days, skills, levels, languages; and that it stays fair."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import parse_instant
from engine.machines.state import Assignment, Lead, Request, Teams
from engine.machines.team import assign
from engine.network.ruleset import Ruleset
from tests.play import START, rules

HOUR = 3_600_000
DAY = 24 * HOUR
ROUTING = """
teams:
  t:
    members:
      - {id: 白班, calendar: cn, skills: [制造业], level: 资深}
      - {id: 新人, per_day: 2, level: 新人}
      - {id: 外语, languages: [英语, 日语], level: 资深}
rules:
  - {id: industry, when: {lead.industry: 制造业}, assign: {team: t, skills: [制造业, 能源]}}
  - {id: abroad, when: {lead.language: en}, assign: {team: t, languages: [英语]}}
  - {id: senior, when: {lead.amount: {gt: 500000}}, assign: {team: t, levels: [资深], exclude: [白班]}}
  - {id: all, assign: {team: t, exclude: [外语]}}
  - {id: rest, assign: {pool: public}}
pools: {public: {}}
"""


def ask(
    ruleset: Ruleset, teams: Teams, now: int, facts: dict[str, Any]
) -> tuple[Teams, Assignment]:
    """Ask for an owner of a lead with these facts."""
    return assign(
        ruleset, teams, Lead("l", now, now, facts=facts), Request("r", "assign", now), now
    )


def why_not(answer: Assignment) -> dict[str, str | None]:
    """Return why each member did not get the lead, by the last rule that looked at them."""
    return {each["member"]: each["why_not"] for each in answer.considered[-3:]}


@pytest.mark.parametrize(
    ("at", "facts", "owner", "because"),
    [
        (
            "2026-03-02T10:00:00+08:00",
            {"lead.industry": "制造业"},
            "白班",
            {"白班": None, "新人": "has none of the skills 制造业, 能源"},
        ),
        (
            "2026-03-02T10:00:00+08:00",
            {"lead.language": "en"},
            "外语",
            {"新人": "speaks none of 英语", "外语": None},
        ),
        (
            "2026-03-02T10:00:00+08:00",
            {"lead.amount": 600_000},
            "外语",
            {"白班": "excluded by senior", "新人": "is not 资深"},
        ),
        (
            "2026-03-02T20:00:00+08:00",
            {},
            "新人",
            {"白班": "off shift until 2026-03-03T01:00:00Z", "新人": None},
        ),
        # 春节: the last working day is a Saturday that is worked, then nine days off.
        ("2026-02-14T10:00:00+08:00", {}, "白班", {"白班": None}),
        (
            "2026-02-16T10:00:00+08:00",
            {},
            "新人",
            {"白班": "off shift until 2026-02-24T01:00:00Z"},
        ),
    ],
)
def test_only_who_is_meant_and_there(
    tmp_path: Path, at: str, facts: dict[str, Any], owner: str, because: dict[str, str | None]
) -> None:
    """A rule's skills, levels, languages and exclusions, and members' shifts, each say why not."""
    _, answer = ask(rules(tmp_path, routing=ROUTING), Teams(), parse_instant(at), facts)
    assert answer.owner == owner
    assert because.items() <= why_not(answer).items()


def test_a_day_has_its_limit(tmp_path: Path) -> None:
    """Who was given two leads today gets the next one tomorrow, in China."""
    ruleset, teams = rules(tmp_path, routing=ROUTING), Teams()
    evening = START + 11 * HOUR  # 20:00, when only one of two is there
    owners = []
    for hour in (0, 1, 2, 4):
        teams, answer = ask(ruleset, teams, evening + hour * HOUR, {})
        owners.append(answer.owner)
        if answer.owner is None:
            assert why_not(answer)["新人"] == "had 2 of 2 leads today"
    assert owners == ["新人", "新人", None, "新人"]


FAIR = """
teams:
  t:
    members:
      - {id: 甲, capacity: 30}
      - {id: 乙, weight: 2, per_day: 9}
      - {id: 丙, weight: 3, away: [{from: 2026-03-03, to: 2026-03-04}]}
      - {id: 丁}
rules: [{id: r, assign: {team: t, strategy: %s}}, {id: rest, assign: {pool: p}}]
pools: {p: {}}
"""


@pytest.fixture(scope="module", params=["round_robin", "weighted", "least_loaded"])
def fair(request: pytest.FixtureRequest) -> Ruleset:
    """Compile the team for one strategy."""
    with TemporaryDirectory() as folder:
        return rules(Path(folder), routing=FAIR % request.param)


@pytest.fixture(scope="module")
def rotation() -> Ruleset:
    """Compile the team for round robin."""
    with TemporaryDirectory() as folder:
        return rules(Path(folder), routing=FAIR % "round_robin")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5 * HOUR), st.booleans()), min_size=1, max_size=120))
def test_nobody_is_passed_over(fair: Ruleset, stream: list[tuple[int, bool]]) -> None:
    """Over any stream, with the state stored and read anew, every skip has its reason, every lead
    an owner or a pool; round robin gives each of those who are always there as many, give or take
    one, as any other.
    """
    strategy = fair.routes[0].definition.strategy
    teams, now, had = Teams(), START, Counter[str]()
    gone = set[str]()
    for wait, reload in stream:
        now += wait
        if reload:  # a crash or a reload: what is stored is what counts
            teams = msgspec.json.decode(msgspec.json.encode(teams), type=Teams)
        teams, answer = ask(fair, teams, now, {})
        assert (answer.owner is None) == (answer.pool == "p")
        reasons = {c["member"]: c["why_not"] for c in answer.considered}
        assert set(reasons) == {"甲", "乙", "丙", "丁"}
        assert answer.owner is None or reasons[answer.owner] is None
        gone |= {member for member, reason in reasons.items() if reason is not None}
        if answer.owner is not None:
            had[answer.owner] += 1
    assert teams.books["t"].loads == had
    there = [had[member] for member in ("甲", "乙", "丙", "丁") if member not in gone]
    if strategy in ("round_robin", "least_loaded") and not gone:
        assert max(there) - min(there) <= 1
    if strategy == "weighted" and not gone:
        shares = {"甲": 1, "乙": 2, "丙": 3, "丁": 1}
        for member, weight in shares.items():
            assert abs(had[member] - len(stream) * weight / 7) <= 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 12 * HOUR), min_size=1, max_size=100))
def test_comings_and_goings_do_not_matter(rotation: Ruleset, waits: list[int]) -> None:
    """Two who were free for every lead of a rotation differ by at most one, whoever else came or
    went.
    """
    teams, now, had, gone = Teams(), START, Counter[str](), set[str]()
    for wait in waits:
        now += wait
        teams, answer = ask(rotation, teams, now, {})
        gone |= {c["member"] for c in answer.considered if c["why_not"] is not None}
        had[answer.owner or ""] += 1
    there = [had[member] for member in ("甲", "乙", "丙", "丁") if member not in gone]
    assert max(there) - min(there) <= 1


def test_a_limit_that_comes_later_today_counts_what_was_given_today(tmp_path: Path) -> None:
    """Who gets a daily limit by a reload has had the leads of the whole day, not of the rest."""
    text = "teams: {t: {members: [{id: 陈静%s}]}}\n" + (
        "rules: [{id: all, assign: {team: t}}, {id: rest, assign: {pool: public}}]\n"
        "pools: {public: {}}\n"
    )
    teams = Teams()
    for _ in range(2):
        teams, given = ask(rules(tmp_path / "before", routing=text % ""), teams, START, {})
        assert given.owner == "陈静"
    after = rules(tmp_path / "after", routing=text % ", per_day: 2")
    teams, refused = ask(after, teams, START + HOUR, {})
    assert refused.pool == "public"
    assert refused.considered[0]["why_not"] == "had 2 of 2 leads today"
    assert ask(after, teams, START + DAY, {})[1].owner == "陈静"
