"""Pools: what claims find, and what takes leads back by rule; on a simulated clock."""

from __future__ import annotations

from pathlib import Path

from engine.machines.state import Event, Lead, Request, TeamBook, Teams
from engine.machines.team import answer
from engine.network.ruleset import Ruleset
from tests.play import START, Play, rules

DAY = 86_400_000
HOUR = 3_600_000
ROUTING = """
teams:
  east: {supervisor: zhou, members: [{id: li}, {id: wang}]}
  west: {members: [{id: sun}]}
rules:
  - {id: all, when: {lead.city: {exists: true}}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools:
  public:
    claim: {per_day: 2, previous_owner_after: 2 working_days, newest_after: 30m}
    recycle:
      - {id: c-idle, when: {grade: C}, idle: 10d}
      - {id: any-idle, idle: 60d}
      - {id: contract-over, when: {lead.birthday: {older_than: 30d}}}
      - {id: product-gone, when: {lead.industry: 停产产品线}}
"""
ROUTE = "journeys:\n  - {id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}, {id: w, wait: 900d}]}\n"


def play(folder: Path, **lead: object) -> Play:
    """A lead that has just come to its place."""
    game = Play(rules(folder, routing=ROUTING, journeys=ROUTE))
    game.event("0d", "trial_requested", lead)
    return game


def standing(game: Play) -> tuple[object, object]:
    """Return who has the lead, or which pool."""
    return game.lead.facts.get("owner"), game.lead.facts.get("pool")


