"""Two versions of a configuration: what is told is what was meant, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.language.comparing import Difference, differences

SCORING = """
rules:
  - {id: visited-pricing, label: 看过价格页, when: page_viewed, points: 10}
  - {id: big, when: lead.employees >= 500, points: 20}
grades: {A: 80, B: 60}
"""


def told(before: str, after: str) -> list[tuple[Any, ...]]:
    """Return kind, path, before and after of each difference in one file."""
    found = differences({"scoring.yaml": before}, {"scoring.yaml": after})
    return [(d.kind, d.path, d.before, d.after) for d in found]


def test_a_key_of_a_rule() -> None:
    """A changed value is named by its rule, with the line where it now stands."""
    after = SCORING.replace("points: 10", "points: 15")
    (found,) = differences({"scoring.yaml": SCORING}, {"scoring.yaml": after})
    path = "rules[visited-pricing].points"
    assert found == Difference("scoring.yaml", 3, path, "changed", 10, 15)


def test_what_means_the_same() -> None:
    """Order of rules and keys, comments and quotes are no difference."""
    after = """
# 评分规则
grades: {B: 60, A: 80}
rules:
  - {points: 20, id: big, when: "lead.employees >= 500"}
  - id: visited-pricing
    label: '看过价格页'
    when: page_viewed
    points: 10
"""
    assert told(SCORING, after) == []


def test_rules_that_come_and_go() -> None:
    """A new rule and one that is gone are told once each, whole."""
    after = SCORING.replace("id: big", "id: huge")
    whole = {"when": "lead.employees >= 500", "points": 20}
    assert told(SCORING, after) == [
        ("removed", "rules[big]", {"id": "big", **whole}, None),
        ("added", "rules[huge]", None, {"id": "huge", **whole}),
    ]


def test_files_that_come_and_go() -> None:
    """A whole file that is new, or gone, is one difference."""
    found = differences({"a.yaml": "x: 1"}, {"b.yaml": "y: 2"})
    assert [(d.file, d.path, d.kind) for d in found] == [
        ("a.yaml", "", "removed"),
        ("b.yaml", "", "added"),
    ]


def test_types_count() -> None:
    """1, true, "1" and 1.0 are four values; a list without ids is compared as a whole."""
    assert told("a: 1", "a: true") == [("changed", "a", 1, True)]
    assert told("a: 1", "a: 1.0") == [("changed", "a", 1, 1.0)]
    assert told("a: 1", "a: '1'") == [("changed", "a", 1, "1")]
    assert told("a: [x, y]", "a: [y, x]") == [("changed", "a", ["x", "y"], ["y", "x"])]
    assert told("a: [{id: 1}]", "a: [{id: 2}]") == [("changed", "a", [{"id": 1}], [{"id": 2}])]
    assert told("a: [{id: x}, {id: x}]", "a: []")[0][0] == "changed"


def test_no_yaml() -> None:
    """A text that cannot be read is as good as none."""
    assert told("a: [", "a: 1") == [("added", "", None, {"a": 1})]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("甲乙abc", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_both_ways(one: Any, other: Any) -> None:
    """There is a difference exactly where the data differ, and the way back tells the opposite."""
    texts = json.dumps({"x": one}), json.dumps({"x": other})
    there, back = told(*texts), told(texts[1], texts[0])
    assert bool(there) == (json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    assert sorted(map(repr, there)) == sorted(
        repr((turned[kind], path, after, before)) for kind, path, before, after in back
    )
