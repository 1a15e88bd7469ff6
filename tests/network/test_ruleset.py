"""The ruleset: everything compiled, with what wakes each part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.language.definitions import Definitions
from engine.language.instants import DAY, parse_instant
from engine.network.ruleset import Ruleset, tidy
from engine.network.screening import Entering
from tests.network.written import view
from tests.play import rules, scoring

BEHAVIOR, FIT, CARE = "default.behavior", "default.fit", "default.care"


def ids(rules: Any) -> list[str]:
    """What rules, stages or journeys are called."""
    return [rule.definition.id for rule in rules]


def test_a_rule_has_all_that_firing_it_reads(whole: Ruleset) -> None:
    """Its key, its place, its weighted points, its limits, its repetition and its life."""
    pricing = whole.rules[f"{BEHAVIOR}.pricing"]
    assert (pricing.key, pricing.order, pricing.id) == (f"{BEHAVIOR}.pricing", 4, "pricing")
    assert (pricing.model, pricing.dimension) == ("default", "behavior")
    assert (pricing.fact, pricing.total) == ("score.default.behavior", "score.default.total")
    assert (pricing.points, pricing.points_fact) == (15, None)
    assert (pricing.at_most, pricing.per, pricing.life) == (2, DAY, 90 * DAY)
    assert (pricing.group, pricing.timer) == (None, f"rule:{BEHAVIOR}.pricing")
    assert pricing.place == whole.definitions.place(pricing.definition.source)
    assert "scoring.yaml:" in pricing.place
    assert pricing.limits is not None
    assert (pricing.limits.min, pricing.limits.max) == (-20, None)
    assert pricing.silence is None
    assert pricing.when is None
    assert pricing.definition.id == "pricing"


def test_points_are_weighted_and_rounded(whole: Ruleset) -> None:
    """A weight of 1.5 makes 10 points 15, a whole number; a fraction stays one."""
    points = {key: rule.points for key, rule in whole.rules.items()}
    assert points[f"{FIT}.industry"] == 15
    assert isinstance(points[f"{FIT}.industry"], int)
    assert points[f"{FIT}.manager"] == 15.75
    large = whole.rules[f"{FIT}.large"]
    assert (large.points, large.points_fact) == (3, "lead.budget")
    assert [tidy(n) for n in (7, 7.0, 7.00004, 7.00006, -0.5)] == [7, 7, 7, 7.0001, -0.5]
    assert [isinstance(tidy(n), int) for n in (7, 7.0, 7.00004, 7.00006)] == [True] * 3 + [False]


def test_what_a_rule_does_not_say_is_none(whole: Ruleset) -> None:
    """No limits, no group, no repetition and no life, unless they are written."""
    asked, long = whole.rules[f"{CARE}.asked"], whole.rules[f"{BEHAVIOR}.long-look"]
    assert (asked.limits, asked.group, asked.per, asked.life) == (None, None, None, None)
    assert asked.at_most == 1
    assert (long.at_most, long.per, long.life) == (None, None, 30 * DAY)
    industry = whole.rules[f"{FIT}.industry"]
    assert (industry.at_most, industry.per) == (None, None)
    assert industry.limits is not None
    assert industry.limits.max == 60
    assert whole.rules["value.money.spent"].limits is None


def test_what_the_index_has_asked_is_not_asked_again(whole: Ruleset) -> None:
    """A filter that is one equality is left to the index; more than that is compiled."""
    assert whole.rules[f"{BEHAVIOR}.pricing"].where is None
    where = whole.rules[f"{BEHAVIOR}.long-look"].where
    assert where is not None
    assert where(view(properties={"page": "pricing", "duration": 60})) is True
    assert where(view(properties={"page": "pricing", "duration": 59})) is False
    assert whole.rules[f"{CARE}.asked"].where is None
    asks = [whole.rules[f"{BEHAVIOR}.{id}"].asks for id in ("pricing", "long-look")]
    assert asks == [False, True]


def test_absences_that_no_event_can_end_wait_for_the_clock(whole: Ruleset) -> None:
    """A rule that is nothing but an absence is known by its window, and not looked at else."""
    idle, unpaid = whole.rules[f"{BEHAVIOR}.idle"], whole.rules[f"{BEHAVIOR}.unpaid"]
    assert (idle.silence, unpaid.silence) == (30 * DAY, None)
    silent = {window: ids(rules) for window, rules in whole.silences.items()}
    assert silent == {"last any": ["idle"], "last order_placed": ["no-order"]}
    assert "last any" in whole.held_rules.names
    assert "no-order" not in ids(whole.state_rules.everything.always)
    assert "no-order" in ids(whole.held_rules.everything.always)
    assert ids(whole.held_rules.everything.always) == [
        "opened-three",
        "idle",
        "no-order",
        "spent",
        "twin",
        "old",
        "often",
    ]


def test_rules_of_events_and_of_states_are_kept_apart(whole: Ruleset) -> None:
    """Events find the rules that name them, facts those that hold."""
    assert whole.event_rules.types == {"page_viewed", "video_watched", "support_requested"}
    look = whole.event_rules.woken("page_viewed", {"page": "pricing"})
    assert ids(look) == ["pricing", "long-look"]
    assert ids(whole.event_rules.woken("video_watched", {"page": "solution"})) == ["long-look"]
    assert whole.state_rules.names == {
        "lead.industry", "lead.title_level", "lead.employees", "lead.budget", "lead.city",
        "lead.birthday", "count email_opened in 2592000000", "last order_placed",
        "sum order_placed of amount", "last any", "count email_sent+sms_sent in 604800000",
    }  # fmt: skip


def test_exclusive_rules_know_each_other(whole: Ruleset) -> None:
    """By model and group; who is in none is in none."""
    assert {name: ids(rules) for name, rules in whole.exclusive.items()} == {
        "default.title": ["director", "manager"]
    }
    assert whole.rules[f"{FIT}.director"].group == "default.title"


def test_a_grade_is_the_highest_band_that_is_reached(whole: Ruleset) -> None:
    """Floors count from themselves on, in whatever order they are written; below all is none."""
    grades = [whole.grade("default", total) for total in (-0.1, 0, 59.9, 60, 79.9, 80, 500)]
    assert grades == [None, "C", "C", "B", "B", "A", "A"]
    assert whole.grade("value", 50) is None
    assert [(fact, model.id) for fact, model in whole.graded] == [
        ("score.default.total", "default")
    ]


def test_models_and_their_scores_are_named(whole: Ruleset) -> None:
    """Each dimension has a score and each model a total; the first model is the default."""
    assert whole.scores == (
        "score.default.fit", "score.default.behavior", "score.default.care",
        "score.default.total", "score.value.money", "score.value.total",
    )  # fmt: skip
    assert whole.default_model == "default"
    assert list(whole.models) == ["default", "value"]
    assert whole.models["value"].id == "value"


def test_stages_are_entered_by_facts_or_events(whole: Ruleset) -> None:
    """In the order of the lifecycle; the first is where a lead begins."""
    assert list(whole.stages) == ["fresh", "mql", "qualified", "contacted", "won", "lost"]
    assert [stage.order for stage in whole.stages.values()] == [0, 1, 2, 3, 4, 5]
    assert whole.initial_stage == "fresh"
    assert whole.state_stages.names == {"score.default.total", "lead.amount", "lead.city"}
    assert whole.event_stages.types == {"call_logged", "contract_signed"}
    contacted = whole.stages["contacted"]
    assert contacted.where is not None
    assert contacted.when is not None
    assert contacted.where(view(properties={"outcome": "接通"})) is True
    assert contacted.when.holds(view({"lead.city": "上海"})) is True
    assert whole.stages["won"].where is None


class Lead:
    """A lead as the indexes see it."""

    def __init__(self, facts: dict[str, Any], before: dict[str, Any], *held: str) -> None:
        self.facts = facts
        self.before = before
        self.holding = dict.fromkeys(held, 1)

    def held(self) -> tuple[dict[str, int]]:
        """What holds."""
        return (self.holding,)


def test_stages_and_journeys_that_held_are_looked_at_again(whole: Ruleset) -> None:
    """A lead remembers that their condition holds, but nothing of a crossing."""
    gone = Lead({}, {"lead.amount": 500}, "stage:qualified")
    assert ids(whole.state_stages.woken({"lead.amount"}, gone)) == ["qualified"]
    cold = Lead({"grade": "C"}, {"grade": "A"}, "enter:warm")
    assert ids(whole.state_journeys.woken({"grade"}, cold)) == ["warm"]
    never = Lead({"grade": "C"}, {"grade": "B"})
    assert ids(whole.state_journeys.woken({"grade"}, never)) == []
    assert "stage:mql" not in whole.state_stages.held
    crossing = Lead({"score.default.total": 55}, {"score.default.total": 5})
    assert ids(whole.state_stages.woken({"score.default.total"}, crossing)) == ["mql"]
    industry = Lead({}, {"lead.industry": "制造业"}, f"{FIT}.industry")
    assert ids(whole.state_rules.woken({"lead.industry"}, industry)) == ["industry"]


def test_routes_and_clocks_have_their_conditions(whole: Ruleset) -> None:
    """In the order in which they are asked, with what they depend on compiled."""
    assert ids(whole.routes) == ["shanghai", "rest"]
    assert [route.when is None for route in whole.routes] == [False, True]
    assert whole.routes[0].when is not None
    assert whole.routes[0].when.holds(view({"lead.city": "上海"})) is True
    assert ids(whole.slas) == ["hot", "twin"]
    assert [(sla.order, sla.pause is None) for sla in whole.slas] == [(0, False), (1, True)]
    hot, twin = whole.slas
    assert hot.when is not None
    assert hot.when.holds(view({"grade": "A"})) is True
    assert hot.when.holds(view({"grade": "B"})) is False
    assert hot.pause is not None
    assert hot.pause.holds(view({"lead.city": "苏州"})) is True
    assert twin.when is None
    assert whole.teams["east"].label == "华东区销售"
    assert whole.pools["public"].label == "公海池"


def test_clocks_that_stand_still_are_woken_by_what_they_read(whole: Ruleset) -> None:
    """Those that may pause are found by their facts, and when they held until now."""
    pauses = whole.state_pauses
    assert pauses.names == {"lead.city"}
    assert ids(pauses.woken({"lead.city"}, Lead({"lead.city": "苏州"}, {}))) == ["hot"]
    assert ids(pauses.woken({"lead.city"}, Lead({"lead.city": "上海"}, {}))) == []
    over = Lead({"lead.city": "上海"}, {"lead.city": "苏州"}, "pause:hot")
    assert ids(pauses.woken({"lead.city"}, over)) == ["hot"]


def test_recycling_has_its_pool_its_key_and_its_wakers(whole: Ruleset) -> None:
    """In the order of the pools; a rule without a condition waits for the clock alone."""
    cold, forgotten, closed = whole.recycles
    assert [(r.order, r.key, r.pool) for r in whole.recycles] == [
        (0, "recycle:cold", "public"),
        (1, "recycle:forgotten", "public"),
        (2, "recycle:closed-line", "public"),
    ]
    assert ids(whole.recycles) == ["cold", "forgotten", "closed-line"]
    assert forgotten.when is None
    assert closed.when is not None
    assert closed.when.holds(view({"lead.industry": "停产产品线"})) is True
    assert closed.when.holds(view({"lead.industry": "制造业"})) is False
    assert whole.state_recycles.names == {"grade", "last email_opened", "lead.industry"}
    gone = Lead({}, {"lead.industry": "停产产品线"}, "recycle:closed-line")
    assert ids(whole.state_recycles.woken({"lead.industry"}, gone)) == ["closed-line"]
    other = Lead({"lead.industry": "制造业"}, {})
    assert ids(whole.state_recycles.woken({"lead.industry"}, other)) == []
    assert cold.when is not None


def test_a_journey_has_its_conditions_and_its_steps(whole: Ruleset) -> None:
    """Entry, exit and goal with their filters; each step with what follows it."""
    welcome, warm = whole.journeys["welcome"], whole.journeys["warm"]
    assert {j.id: j.order for j in whole.journeys.values()} == {"welcome": 1, "warm": 2, "plain": 0}
    assert [j.id for j in whole.running] == ["plain", "welcome", "warm"]
    assert welcome.where is not None
    assert welcome.where(view(properties={"form": "试用"})) is True
    assert welcome.when is not None
    assert welcome.exit_when is not None
    assert welcome.exit_when.holds(view({"stage": "won", "lead.city": "上海"})) is True
    assert (welcome.exit_where, welcome.goal_when) == (None, None)
    assert welcome.goal_where is not None
    assert welcome.goal_where(view(properties={"amount": 100})) is True
    assert welcome.end_reads == {"stage", "lead.city"}
    assert warm.exit_where is not None
    assert warm.exit_where(view(properties={"topic": "marketing"})) is True
    assert warm.goal_when is not None
    assert warm.end_reads == {"score.default.total", "last chat_started"}
    steps = welcome.steps
    assert list(steps) == ["hello", "opened", "choose", "hello2", "later", "chat"]
    assert ids(steps.values()) == list(steps)
    assert [step.below for step in steps.values()] == [
        "opened", "choose", "hello2", "later", "chat", None,
    ]  # fmt: skip
    assert [target for _, target in steps["choose"].cases] == ["later", "hello2"]
    assert steps["choose"].cases[0][0].holds(view({"lead.city": "上海"})) is True
    assert steps["chat"].where is not None
    assert steps["chat"].where(view(properties={"page": "pricing"})) is True
    assert whole.state_journeys.names == {"grade"}
    assert whole.event_journeys.types == {"form_submitted", "support_requested"}
    entered = whole.event_journeys.woken("form_submitted", {"form": "试用"})
    assert ids(entered) == ["welcome"]
    assert ids(whole.event_journeys.woken("form_submitted", {"form": "报价"})) == []


def test_what_anything_reacts_to_is_known(whole: Ruleset) -> None:
    """The events that stages, journeys and their steps hear, and the facts that they read."""
    assert whole.moving_types == {
        "call_logged", "contract_signed", "form_submitted", "support_requested", "unsubscribed",
        "order_placed", "email_opened", "page_viewed",
    }  # fmt: skip
    assert whole.listened == whole.moving_types | {"video_watched"}
    assert whole.moving_facts == {
        "score.default.total", "lead.amount", "lead.city", "grade", "stage", "last chat_started",
        "last email_opened", "lead.industry",
    }  # fmt: skip
    assert whole.watched == whole.moving_facts | whole.state_rules.names


def test_windows_are_fed_by_the_events_that_they_take(whole: Ruleset) -> None:
    """Each event type knows its windows, and `any` is fed by behaviour only."""
    fed = {kind: [w.key for w in windows] for kind, windows in whole.windows_of.items()}
    assert fed["order_placed"] == ["last any", "last order_placed", "sum order_placed of amount"]
    assert fed["email_sent"] == ["count email_sent+sms_sent in 604800000"]
    assert fed["page_viewed"] == ["last any"]
    assert "note_added" not in fed
    assert whole.windows["last any"] is whole.windows_of["page_viewed"][0]
    assert len(whole.conditions) > 20


def test_each_event_sets_its_reaction_in_motion(whole: Ruleset) -> None:
    """Windows that it feeds, rules it may fire, and whether later strata hear it."""
    order = whole.reactions["order_placed"]
    assert [(feed.window.key, ids(feed.silences), feed.watched) for feed in order.feeds] == [
        ("last any", ["idle"], True),
        ("last order_placed", ["no-order"], True),
        ("sum order_placed of amount", [], True),
    ]
    assert order.moves is True
    assert order.rules is None
    view = whole.reactions["page_viewed"]
    assert view.rules is whole.event_rules.by_type["page_viewed"]
    assert whole.reactions["video_watched"].moves is False
    assert whole.reactions["video_watched"].hearers == frozenset()
    assert order.hearers == {"welcome"}
    assert whole.reactions["email_opened"].hearers == {("welcome", "opened")}
    assert whole.reactions["email_sent"].feeds[0].silences == ()
    assert "timer_due" not in whole.reactions
    assert "note_added" not in whole.reactions


def test_derived_fields_are_known_by_what_they_come_from(whole: Ruleset) -> None:
    """A new e-mail address makes what was known of the old one void."""
    assert whole.derived_from["email"] == ("email.kind", "email.domain")
    assert whole.derived_from["phone"] == ("phone.valid",)
    assert "name" not in whole.derived_from


@pytest.fixture(scope="module")
def of_numbers(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """Rules, stages and journeys that mostly compare numbers, read once."""
    return rules(
        tmp_path_factory.mktemp("numbers"),
        scoring="""
