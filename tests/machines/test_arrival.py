"""New leads, new fields and silences: the pass without a working copy against the long way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import DAY, HOUR
from engine.machines.arrival import arrival
from engine.machines.lead import NONE, new_lead
from engine.machines.state import Event, Lead
from engine.network.ruleset import Ruleset
from tests.machines.generators import Data
from tests.machines.rulesets import compiled, one_model
from tests.machines.test_routine import both_ways
from tests.play import START

POINTS = st.sampled_from([0, 5, 20, 30, -10, 2.5])
OF_FIELDS = st.one_of(
    st.builds(
        lambda value, points: {"when": {"lead.industry": value}, "points": points},
        st.sampled_from(["制造业", ["制造业", "金融业"], {"ne": "教育"}, {"exists": False}]),
        POINTS,
    ),
    st.builds(
        lambda op, bound, points: {"when": {"lead.employees": {op: bound}}, "points": points},
        st.sampled_from(["gte", "lt", "eq", "exists"]),
        st.just(True),
        POINTS,
    ).map(lambda rule: _bounded(rule, 500)),
    st.builds(
        lambda level, points, group: {
            "when": {"lead.title_level": {"at_least": level}},
            "points": points,
            **({"exclusive": "职位"} if group else {}),
        },
        st.sampled_from(["staff", "manager", "director"]),
        POINTS,
        st.booleans(),
    ),
    st.builds(
        lambda stage, points: {"when": {"stage": stage}, "points": points},
        st.sampled_from(["new", "mql"]),
        POINTS,
    ),
)
OF_EVENTS = st.builds(
    lambda kind, points, repeat: {"event": kind, "points": points, "repeat": repeat},
    st.sampled_from(["page_viewed", "form_submitted"]),
    POINTS,
    st.sampled_from(["once", "each", {"at_most": 1, "per": "7d"}]),
)
SILENT = st.builds(
    lambda kind, points: {
        "when": {"absent": {"event": kind, "for": "30d"}},
        "points": points,
        "repeat": "each",
    },
    st.sampled_from(["any", "page_viewed"]),
    POINTS,
)
PROFILES = st.fixed_dictionaries(
    {},
    optional={
        "industry": st.sampled_from(["制造业", "金融业", "教育"]),
        "employees": st.sampled_from([20, 499, 500, 5_000]),
        "title_level": st.sampled_from(["staff", "manager", "director", "vp"]),
        "city": st.sampled_from(["苏州", "上海"]),
        "email": st.sampled_from(["wang@acme.cn", "li@例子.cn"]),
        "email.kind": st.sampled_from(["business", "free"]),
        "tags": st.just(["展会"]),
        "consent.marketing": st.sampled_from(["given", "withdrawn"]),
    },
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, HOUR, DAY, 29 * DAY, 30 * DAY, 31 * DAY, 95 * DAY]),
        st.sampled_from([0, 0, 0, 0, 1, HOUR, 40 * DAY]),
        st.sampled_from(["page_viewed", "form_submitted", "note_added", "timer_due"]),
        st.one_of(st.just({}), PROFILES),
        st.sampled_from([{}, {}, {}, {}, {"history": True}, {"bot": True}, {"by": "zhang.wei"}]),
    ),
    min_size=1,
    max_size=12,
)


def _bounded(rule: Data, bound: int) -> Data:
    """Give a test of a number its bound; ``exists`` keeps what it has."""
    tests = rule["when"]["lead.employees"]
    found = {op: value if op == "exists" else bound for op, value in tests.items()}
    return {**rule, "when": {"lead.employees": found}}


@st.composite
def rulesets(draw: Any) -> Ruleset:
    """Rules by fields, events and silence, a ladder of grades, and stages that listen to them."""
    drawn = draw(st.lists(st.one_of(OF_FIELDS, OF_EVENTS, SILENT), min_size=1, max_size=7))
    rules = [
        {"id": f"规则{number}", "dimension": draw(st.sampled_from(["属性", "行为"])), **rule}
        for number, rule in enumerate(drawn)
    ]
    models = one_model(rules, {"属性": {}, "行为": {}})
    floors = draw(st.sampled_from([(50, 0, -9999), (30, 20, -10), (60, 25, 5)]))
    models["default"]["grades"] = [
        {"grade": name, "from": floor} for name, floor in zip("ABC", floors, strict=True)
    ]
    when = draw(
        st.sampled_from(
            [
                {"score.total": {"rises_to": 20}},
                {"score.total": {"lt": 10}},
                {"grade": "A"},
                {"lead.city": "上海"},
            ]
        )
    )
    stages = [{"id": "new"}, {"id": "mql", "from": ["new"], "when": when}]
    return compiled(models, {"stages": stages})


@settings(deadline=None, max_examples=300)
@given(ruleset=rulesets(), stream=EVENTS)
def test_one_pass_decides_what_the_long_way_decides(ruleset: Ruleset, stream: list[Any]) -> None:
    """Whatever comes first, whichever fields change, however long nobody was heard of."""
    lead, now = new_lead(ruleset, "王芳", START), START
    for number, (gap, late, kind, fields, more) in enumerate(stream):
        now += gap
        brought = {} if kind == "timer_due" else fields
        event = Event(f"e{number}", kind, now - late, brought, **more)
        lead = both_ways(ruleset, lead, event, now).lead


RULES = [
    {"id": "制造", "dimension": "属性", "when": {"lead.industry": "制造业"}, "points": 10},
    {
        "id": "静默",
        "dimension": "行为",
        "when": {"absent": {"event": "any", "for": "30d"}},
        "points": -5,
        "repeat": "each",
    },
]


def _takes(ruleset: Ruleset, lead: Lead, event: Event, now: int) -> bool:
    """Whether an event is decided in one pass."""
    reaction = ruleset.reactions.get(event.type, NONE)
    found = reaction.rules.find(event.properties) if reaction.rules is not None else ()
    return arrival(ruleset, lead, event, now, reaction, found) is not None


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (Event("e", "form_submitted", START, {"industry": "制造业"}), True),
        (Event("e", "form_submitted", START, {"industry": "制造业"}, history=True), False),
        (Event("e", "form_submitted", START, {"tags": ["展会"]}), False),
        (Event("e", "form_submitted", START, {"consent.marketing": "given"}), False),
        (Event("e", "form_submitted", START, screened={"flags": ["可疑"]}), False),
        (Event("e", "lead_enriched", START, {"industry": "制造业"}), False),
    ],
)
def test_new_leads_are_judged_in_one_pass_when_nothing_else_is_to_be_done(
    event: Event, wanted: bool
) -> None:
    """Fields alone are; history, tags, consent, flags and enrichment have rules of their own."""
    ruleset = compiled(one_model(RULES, {"属性": {}, "行为": {}}))
    assert _takes(ruleset, new_lead(ruleset, "王芳", START), event, START) is wanted


@pytest.mark.parametrize(
    "rule",
    [
        {"when": {"score.total": {"gte": 10}}, "points": 1},
        {"when": {"lead.industry": "制造业"}, "points": {"field": "lead.employees"}},
        {"when": {"lead.industry": "制造业"}, "points": 1, "repeat": "once"},
        {"when": {"count": {"event": "page_viewed", "within": "3d", "gte": 2}}, "points": 1},
    ],
)
def test_a_ruleset_that_reads_its_own_scores_or_the_clock_takes_the_long_way(rule: Data) -> None:
    """Rules that read scores, multiply fields, repeat or count in a window need the rounds."""
    rules = [*RULES, {"id": "另一条", "dimension": "行为", **rule}]
    assert compiled(one_model(rules, {"属性": {}, "行为": {}})).direct is None


def test_a_capped_dimension_takes_the_long_way() -> None:
    """A cap is a line of its own after each other line."""
    assert compiled(one_model(RULES, {"属性": {"max": 5}, "行为": {}})).direct is None


# --- one case at a time --------------------------------------------------------------------------

GROUPED = [
    {"id": "制造", "dimension": "属性", "when": {"lead.industry": "制造业"}, "points": 10},
    {
        "id": "总监",
        "dimension": "属性",
        "when": {"lead.title_level": {"at_least": "director"}},
        "points": 20,
        "exclusive": "职位",
    },
    {
        "id": "大厂",
        "dimension": "属性",
        "when": {"lead.employees": {"gte": 500}},
        "points": 20,
        "exclusive": "职位",
    },
    {
        "id": "经理",
        "dimension": "属性",
        "when": {"lead.title_level": {"at_least": "manager"}},
        "points": 5,
        "exclusive": "职位",
    },
    {"id": "本地", "dimension": "行为", "when": {"lead.city": "上海"}, "points": 0},
]


class Arriving:
    """One lead whose every event is decided in one pass, which is compared with the long way."""

    def __init__(self, rules: list[Data]) -> None:
        self.ruleset = compiled(one_model(rules, {"属性": {}, "行为": {}}))
        self.lead = new_lead(self.ruleset, "王芳", START)

    def take(self, kind: str, now: int, at: int | None = None, **more: Any) -> list[Any]:
        """Take an event; return (rule, points, reason) of each line."""
        event = Event(f"e{now}", kind, now if at is None else at, **more)
        assert _takes(self.ruleset, self.lead, event, now)
        decision = both_ways(self.ruleset, self.lead, event, now)
        self.lead = decision.lead
        return [(line.rule, line.points, line.reason) for line in decision.ledger]


def test_who_gives_in_a_group_is_settled_when_all_of_it_is_known() -> None:
    """A rule that another beats in the same event gives nothing, though it is written first."""
    life = Arriving(GROUPED[::-1])
    fields: dict[str, Any] = {"title_level": "director", "employees": 800}
    assert life.take("form_submitted", START, lead=fields) == [("大厂", 20, "")]
    life = Arriving(GROUPED[::-1])
    life.take("form_submitted", START, lead={"city": "上海"})
    assert life.take("form_submitted", START + 1, lead=fields) == [("大厂", 20, "")]


def test_of_an_exclusive_group_the_most_points_count_and_of_equals_the_first() -> None:
    """Who takes another's place withdraws its points first; where nobody holds, nobody has any."""
    life = Arriving(GROUPED)
    fields: dict[str, Any] = {"title_level": "director", "industry": "制造业"}
    assert life.take("form_submitted", START, lead=fields) == [
        ("制造", 10, ""),
        ("总监", 20, ""),
    ]
    assert life.take("form_submitted", START + 1, lead={"employees": 800}) == []
    assert life.take("form_submitted", START + 2, lead={"title_level": "manager"}) == [
        ("总监", -20, "withdrawn"),
        ("大厂", 20, ""),
    ]
    assert life.take("form_submitted", START + 3, lead={"employees": 20}) == [
        ("大厂", -20, "withdrawn"),
        ("经理", 5, ""),
    ]
    assert life.take("form_submitted", START + 4, lead={"title_level": "staff"}) == [
        ("经理", -5, "withdrawn")
    ]
    assert life.lead.facts["score.default.total"] == 10


