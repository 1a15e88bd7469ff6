"""What is said of a rule is what the engine then does: obstacles, their ends, and what is seen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import NotFound
from engine.language.instants import DAY, HOUR
from engine.machines.account import Account, Past
from engine.machines.state import STALE, Event
from engine.machines.why import account
from engine.network.naming import Ambiguous, find_rule
from engine.network.ruleset import Ruleset
from tests.play import START, Play, rules, scoring

VIEWED = "{id: viewed, dimension: behavior, event: page_viewed, where: {page: pricing}, points: 15, repeat: {at_most: 2, per: 7d}}"


class Told(Play):
    """A lead to play with, and questions about it."""

    def __init__(self, ruleset: Ruleset) -> None:
        super().__init__(ruleset)
        self.events: list[Event] = []

    def take(self, event: Event, now: int) -> Any:
        """Take one turn and remember its events."""
        turn = super().take(event, now)
        self.events += (entry.event for entry in turn.entries)
        return turn

    def why(self, name: str, now: int) -> Account:
        """Ask about one rule, ``now`` in milliseconds from the start."""
        past = Past(self.events, self.ledger, self.happenings)
        named = find_rule(self.ruleset, name)
        return account(self.ruleset, self.lead, past, START + now, named)


def codes(found: Account) -> list[str]:
    """The codes of what stands in the way, in order."""
    return [obstacle.code for obstacle in found.obstacles]


def outcomes(found: Account) -> list[tuple[bool, str]]:
    """What became of the events seen, newest first."""
    return [(seen.counted, seen.outcome) for seen in found.seen]


def test_a_false_condition_is_told_with_its_parts(tmp_path: Path) -> None:
    """A rule whose condition fails shows each part with what the lead has."""
    fit = (
        "{id: fit, dimension: fit, when: {lead.employees: {gte: 500}, lead.city: 上海}, points: 5}"
    )
    told = Told(rules(tmp_path, scoring=scoring(fit)))
    told.event("0d", "form_submitted", {"employees": 120, "city": "上海"})
    found = told.why("fit", 0)
    assert (found.active, found.effect, codes(found)) == (
        False,
        "it has given no points",
        ["condition"],
    )
    tree = found.looks[0].tree
    assert [(n.text, n.actual, n.holds) for n in tree.items] == [
        ("lead.employees: {gte: 500}", 120, False),
        ("lead.city: 上海", "上海", True),
    ]
    told.event("1d", "form_submitted", {"employees": 500})
    found = told.why("fit", DAY)
    assert (found.active, found.effect, codes(found)) == (True, "it gives +5 points", [])


def test_of_an_exclusive_group_the_winner_is_named(tmp_path: Path) -> None:
    """A rule that holds and gives nothing says which one of its group has the points."""
    ruleset = rules(
        tmp_path,
        scoring=scoring(
            "{id: director, dimension: fit, when: {lead.title_level: {at_least: director}}, points: 20, exclusive: title}",
            "{id: manager, dimension: fit, when: {lead.title_level: {at_least: manager}}, points: 10, exclusive: title}",
        ),
    )
    told = Told(ruleset)
    told.event("0d", "form_submitted", {"title_level": "director"})
    found = told.why("manager", 0)
    assert codes(found) == ["exclusive"]
    assert "director gives more: +20" in found.obstacles[0].text
    assert told.why("director", 0).active


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5 * 24), min_size=1, max_size=12))
def test_a_limit_ends_when_it_is_said_to(tmp_path_factory: Any, gaps: list[int]) -> None:
    """With the limit told as reached the next event scores nothing; at its end it scores."""
    ruleset = rules(tmp_path_factory.mktemp("rules"), scoring=scoring(VIEWED))
    told, now = Told(ruleset), 0
    for gap in gaps:
        now += gap * HOUR
        before = told.why("viewed", now)
        limit = [o for o in before.obstacles if o.code == "repeat"]
        fired = len(told.fired)
        told.event(f"{now // HOUR}h", "page_viewed", page="pricing")
        assert (len(told.fired) == fired) is bool(limit)
    after = told.why("viewed", now)
    for limit in (o for o in after.obstacles if o.code == "repeat"):
        assert limit.until is not None
        fired = len(told.fired)
        at = limit.until - START
        told.take(
            Event("early", "page_viewed", limit.until - 1, {}, {"page": "pricing"}), START + at - 1
        )
        assert len(told.fired) == fired
        told.take(Event("free", "page_viewed", limit.until, {}, {"page": "pricing"}), limit.until)
        assert len(told.fired) == fired + 1


@pytest.mark.parametrize(
    ("repeat", "text"), [("once", "once"), ("{at_most: 2}", "at most 2")], ids=["once", "twice"]
)
def test_a_limit_for_ever(tmp_path: Path, repeat: str, text: str) -> None:
    """A limit without a period has no end."""
    rule = f"{{id: some, dimension: behavior, event: page_viewed, points: 1, repeat: {repeat}}}"
    told = Told(rules(tmp_path, scoring=scoring(rule)))
    for day in ("1d", "2d", "3d"):
        told.event(day, "page_viewed")
    (obstacle,) = told.why("some", 300 * DAY).obstacles
    assert (obstacle.text, obstacle.until) == (f"the limit is reached: {text}", None)


def test_every_event_seen_has_its_outcome(tmp_path: Path) -> None:
    """What counted, what did not fit, what came too often and what was a bot, newest first."""
    told = Told(rules(tmp_path, scoring=scoring(VIEWED)))
    told.event("0h", "page_viewed", page="home")
    for hour in ("1h", "2h", "3h"):
        told.event(hour, "page_viewed", page="pricing")
    told.event("8d", "page_viewed", bot=True, page="pricing")
    found = told.why("viewed", 8 * DAY)
    assert outcomes(found) == [
        (False, "a suspected bot scores nothing"),
        (False, "the limit was reached: at most 2 per 1w"),
        (True, "+15 points"),
        (True, "+15 points"),
        (False, "its properties do not fit"),
    ]
    where = found.seen[-1].tree
    assert where is not None
    assert (where.text, where.actual, where.holds) == ("page: pricing", "home", False)


def test_a_stale_event_is_told_as_one(tmp_path: Path) -> None:
    """What is older than events are kept is shown with the reason why it did not count."""
    told = Told(rules(tmp_path, scoring=scoring(VIEWED)))
    why = "older than the 2y for which events are kept"
    old = Event("旧", "page_viewed", START, {}, {"page": "pricing"}, screened={STALE: why})
    told.take(old, START)
    assert outcomes(told.why("viewed", 0)) == [(False, f"it does not count: {why}")]


def test_an_event_that_never_came(tmp_path: Path) -> None:
    """A rule that waits for an event says so."""
    told = Told(rules(tmp_path, scoring=scoring(VIEWED)))
    told.event("0h", "chat_started")
    assert [o.text for o in told.why("viewed", 0).obstacles] == ["no page_viewed has come"]


def test_a_condition_that_failed_when_the_event_came(tmp_path: Path) -> None:
    """The condition beside an event is told as it is now, with a way to see it as it was."""
    rule = "{id: warm, dimension: behavior, event: page_viewed, when: {lead.employees: {gte: 500}, event.page: pricing}, points: 5, repeat: each}"
    told = Told(rules(tmp_path, scoring=scoring(rule)))
    told.event("0d", "page_viewed", {"employees": 10}, page="pricing")
    told.event("1d", "form_submitted", {"employees": 500})
    found = told.why("warm", DAY)
    assert outcomes(found) == [
        (False, "its condition did not hold then; ask with at 2026-03-02T01:00:00Z")
    ]
    assert found.looks[0].tree.holds


def test_a_repeated_condition_waits_for_its_return(tmp_path: Path) -> None:
    """A condition that has scored scores again when it has ceased and come back."""
    rule = "{id: big, dimension: fit, when: {lead.employees: {gte: 500}}, points: 5, repeat: each}"
    told = Told(rules(tmp_path, scoring=scoring(rule)))
    told.event("0d", "form_submitted", {"employees": 500})
    found = told.why("big", DAY)
    assert found.active
    assert codes(found) == ["repeat"]
    assert "again when its condition has ceased and returned" in found.obstacles[0].text


def test_silence_is_counted_on(tmp_path: Path) -> None:
    """An absence says when it takes its points next, and what wakes it."""
    rule = "{id: idle, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -10, repeat: each}"
    told = Told(rules(tmp_path, scoring=scoring(rule)))
    told.event("0d", "page_viewed")
    found = told.why("idle", DAY)
    assert codes(found) == ["condition"]
    assert found.looks[0].tree.next_change == START + 30 * DAY
    assert found.timers == ((START + 30 * DAY, "rule:default.behavior.idle"),)
    assert (found.wakes[0].events, found.wakes[0].clock) == (
        ("any",),
        ("absent: {event: any, for: 30d}",),
    )
    assert codes(told.why("idle", 31 * DAY)) == ["overdue"]
    told.clock("30d")
    found = told.why("idle", 30 * DAY)
    assert (found.active, found.obstacles[0].until) == (True, START + 60 * DAY)


def test_a_guard_that_opened_woke_nobody(tmp_path: Path) -> None:
    """A condition that holds now by the time of day alone is told as not woken."""
    rule = '{id: awake, dimension: fit, when: {lead.employees: {gte: 1}, time: {between: ["18:00", "20:00"]}}, points: 5}'
    told = Told(rules(tmp_path, scoring=scoring(rule)))
    told.event("0d", "form_submitted", {"employees": 500})
    assert codes(told.why("awake", 0)) == ["condition"]
    assert codes(told.why("awake", 9 * HOUR)) == ["not-woken"]
    assert told.why("awake", 0).wakes[0].clock == ()


def test_points_from_a_missing_field(tmp_path: Path) -> None:
    """A rule whose points come from a field says when that is missing."""
    rule = "{id: worth, dimension: fit, when: {lead.city: 上海}, points: {field: lead.employees, times: 2}}"
    told = Told(rules(tmp_path, scoring=scoring(rule)))
    told.event("0d", "form_submitted", {"city": "上海"})
    assert codes(told.why("worth", 0)) == ["points"]
    assert told.why("worth", 0).wakes[0].fields == ("lead.city", "lead.employees")


def test_points_that_ran_out(tmp_path: Path) -> None:
    """What expired is told as taken back, and an old event as too old."""
    rule = (
        "{id: seen, dimension: behavior, event: page_viewed, points: 5, repeat: each, expires: 10d}"
    )
    told = Told(rules(tmp_path, scoring=scoring(rule)))
    told.event("0d", "page_viewed")
    told.event("12d", "page_viewed", now="30d")
    told.clock("31d")
    found = told.why("seen", 31 * DAY)
    assert (found.active, found.effect) == (False, "it has given points and taken them back")
    assert outcomes(found) == [
        (False, "too old: its points would have run out"),
        (True, "+5 points"),
    ]
    assert found.wakes[0].clock == ("10d after each occurrence",)


# --- journeys --------------------------------------------------------------------------------

JOURNEYS = """
journeys:
  - id: short
    enter: {event: page_viewed, where: {page: pricing}, when: {lead.employees: {gte: 100}}}
    reentry: {after: 10d}
    exit: {when: {stage: [won, lost, invalid]}}
    goal: {event: order_placed}
    steps:
      - {id: pause, wait: {until: 2d, since: enter}}
  - id: rising
    enter: {when: {score.total: {rises_to: 10}}}
    steps:
      - {id: mark, set: {tags: {add: [hot]}}}
  - id: large
    enter: {when: {lead.employees: {gte: 500}}}
    steps:
      - {id: mark, set: {tags: {add: [large]}}}
