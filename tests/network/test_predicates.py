"""Single tests on facts: each operator, at and around its bound."""

from __future__ import annotations

from typing import Any

import pytest

from engine.language import definitions
from engine.language.definitions import FieldRef
from engine.language.diagnostic import Source
from engine.language.instants import DAY, parse_instant
from engine.network.predicates import compile_number, compile_test, moment

NOW = parse_instant("2026-03-02T09:00:00+08:00")
RANKS = ("staff", "manager", "director")
CASES: list[tuple[str, Any, Any, bool]] = [
    ("eq", "a", "a", True),
    ("eq", "a", "A", False),
    ("ne", "a", "b", True),
    ("ne", "a", "a", False),
    ("in", ("a", "b"), "b", True),
    ("not_in", ("a", "b"), "c", True),
    ("not_in", ("a", "b"), "b", False),
    ("starts_with", "制", "制造业", True),
    ("ends_with", "业", "制造业", True),
    ("contains", "造", "制造业", True),
    ("contains_any", ("金", "造"), "制造业", True),
    ("contains_any", ("金", "农"), "制造业", False),
    ("matches", "^[一-龥]{3}$", "制造业", True),
    ("matches", "^[一-龥]{3}$", "制造业x", False),
    ("gt", 500, 500, False),
    ("gt", 500, 500.5, True),
    ("gte", 500, 500, True),
    ("lt", 500, 500, False),
    ("lte", 500, 500, True),
    ("between", (1, 3), 1, True),
    ("between", (1, 3), 3, True),
    ("between", (1, 3), 3.1, False),
    ("includes", "vip", ["vip", "x"], True),
    ("includes_any", ("vip", "y"), ["x"], False),
    ("includes_all", ("vip", "x"), ["x", "vip"], True),
    ("includes_all", ("vip", "y"), ["x", "vip"], False),
    ("before", NOW, "2026-03-02", True),
    ("after", NOW, "2026-03-03", True),
    ("older_than", DAY, "2026-03-01T08:59:59+08:00", True),
    ("older_than", DAY, "2026-03-01T09:00:00+08:00", False),
    ("newer_than", DAY, "2026-03-01T09:00:00+08:00", True),
    ("ne", 5, 6, True),
    ("eq", 5, 6, False),
    ("in", ("a", "b"), "c", False),
    ("starts_with", "业", "制造业", False),
    ("ends_with", "制", "制造业", False),
    ("contains", "金", "制造业", False),
    ("gte", 500, 499, False),
    ("lt", 500, 499, True),
    ("lte", 500, 501, False),
    ("between", (1, 3), 0.9, False),
    ("includes", "vip", ["x"], False),
    ("includes_any", ("vip", "y"), ["x", "y"], True),
    ("before", NOW, "2026-03-02T09:00:00+08:00", False),
    ("after", NOW, "2026-03-02T09:00:00+08:00", False),
    ("newer_than", DAY, "2026-03-01T08:59:59+08:00", False),
    ("exists", True, 0, True),
    ("exists", False, 0, False),
]


class Facts:
    """One fact at one instant."""

    def __init__(self, value: Any, before: Any = None, changed: bool = False) -> None:
        self.facts = {} if value is None else {"lead.x": value, "lead.y": value}
        self.properties: dict[str, Any] = {}
        self.before = {"lead.x": before} if changed else {}
        self.now = NOW


def check(op: str, operand: Any, ranks: tuple[str, ...] = (), fact: str = "lead.x") -> Any:
    """Compile one test on lead.x."""
    source = Source("a.yaml", 1, 1)
    return compile_test(
        definitions.Test(
            fact=fact, op=op, operand=operand, family="any", ranks=ranks, source=source
        )
    )


@pytest.mark.parametrize(("op", "operand", "value", "holds"), CASES)
def test_each_operator_at_its_bound(op: str, operand: Any, value: Any, holds: bool) -> None:
    """An operator holds exactly where the reference says."""
    assert check(op, operand)(Facts(value)) is holds


@pytest.mark.parametrize("op", sorted({op for op, *_ in CASES} - {"exists"}))
def test_a_missing_fact_makes_every_operator_false(op: str) -> None:
    """Only `exists: false` is true of what is missing."""
    operand = next(operand for name, operand, *_ in CASES if name == op)
    assert check(op, operand)(Facts(None)) is False


def test_ordered_enums_compare_by_rank() -> None:
    """at_least and at_most count ranks, not letters."""
    assert check("at_least", "manager", RANKS)(Facts("director")) is True
    assert check("at_least", "manager", RANKS)(Facts("staff")) is False
    assert check("at_most", "manager", RANKS)(Facts("manager")) is True