models:
  default:
    dimensions: {fit: {}}
    rules:
      - {id: large, dimension: fit, when: {lead.employees: {gte: 500}}, points: {field: lead.budget}}
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 1}
      - {id: seen, dimension: fit, event: page_viewed, when: {lead.age: {gte: 18}}, points: 1, repeat: each}
    grades: [{grade: A, from: 80}, {grade: B, from: 60}]
  other: {dimensions: {fit: {}}, rules: [{id: r, dimension: fit, when: {lead.amount: {lt: 9}}, points: 1}]}
""",
        lifecycle="""
stages:
  - {id: fresh}
  - {id: mql, from: [fresh], when: {score.total: {rises_to: 50}}}
  - {id: talked, from: [fresh], event: call_logged, when: {lead.amount: {gte: 77}}}
""",
        journeys="""
journeys:
  - id: warm
    enter: {when: {score.total: {gte: 70}}}
    exit: {when: {score.total: {lt: 30}}}
    goal: {when: {score.total: {gte: 120}}}
    steps: [{id: hello, send: welcome}]
""",
        catalog="fields: {age: {type: integer, label: 年龄}}\n",
    ).definitions


@pytest.fixture
def numbers(of_numbers: Definitions) -> Ruleset:
    """The same, compiled anew for each test."""
    return Ruleset(of_numbers)


@pytest.mark.parametrize(
    ("name", "before", "now", "quiet"),
    [
        ("score.default.total", 61, 69, True),
        ("score.default.total", 59, 60, False),  # a grade
        ("score.default.total", 79, 80, False),  # another
        ("score.default.total", 49, 50, False),  # a stage
        ("score.default.total", 69, 70, False),  # a journey
        ("score.default.total", 30, 29, False),  # its exit
        ("score.default.total", 119, 120, False),  # its goal
        ("score.other.total", 5, 500, True),
        ("lead.amount", 8, 9, False),
        ("lead.amount", 76, 77, True),  # asked when an event comes
        ("lead.age", 17, 18, True),  # so is this
        ("lead.employees", 10, 499, True),
        ("lead.employees", 499, 500, False),
        ("lead.budget", 5, 6, False),  # points are multiplied by it
        ("lead.industry", "农业", "制造业", False),
        ("lead.city", "上海", "南京", True),
    ],
)
def test_the_numbers_that_matter_are_those_of_every_stratum(
    numbers: Ruleset, name: str, before: Any, now: Any, quiet: bool
) -> None:
    """A change between two of them need not be looked at by anybody."""
    assert numbers.turns.quiet({name: before}, {name: now}) is quiet


@pytest.mark.parametrize(
    "rule",
    [
        "{id: r, dimension: fit, event: score_changed, points: 1, repeat: once}",
        "{id: r, dimension: fit, when: {count: {event: score_changed, gte: 3}}, points: 1}",
    ],
)
def test_when_a_rule_hears_of_scores_every_change_is_looked_at(tmp_path: Path, rule: str) -> None:
    """An event for each change of a graded total needs each of them to be seen."""
    text = f"""