def test_a_field_that_is_taken_back_takes_its_points_along() -> None:
    """None clears a field; one that was not there changes nothing, nor do rules of no points."""
    life = Arriving(GROUPED)
    assert life.take("form_submitted", START, lead={"industry": "制造业", "city": "上海"}) == [
        ("制造", 10, "")
    ]
    cleared = {"industry": None, "city": None, "employees": None}
    assert life.take("form_submitted", START + 1, lead=cleared) == [("制造", -10, "withdrawn")]
    assert "lead.industry" not in life.lead.facts
    assert life.lead.facts["score.default.total"] == 0


def test_a_late_event_does_not_end_a_silence_that_it_came_too_early_for() -> None:
    """Points for the silence stay, once each span, until somebody is really heard of."""
    life = Arriving(RULES)
    life.take("page_viewed", START)
    assert life.take("timer_due", START + 30 * DAY) == [("静默", -5, "")]
    assert life.take("note_added", START + 31 * DAY, by="zhang.wei") == []
    assert life.take("page_viewed", START + 31 * DAY + 1, at=START + DAY) == []
    assert life.take("timer_due", START + 60 * DAY) == [("静默", -5, "")]
    assert life.take("page_viewed", START + 60 * DAY + 1) == []
    assert life.lead.truths == {}


