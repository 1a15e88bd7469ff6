"""Routing gives every lead an owner, a pool or a reason, and says why."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.machines.state import Lead, Request, TeamBook, Teams
from engine.machines.team import assign
from engine.network.ruleset import Ruleset
from tests.play import START, Play, rules

DAY = 86_400_000
ROUTING = """
teams:
  east:
    supervisor: zhou.jie
    members:
      - {id: chen, cities: [上海], away: [{from: 2026-03-05, to: 2026-03-06}]}
      - {id: liu, cities: [南京], capacity: 2}
      - {id: wang, cities: [上海, 杭州], weight: 3}
rules:
  - {id: expo, when: {lead.source: 展会}, assign: {team: east, strategy: %s%s}}
  - {id: by-city, when: {lead.city: {exists: true}}, assign: {team: east, strategy: territory, by: lead.city}}
  - {id: rest, assign: {pool: public}}
sla:
  - id: all
    notify: 10m
    accept: 1h
    first_contact: 24 working_hours
    calendar: cn
    on_breach:
      - {after: 12 working_hours, do: remind}
      - {after: 18 working_hours, do: escalate}
      - {after: 24 working_hours, do: recycle, to: public}
pools: {public: {label: 公海池}}
"""
ROUTE = "journeys:\n  - {id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}, {id: t, task: {title: 跟进}}]}\n"


def routing(strategy: str = "round_robin", more: str = "") -> str:
    """Return the routing above with the first rule's strategy."""
    return ROUTING % (strategy, more)


def ask(ruleset: Ruleset, teams: Teams, number: int, **facts: object) -> tuple[Teams, object]:
    """Assign one lead with these facts."""
    lead = Lead(
        f"l{number}", START, START, facts={k.replace("_", "."): v for k, v in facts.items()}
    )
    return assign(ruleset, teams, lead, Request(f"r{number}", "assign", START), START)


def owners(ruleset: Ruleset, count: int) -> list[str | None]:
    """Return the owners of a row of leads from the trade fair."""
    teams, found = Teams(), []
    for number in range(count):
        teams, answer = assign(
            ruleset,
            teams,
            Lead(f"l{number}", START, START, facts={"lead.source.name": "展会"}),
            Request(f"r{number}", "assign", START),
            START,
        )
        found.append(answer.owner)
    return found


def test_round_robin_goes_round_and_skips_who_is_full(tmp_path: Path) -> None:
    """Everybody in turn; a full member is passed over and named as full."""
    ruleset = rules(tmp_path, routing=routing())
    assert owners(ruleset, 8) == ["chen", "liu", "wang", "chen", "liu", "wang", "chen", "wang"]


def test_weighted_rotation_keeps_its_weights_without_bursts(tmp_path: Path) -> None:
    """Weights 1, 1 and 3 give 3 of 5, spread out."""
    ruleset = rules(tmp_path, routing=routing("weighted"))
    first = owners(ruleset, 5)
    assert sorted(o or "" for o in first) == ["chen", "liu", "wang", "wang", "wang"]
    assert first != sorted(o or "" for o in first)


def test_designated_gives_to_one_and_hands_on_when_she_is_full(tmp_path: Path) -> None:
    """A rule that fits but has nobody free hands on to the next, and says so."""
    ruleset = rules(tmp_path, routing=routing("designated", ", member: liu"))
    assert owners(ruleset, 3) == ["liu", "liu", None]


def test_territory_explains_everyone_considered(tmp_path: Path) -> None:
    """Every rule tried and every member considered is in the answer."""
    game = Play(rules(tmp_path, routing=routing(), journeys=ROUTE))
    game.event("0d", "trial_requested", {"city": "南京"})
    assignment = game.lead.assignment
    assert assignment is not None
    assert (assignment.owner, assignment.rule) == ("liu", "by-city")
    assert [t["outcome"] for t in assignment.tried] == [
        "condition does not hold",
        "assigned to liu",
    ]
    assert {c["member"]: c["why_not"] for c in assignment.considered} == {
        "chen": "territory does not cover 南京",
        "liu": None,
        "wang": "territory does not cover 南京",
    }
    assert game.tasks[0].owner == "liu"


