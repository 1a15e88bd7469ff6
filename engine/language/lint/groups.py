"""Tests together with those that stand beside them."""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.rules import All, AnyOf, Condition, Not, Test


def with_company(
    condition: Condition, beside: tuple[Test, ...] = ()
) -> Iterator[tuple[Test, tuple[Test, ...]]]:
    """Yield every test with those that are joined to it by all or any, at any depth above."""
    if isinstance(condition, Test):
        yield condition, beside
    elif isinstance(condition, Not):
        yield from with_company(condition.item)
    elif isinstance(condition, All | AnyOf):
        company = (*beside, *(t for i in condition.items for t in _direct(i)))
        for item in condition.items:
            yield from with_company(item, company)


def _direct(condition: Condition) -> Iterator[Test]:
    """Yield a test, or those of a map of tests."""
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, All):
        yield from (i for i in condition.items if isinstance(i, Test))
