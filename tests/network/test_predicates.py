"""Single tests on facts: each operator, at and around its bound."""

from __future__ import annotations

from typing import Any

import pytest

from engine.language import definitions
from engine.language.definitions import FieldRef
from engine.language.diagnostic import Source
from engine.language.instants import DAY, parse_instant
from engine.network.predicates import compile_test

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


def check(op: str, operand: Any, ranks: tuple[str, ...] = ()) -> Any:
    """Compile one test on lead.x."""
    source = Source("a.yaml", 1, 1)
    return compile_test(
        definitions.Test(
            fact="lead.x", op=op, operand=operand, family="any", ranks=ranks, source=source
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