def test_a_lead_nobody_covers_goes_to_the_pool_with_the_reason(tmp_path: Path) -> None:
    """No lead is left without an owner, a pool or a reason."""
    game = Play(rules(tmp_path, routing=routing(), journeys=ROUTE))
    game.event("0d", "trial_requested", {"city": "兰州"})
    assert game.lead.facts["pool"] == "public"
    assert game.lead.assignment is not None
    assert game.lead.assignment.reason


def test_who_is_away_is_passed_over(tmp_path: Path) -> None:
    """An absence covers its last day whole."""
    ruleset = rules(tmp_path, routing=routing())
    lead = Lead("l", START, START, facts={"lead.city": "上海"})
    request = Request("r", "assign", START)
    for day, owner in ((2, "chen"), (3, "wang"), (4, "wang"), (5, "chen")):
        _, answer = assign(ruleset, Teams(), lead, request, START + day * DAY)
        assert answer.owner == owner


def test_a_lead_with_an_owner_keeps_her(tmp_path: Path) -> None:
    """A returning lead goes back to its present owner."""
    again = ROUTE.replace("steps:", "reentry: always, steps:")
    game = Play(rules(tmp_path, routing=routing(), journeys=again))
    game.event("0d", "trial_requested", {"city": "上海"})
    game.event("1d", "trial_requested", {"city": "南京"})
    assert game.lead.facts["owner"] == "chen"
    assert game.happened("kept_owner") == [{"owner": "chen", "journey": "r"}]


def test_two_journeys_that_ask_at_once_share_one_assignment(tmp_path: Path) -> None:
    """A lead is assigned once, and both journeys go on with the answer."""
    twice = ROUTE + ROUTE.split("\n")[1].replace("id: r,", "id: r2,") + "\n"
    game = Play(rules(tmp_path, routing=routing(), journeys=twice))
    game.event("0d", "trial_requested", {"city": "南京"})
    assert game.lead.asked == 1
    assert [t.owner for t in game.tasks] == ["liu", "liu"]
    assert game.teams.books["east"].loads == {"liu": 1}


def test_a_neglected_lead_climbs_the_ladder_into_the_public_pool(tmp_path: Path) -> None:
    """Remind after 12, escalate after 18, recycle after 24 working hours, over a weekend."""
    game = Play(rules(tmp_path, routing=routing(), journeys=ROUTE))
    game.event("3d", "trial_requested", {"city": "杭州"})  # Thursday 09:00
    game.clock("9d")
    breaches = [
        (h.data["rung"], (h.at - START) / DAY) for h in game.happenings if h.kind == "sla_breached"
    ]
    hours = {rung: round(days * 24, 2) for rung, days in breaches}
    assert hours["accept"] == 3 * 24 + 1
    assert hours["remind"] == 4 * 24 + 3  # 9 h on Thursday, 3 h on Friday
    assert hours["escalate"] == 4 * 24 + 9
    assert hours["recycle"] == 7 * 24 + 6  # Monday 15:00
    assert game.lead.facts.get("owner") is None
    assert game.lead.facts["pool"] == "public"
    assert game.teams.books["east"].loads == {"wang": 0}


def test_contact_in_time_meets_the_clocks_and_stops_the_ladder(tmp_path: Path) -> None:
    """A call meets accept and first contact; nothing is breached after it."""
    game = Play(rules(tmp_path, routing=routing(), journeys=ROUTE))
    game.event("0d", "trial_requested", {"city": "杭州"})
    game.event("30m", "call_logged", outcome="connected")
    game.clock("30d")
    assert {n: c.status for n, c in game.lead.clocks.items()} == {
        "notify": "breached",
        "accept": "met",
        "first_contact": "met",
    }
    assert game.lead.facts["owner"] == "wang"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_rotation_is_fair_among_those_who_are_there(absences: list[bool]) -> None:
    """Two members who are never away differ by at most one lead, whoever comes and goes."""
    ruleset = _fair()
    teams = Teams()
    counts = {"a": 0, "b": 0, "c": 0}
    for number, away in enumerate(absences):
        now = START + (DAY * 10 if away else 0)
        lead = Lead(f"l{number}", START, START)
        teams, answer = assign(ruleset, teams, lead, Request(f"r{number}", "assign", now), now)
        assert answer.owner is not None
        counts[answer.owner] += 1
    assert abs(counts["a"] - counts["b"]) <= 1