"""


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """A lead among three journeys."""
    return Told(rules(tmp_path, journeys=JOURNEYS, scoring=scoring(VIEWED)))


def test_a_journey_not_entered(told: Told) -> None:
    """Event, properties and condition of an entry are told apart."""
    assert codes_after(told, []) == ["condition", "event"]
    told.event("0d", "page_viewed", {"employees": 100}, page="home")
    found = told.why("short", 0)
    assert codes(found) == ["where"]
    assert found.effect == "the lead has never been in it"
    told.event("1d", "page_viewed", page="pricing")
    assert told.why("short", DAY).active
    assert codes(told.why("short", DAY)) == ["inside"]


def codes_after(told: Told, events: Iterable[str]) -> list[str]:
    """What stands in the way of the journey ``short`` after some events."""
    told.event("0d", "chat_started")
    for kind in events:
        told.event("0d", kind)
    return codes(told.why("short", 0))


def test_reentry_is_free_when_it_is_said_to_be(told: Told) -> None:
    """Up to the instant told nobody enters again; from it on they do."""
    told.event("0d", "page_viewed", {"employees": 100}, page="pricing")
    told.clock("3d")
    found = told.why("short", 3 * DAY)
    (again,) = (o for o in found.obstacles if o.code == "reentry")
    assert again.until == START + 12 * DAY
    pricing = {"page": "pricing"}
    told.take(Event("early", "page_viewed", again.until - 1, {}, pricing), again.until - 1)
    assert told.lead.journeys["short"].entered_at == START
    refused = told.why("short", 12 * DAY)
    assert [o.text for o in refused.obstacles if o.code == "refused"] == [
        "at 2026-03-14T00:59:59.999Z it was not entered: was in it too recently"
    ]
    told.take(Event("free", "page_viewed", again.until, {}, pricing), again.until)
    assert told.lead.journeys["short"].entered_at == again.until


def test_reentry_never(told: Told) -> None:
    """A journey without reentry says that there is none."""
    told.event("0d", "form_submitted", {"employees": 500})
    found = told.why("large", DAY)
    assert "reentry is never" in found.obstacles[0].text
    assert codes(found) == ["reentry", "held"]


def test_an_exit_that_holds_keeps_everybody_out(told: Told) -> None:
    """A journey that would be left at once is not entered, and says so."""
    told.event("0d", "page_viewed", {"employees": 100}, page="home")
    told.event("1d", "stage_changed", to="invalid")
    assert told.lead.facts["stage"] == "invalid"
    told.event("2d", "page_viewed", page="pricing")
    found = told.why("short", 2 * DAY)
    assert not found.active
    assert "exit" in codes(found)
    assert "its exit condition holds" in found.obstacles[-1].text
    assert [look.role for look in found.looks] == ["enter", "exit"]


def test_an_edge_is_told_as_one(told: Told) -> None:
    """A journey entered by a crossing says that the mark must be crossed anew."""
    told.event("0d", "chat_started")
    assert codes(told.why("rising", 0)) == ["condition", "edge"]
    told.event("1d", "page_viewed", page="pricing")
    found = told.why("rising", DAY)
    assert found.effect.endswith("completed")
    assert found.wakes[0].fields == ("score.total",)


def test_history_waits_for_a_live_event(told: Told) -> None:
    """What history changed is told as unjudged, and its events as no reason to start."""
    told.event("0d", "page_viewed", {"employees": 500}, history=True, page="pricing")
    found = told.why("short", DAY)
    assert outcomes(found) == [(False, "history is counted and starts nothing")]
    assert codes(found)[-1] == "history"
    assert codes(told.why("large", DAY)) == ["history"]


def test_exit_and_goal_have_their_own_wakers(told: Told) -> None:
    """What wakes a journey is told for its entry, its exit and its goal."""
    told.event("0d", "chat_started")
    wakes = {wake.role: wake for wake in told.why("short", 0).wakes}
    assert wakes["enter"].events == ("page_viewed",)
    assert wakes["enter"].note == "then asked: lead.employees: {gte: 100}"
    assert wakes["exit"].fields == ("stage",)
    assert wakes["goal"].events == ("order_placed",)


# --- stages, routes, SLAs --------------------------------------------------------------------

LIFECYCLE = """
stages:
  - {id: new}
  - {id: mql, from: [new], when: {score.total: {rises_to: 10}}}
  - {id: called, from: [mql], event: call_logged, where: {outcome: reached}}
  - {id: checked, when: {lead.employees: {gte: 500}}}
  - {id: lost, final: true, requires: [reason]}
