"""Scores follow their rules, and the ledger says everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.play import START, Play, rules, scoring

FIT = "{id: size, dimension: fit, when: {lead.employees: {gte: 500}}, points: 15}"
PRICING = (
    "{id: pricing, dimension: behavior, event: page_viewed, where: {page: pricing}, points: 15, "
    "repeat: %s}"
)


def test_points_of_a_state_rule_are_withdrawn_when_its_condition_stops(tmp_path: Path) -> None:
    """Truth maintenance: what a rule gave goes when its reason goes, by a line of its own."""
    play = Play(rules(tmp_path, scoring=scoring(FIT)))
    play.event("0d", "form_submitted", {"employees": 600})
    play.event("1d", "form_submitted", {"employees": 80})
    assert [(line.points, line.reason) for line in play.ledger] == [(15, ""), (-15, "withdrawn")]
    assert play.score == 0


@pytest.mark.parametrize(
    ("repeat", "offsets", "times"),
    [
        ("once", ["0d", "1d", "40d"], 1),
        ("each", ["0d", "1d", "40d"], 3),
        ("{at_most: 1, per: 1d}", ["0d", "23h", "24h"], 2),
        ("{at_most: 2, per: 1d}", ["0d", "1h", "2h", "25h"], 3),
        ("{at_most: 2}", ["0d", "10d", "20d"], 2),
    ],
)
def test_repeat_says_how_often_an_event_scores(
    tmp_path: Path, repeat: str, offsets: list[str], times: int
) -> None:
    """Once, each, or at most n in a half-open period."""
    play = Play(rules(tmp_path, scoring=scoring(PRICING % repeat)))
    for offset in offsets:
        play.event(offset, "page_viewed", page="pricing")
    assert play.fired == ["pricing"] * times


def test_only_the_highest_of_an_exclusive_group_holds(tmp_path: Path) -> None:
    """A director is no manager as well, and a demotion exchanges the points."""
    play = Play(
        rules(
            tmp_path,
            scoring=scoring(
                "{id: known, dimension: fit, when: {lead.title_level: {exists: true}}, points: 5,"
                " exclusive: title}",
                "{id: director, dimension: fit, when: {lead.title_level: {at_least: director}},"
                " points: 20, exclusive: title}",
            ),
        )
    )
    play.event("0d", "form_submitted", {"title_level": "vp"})
    assert play.score == 20
    play.event("1d", "form_submitted", {"title_level": "staff"})
    assert play.score == 5
    told = [(line.rule, line.points) for line in play.ledger]
    assert told == [("director", 20), ("director", -20), ("known", 5)]  # nothing for a moment only
    assert play.fired == ["director", "known"]


def test_a_capped_dimension_says_so_in_the_ledger(tmp_path: Path) -> None:
    """What a cap takes is a line, and comes back when there is room again."""
    play = Play(
        rules(
            tmp_path,
            scoring=scoring(
                "{id: city, dimension: fit, when: {lead.city: 上海}, points: 50}",
                "{id: size, dimension: fit, when: {lead.employees: {gte: 500}}, points: 30}",
            ),
        )
    )
    play.event("0d", "form_submitted", {"city": "上海", "employees": 600})
    assert play.score == 60
    assert [line.points for line in play.ledger if line.rule == "cap:fit"] == [-20]
    play.event("1d", "form_submitted", {"city": "北京"})
    assert play.score == 30


def test_points_expire_at_their_instant(tmp_path: Path) -> None:
    """A grant with an expiry is taken back by the clock alone."""
    rule = PRICING % "each" + ""
    play = Play(
        rules(tmp_path, scoring=scoring(rule.replace("points: 15", "points: 15, expires: 90d")))
    )
    play.event("0d", "page_viewed", page="pricing")
    play.clock("89d23h")
    assert play.score == 15
    play.clock("90d")
    assert play.score == 0
    assert play.ledger[-1].reason == "expired"


def test_points_decay_by_half_each_half_life(tmp_path: Path) -> None:
    """15, 7.5, 3.75, 1.875, then nothing: each step is a line at its instant."""
    rule = (PRICING % "each").replace("points: 15", "points: 15, decay: {half_life: 30d}")
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "page_viewed", page="pricing")
    scores = []
    for day in (29, 30, 60, 90, 120, 150):
        play.clock(f"{day}d")
        scores.append(play.score)
    assert scores == [15, 7.5, 3.75, 1.875, 0, 0]
    assert {line.reason for line in play.ledger[1:]} == {"decayed"}


def test_thirty_idle_days_cost_ten_points_once_a_period(tmp_path: Path) -> None:
    """X8: -10 per idle period of 30 days, so -20 after 60, and activity starts a new one."""
    idle = "{id: idle, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -10, repeat: each}"
    play = Play(rules(tmp_path, scoring=scoring(idle)))
    play.event("0d", "form_submitted", {"city": "上海"})
    play.clock("29d23h")
    assert play.score == 0
    play.clock("30d")
    assert play.score == -10
    play.clock("60d")
    assert play.score == -20
    play.event("61d", "page_viewed", page="home")
    play.clock("90d")
    assert play.score == -20
    play.clock("91d")
    assert play.score == -30
    assert [line.at - START for line in play.ledger] == [d * 86_400_000 for d in (30, 60, 91)]


def test_a_window_is_half_open(tmp_path: Path) -> None:
    """An event exactly one window old no longer counts."""
    rule = "{id: two, dimension: behavior, when: {count: {event: email_opened, within: 7d, gte: 2}}, points: 5}"
    for second, held in (("6d23h", True), ("7d", False)):
        play = Play(rules(tmp_path / second, scoring=scoring(rule)))
        play.event("0d", "email_opened")
        play.event(second, "email_opened")
        assert (play.score == 5) is held


def test_a_windowed_rule_ends_when_its_events_leave_the_window(tmp_path: Path) -> None:
    """The clock alone withdraws what a window no longer supports."""
    rule = "{id: two, dimension: behavior, when: {count: {event: email_opened, within: 7d, gte: 2}}, points: 5}"
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "email_opened")
    play.event("1d", "email_opened")
    assert play.score == 5
    play.clock("7d")
    assert play.score == 0


def test_late_events_count_where_they_belong(tmp_path: Path) -> None:
    """An event that arrives late is counted at its own time, one outside the window not at all."""
    rule = "{id: two, dimension: behavior, when: {count: {event: email_opened, within: 7d, gte: 2}}, points: 5}"
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("10d", "email_opened")
    play.event("1d", "email_opened", now="10d")
    assert play.score == 0
    play.event("4d", "email_opened", now="10d")
    assert play.score == 5


def test_suspected_bots_score_nothing(tmp_path: Path) -> None:
    """A scanner's open is kept and counts for nothing."""
    play = Play(rules(tmp_path, scoring=scoring(PRICING % "each")))
    play.event("0d", "page_viewed", page="pricing", bot=True)
    assert play.fired == []