_RULES: dict[str, Ruleset] = {}


def _fair() -> Ruleset:
    import tempfile

    if "fair" not in _RULES:
        text = """
teams: {t: {members: [{id: a}, {id: c, away: [{from: 2026-03-10, to: 2026-03-20}]}, {id: b}]}}
rules: [{id: r, assign: {team: t}}, {id: rest, assign: {pool: p}}]
pools: {p: {}}
"""
        with tempfile.TemporaryDirectory() as folder:
            _RULES["fair"] = rules(Path(folder), routing=text)
    return _RULES["fair"]


def test_the_least_loaded_gets_the_lead(tmp_path: Path) -> None:
    """Who has fewest open leads, and among equals who had none for longest."""
    ruleset = rules(tmp_path, routing=routing("least_loaded"))
    teams = Teams({"east": TeamBook(3, {"chen": 3}, {}, {"chen": 1, "liu": 1, "wang": 2})})
    lead = Lead("l", START, START, facts={"lead.source.name": "展会"})
    _, answer = assign(ruleset, teams, lead, Request("r", "assign", START), START)
    assert answer.owner == "liu"


def test_a_lead_that_is_done_is_no_load(tmp_path: Path) -> None:
    """Giving a won lead away, and taking it back, leaves room and loads as they are."""
    stages = "stages: [{id: new}, {id: 赢单, final: true}]"
    ruleset = rules(tmp_path, routing=routing(), lifecycle=stages, journeys=ROUTE)
    teams = Teams({"east": TeamBook(1, {"wang": 1}, {}, {"wang": 1})})
    facts = {"stage": "赢单", "lead.city": "杭州"}
    after, answer = assign(
        ruleset, teams, Lead("l", START, START, facts=facts), Request("r", "assign", START), START
    )
    assert (answer.owner, after.books["east"].loads) == ("wang", {"wang": 1})
    owned = Lead("l", START, START, facts={**facts, "owner": "wang", "team": "east"})
    back, _ = assign(ruleset, after, owned, Request("q", "release", START, "public"), START)
    assert back.books["east"].loads == {"wang": 1}
    still = Lead("m", START, START, facts={**owned.facts, "stage": "new"})
    back, _ = assign(ruleset, after, still, Request("q", "release", START, "public"), START)
    assert back.books["east"].loads == {"wang": 0}


def test_where_nobody_is_free_the_pool_has_the_lead_and_every_reason(tmp_path: Path) -> None:
    """What was tried before the last rule is told in order, with each member's reason."""
    text = """
teams: {华东: {members: [{id: chen, away: [{from: 2026-03-01, to: 2026-03-05}]}]}}
rules:
  - {id: 城市, when: {lead.city: 上海}, assign: {team: 华东}}
  - {id: 全部, assign: {team: 华东}}
  - {id: 其余, assign: {pool: 公海}}
pools: {公海: {}}
"""
    ruleset = rules(tmp_path, routing=text)
    lead, request = Lead("l", START, START), Request("r", "assign", START)
    teams, answer = assign(ruleset, Teams(), lead, request, START)
    assert (answer.owner, answer.pool, teams) == (None, "公海", Teams())
    assert [(t["rule"], t["outcome"]) for t in answer.tried] == [
        ("城市", "condition does not hold"),
        ("全部", "nobody in 华东 is free for it"),
        ("其余", "pool 公海"),
    ]
    assert [(c["member"], c["why_not"]) for c in answer.considered] == [("chen", "away")]