models:
  default:
    dimensions: {{fit: {{}}}}
    rules: [{rule}]
    grades: [{{grade: A, from: 80}}]
"""
    made = rules(tmp_path, scoring=text)
    name = "score.default.total"
    assert made.turns.quiet({name: 1}, {name: 2}) is False


def test_a_ruleset_is_its_definitions(whole: Ruleset) -> None:
    """Its version, catalogue and calendars are those that were read."""
    assert whole.version == whole.definitions.version
    assert whole.catalogue is whole.definitions.catalogue
    assert whole.calendars is whole.definitions.calendars
    assert whole.screen.intake is whole.definitions.intake


@pytest.fixture(scope="module")
def of_little(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """A configuration in which little listens, read once."""
    return rules(
        tmp_path_factory.mktemp("small"),
        scoring="""
models:
  default:
    dimensions: {fit: {}, capped: {max: 9}}
    rules:
      - {id: idle, dimension: fit, when: {absent: {event: any, for: 30d}}, points: -1}
      - {id: rich, dimension: fit, when: {absent: {event: any, for: 9d}}, points: {field: lead.budget}}
      - {id: late, dimension: fit, event: chat_started, when: {absent: {event: order_placed, for: 9d}}, points: 1, repeat: each}
      - {id: bare, dimension: fit, event: chat_started, points: 1, repeat: each}
      - {id: crossing, dimension: fit, event: chat_started, when: {score.total: {rises_to: 5}}, points: 1, repeat: each}
      - {id: dying, dimension: fit, event: chat_started, points: 1, repeat: each, expires: 9d}
      - {id: limited, dimension: capped, event: chat_started, points: 1, repeat: each}
      - {id: multiple, dimension: fit, event: chat_started, points: {field: lead.budget}, repeat: each}
      - {id: seen, dimension: fit, when: {count: {event: [page_viewed, email_sent], gte: 3}}, points: 1}
      - {id: shown, dimension: fit, when: {absent: {event: sms_sent, where: {message: a}, for: 9d}}, points: 1}
      - {id: mailed, dimension: fit, when: {absent: {event: sms_delivered, for: 9d}}, points: 1}
    grades: [{grade: A, from: 80}]
