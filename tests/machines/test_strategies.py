"""Strategies beyond turns: the longest inactive, win rates, those of plugins, returning leads."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.host.plugins import PluginError, Plugins
from engine.language.load import load_folder
from engine.machines.people.activity import PEOPLE, win_rates
from engine.machines.state import Assignment, Event, Lead, Request, TeamBook, Teams
from engine.machines.team import assign
from engine.network.ruleset import Ruleset
from engine.plugin import Candidate, Routed, hookimpl
from tests.play import BASE, START, Play, rules

DAY = 86_400_000
ROUTING = """
teams:
  east: {{members: [{{id: 陈静}}, {{id: 刘洋, weight: 5}}, {{id: 孙丽}}]}}
  big: {{members: [{{id: 赵敏, capacity: 1}}]}}
rules:
  - {{id: grown, when: {{lead.amount: {{gt: 500000}}}}, assign: {{team: big, sticky: false}}}}
  - {{id: all, assign: {{team: east, {assign}}}}}
  - {{id: rest, assign: {{pool: public}}}}
pools: {{public: {{label: 公海池}}}}
"""
ROUTE = "journeys: [{id: r, enter: {event: trial_requested}, reentry: always, steps: [{id: go, route: {}}]}]"


def game(folder: Path, assign: str = "strategy: round_robin") -> Play:
    """Return a game with the routing above."""
    return Play(rules(folder, routing=ROUTING.format(assign=assign), journeys=ROUTE))


def ask(ruleset: Ruleset, teams: Teams, number: int) -> tuple[Teams, Assignment]:
    """Assign one new lead."""
    lead = Lead(f"l{number}", START, START, facts={"lead.city": "上海"})
    return assign(ruleset, teams, lead, Request(f"r{number}", "assign", START), START)


def test_the_longest_inactive_goes_first(tmp_path: Path) -> None:
    """RTE-2: who has not followed up for longest gets the lead, who never has before all."""
    ruleset = rules(tmp_path, routing=ROUTING.format(assign="strategy: least_recently_active"))
    known = TeamBook(active={"陈静": START - 40 * DAY, "刘洋": START - DAY})
    teams, first = ask(ruleset, Teams({PEOPLE: known}), 1)
    assert first.owner == "孙丽"
    known = TeamBook(active={**known.active, "孙丽": START})
    teams, second = ask(ruleset, Teams({**teams.books, PEOPLE: known}), 2)
    assert second.owner == "陈静"
    told = {c["member"]: c["active_at"] for c in second.considered}
    assert told == {"陈静": START - 40 * DAY, "刘洋": START - DAY, "孙丽": START}


def test_a_follow_up_makes_active(tmp_path: Path) -> None:
    """A call is its caller's activity, also on a colleague's lead; without one, the owner's."""
    play = game(tmp_path, "strategy: least_recently_active")
    play.event("0d", "trial_requested", {"city": "上海"})
    owner = play.lead.facts["owner"]
    play.event("1d", "call_logged", outcome="connected")
    assert play.teams.books[PEOPLE].active == {owner: START + DAY}
    call = Event(id="c", type="call_logged", at=START + 2 * DAY, by="孙丽")
    play.take(call, START + 2 * DAY)
    assert play.teams.books[PEOPLE].active == {owner: START + DAY, "孙丽": START + 2 * DAY}


def test_closed_deals_are_counted_for_the_owner(tmp_path: Path) -> None:
    """The first final stage is a deal won, one after it a deal lost, and each counts once."""
    play = game(tmp_path)
    play.event("0d", "trial_requested", {"city": "上海"})
    owner = play.lead.facts["owner"]
    play.event("1d", "opportunity_won", amount=80_000)
    play.event("2d", "opportunity_won", amount=80_000)
    book = play.teams.books[PEOPLE]
    assert (book.won, book.lost) == ({owner: 1}, {})


def test_win_rate_weighs_and_is_told(tmp_path: Path) -> None:
    """With 90 % and 10 % won of many deals, the rotation follows, and says what it went by."""
    ruleset = rules(tmp_path, routing=ROUTING.format(assign="strategy: weighted, weight: win_rate"))
    known = TeamBook(
        won={"陈静": 900, "刘洋": 100, "孙丽": 500}, lost={"陈静": 100, "刘洋": 900, "孙丽": 500}
    )
    teams, had = Teams({PEOPLE: known}), Counter[str | None]()
    for number in range(150):
        teams, answer = ask(ruleset, teams, number)
        had[answer.owner] += 1
    assert had == {"陈静": 90, "孙丽": 50, "刘洋": 10}
    rates = {c["member"]: c["win_rate"] for c in answer.considered}
    assert rates["陈静"] == pytest.approx(0.9, abs=0.01)
    assert {c["won"] for c in answer.considered} == {900, 100, 500}


def test_small_numbers_do_not_decide() -> None:
    """One deal won in one moves a newcomer little; nobody without deals is worse than average."""
    known = TeamBook(won={"陈静": 300, "刘洋": 1}, lost={"陈静": 700})
    rates = win_rates(Teams({PEOPLE: known}), ["陈静", "刘洋", "孙丽"])
    assert rates["陈静"] < rates["孙丽"] < rates["刘洋"] < rates["孙丽"] + 0.1
    assert win_rates(Teams(), ["陈静"]) == {"陈静": 0.5}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=6))