@pytest.mark.parametrize(
    ("op", "before", "now", "holds"),
    [
        ("rises_to", 49, 50, True),
        ("rises_to", 50, 60, False),
        ("rises_to", None, 50, True),
        ("rises_to", 40, 49, False),
        ("falls_below", 50, 49, True),
        ("falls_below", 49, 40, False),
        ("falls_below", 60, 50, False),
    ],
)
def test_an_edge_is_true_at_its_crossing_only(op: str, before: Any, now: Any, holds: bool) -> None:
    """Previous below, present at or above the bound; the other way for falls_below."""
    assert check(op, 50)(Facts(now, before, changed=True)) is holds
    assert check(op, 50)(Facts(now)) is False


def test_fields_compare_with_fields() -> None:
    """An operand may be another fact of the lead."""
    assert check("gte", FieldRef(fact="lead.y"))(Facts(5)) is True
    assert check("gt", FieldRef(fact="lead.y"))(Facts(5)) is False


@pytest.mark.parametrize(("op", "operand", "value", "holds"), CASES)
def test_properties_are_tested_as_facts_are(op: str, operand: Any, value: Any, holds: bool) -> None:
    """An operator means the same on an event's property, whatever the lead's facts are."""
    event = Facts(None)
    event.properties = {"x": value}
    assert check(op, operand, fact="event.x")(event) is holds
    assert check(op, operand, fact="event.x")(Facts(value)) is (op == "exists" and not operand)


def test_membership_of_properties_leaves_out_what_is_missing() -> None:
    """Only a property that is there is in a list, or not in it."""
    for op in ("in", "not_in"):
        assert check(op, ("a",), fact="event.x")(Facts(None)) is False


def test_ranks_of_what_is_missing_are_not_compared() -> None:
    """Neither a missing value nor a missing field to compare with has a rank."""
    assert check("at_least", "manager", RANKS)(Facts(None)) is False
    other = check("at_least", FieldRef(fact="lead.z"), RANKS)
    assert other(Facts("director")) is False
    assert check("at_most", "staff", RANKS)(Facts("manager")) is False
    same = check("at_least", FieldRef(fact="lead.y"), RANKS)
    assert same(Facts("staff")) is True


def test_a_field_may_be_compared_with_a_property() -> None:
    """Either side may be the event's; what is missing on either makes it false."""
    facts = Facts(5)
    facts.properties = {"y": 4}
    assert check("gt", FieldRef(fact="event.y"))(facts) is True
    assert check("lt", FieldRef(fact="event.y"))(facts) is False
    assert check("lt", FieldRef(fact="lead.x"), fact="event.y")(facts) is True
    assert check("eq", FieldRef(fact="lead.y"))(facts) is True
    assert check("eq", FieldRef(fact="event.y"))(facts) is False
    assert check("ne", FieldRef(fact="event.y"))(facts) is True
    assert check("eq", FieldRef(fact="lead.z"))(facts) is False
    assert check("ne", FieldRef(fact="lead.z"))(facts) is False


def test_an_edge_needs_a_number_now() -> None:
    """What is gone has crossed nothing, and falls from nowhere."""
    for op in ("rises_to", "falls_below"):
        assert check(op, 50)(Facts(None, 60, changed=True)) is False
    assert check("falls_below", 50)(Facts(40, None, changed=True)) is False
    gone = Facts(None, 60, changed=True)
    gone.before = {"lead.x": None}
    assert check("rises_to", 50)(gone) is False


def test_a_date_begins_at_midnight_in_china() -> None:
    """A day without a time is the instant at which it begins there."""
    assert moment("2026-03-02") == NOW - 9 * 3_600_000
    assert moment("2026-03-02T01:00:00Z") == NOW


@pytest.mark.parametrize(
    ("op", "operand", "yes", "no"),
    [
        ("eq", 3, [3, 3.0], [2, 4]),
        ("ne", 3, [2, 4], [3]),
        ("in", (1, 3), [1, 3], [2]),
        ("not_in", (1, 3), [2], [1, 3]),
        ("gt", 3, [3.5, 4], [3, 2]),
        ("gte", 3, [3, 4], [2.9]),
        ("lt", 3, [2.9], [3, 4]),
        ("lte", 3, [3, 2], [3.1]),
        ("between", (1, 3), [1, 2, 3], [0.9, 3.1]),
    ],
)
def test_an_aggregate_is_compared_at_its_bound(
    op: str, operand: Any, yes: list[float], no: list[float]
) -> None:
    """An operator on a count or sum holds exactly where it says; None fails all of them."""
    holds = compile_number([(op, operand)])
    assert [holds(n) for n in yes] == [True] * len(yes)
    assert [holds(n) for n in (*no, None)] == [False] * (len(no) + 1)


def test_all_of_an_aggregates_comparisons_must_hold() -> None:
    """Several operators are joined by and."""
    holds = compile_number([("gte", 2), ("lt", 5), ("ne", 3)])
    assert [holds(n) for n in (1, 2, 3, 4, 5)] == [False, True, False, True, False]


def test_a_question_for_another_network_is_its_operand() -> None:
    """`asks` leaves the answer to whoever gave it."""

    def answer(c: Any) -> bool:
        return bool(c.facts)

    assert check("asks", answer) is answer