""",
        lifecycle="stages: [{id: new}, {id: talked, from: [new], event: call_logged}]\n",
        journeys="journeys: [{id: j, enter: {event: [trial_requested, email_bounced]}, steps: [{id: s, wait: 1d}]}]\n",
    ).definitions


@pytest.fixture
def small(of_little: Definitions) -> Ruleset:
    """The same, compiled anew for each test."""
    return Ruleset(of_little)


def test_only_an_absence_that_does_nothing_else_is_silent(small: Ruleset) -> None:
    """Not one that an event asks, nor one whose points follow a field."""
    silent = {rule.id for rule in small.rules.values() if rule.silence is not None}
    assert silent == {"idle", "shown", "mailed"}


def test_an_occurrence_that_only_gives_points_is_plain(small: Ruleset) -> None:
    """No expiry and no field to multiply with; its dimension may be capped."""
    occurring = [rule for rule in small.rules.values() if rule.definition.events]
    assert {rule.id for rule in occurring if rule.plain} == {"late", "bare", "crossing", "limited"}
    assert {rule.id for rule in occurring if rule.asks} == {"late", "crossing"}
    assert {rule.id for rule in occurring if rule.edge} == {"crossing"}
    assert {rule.cap for rule in occurring if rule.limits} == {"cap:default.capped"}


def test_an_event_that_only_counts_says_which_windows(small: Ruleset) -> None:
    """Where nobody looks at once, nothing is filtered and nothing moves, windows are all."""
    delivered = small.reactions["sms_delivered"]
    window = small.windows["last sms_delivered"]
    assert delivered.counts == ((window.key, None),)  # the latest instant is kept without a call
    assert delivered.silences == ("default.fit.mailed",)
    assert small.reactions["email_sent"].counts is None  # a rule looks at the count
    assert small.reactions["sms_sent"].counts is None  # only some of them count
    assert small.reactions["trial_requested"].counts is None  # a journey begins
    for kind in ("email_bounced", "call_logged"):  # a journey or a stage, and nothing counts
        assert small.reactions[kind].feeds == ()
        assert small.reactions[kind].counts is None
    assert "timer_due" not in small.reactions  # the clock is nobody's behaviour
    assert small.reactions["page_viewed"].silences == ("default.fit.idle",)


def test_calendars_are_known_to_rules_and_to_the_screen(tmp_path: Path) -> None:
    """A working day is one of the calendar, in what scores and in what screens."""
    given = 'time: {between: ["09:00", "18:00"], calendar: cn}'
    ruleset = rules(
        tmp_path,
        scoring=scoring(
            f"{{id: r, dimension: fit, event: chat_started, when: {{{given}}}, points: 1, repeat: each}}"
        ),
        intake=f"rules: [{{id: 上班, when: {{{given}}}, do: flag, reason: 上班时间}}]\n",
    )
    when = ruleset.rules["default.fit.r"].when
    assert when is not None
    event = Entering("form_submitted", {"email": "a@b.cn"}, {}, {})
    # A Thursday of the National Day holidays, and a Sunday that is worked instead.
    for day, works in (("2026-10-01", False), ("2026-09-20", True)):
        now = parse_instant(f"{day}T10:00:00+08:00")
        assert when.holds(view(now=now)) is works
        assert ("上班" in str(ruleset.screen.judge(event, now))) is works