def test_rates_are_shares(deals: list[tuple[int, int]]) -> None:
    """A win rate lies between 0 and 1, and between the member's own and the average."""
    names = [f"成员{n}" for n in range(len(deals))]
    book = TeamBook(
        won={n: won for n, (won, _) in zip(names, deals, strict=True)},
        lost={n: lost for n, (_, lost) in zip(names, deals, strict=True)},
    )
    average = (sum(w for w, _ in deals) + 1) / (sum(w + lost for w, lost in deals) + 2)
    rates = win_rates(Teams({PEOPLE: book}), names)
    for name, (won, lost) in zip(names, deals, strict=True):
        own = won / (won + lost) if won + lost else average
        assert min(own, average) - 1e-9 <= rates[name] <= max(own, average) + 1e-9
        assert 0 < rates[name] < 1


def plugin(name: str, function: object) -> Plugins:
    """Return the plugins with one that brings this strategy."""
    module = ModuleType("strategy_under_test")
    module.register_strategies = hookimpl(  # type: ignore[attr-defined]
        lambda register: register(name, function)
    )
    return Plugins({"own": module}, entry_points=False)


def with_strategy(folder: Path, function: object) -> Ruleset:
    """Compile the routing above with a strategy ``own`` of a plugin."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "routing.yaml").write_text(ROUTING.format(assign="strategy: own"), "utf-8")
    loaded = load_folder(folder, {}, {}, plugin("own", function).strategies)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


def test_a_plugin_chooses(tmp_path: Path) -> None:
    """A strategy of a plugin sees the lead and the free members, and its choice is followed."""
    seen: list[tuple[str, list[str]]] = []

    def heaviest(lead: Routed, candidates: Sequence[Candidate]) -> str:
        seen.append((lead.facts["lead.city"], [c.id for c in candidates]))
        return max(candidates, key=lambda c: c.weight).id

    ruleset = with_strategy(tmp_path / "config", heaviest)
    teams, first = ask(ruleset, Teams(), 1)
    _, second = ask(ruleset, teams, 2)
    assert (first.owner, second.owner) == ("刘洋", "刘洋")
    assert seen == [("上海", ["陈静", "刘洋", "孙丽"]), ("上海", ["陈静", "孙丽", "刘洋"])]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("王伟", "named nobody who is free"), (None, "named nobody"), (7, "named nobody")],
)
def test_a_wrong_choice_is_not_followed(tmp_path: Path, wrong: object, said: str) -> None:
    """A strategy that names nobody who is free leaves the lead to who is next, and that is told."""
    ruleset = with_strategy(tmp_path / "config", lambda lead, candidates: wrong)
    _, answer = ask(ruleset, Teams(), 1)
    assert answer.owner == "陈静"
    assert said in answer.tried[-1]["outcome"]


def test_a_strategy_that_raises_loses_no_lead(tmp_path: Path) -> None:
    """What is raised costs the strategy its say, not the lead its owner."""
    ruleset = with_strategy(tmp_path / "config", lambda lead, candidates: 1 // 0)
    _, answer = ask(ruleset, Teams(), 1)
    assert answer.owner == "陈静"
    assert "raised ZeroDivisionError" in answer.tried[-1]["outcome"]


@pytest.mark.parametrize(
    ("name", "function"),
    [("round_robin", lambda a, b: ""), ("two words", lambda a, b: ""), ("own", lambda a: "")],
)
def test_strategies_that_cannot_work_are_refused(name: str, function: object) -> None:
    """A name that is taken or no word, and a function of another form, stop the start."""
    with pytest.raises(PluginError, match="strategy"):
        plugin(name, function)


def test_a_rule_may_choose_anew(tmp_path: Path) -> None:
    """A lead that grew goes to key accounts by a rule that is not sticky, and its load with it."""
    play = game(tmp_path)
    play.event("0d", "trial_requested", {"city": "上海"})
    assert play.lead.facts["owner"] == "陈静"
    play.event("1d", "trial_requested", {"amount": 600_000})
    assert (play.lead.facts["owner"], play.lead.facts["team"]) == ("赵敏", "big")
    assert play.teams.books["east"].loads == {"陈静": 0}
    assert play.teams.books["big"].loads == {"赵敏": 1}
    assert play.lead.owners == {"陈静": START + DAY}


def test_the_owner_keeps_what_nobody_else_is_free_for(tmp_path: Path) -> None:
    """When nobody is free, a rule that is not sticky takes a lead from nobody, and says so."""
    play = game(tmp_path)
    play.teams = Teams({"big": TeamBook(loads={"赵敏": 1})})
    play.event("0d", "trial_requested", {"city": "上海"})
    given_at = play.lead.assignment
    play.event("1d", "trial_requested", {"amount": 600_000})
    assert play.lead.facts["owner"] == "陈静"
    assert play.lead.assignment == given_at
    (kept,) = play.happened("kept_owner")
    assert kept["rule"] == "all"
    assert kept["tried"][0] == {"rule": "grown", "outcome": "nobody in big is free for it"}
    assert play.teams.books["east"].loads == {"陈静": 1}