def test_weights_and_fractions_add_up_exactly(tmp_path: Path) -> None:
    """SCO-22: 6 + 3 + 2.5 + 2.25 + 2 = 15.75, to the last digit."""
    dimensions = "{a: {weight: 0.3}, b: {weight: 0.15}, c: {weight: 0.25}, d: {weight: 0.15}, e: {weight: 0.1}}"
    points = {"a": 20, "b": 20, "c": 10, "d": 15, "e": 20}
    lines = "\n".join(
        f"      - {{id: r{k}, dimension: {k}, event: form_submitted, points: {v}, repeat: once}}"
        for k, v in points.items()
    )
    text = f"models:\n  default:\n    dimensions: {dimensions}\n    rules:\n{lines}\n    grades: [{{grade: A, from: 0}}]\n"
    play = Play(rules(tmp_path, scoring=text, routing=ROUTING))
    play.event("0d", "form_submitted")
    assert play.score == 15.75


ROUTING = "rules:\n  - {id: rest, assign: {pool: public}}\npools: {public: {}}\n"


def test_a_ruleset_without_a_rule_takes_back_what_it_gave(tmp_path: Path) -> None:
    """After a reload a vanished rule gives nothing any more, and the ledger says why."""
    play = Play(rules(tmp_path / "a", scoring=scoring(FIT, PRICING % "once")))
    play.event("0d", "page_viewed", {"employees": 600}, page="pricing")
    assert play.score == 30
    play.ruleset = rules(tmp_path / "b", scoring=scoring(PRICING % "once"))
    play.event("1d", "note_added")
    assert play.score == 15
    assert play.ledger[-1].reason == "removed"


def test_history_counts_and_starts_nothing(tmp_path: Path) -> None:
    """Back-fills score by their own time; the next live event judges what they changed."""
    rule = "{id: pricing, dimension: behavior, event: page_viewed, points: 90, repeat: once}"
    lifecycle = "stages:\n  - {id: new}\n  - {id: hot, when: {score.total: {rises_to: 80}}}\n  - {id: won}\n  - {id: lost}\n  - {id: invalid}\n"
    play = Play(rules(tmp_path, scoring=scoring(rule), lifecycle=lifecycle))
    play.event("0d", "page_viewed", now="5d", history=True)
    assert (play.score, play.lead.facts["stage"]) == (90, "new")
    play.event("5d", "note_added")
    assert play.lead.facts["stage"] == "hot"