"""
JOURNEY = """
journeys:
  - id: assign
    enter: {event: form_submitted}
    reentry: always
    steps: [{id: route, route: {}}]
"""


@pytest.fixture
def sold(tmp_path: Path) -> Told:
    """A lead among stages and salespeople."""
    files = {"lifecycle": LIFECYCLE, "journeys": JOURNEY}
    return Told(rules(tmp_path, scoring=scoring(VIEWED), **files))


def test_stages(sold: Told) -> None:
    """A stage says from where it is entered, by what, and when a person must do it."""
    sold.event("0d", "chat_started")
    assert codes(sold.why("called", 0)) == ["from", "event"]
    assert codes(sold.why("mql", 0)) == ["condition", "edge"]
    assert codes(sold.why("lost", 0)) == ["by-hand", "requires"]
    assert sold.why("lost", 0).wakes[0].note.startswith("a person moves")
    sold.event("1d", "page_viewed", page="pricing")
    found = sold.why("stage:mql", DAY)
    assert found.active
    assert codes(found) == ["from"]
    sold.event("2d", "call_logged", outcome="voicemail")
    assert codes(sold.why("called", 2 * DAY)) == ["where"]
    sold.event("3d", "call_logged", outcome="reached")
    assert sold.why("called", 3 * DAY).active
    assert sold.why("mql", 3 * DAY).effect.endswith("has moved on")


def test_a_stage_whose_condition_has_held_all_along(sold: Told) -> None:
    """A stage left by hand is not entered again while its condition simply goes on holding."""
    sold.event("0d", "form_submitted", {"employees": 500})
    assert sold.why("checked", 0).active
    sold.event("1d", "stage_changed", to="lost", reason="价格")
    assert codes(sold.why("checked", DAY)) == ["from", "held"]


def test_routes(sold: Told) -> None:
    """A route says whether it was asked, who came first, and why its members were passed over."""
    sold.event("0d", "chat_started")
    assert codes(sold.why("by-city", 0)) == ["not-asked", "condition"]
    sold.event("1d", "form_submitted", {"city": "广州"})
    found = sold.why("by-city", DAY)
    assert codes(found) == ["tried", "member", "member"]
    assert found.obstacles[1].text == "chen.jing: territory does not cover 广州"
    rest = sold.why("rest", DAY)
    assert (rest.active, rest.effect) == (
        True,
        "it gave the lead to the pool public at 2026-03-03T01:00:00Z",
    )
    sold.event("2d", "form_submitted", {"source.name": "华东区线下展会"})
    assert sold.why("expo", 2 * DAY).effect.startswith("it gave the lead to chen.jing")
    assert codes(sold.why("rest", 2 * DAY)) == ["earlier", "owned"]
    assert sold.why("rest", 2 * DAY).wakes[0].note.endswith("sent to routing")


def test_a_route_tells_of_its_own_team_only(tmp_path: Path) -> None:
    """Each rule names members of its own team, and of those only who was passed over."""
    routing = """
