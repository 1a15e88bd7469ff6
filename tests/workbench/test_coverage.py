"""What tests show of the rules: fired, proven not to fire, branches taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.language.diagnostic import Diagnostics
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.coverage import Coverage, Part, measure
from engine.workbench.coverage_report import as_diagnostics, as_json, as_outcome, as_text, verdict
from engine.workbench.runner import run_case

Build = Callable[..., Ruleset]
HEAD = "start: 2026-03-02T09:00:00+08:00\nlead: {email: wang@acme-valves.cn}\ncases:\n"


def cover(ruleset: Ruleset, *cases: str, passing: bool = True) -> Coverage:
    """Run cases, each the flow map of one, and measure."""
    found = Diagnostics()
    body = "".join(f"  - {{name: 用例{i}, {case}}}\n" for i, case in enumerate(cases))
    read = read_cases((HEAD + body).encode(), "x.test.yaml", ruleset, found)
    assert not found.items, found.items
    results = [run_case(ruleset, case) for case in read]
    assert all(r.passed for r in results) is passing, [r.failures for r in results]
    return measure(ruleset, results)


def missing(coverage: Coverage, kind: str) -> set[str]:
    """Return what is missing of a kind of rules, as `rule: text`."""
    return {f"{p.rule}: {p.text}" for p in coverage.missing if p.kind == kind}


SCORING = """
models:
  default:
    dimensions: {fit: {label: 属性, max: 30}, acts: {label: 行为}}
    rules:
      - {id: industry, label: 行业, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - {id: big, label: 规模, dimension: fit, when: {lead.employees: {gte: 500}}, points: 30}
      - {id: pricing, label: 定价, dimension: acts, event: page_viewed, where: {page: pricing},
         points: 5, repeat: each}
      - {id: clicked, label: 点击, dimension: acts, event: email_clicked, points: 3, repeat: each}
      - {id: idle, label: 沉默, dimension: acts, when: {absent: {event: any, for: 30d}}, points: -10,
         repeat: each}
    grades: [{grade: A, from: 20}, {grade: B, from: -1000}]
"""


@pytest.fixture
def scoring(rules: Build) -> Ruleset:
    """Rules of every sort that scoring has."""
    return rules(scoring=SCORING)


def test_a_rule_has_to_fire_and_to_be_proven_not_to(scoring: Ruleset) -> None:
    """Of a rule that always fires on its event there is nothing to prove."""
    coverage = cover(scoring, "expect: [{at: 0d, grade: B}]")
    assert missing(coverage, "rule") == {
        *(f"{rule}: never fires" for rule in ("industry", "big", "pricing", "clicked", "idle")),
        *(f"{rule}: never proven not to fire" for rule in ("industry", "big", "pricing", "idle")),
    }
    assert missing(coverage, "grade") == {"A: no lead gets it"}
    assert coverage.rows[0].parts == (Part(0, 5), Part(0, 4), Part(0, 0))


def test_what_fired_is_shown(scoring: Ruleset) -> None:
    """Whether an expectation speaks of it or not."""
    case = """lead: {industry: 制造业}, events: [{at: 0d, event: page_viewed, page: pricing}],
      expect: [{at: 30d, grade: B}]"""
    fired = missing(cover(scoring, case), "rule")
    assert "industry: never fires" not in fired
    assert "pricing: never fires" not in fired
    assert "idle: never fires" not in fired
    assert "big: never fires" in fired


@pytest.mark.parametrize("expected", ["not_fired: [pricing]", "fired: {pricing: false}"])
def test_a_name_is_a_proof(scoring: Ruleset, expected: str) -> None:
    """Who says that a rule has not fired has proven it, of this rule alone."""
    coverage = cover(scoring, f"expect: [{{at: 0d, {expected}}}]")
    assert "pricing: never proven not to fire" not in missing(coverage, "rule")
    assert "big: never proven not to fire" in missing(coverage, "rule")


@pytest.mark.parametrize(
    ("case", "proven"),
    [
        ("lead: {industry: 餐饮业}, expect: [{at: 0d, score.fit: 0}]", True),
        ("lead: {industry: 餐饮业}, expect: [{at: 0d, score.total: {eq: 0}}]", True),
        ("lead: {industry: 餐饮业}, expect: [{at: 0d, score.acts: 0}]", False),
        ("lead: {industry: 餐饮业}, expect: [{at: 0d, score.total: {lt: 5}}]", False),
        ("lead: {industry: 餐饮业}, expect: [{at: 0d, grade: B}]", False),
        ("lead: {city: 苏州}, expect: [{at: 0d, score.total: 0}]", False),
        ("lead: {industry: 餐饮业, employees: 900}, expect: [{at: 0d, score.total: 30}]", True),
        ("lead: {industry: 制造业, employees: 900}, expect: [{at: 0d, score.total: 30}]", False),
    ],
)
def test_an_exact_score_proves_what_it_would_have_changed(
    scoring: Ruleset, case: str, proven: bool
) -> None:
    """Its own dimension or the total, exactly, for a lead that has what the rule reads."""
    left = missing(cover(scoring, case), "rule")
    assert ("industry: never proven not to fire" not in left) is proven


def test_a_score_proves_that_points_were_withdrawn(scoring: Ruleset) -> None:
    """A rule that gave points and gives none any more does not hold, for all to see."""
    case = """lead: {industry: 制造业},
      events: [{at: 1d, event: note_added, lead: {industry: 餐饮业}}],
      expect: [{at: 0d, score.fit: 10}, {at: 1d, score.fit: 0}]"""
    assert "industry: never proven not to fire" not in missing(cover(scoring, case), "rule")


def test_an_event_that_did_not_come_proves_nothing(scoring: Ruleset) -> None:
    """An exact score proves it of an event rule when an event came that did not count."""
    rest = "pricing: never proven not to fire"
    assert rest in missing(cover(scoring, "expect: [{at: 0d, score.total: 0}]"), "rule")
    other = "events: [{at: 0d, event: page_viewed, page: home}], expect: [{at: 0d, score.acts: 0}]"
    assert rest not in missing(cover(scoring, other), "rule")
    late = "events: [{at: 2d, event: page_viewed, page: home}], expect: [{at: 1d, score.acts: 0}]"
    assert rest in missing(cover(scoring, late), "rule")


def test_silence_has_to_be_named(scoring: Ruleset) -> None:
    """Every lead is silent for less than a month: an exact score would prove it by accident."""
    case = "events: [{at: 0d, event: page_viewed, page: home}], expect: [{at: 1d, score.total: 0}]"
    assert "idle: never proven not to fire" in missing(cover(scoring, case), "rule")


def test_a_cap_hides_the_difference(scoring: Ruleset) -> None:
    """Beyond the cap the score would be the same had the rule fired."""
    case = """lead: {industry: 制造业, employees: 900},
      events: [{at: 1d, event: note_added, lead: {employees: 10}}],
      expect: [{at: 0d, score.fit: 30}, {at: 1d, score.fit: 10}]"""
    assert "big: never proven not to fire" not in missing(cover(scoring, case), "rule")
    capped = "lead: {industry: 制造业, employees: 900}, expect: [{at: 0d, score.fit: 30}]"
    assert "industry: never proven not to fire" in missing(cover(scoring, capped), "rule")


def test_failed_cases_show_nothing(scoring: Ruleset) -> None:
    """Coverage is of tests that pass."""
    case = "lead: {industry: 制造业}, expect: [{at: 0d, score.fit: 10}, {at: 0d, score.fit: 11}]"
    coverage = cover(scoring, case, passing=False)
    assert coverage.whole.shown == 0


def test_percentages_round_down(scoring: Ruleset) -> None:
    """99.9 % are 99 %, and of nothing, nothing is shown."""
    assert Part(999, 1000).percent == 99
    assert Part(1000, 1000).percent == 100
    assert Part(0, 0).percent == 0
    coverage = cover(scoring, "expect: [{at: 0d, fired: {pricing: false}}]")
    assert coverage.whole == Part(2, 12)
    assert coverage.whole.percent == 16
    assert coverage.reaches(16)
    assert not coverage.reaches(17)
    assert not Coverage((), ()).reaches(0)


def test_alternatives_of_any_are_branches(rules: Build) -> None:
    """Each alternative has to hold once when its rule fires, in `when` and in `where`."""
    ruleset = rules(
        scoring="""
models:
  default:
    dimensions: {fit: {label: 属性}}
    rules:
      - {id: near, label: 近, dimension: fit, points: 1,
         when: {any: [{lead.city: 苏州}, {lead.province: 浙江}]}}
      - {id: seen, label: 看, dimension: fit, points: 1, event: page_viewed, repeat: each,
         where: {any: [{page: pricing}, {page: solution}]}}
"""
    )
    case = """lead: {city: 苏州}, events: [{at: 0d, event: page_viewed, page: solution}],
      expect: [{at: 0d, score.total: 2}]"""
    left = missing(cover(ruleset, case), "rule")
    assert "near: never fires by this alternative: lead.province: 浙江" in left
    assert "seen: never fires by this alternative: page: pricing" in left
    assert len([each for each in left if "alternative" in each]) == 2


JOURNEYS = """
journeys:
  - id: care
    label: 关怀
    enter: {event: form_submitted, when: {stage: new}}
    exit: {when: {stage: lost}}
    goal: {event: order_placed}
    steps:
      - {id: ask, wait: {event: page_viewed, within: 2d}, then: fork, else: note}
      - {id: note, set: {tags: {add: [沉默]}}}
      - id: fork
        branch:
          - {when: {lead.city: 苏州}, next: near}
          - {when: {lead.amount: {gt: 1000}}, next: near}
          - {next: far}
      - {id: near, set: {tags: {add: [近]}}, next: end}
      - {id: far, wait: 5d}
"""
FORM = "{at: 0d, event: form_submitted, form: 咨询}"
PAGE = "{at: 1d, event: page_viewed, page: home}"


@pytest.fixture
def care(rules: Build) -> Ruleset:
    """A journey with a wait, a fork and both ends."""
    scoring = "models: {default: {dimensions: {fit: {label: 属性}}, rules: []}}\n"
    lifecycle = "stages: [{id: new, label: 新}, {id: lost, label: 输, event: opportunity_lost}]\n"
    return rules(scoring=scoring, journeys=JOURNEYS, lifecycle=lifecycle)


def test_each_way_through_a_journey_is_a_branch(care: Ruleset) -> None:
    """Steps, both ways of a wait, every case of a fork and both ends have to be taken."""
    everything = {
        "never entered",
        "never proven not to be entered",
        "its exit never ends it or keeps a lead out",
        "its goal never ends it",
        *(f"step {step} is never reached" for step in ("ask", "note", "fork", "near", "far")),
        "step ask is never answered",
        "step ask never runs out",
        "step fork never goes to near: lead.city: 苏州",
        "step fork never goes to near: lead.amount: {gt: 1000}",
        "step fork never goes its last way, to far",
    }
    nothing = missing(cover(care, "expect: [{at: 0d, stage: new}]"), "journey")
    assert nothing == {f"care: {text}" for text in everything}
    answered = f"lead: {{city: 苏州}}, events: [{FORM}, {PAGE}], expect: [{{at: 1d, tags: [近]}}]"
    assert missing(cover(care, answered), "journey") == {
        f"care: {text}"
        for text in everything
        - {"never entered", "step ask is never reached", "step ask is never answered"}
        - {"step fork is never reached", "step near is never reached"}
        - {"step fork never goes to near: lead.city: 苏州"}
    }


def test_all_ways_together_cover_a_journey(care: Ruleset) -> None:
    """What one case leaves out another shows."""
    left = cover(
        care,
        f"lead: {{city: 苏州}}, events: [{FORM}, {PAGE}], expect: [{{at: 1d, tags: [近]}}]",
        f"lead: {{amount: 5000}}, events: [{FORM}], expect: [{{at: 2d, tags: [沉默, 近]}}]",
        f"events: [{FORM}, {{at: 3d, event: order_placed, order: 甲, amount: 9}}],"
        " expect: [{at: 3d, journey.care: null}]",
        f"events: [{FORM}, {{at: 3d, event: opportunity_lost, reason: 价格}}],"
        " expect: [{at: 3d, stage: lost}]",
        f"events: [{{at: 0d, event: stage_changed, to: lost}}, {FORM}], "
        "expect: [{at: 0d, journey.care: null}]",
    )
    assert missing(left, "journey") == set()


def test_a_null_journey_proves_nothing_of_one_that_was_entered(care: Ruleset) -> None:
    """Who has left it was in it; and who sent no form was never asked."""
    rest = "care: never proven not to be entered"
    left = (
        f"lead: {{city: 苏州}}, events: [{FORM}, {PAGE}], expect: [{{at: 1d, journey.care: null}}]"
    )
    assert rest in missing(cover(care, left), "journey")
    never = "expect: [{at: 1d, journey.care: null}]"
    assert rest in missing(cover(care, never), "journey")


def test_stages_routes_and_slas_of_the_default_configuration(default_rules: Ruleset) -> None:
    """One hot lead shows the route that decides, those passed over, the clocks and the ladder."""
    hot = """lead: {title_level: director, employees: 600, industry: 制造业, city: 上海},
      events: [{at: 0d, event: page_viewed, page: pricing},
               {at: 0d, event: webinar_registered, webinar: 公开课},
               {at: 0d, event: webinar_attended, webinar: 公开课}],
      expect: [{at: 3d, %s}]"""
    coverage = cover(default_rules, hot % "score.explicit: 50")
    fired = missing(coverage, "route")
    assert "by-city: never decides" not in fired
    assert "east-expo: never proven to be passed over" in fired
    assert missing(coverage, "sla") == {
        "follow-up: never proven not to start",
        *(f"follow-up: the clock {clock} is never met" for clock in ("accept", "first_contact")),
        "follow-up: the clock notify is never breached",
    }
    pinned = cover(default_rules, hot % "pool: public, stage: assigned")
    assert missing(pinned, "route") == fired
    early = hot.replace("3d", "0d") % "owner: zhao.min, stage: assigned"
    assert "east-expo: never proven to be passed over" not in missing(
        cover(default_rules, early), "route"
    )


def test_a_stage_is_proven_where_it_could_have_been_entered(default_rules: Ruleset) -> None:
    """A score short of the mark proves it of MQL, a lead without score does not."""
    rest = "mql: never proven not to be entered"
    scored = "lead: {title_level: director}, expect: [{at: 0d, score.total: 25, stage: new}]"
    assert rest not in missing(cover(default_rules, scored), "stage")
    blank = "lead: {email: wang@qq.com}, expect: [{at: 0d, score.total: 0, stage: new}]"
    assert rest in missing(cover(default_rules, blank), "stage")
    named = "lead: {email: wang@qq.com}, expect: [{at: 0d, not_fired: ['stage:mql']}]"
    assert rest not in missing(cover(default_rules, named), "stage")


def test_a_shared_id_is_told_apart(rules: Build) -> None:
    """Two models may have a rule of the same id: each has to be shown."""
    model = (
        "{dimensions: {fit: {label: 属性}}, rules: [{id: town, label: 城, dimension: fit, "
        "points: 5, when: {lead.city: %s}}]}"
    )
    ruleset = rules(scoring=f"models: {{default: {model % '苏州'}, other: {model % '上海'}}}\n")
    case = "lead: {city: 苏州}, expect: [{at: 0d, fired: [town]}]"
    assert missing(cover(ruleset, case), "rule") == {
        "default.fit.town: never proven not to fire",
        "other.fit.town: never fires",
        "other.fit.town: never proven not to fire",
    }


def test_coverage_reads_as_a_table(scoring: Ruleset) -> None:
    """A row a file and kind with whole percents, then each gap with its place, then the verdict."""
    coverage = cover(scoring, "expect: [{at: 0d, not_fired: [pricing]}]")
    head, first, second, _, *rest = as_text(coverage, 90)
    assert head.split() == ["file", "kind", "fired", "not", "fired", "branches", "coverage"]
    assert first.split()[1:] == ["rule", "0/5", "1/4", "-", "11", "%"]
    assert second.split()[1:] == ["grade", "-", "-", "1/2", "50", "%"]
    assert rest[0] == "not shown by any test that passes:"
    assert any(":6:9: rule industry: never fires" in line for line in rest)
    assert rest[-1] == "coverage 16 % (2 of 12): less than the minimum of 90 %"
    assert verdict(coverage, 16) == "coverage 16 % (2 of 12): at least 16 %"
    assert verdict(coverage, None) == "coverage 16 % (2 of 12)"


def test_coverage_is_data_too(scoring: Ruleset) -> None:
    """Programs get the same figures and places; findings are errors below the minimum only."""
    coverage = cover(scoring, "expect: [{at: 0d, not_fired: [pricing]}]")
    data = as_json(coverage, 90)["coverage"]
    assert (data["percent"], data["shown"], data["total"], data["passed"]) == (16, 2, 12, False)
    row = data["files"][0]
    assert (row["kind"], row["fired"], row["not_fired"], row["branch"]) == (
        "rule", [0, 5], [1, 4], [0, 0],
    )  # fmt: skip
    first = next(each for each in data["missing"] if each["rule"] == "industry")
    assert (first["line"], first["column"], first["aspect"]) == (6, 9, "fired")
    assert as_json(coverage, None)["coverage"]["passed"] is True
    assert {d.severity for d in as_diagnostics(coverage, 90)} == {"error"}
    assert {d.severity for d in as_diagnostics(coverage, 16)} == {"info"}
    assert len(as_diagnostics(coverage, None)) == 10
    assert as_outcome(coverage, 90).failure.startswith("coverage 16 % (2 of 12): less than")
    assert as_outcome(coverage, None).note


def test_a_step_that_enters_a_stage_is_not_its_rule(rules: Build) -> None:
    """Even where the step has the stage's name."""
    ruleset = rules(
        scoring="models: {default: {dimensions: {fit: {label: 属性}}, rules: []}}\n",
        lifecycle="stages: [{id: new, label: 新}, {id: hot, label: 热, when: {lead.city: 苏州}}]\n",
        journeys="""
journeys:
  - id: warm
    label: 升温
    enter: {event: form_submitted}
    steps: [{id: hot, set: {stage: hot}}]
""",
    )
    by_step = f"events: [{FORM}], expect: [{{at: 0d, stage: hot, not_fired: ['stage:hot']}}]"
    assert missing(cover(ruleset, by_step), "stage") == {"hot: never entered"}
    by_rule = "lead: {city: 苏州}, expect: [{at: 0d, stage: hot, fired: [hot]}]"
    assert missing(cover(ruleset, by_rule), "stage") == {"hot: never proven not to be entered"}


def test_both_ways_of_an_sla(rules: Build) -> None:
    """Each clock met and breached, each rung, those that do the same told apart."""
    ruleset = rules(
        scoring="models: {default: {dimensions: {fit: {label: 属性}}, rules: []}}\n",
        routing="""
teams: {east: {label: 华东, members: [{id: chen.jing, name: 陈静}]}}
pools: {public: {label: 公海池}}
rules: [{id: rest, assign: {pool: public}}]
sla:
  - id: fast
    when: {lead.city: 苏州}
    accept: 1h
    on_breach: [{after: 2h, do: remind}, {after: 4h, do: remind}, {after: 6h, do: recycle, to: public}]
""",
    )
    start = (
        "lead: {city: 苏州}, events: [{at: 0d, event: lead_assigned, owner: chen.jing, team: east}"
    )
    texts = {
        "the clock accept is never met",
        "the clock accept is never breached",
        "the rung remind is never reached",
        "the rung recycle is never reached",
        "never proven not to start",
    }

    def left(case: str) -> list[str]:
        return [p.text for p in cover(ruleset, case).missing if p.kind == "sla"]

    early = left(f"{start}], expect: [{{at: 3h, owner: chen.jing}}]")
    assert set(early) == texts - {"the clock accept is never breached"}
    assert early.count("the rung remind is never reached") == 1
    late = left(f"{start}], expect: [{{at: 6h, pool: public}}]")
    assert set(late) == {"the clock accept is never met", "never proven not to start"}
    met = left(
        f"{start}, {{at: 9m, event: lead_accepted}}], expect: [{{at: 1h, owner: chen.jing}}]"
    )
    assert set(met) == texts - {"the clock accept is never met"}
    elsewhere = left(
        "lead: {city: 上海}, events: [{at: 0d, event: lead_assigned, owner: chen.jing, team: east}], "
        "expect: [{at: 9h, owner: chen.jing, not_fired: [fast]}]"
    )
    assert "never proven not to start" not in elsewhere