def test_a_missing_field_makes_every_predicate_false(tmp_path: Path) -> None:
    """Ne and not_in as well; only exists: false is true."""
    predicates = [
        "{ne: 上海}",
        "{not_in: [上海]}",
        "{contains: 上}",
        "{exists: true}",
        "{exists: false}",
    ]
    lines = [
        f"{{id: r{i}, dimension: fit, when: {{lead.city: {p}}}, points: {i + 1}}}"
        for i, p in enumerate(predicates)
    ]
    play = Play(rules(tmp_path, scoring=scoring(*lines)))
    play.event("0d", "form_submitted")
    assert play.fired == ["r4"]


def test_a_late_event_does_not_overwrite_a_newer_profile(tmp_path: Path) -> None:
    """The latest value wins by the event's own time; a late one only fills gaps."""
    play = Play(rules(tmp_path))
    play.event("2d", "form_submitted", {"city": "上海"})
    play.event("1d", "form_submitted", {"city": "北京", "company": "测试公司"}, now="3d")
    assert play.lead.facts["lead.city"] == "上海"
    assert play.lead.facts["lead.company"] == "测试公司"


def test_points_may_come_from_the_occurrence(tmp_path: Path) -> None:
    """An order scores by its amount, fractions exact."""
    rule = (
        "{id: order, dimension: behavior, event: order_placed, repeat: each,"
        " points: {field: event.amount, times: 0.01}}"
    )
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "order_placed", amount=1250)
    play.event("1d", "order_placed", amount=99.5)
    assert [line.points for line in play.ledger] == [12.5, 0.995]


def test_a_changed_score_is_something_to_react_to(tmp_path: Path) -> None:
    """score_changed carries the model and both totals."""
    text = """
journeys:
  - id: moved
    enter: {event: score_changed, where: {from: 0, to: 15}}
    steps: [{id: mark, set: {tags: {add: [moved]}}}]
"""
    play = Play(rules(tmp_path, scoring=scoring(FIT), journeys=text))
    play.event("0d", "note_added")
    play.event("1d", "form_submitted", {"employees": 600})
    assert play.lead.facts["lead.tags"] == ["moved"]


def test_what_was_derived_goes_with_its_field(tmp_path: Path) -> None:
    """A new address without a known kind has none, not its predecessor's."""
    play = Play(rules(tmp_path))
    play.event("0d", "form_submitted", {"email": "a@b.cn", "email.kind": "business"})
    play.event("1d", "form_submitted", {"email": "not an address"})
    assert "lead.email.kind" not in play.lead.facts


def test_decide_changes_nothing_it_was_given(tmp_path: Path) -> None:
    """The machines are pure: the lead before a turn is the same after it."""
    import msgspec

    play = Play(rules(tmp_path))
    play.event("0d", "form_submitted", {"city": "上海", "email": "a@b.cn"})
    before, teams = play.lead, play.teams
    frozen = msgspec.json.encode([before, teams])
    play.event("40d", "page_viewed", {"city": "北京"}, page="pricing")
    assert msgspec.json.encode([before, teams]) == frozen


IDLE = "{id: 静默, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -1}"
CAPPED = """
models:
  default:
    dimensions: {fit: {max: 20}, behavior: {}}
    rules:
      - {id: 规模, dimension: fit, when: {lead.employees: {gte: 500}}, points: 15}
      - {id: 行业, dimension: fit, when: {lead.industry: 制造业}, points: %s}
      - %s
    grades: [{grade: A, from: 80}, {grade: C, from: -99}]
"""


def test_caps_follow_an_edit_of_what_they_limit(tmp_path: Path) -> None:
    """Other points or another limit: a dimension is at what the rules of now say."""
    play = Play(rules(tmp_path / "a", scoring=CAPPED % (15, IDLE)))
    play.event("0d", "form_submitted", {"employees": 600, "industry": "制造业"})
    assert [(line.rule, line.points) for line in play.ledger][-1] == ("cap:fit", -10)
    deadline = play.lead.timers["rule:default.behavior.静默"]
    edits = [
        (CAPPED % (9, IDLE), 20),
        ((CAPPED % (9, IDLE)).replace("max: 20", "max: 22"), 22),
        ((CAPPED % (9, IDLE)).replace("fit: {max: 20}", "fit: {}"), 24),
        (CAPPED % (15, IDLE), 20),
    ]
    for hour, (text, fit) in enumerate(edits, 1):
        play.ruleset = rules(tmp_path / str(hour), scoring=text)
        play.event(f"{hour}h", "note_added")
        assert play.lead.facts["score.default.fit"] == play.score == fit
    assert play.lead.timers["rule:default.behavior.静默"] >= deadline