def released(game: Play) -> list[tuple[int, str]]:
    """Return the day of the last assignment, from 0, and its reason."""
    found = game.lead.assignment
    assert found is not None
    return [((found.at - START) // DAY, found.reason)]


def claim(game: Play, member: str, at: str) -> Play:
    """Let somebody claim the lead at an offset."""
    instant = START + _offset(at)
    event = Event(f"claim-{member}-{at}", "lead_claimed", instant, by=member)
    game.take(event, instant)
    return game


def _offset(text: str) -> int:
    from engine.language.instants import parse_offset

    return parse_offset(text)


def test_nobody_follows_up(tmp_path: Path) -> None:
    """A lead of grade C is taken back ten days after it was given, if nobody did anything."""
    game = play(tmp_path, city="上海")
    assert standing(game) == ("li", None)
    game.clock("9d23h")
    assert standing(game) == ("li", None)
    game.clock("10d")
    assert standing(game) == (None, "public")
    assert released(game) == [(10, "recycle c-idle: nobody followed up")]
    assert game.teams.books["east"].loads["li"] == 0


def test_a_follow_up_begins_the_span_anew(tmp_path: Path) -> None:
    """Each follow-up, notes too, gives another ten days."""
    game = play(tmp_path, city="上海")
    game.event("8d", "note_added", text="等客户回复")
    game.clock("17d")
    assert standing(game) == ("li", None)
    game.clock("18d")
    assert released(game) == [(18, "recycle c-idle: nobody followed up")]


def test_a_better_grade_has_longer(tmp_path: Path) -> None:
    """Who is no C any more stays until the rule for everybody; one that becomes C goes at once."""
    game = play(tmp_path, city="上海")
    game.event("1d", "grade_overridden", grade="A", reason="大单")
    game.clock("50d")
    assert standing(game) == ("li", None)
    game.event("50d", "grade_overridden", grade="C", reason="预算取消")
    assert released(game) == [(50, "recycle c-idle: nobody followed up")]
    other = play(tmp_path / "other", city="上海")
    other.event("1d", "grade_overridden", grade="A", reason="大单")
    other.clock("60d")
    assert released(other) == [(60, "recycle any-idle: nobody followed up")]


def test_a_rule_without_a_span_takes_what_comes_true(tmp_path: Path) -> None:
    """When its condition comes true the lead goes; whom it is given to then may keep it."""
    game = play(tmp_path, city="上海")
    game.event("1d", "page_viewed", {"industry": "停产产品线"}, page="pricing")
    assert released(game) == [(1, "recycle product-gone: its condition came true")]
    game.event("2d", "lead_assigned", owner="sun")
    game.event("3d", "page_viewed", page="pricing")
    assert standing(game) == ("sun", None)
    assert game.lead.facts["team"] == "west"


def test_the_clock_alone_takes_a_lead_back(tmp_path: Path) -> None:
    """A date that comes to be old enough takes the lead away without any event."""
    game = play(tmp_path, city="上海", birthday="2026-02-05")
    game.clock("5d")
    assert released(game)[0][1] == "recycle contract-over: its condition came true"


def test_what_is_won_stays(tmp_path: Path) -> None:
    """A lead at its end is nobody's to take back."""
    game = play(tmp_path, city="上海")
    game.event("1d", "opportunity_won", amount=90_000)
    game.clock("100d")
    assert standing(game) == ("li", None)
    assert game.teams.books["east"].loads["li"] == 0


def test_a_new_lead_waits_and_then_is_claimed(tmp_path: Path) -> None:
    """Half an hour after it came into the pool, and not before, anybody may claim it."""
    game = claim(play(tmp_path), "sun", "29m")
    assert game.happened("claim_refused")[-1] == {
        "member": "sun",
        "pool": "public",
        "reason": "the lead is new in pool public",
        "possible_at": "2026-03-02T01:30:00Z",
    }
    assert standing(claim(game, "sun", "30m")) == ("sun", None)
    assert game.lead.facts["team"] == "west"
    assert game.teams.books["west"].loads == {"sun": 1}


def test_the_previous_owner_waits_for_working_days(tmp_path: Path) -> None:
    """Who lost the lead on Friday waits for two working days, over the weekend."""
    game = play(tmp_path, city="上海")
    game.event("4d", "lead_released", reason="联系不上")  # Friday 09:00
    claim(game, "li", "5d")
    assert game.happened("claim_refused")[-1]["reason"] == "li had the lead before"
    possible = game.happened("claim_refused")[-1]["possible_at"]
    assert possible in {"2026-03-09T10:00:00Z", "2026-03-10T01:00:00Z"}
    assert standing(claim(game, "li", "8d")) == ("li", None)


def test_nobody_is_nobody(tmp_path: Path) -> None:
    """A claim without a name, or by somebody of no team, is refused and says so."""
    game = play(tmp_path)
    instant = START + HOUR
    game.take(Event("c1", "lead_claimed", instant), instant)
    claim(game, "路人", "1h")
    assert [h["reason"] for h in game.happened("claim_refused")] == [
        "nobody is named who claims",
        "路人 is in none of the teams that claim from pool public",
    ]


def test_history_claims_nothing(tmp_path: Path) -> None:
    """A claim of the past that is imported takes no lead."""
    game = play(tmp_path)
    game.event("1h", "lead_claimed", history=True)
    assert standing(game) == (None, "public")
    assert game.happened("claim_refused") == []


def _pooled(number: int) -> Lead:
    return Lead(f"l{number}", START, START, facts={"pool": "public", "stage": "new"})


def _claims(ruleset: Ruleset, teams: Teams, count: int, now: int) -> tuple[Teams, list[str]]:
    reasons = []
    for number in range(count):
        request = Request(f"c{number}", "claim", now, member="li")
        teams, found = answer(ruleset, teams, _pooled(number), request, now)
        reasons.append(found.reason)
    return teams, reasons


def test_days_are_days_in_china(tmp_path: Path) -> None:
    """The count of a day ends at midnight in China, whatever the computer's zone."""
    ruleset = rules(tmp_path, routing=ROUTING)
    evening = START + 14 * HOUR + HOUR // 2  # 23:30
    teams, reasons = _claims(ruleset, Teams(), 3, evening)
    assert reasons[:2] == ["claimed from pool public"] * 2
    assert reasons[2] == "li has claimed 2 of 2 leads today"
    _, reasons = _claims(ruleset, teams, 1, evening + HOUR)
    assert reasons == ["claimed from pool public"]


def test_a_load_follows_its_lead(tmp_path: Path) -> None:
    """By hand to another and back, won and lost: each open lead is one load of its owner."""
    game = play(tmp_path, city="上海")
    game.event("1h", "lead_assigned", owner="sun", reason="转给西部")
    assert _loads(game) == {"east": {"li": 0}, "west": {"sun": 1}}
    assert game.lead.owners == {"li": START + HOUR}
    game.event("2h", "lead_released", owner="li", reason="不是我的了")
    assert game.happened("release_refused") == [{"reason": "sun has the lead, not li"}]
    game.event("3h", "lead_released", owner="sun", reason="太远")
    assert _loads(game) == {"east": {"li": 0}, "west": {"sun": 0}}
    assert standing(game) == (None, "public")


def _loads(game: Play) -> dict[str, dict[str, int]]:
    books: dict[str, TeamBook] = game.teams.books
    return {name: book.loads for name, book in books.items() if not name.startswith("pool:")}


CLAIMS = """
teams:
  east: {members: [{id: li, capacity: 1}, {id: wang}]}
  west: {members: [{id: sun}]}
rules:
  - {id: all, when: {lead.city: {exists: true}}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {teams: [east]}, 省外: {}}
"""


def _refusals(game: Play) -> list[str]:
    return [told["reason"] for told in game.happened("claim_refused")]


def test_only_the_teams_of_a_pool_claim_from_it(tmp_path: Path) -> None:
    """Who is of another team is told which; without limits one may claim at once and again."""
    ruleset = rules(tmp_path, routing=CLAIMS, journeys=ROUTE)
    game = Play(ruleset)
    game.event("0d", "trial_requested")
    claim(game, "sun", "1h")
    assert _refusals(game) == ["sun is in none of the teams east that claim from pool public"]
    assert standing(claim(game, "wang", "1h")) == ("wang", None)
    game.event("2h", "lead_released", pool="省外", reason="换人")
    assert standing(game) == (None, "省外")
    assert standing(claim(game, "wang", "2h")) == ("wang", None)


def test_what_somebody_has_nobody_claims(tmp_path: Path) -> None:
    """Neither another nor the owner again; and what is in no pool is not there to be claimed."""
    game = play(tmp_path, city="上海")
    claim(game, "sun", "1h")
    claim(game, "li", "2h")
    assert _refusals(game) == ["li has the lead", "li has it already"]
    free = Play(rules(tmp_path / "free", routing=ROUTING, journeys=ROUTE))
    free.event("0d", "page_viewed")
    claim(free, "sun", "1h")
    assert _refusals(free) == ["the lead is in no pool"]


def test_who_is_full_or_comes_too_late_claims_nothing(tmp_path: Path) -> None:
    """At its limit of leads a member waits; a lead that was lost in the pool is over."""
    ruleset = rules(tmp_path, routing=CLAIMS, journeys=ROUTE)
    first, second = Play(ruleset), Play(ruleset)
    first.event("0d", "trial_requested")
    assert standing(claim(first, "li", "1h")) == ("li", None)
    second.teams = first.teams
    second.event("1h", "trial_requested")
    claim(second, "li", "2h")
    assert _refusals(second) == ["li is full: 1 of 1 leads"]
    second.event("3h", "stage_changed", to="lost", reason="预算取消")
    claim(second, "wang", "4h")
    assert _refusals(second)[1:] == ["the lead is at its end: lost"]


def test_nobody_gives_back_what_nobody_has(tmp_path: Path) -> None:
    """It is refused, and the lead stays where it is."""
    game = play(tmp_path)
    game.event("1h", "lead_released", reason="联系不上")
    assert game.happened("release_refused") == [{"reason": "nobody has the lead"}]
    assert standing(game) == (None, "public")


def test_rules_that_are_gone_take_nothing_back(tmp_path: Path) -> None:
    """With another configuration their deadlines end; those that stay go on."""
    game = play(tmp_path / "before", city="上海")
    text = "".join(line for line in ROUTING.splitlines(True) if "id: c-idle" not in line)
    game.ruleset = rules(tmp_path / "after", routing=text, journeys=ROUTE)
    game.event("1d", "page_viewed", page="pricing")
    waiting = [name for name in game.lead.timers if name.startswith("recycle:")]
    assert [name for name in waiting if "c-idle" in name] == []
    game.clock("60d")
    assert released(game) == [(60, "recycle any-idle: nobody followed up")]


def test_two_rules_at_one_instant_take_a_lead_back_once(tmp_path: Path) -> None:
    """One release, with the reason of one of them; the other finds that it is asked for."""
    same = ROUTING.replace("id: any-idle, idle: 60d", "id: any-idle, idle: 10d")
    game = Play(rules(tmp_path, routing=same, journeys=ROUTE))
    game.event("0d", "trial_requested", {"city": "上海"})
    turn = game.event("10d", "timer_due")
    assert [entry.event.type for entry in turn.entries] == ["timer_due", "lead_released"]
    assert released(game)[0][1].endswith("-idle: nobody followed up")


def test_a_lead_that_ends_where_it_is_put_is_nobodys_load(tmp_path: Path) -> None:
    """The answer ends it: who got it is free again at once, and a pool has no load at all."""
    stages = "stages: [{id: new}, {id: 无效, final: true, event: lead_assigned}]\n"
    ruleset = rules(tmp_path, routing=ROUTING, journeys=ROUTE, lifecycle=stages)
    for facts, loads in (({"city": "上海"}, {"li": 0}), ({}, None)):
        game = Play(ruleset)
        game.event("0d", "trial_requested", facts)
        assert game.lead.facts["stage"] == "无效"
        book = game.teams.books.get("east")
        assert (book.loads if book is not None else None) == loads