teams:
  华东: {members: [{id: chen, capacity: 1}]}
  华北: {members: [{id: sun, away: [{from: 2026-03-01, to: 2026-03-09}]}, {id: li, capacity: 1}]}
rules:
  - {id: east, assign: {team: 华东, strategy: territory, by: lead.city}}
  - {id: north, when: {lead.amount: {gt: 5}}, assign: {team: 华北, strategy: territory, by: lead.city}}
  - {id: city, when: {lead.city: 广州}, assign: {team: 华北, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
pools: {public: {}}
"""
    told = Told(rules(tmp_path, journeys=JOURNEY, routing=routing))
    told.event("0d", "form_submitted", {"city": "广州", "amount": 9})
    assert told.lead.facts["owner"] == "li"
    members = [o.text for o in told.why("east", 0).obstacles if o.code == "member"]
    assert members == ["chen: territory does not cover 广州"]
    members = [o.text for o in told.why("north", 0).obstacles if o.code == "member"]
    assert [each.split(":")[0] for each in members] == ["sun", "li", "sun"]


def test_slas(sold: Told) -> None:
    """An SLA says that nobody has the lead, or whose clocks run."""
    sold.event("0d", "chat_started")
    assert codes(sold.why("hot", 0)) == ["condition", "not-assigned"]
    sold.event("1d", "form_submitted", {"city": "上海"})
    assert codes(sold.why("hot", DAY)) == ["condition"]
    assert sold.why("hot", DAY).effect == "its clocks have not been started"


def test_an_sla_of_contacts_is_not_before_one_of_assignments(tmp_path: Path) -> None:
    """Which SLA stands before another depends on what both of them are asked at."""
    slas = """sla:
  - {id: first, accept: 8h}
  - {id: pace, next_contact: 2d}
  - {id: both, accept: 1h, next_contact: 5d}
pools:"""
    text = (Path(__file__).parents[1] / "broken" / "_base" / "routing.yaml").read_text("utf-8")
    changed = f"{text.partition('sla:')[0]}{slas}{text.partition('pools:')[2]}"
    told = Told(rules(tmp_path, journeys=JOURNEY, routing=changed))
    told.event("0d", "form_submitted", {"city": "上海"})
    assert codes(told.why("pace", HOUR)) == []
    assert [each.text for each in told.why("both", HOUR).obstacles] == [
        "first stands before it and fits too, when a lead is assigned",
        "pace stands before it and fits too, at a contact",
    ]


def test_running_clocks_and_an_earlier_sla(tmp_path: Path) -> None:
    """The first SLA that fits runs its clocks; a later one names it."""
    text = (Path(__file__).parents[1] / "broken" / "_base" / "routing.yaml").read_text("utf-8")
    twice = text.replace("    when: {grade: A}\n", "").replace(
        "pools:", "  - {id: cold, accept: 2h, calendar: cn}\npools:"
    )
    told = Told(rules(tmp_path, journeys=JOURNEY, routing=twice))
    told.event("0d", "form_submitted", {"city": "上海"})
    found = told.why("hot", HOUR)
    assert found.active
    assert found.effect == "its clocks: accept running, first_contact running"
    assert [name for _, name in found.timers] == [
        "sla:hot:accept",
        "sla:hot:0",
        "sla:hot:first_contact",
    ]
    assert codes(told.why("cold", HOUR)) == ["earlier"]
    for_a = text.replace("pools:", "  - {id: cold, accept: 2h, calendar: cn}\npools:")
    told = Told(rules(tmp_path, journeys=JOURNEY, routing=for_a))
    told.event("0d", "form_submitted", {"city": "上海"})
    assert (told.why("cold", HOUR).active, codes(told.why("cold", HOUR))) == (True, [])


# --- names -----------------------------------------------------------------------------------


def test_names(tmp_path: Path) -> None:
    """An id finds its rule; one that several things have is refused with all of their names."""
    rule = "{id: large, dimension: fit, when: {lead.employees: {gte: 500}}, points: 5}"
    ruleset = rules(tmp_path, journeys=JOURNEYS, scoring=scoring(rule))
    assert find_rule(ruleset, "short").name == "journey:short"
    assert find_rule(ruleset, "journey:large").kind == "journey"
    assert find_rule(ruleset, "rule:large").rule is ruleset.rules["default.fit.large"]
    assert find_rule(ruleset, "rule:default.fit.large").source.file.endswith("scoring.yaml")
    with pytest.raises(Ambiguous, match=r"rule:default\.fit\.large, journey:large"):
        find_rule(ruleset, "large")
    with pytest.raises(NotFound, match='did you mean "short"'):
        find_rule(ruleset, "shrt")


def test_journeys_entered_are_heard_from_the_timeline(tmp_path: Path) -> None:
    """What the engine itself reports is no event of the log, and is seen all the same."""
    lifecycle = (
        "stages: [{id: new}, {id: nurturing, event: journey_entered, where: {journey: assign}}]"
    )
    files = {"lifecycle": lifecycle, "journeys": JOURNEY.replace("assign", "other")}
    told = Told(rules(tmp_path, scoring=scoring(VIEWED), **files))
    told.event("0d", "form_submitted", {"city": "上海"})
    found = told.why("nurturing", 0)
    assert [(s.type, s.counted) for s in found.seen] == [("journey_entered", False)]
    assert codes(found) == ["where"]


def test_a_journey_of_the_same_group_that_goes_first_is_named(tmp_path: Path) -> None:
    """Why a lead did not enter: the place of the group is taken, by whom is said."""
    text = """
journeys:
  - {id: 决策, group: 培育, priority: 5, enter: {event: trial_requested}, steps: [{id: a, wait: 9d}]}
  - {id: 新手, group: 培育, enter: {event: form_submitted}, steps: [{id: a, wait: 9d}]}
"""
    told = Told(rules(tmp_path, journeys=text))
    told.event("0d", "trial_requested", {"email": "a@b.cn"})
    told.event("1d", "form_submitted")
    assert codes(told.why("journey:新手", DAY)) == ["group", "refused"]
    told.clock("9d")
    assert "group" not in codes(told.why("journey:新手", 9 * DAY))


def test_a_journey_of_another_group_or_of_less_weight_stands_in_nobodys_way(
    tmp_path: Path,
) -> None:
    """Only one that goes first is named."""
    text = """
journeys:
  - {id: 决策, group: 培育, enter: {event: trial_requested}, steps: [{id: a, wait: 9d}]}
  - {id: 生日, group: 关怀, priority: 9, enter: {event: trial_requested}, steps: [{id: a, wait: 9d}]}
  - {id: 新手, group: 培育, priority: 5, enter: {event: form_submitted}, steps: [{id: a, wait: 9d}]}
"""
    told = Told(rules(tmp_path, journeys=text))
    told.event("0d", "trial_requested", {"email": "a@b.cn"})
    assert "group" not in codes(told.why("journey:新手", DAY))
    told.event("1d", "form_submitted")
    assert told.lead.journeys["新手"].left_at is None
    assert told.lead.journeys["生日"].left_at is None
    assert told.lead.journeys["决策"].reason == "gave way to 新手"
