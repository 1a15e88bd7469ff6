"""Condition trees as plain data: each kind of node with the keys that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.host.accounts import tree_item
from engine.machines.account import Case, Past
from engine.machines.state import Event
from tests.play import START, Play, rules

WHEN = "all: [{score.total: {rises_to: 10}}, {lead.amount: {gt: {field: lead.budget}}}, {last: {event: page_viewed, gt: 1d}}, {time: {days: [mon]}}]"
JOURNEY = f"journeys: [{{id: a, enter: {{when: {{{WHEN}}}}}, steps: [{{id: stop, end: true}}]}}]"


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    """The tree of a journey's entry, in the midst of a crossing."""
    ruleset = rules(tmp_path, journeys=JOURNEY)
    play = Play(ruleset)
    play.event("0d", "page_viewed", {"amount": 5, "budget": 7})
    case = Case(ruleset, play.lead, Past([Event("e", "page_viewed", START)]), START)
    case.view.before = {"score.default.total": 4}
    rule = ruleset.journeys["a"]
    (look,) = case.look("enter", rule.when, rule.definition.when)
    return tree_item(ruleset, look.tree)


def test_a_group_has_items_and_no_value(tree: dict[str, Any]) -> None:
    """What is made of parts compares nothing itself, and changes with the first of them."""
    assert set(tree) == {"kind", "text", "holds", "source", "next_change", "items"}
    assert tree["next_change"] == "2026-03-02T16:00:00Z"


def test_each_part_has_its_keys(tree: dict[str, Any]) -> None:
    """A crossing has both sides, a comparison of fields both values, a date its instant."""
    edge, compared, last, guard = tree["items"]
    assert (edge["before"], edge["actual"], edge["wanted"]) == (4, 0, "10")
    assert (compared["actual"], compared["wanted"], compared["other"]) == (
        5,
        "{field: lead.budget}",
        7,
    )
    assert "before" not in compared
    assert (last["actual"], last["wanted"]) == ("2026-03-02T01:00:00Z", "gt 1d")
    assert last["next_change"] == "2026-03-03T01:00:00Z"
    assert (guard["actual"], guard["holds"]) == ("mon 09:00", True)
    assert "field" not in guard
