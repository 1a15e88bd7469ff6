"""Two lists laid side by side."""

from __future__ import annotations

import operator

from hypothesis import given
from hypothesis import strategies as st

from engine.workbench.matching import align

WORDS = st.lists(st.sampled_from("甲乙丙"), max_size=6)


@given(WORDS, WORDS)
def test_both_lists_keep_their_order_and_lose_nothing(wanted: list[str], actual: list[str]) -> None:
    """Reading one side of the pairs gives the list itself, and pairs fit."""
    pairs = align(wanted, actual, operator.eq)
    assert [w for w, _ in pairs if w is not None] == wanted
    assert [a for _, a in pairs if a is not None] == actual
    assert all(w == a for w, a in pairs if w is not None and a is not None)


@given(WORDS, WORDS)
def test_all_fit_exactly_when_the_lists_are_equal(wanted: list[str], actual: list[str]) -> None:
    """Equal lists have no gap, others have one."""
    pairs = align(wanted, actual, operator.eq)
    assert all(w is not None and a is not None for w, a in pairs) is (wanted == actual)


@given(WORDS, st.lists(st.booleans(), min_size=6, max_size=6))
def test_what_is_left_of_a_list_is_found_in_it(wanted: list[str], kept: list[bool]) -> None:
    """Nothing is called unexpected when something is only missing."""
    actual = [word for word, keep in zip(wanted, kept, strict=False) if keep]
    assert all(w is not None for w, _ in align(wanted, actual, operator.eq))
