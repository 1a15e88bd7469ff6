"""What a new lead is asked about although nothing has told of it: only what it lacks."""

from __future__ import annotations

from typing import Any

import pytest

from engine.network.condition import ConditionCompiler
from engine.network.unprompted import unprompted
from tests.network.written import absence, aggregate, compare, every, no, some

LARGE = compare("lead.employees", "gte", 500)


def asked(*conditions: Any) -> frozenset[str]:
    """The facts and windows that a new lead is asked about."""
    compiler = ConditionCompiler({})
    return unprompted([compiler.compile(each) for each in conditions])


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (compare("lead.city", "exists", False), {"lead.city"}),
        (no(LARGE), {"lead.employees"}),
        (absence("last page_viewed", 60_000), {"last page_viewed"}),
        (aggregate("count", "pages", ("lt", 1)), {"pages"}),
        (every(LARGE, no(compare("lead.vip", "eq", True))), {"lead.employees", "lead.vip"}),
        (some(LARGE, absence("last any", 60_000)), {"lead.employees", "last any"}),
    ],
)
def test_what_may_hold_of_nothing_is_asked_at_once(condition: Any, names: set[str]) -> None:
    """All that such a condition reads is named, facts and windows."""
    assert asked(condition) == names


@pytest.mark.parametrize(
    "condition",
    [
        LARGE,
        compare("lead.city", "exists", True),
        compare("lead.vip", "eq", False),
        compare("lead.city", "in", ("上海",)),
        every(LARGE, some(LARGE, compare("lead.city", "exists", True))),
    ],
)
def test_what_holds_of_something_waits_for_it(condition: Any) -> None:
    """No condition on what there is can hold before it is there."""
    assert asked(condition) == frozenset()


def test_several_conditions() -> None:
    """What each of them is asked about, together; of none nothing."""
    both = asked(no(LARGE), LARGE, compare("lead.city", "exists", False))
    assert both == {"lead.employees", "lead.city"}
    assert asked() == frozenset()