@pytest.mark.parametrize("dimensions", ["{fit: {max: 20}, behavior: {}}", "{behavior: {}}"])
def test_caps_go_with_what_they_limit(tmp_path: Path, dimensions: str) -> None:
    """Without rules in it a dimension is at nothing, whether it is still declared or not."""
    some = "{id: 来过, dimension: fit, event: chat_started, points: 9, repeat: once, expires: 5d}"
    play = Play(rules(tmp_path / "a", scoring=CAPPED % (15, some)))
    play.event("0d", "form_submitted", {"employees": 600, "industry": "制造业"})
    play.event("1d", "chat_started")
    assert play.score == 20
    text = scoring(FIT.replace("fit", "behavior"))
    text = text.replace("{fit: {max: 60}, behavior: {}}", dimensions)
    play.ruleset = rules(tmp_path / "b", scoring=text)
    play.event("2d", "note_added")
    play.clock("9d")
    assert play.lead.facts["score.default.fit"] == 0
    assert play.score == play.lead.facts["score.default.behavior"] == 15
    assert not [key for key in play.lead.holds if key.startswith("cap:")]


def test_the_engines_own_events_score_and_are_counted(tmp_path: Path) -> None:
    """What a visit turns, a stage and a grade, is heard in the same decision as the visit."""
    lifecycle = """
stages:
  - {id: new}
  - {id: 热, from: [new], when: {score.total: {rises_to: 50}}}
"""
    journeys = (
        "journeys:\n  - {id: r, enter: {event: trial_requested}, steps: [{id: w, wait: 9d}]}\n"
    )
    lines = (
        "{id: 看过, dimension: behavior, event: page_viewed, points: 50, repeat: once}",
        "{id: 来过, dimension: behavior, when: {count: {event: page_viewed, gte: 1}}, points: 2}",
        "{id: 升级, dimension: behavior, when: {count: {event: stage_changed, gte: 1}}, points: 5}",
        "{id: 成A, dimension: fit, event: grade_changed, where: {to: A}, points: 3, repeat: once}",
    )
    grades = "[{grade: A, from: 40}, {grade: C, from: 0}]"
    text = scoring(*lines, grades=grades)
    play = Play(rules(tmp_path, scoring=text, lifecycle=lifecycle, journeys=journeys))
    play.event("0d", "chat_started")
    play.event("1h", "page_viewed", page="pricing")
    given = {line.rule: line.points for line in play.ledger}
    assert given == {"看过": 50, "来过": 2, "升级": 5, "成A": 3}
    assert {line.rule for line in play.ledger if line.event == "e2"} >= {"看过", "来过", "成A"}


def test_a_step_of_no_points_writes_no_line(tmp_path: Path) -> None:
    """A ledger has no lines of zero, also where a journey asks for one."""
    steps = "[{id: 零, score: {dimension: fit, points: 0}}, {id: 五, score: {dimension: fit, points: 5}}]"
    text = f"journeys:\n  - {{id: r, enter: {{event: trial_requested}}, steps: {steps}}}\n"
    play = Play(rules(tmp_path, journeys=text))
    play.event("0d", "trial_requested")
    assert [(line.rule, line.points) for line in play.ledger] == [("r.五", 5)]
    assert set(play.lead.journeys["r"].done) == {"零", "五"}


def test_the_grade_follows_what_the_clock_takes_of_history(tmp_path: Path) -> None:
    """History grades at once; when its points expire before anything new comes, so does the grade."""
    refund = (
        "{id: refund, dimension: behavior, event: page_viewed, points: -5, repeat: each,"
        " expires: 1d}"
    )
    grades = "[{grade: A, from: 80}, {grade: B, from: 0}, {grade: C, from: -9}]"
    play = Play(rules(tmp_path, scoring=scoring(refund, grades=grades)))
    play.event("0d", "note_added", {"name": "王芳"})
    play.event("0d", "page_viewed", history=True, page="pricing")
    assert (play.score, play.lead.facts["grade"]) == (-5, "C")
    play.event("2d", "note_added")
    assert (play.score, play.lead.facts["grade"]) == (0, "B")