def test_whoever_brings_a_lead_is_told_with_its_stage() -> None:
    """A salesperson's note may be the first that is heard of a lead."""
    life = Arriving(RULES)
    event = Event("e", "note_added", START, by="zhang.wei")
    told = both_ways(life.ruleset, life.lead, event, START).happenings
    assert [h.data["by"] for h in told if h.kind == "stage"] == ["zhang.wei"]


def test_where_rules_hear_of_new_leads_a_new_one_takes_the_long_way() -> None:
    """They score it; what comes later is decided in one pass again."""
    heard = {"event": "lead_created", "points": 3, "repeat": "once"}
    rules = [*RULES, {"id": "新线索", "dimension": "行为", **heard}]
    ruleset = compiled(one_model(rules, {"属性": {}, "行为": {}}))
    lead = new_lead(ruleset, "王芳", START)
    first = Event("e", "form_submitted", START, {"industry": "制造业"})
    assert not _takes(ruleset, lead, first, START)
    decision = both_ways(ruleset, lead, first, START)
    assert decision.lead.facts["score.default.total"] == 13
    later = Event("f", "form_submitted", START + 1, {"industry": "教育"})
    assert _takes(ruleset, decision.lead, later, START + 1)


def test_a_silence_of_no_points_fires_and_writes_no_line() -> None:
    """It may be there for others to look at; the ledger has nothing to say of it."""
    life = Arriving([{**RULES[1], "points": 0}])
    life.take("page_viewed", START)
    assert life.take("timer_due", START + 30 * DAY) == []
    assert list(life.lead.truths.values()) == [START + 30 * DAY]


def test_an_event_from_before_its_lead_lets_a_silence_begin_earlier_the_long_way() -> None:
    """A silence is counted from it, so more is to be done than one pass does."""
    life = Arriving(RULES)
    life.take("note_added", START, by="zhang.wei")
    early = Event("early", "page_viewed", START + 1, {"city": "上海"})
    assert _takes(life.ruleset, life.lead, early, START + 1)
    earlier = Event("earlier", "page_viewed", START - DAY, {"city": "上海"})
    assert not _takes(life.ruleset, life.lead, earlier, START + 1)
    due = both_ways(life.ruleset, life.lead, earlier, START + 1).lead.wake_at
    assert due == START + 29 * DAY
