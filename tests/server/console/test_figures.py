"""Figures that take long to count: counted once, and nobody waits for them twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from engine.server.console.figures import Figures

LONG_S = 0.15  # more than a person waits for
LIMIT_S = 30.0


class Counter:
    """Counts how often it was asked, and takes its time."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.times = 0
        self.asked = threading.Event()
        self._takes_s = takes_s

    def __call__(self) -> int:
        self.times += 1
        self.asked.set()
        time.sleep(self._takes_s)
        return self.times


def settle(figures: Figures, count: Counter, value: int) -> None:
    """Ask until the figure is what it should become."""
    until = time.monotonic() + LIMIT_S
    while figures.get("线索", count) != value:
        assert time.monotonic() < until, f"it never became {value}"
        time.sleep(0.01)


@pytest.fixture
def figures() -> Iterator[Figures]:
    """Figures that stay fresh for longer than a test takes."""
    figures = Figures(fresh_s=600.0)
    yield figures
    figures.close()


def test_a_figure_is_counted_once_while_it_is_fresh(figures: Figures) -> None:
    """Whoever asks later is shown what was counted."""
    count = Counter()
    assert [figures.get("线索", count) for _ in range(3)] == [1, 1, 1]


def test_after_a_deed_a_quick_figure_is_counted_before_it_is_shown(figures: Figures) -> None:
    """Who has changed something sees it at once."""
    count = Counter()
    figures.get("线索", count)
    figures.forget()
    assert figures.get("线索", count) == 2


def test_after_a_deed_nobody_waits_for_a_slow_figure(figures: Figures) -> None:
    """It is shown as it was, and counted anew beside that."""
    count = Counter(LONG_S)
    figures.get("线索", count)
    count.asked.clear()
    figures.forget()
    assert figures.get("线索", count) == 1
    assert count.asked.wait(LIMIT_S)
    settle(figures, count, 2)


def test_what_was_being_counted_at_a_deed_is_counted_again(figures: Figures) -> None:
    """A figure begun before a deed does not pass for one of after it."""
    gate, begun, values = threading.Event(), threading.Event(), iter((1, 2))

    def count() -> int:
        value = next(values)
        begun.set()
        assert value == 2 or gate.wait(LIMIT_S)
        return value

    first = threading.Thread(target=figures.get, args=("线索", count))
    first.start()
    assert begun.wait(LIMIT_S)
    figures.forget()
    gate.set()
    first.join()
    until = time.monotonic() + LIMIT_S
    while figures.get("线索", count) != 2:
        assert time.monotonic() < until
        time.sleep(0.01)
