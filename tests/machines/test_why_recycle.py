"""What is said of a recycle rule is what it then does; tests count it; the graph shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.diagnostic import Diagnostics
from engine.language.instants import DAY
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.coverage import measure
from engine.workbench.graph.drawing import GRAPHS
from engine.workbench.runner import run_case
from tests.machines.test_pools import ROUTE, ROUTING
from tests.machines.test_why import Told, codes
from tests.play import START, rules

HEAD = "start: 2026-03-02T09:00:00+08:00\nlead: {email: wang@acme-valves.cn, city: 上海}\ncases:\n"
TRIAL = "events: [{at: 0d, event: trial_requested}]"


@pytest.fixture
def ruleset(tmp_path: Path) -> Ruleset:
    """Routing with four recycle rules."""
    return rules(tmp_path, routing=ROUTING, journeys=ROUTE)


def test_what_stands_in_the_way_ends_when_it_says(ruleset: Ruleset) -> None:
    """A follow-up keeps a lead until the instant that is told, and then the rule acts."""
    told = Told(ruleset)
    told.event("0d", "trial_requested", {"city": "上海"})
    told.event("4d", "call_logged", outcome="connected")
    found = told.why("recycle:c-idle", 5 * DAY)
    assert not found.active
    (kept,) = found.obstacles
    assert (kept.code, kept.until) == ("followed-up", START + 14 * DAY)
    assert found.timers == ((START + 14 * DAY, "recycle:c-idle"),)
    told.clock("14d")
    found = told.why("c-idle", 14 * DAY)
    assert found.active
    assert "public" in found.effect
    assert codes(found) == ["not-assigned"]
    assert told.happened("recycled")[0]["rule"] == "c-idle"


def test_a_condition_that_fails_is_told(ruleset: Ruleset) -> None:
    """A rule without a span shows its condition, and one that has held all along says so."""
    told = Told(ruleset)
    told.event("0d", "trial_requested", {"city": "上海"})
    assert codes(told.why("product-gone", DAY)) == ["condition"]
    gone = Told(ruleset)
    gone.event("0d", "page_viewed", {"industry": "停产产品线"})
    gone.event("1d", "trial_requested", {"city": "上海"})
    assert codes(gone.why("product-gone", 2 * DAY)) == ["held"]
    assert gone.lead.facts["owner"] == "li"


def test_an_older_deed_and_the_end_of_a_lead_are_told(ruleset: Ruleset) -> None:
    """What it took back once may have gone its way since; who has lost it has nothing to lose."""
    told = Told(ruleset)
    told.event("0d", "trial_requested", {"city": "上海"})
    told.clock("10d")
    instant = START + 11 * DAY
    told.take(Event("认领", "lead_claimed", instant, by="wang"), instant)
    found = told.why("c-idle", 11 * DAY)
    assert (found.active, "much has happened since" in found.effect) == (False, True)
    told.event("12d", "stage_changed", to="invalid", reason="空号")
    assert "final" in codes(told.why("c-idle", 12 * DAY))


def test_a_span_that_is_over_is_no_obstacle(ruleset: Ruleset) -> None:
    """When only the condition is wanting, its span is not told of as if it stood in the way."""
    told = Told(ruleset)
    told.event("0d", "trial_requested", {"city": "上海", "title_level": "director"})
    told.lead.facts["grade"] = "A"
    assert codes(told.why("c-idle", 30 * DAY)) == ["condition"]


def test_what_wakes_it_is_told(ruleset: Ruleset) -> None:
    """A span is woken by the clock, a condition by what it reads."""
    told = Told(ruleset)
    told.event("0d", "trial_requested", {"city": "上海"})
    (span,) = told.why("any-idle", 0).wakes
    assert "60d after the assignment or the latest follow-up" in span.clock
    (reads,) = told.why("product-gone", 0).wakes
    assert reads.fields == ("lead.industry",)


def test_coverage_asks_for_recycling(ruleset: Ruleset) -> None:
    """A recycle rule has to fire in a test and to be proven not to."""
    bodies = [
        f"{{name: 沉默, {TRIAL}, expect: [{{at: 11d, fired: [c-idle], owner: null, pool: public}}]}}",
        f"{{name: 保留, {TRIAL}, expect: [{{at: 9d, not_fired: ['recycle:c-idle'], owner: li}}]}}",
    ]
    found = Diagnostics()
    text = HEAD + "".join(f"  - {body}\n" for body in bodies)
    cases = read_cases(text.encode(), "x.test.yaml", ruleset, found)
    assert not found.items, found.items
    results = [run_case(ruleset, case) for case in cases]
    assert all(result.passed for result in results), [r.failures for r in results]
    lacking = {(p.rule, p.text) for p in measure(ruleset, results).missing if p.kind == "recycle"}
    assert not any(rule == "c-idle" for rule, _ in lacking)
    assert ("any-idle", "never takes a lead back") in lacking
    assert ("product-gone", "never proven to leave a lead to its owner") in lacking


def test_the_graph_shows_recycling(ruleset: Ruleset) -> None:
    """Every recycle rule is drawn with its condition and span, on the way into its pool."""
    drawn = next(cluster for cluster in GRAPHS["routing"](ruleset) if cluster.id == "recycle")
    lines = {line for node in drawn.nodes for line in node.lines}
    assert {"c-idle", "any-idle", "no follow-up for 10d", "no follow-up for 60d"} <= lines
    assert len(drawn.edges) == 8
