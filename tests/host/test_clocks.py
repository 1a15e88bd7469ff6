"""Deadlines on a clock that misbehaves: no timer is lost, none fires twice."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import SystemClock
from engine.host.runtime import Runtime
from engine.language.instants import DAY, HOUR, MINUTE, format_instant, parse_instant

MONDAY = parse_instant("2026-03-02T09:00:00+08:00")
Use = Callable[[Runtime], Awaitable[Any]]


class Hand(SystemClock):
    """A computer's clock that somebody turns."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    wall = now

    def reach(self, at: int) -> int:
        return self.at


def run(folder: Path, clock: Hand, use: Use) -> Any:
    """Start a runtime with this clock, use it and stop it, as a process would."""

    async def whole() -> Any:
        runtime = Runtime(folder, folder.parent / "leads.db", clock, environ={})
        assert not [d for d in runtime.load() if d.severity == "error"]
        runtime.start()
        try:
            return await use(runtime)
        finally:
            await runtime.stop()

    return asyncio.run(whole())


async def enter(runtime: Runtime, *who: str) -> None:
    """Let people into the journey that waits a day for a page view and then sets a to-do."""
    forms = [{"type": "form_submitted", "lead": {"user_id": each, "name": "王芳"}} for each in who]
    assert {o.status for o in await runtime.submit(forms)} == {"accepted"}


async def settle(runtime: Runtime) -> None:
    """Have the writer look at the clock until nobody is overdue."""
    for _ in range(500):
        await runtime.write(lambda connection: None)
        if not runtime.reader.overdue(runtime.clock.now())[0]:
            return
    raise AssertionError("somebody is never woken")


def wakes(folder: Path) -> list[tuple[str, int, int]]:
    """(lead, deadline, when it was met) of each wake in the log, in its order."""
    connection = sqlite3.connect(folder.parent / "leads.db")
    found = connection.execute(
        "SELECT lead, id, decided_at FROM events WHERE type = 'timer_due' ORDER BY seq"
    ).fetchall()
    connection.close()
    return [(lead, int(id.split(":")[2]), at) for lead, id, at in found]


def chases(folder: Path) -> dict[str, int]:
    """How many to-dos the journey set for each person."""
    connection = sqlite3.connect(folder.parent / "leads.db")
    found = connection.execute(
        "SELECT i.value, count(t.id) FROM identities i LEFT JOIN tasks t"
        " ON t.lead = i.lead AND t.title = '未浏览' WHERE i.kind = 'user_id' GROUP BY 1"
    ).fetchall()
    connection.close()
    return dict(found)


@pytest.fixture(autouse=True)
def whole_at_the_end(folder: Path) -> Iterator[None]:
    """Whatever the clock did, the table of deadlines says what the leads say."""
    yield
    connection = sqlite3.connect(folder.parent / "leads.db")
    differs = connection.execute(
        "SELECT l.id, l.wake_at, min(t.due) FROM leads l LEFT JOIN timers t ON t.lead = l.id"
        " GROUP BY l.id HAVING l.wake_at IS NOT min(t.due)"
    ).fetchall()
    connection.close()
    assert differs == []


def test_after_an_outage_deadlines_are_met_in_their_order(folder: Path) -> None:
    """What came due while nobody ran is met at the start, the earliest first, each once."""
    clock = Hand(MONDAY)
    people = [f"u{n}" for n in (3, 1, 4, 5, 9, 2, 6)]

    async def before(runtime: Runtime) -> None:
        for each in people:
            await enter(runtime, each)
            clock.at += HOUR

    run(folder, clock, before)
    clock.at += 10 * DAY
    run(folder, clock, settle)
    dues = [due for _, due, _ in wakes(folder)]
    assert dues == [MONDAY + DAY + n * HOUR for n in range(len(people))]
    assert chases(folder) == dict.fromkeys(people, 1)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 25 * HOUR, -25 * HOUR, 400 * DAY])
def test_a_jump_of_the_clock_neither_loses_nor_doubles_a_deadline(folder: Path, jump: int) -> None:
    """Half of the people are woken, the clock jumps, and in the end each was woken once."""
    clock = Hand(MONDAY)

    async def use(runtime: Runtime) -> None:
        await enter(runtime, "早一", "早二")
        clock.at += 2 * HOUR
        await enter(runtime, "晚一", "晚二")
        clock.at = MONDAY + DAY + MINUTE
        await settle(runtime)
        assert chases(folder) == {"早一": 1, "早二": 1, "晚一": 0, "晚二": 0}
        clock.at += jump
        await enter(runtime, "新")
        await settle(runtime)
        clock.at = max(clock.at, MONDAY + DAY) + 3 * DAY
        await settle(runtime)

    run(folder, clock, use)
    assert set(chases(folder).values()) == {1}
    met = wakes(folder)
    assert len(set(met)) == len(met)
    assert all(at >= due for _, due, at in met)


def test_no_deadline_is_met_before_its_time_when_the_clock_goes_back(folder: Path) -> None:
    """An hour turned back, people wait an hour longer, and not for nothing."""
    clock = Hand(MONDAY)

    async def use(runtime: Runtime) -> None:
        await enter(runtime, "u1")
        clock.at += DAY - MINUTE
        await settle(runtime)
        clock.at -= HOUR
        await settle(runtime)
        clock.at += HOUR
        await settle(runtime)
        assert wakes(folder) == []
        clock.at += MINUTE
        await settle(runtime)
        assert [due for _, due, _ in wakes(folder)] == [MONDAY + DAY]

    run(folder, clock, use)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_clock_does_each_deadline_is_met_once(folder: Path, seed: int) -> None:
    """Jumps both ways, restarts and new people in any order: one to-do for each person."""
    chance, clock, people = random.Random(seed), Hand(MONDAY), 0

    async def use(runtime: Runtime) -> None:
        nonlocal people
        for _ in range(chance.randrange(3, 8)):
            clock.at += chance.choice([HOUR, -HOUR, 7 * HOUR, MINUTE, DAY, -3 * HOUR])
            people += 1
            await enter(runtime, f"u{people}")
            if chance.random() < 0.5:
                await settle(runtime)

    for _ in range(4):
        run(folder, clock, use)
    clock.at = MONDAY + 40 * DAY
    run(folder, clock, settle)
    assert chases(folder) == {f"u{n}": 1 for n in range(1, people + 1)}
    met = wakes(folder)
    assert len({(lead, due) for lead, due, _ in met}) == len(met)


@pytest.mark.parametrize(
    ("entered", "due"),
    [
        ("2028-02-28T09:00:00+08:00", "2028-02-29T09:00:00+08:00"),  # a leap day
        ("2028-02-29T09:00:00+08:00", "2028-03-01T09:00:00+08:00"),
        ("2027-02-28T09:00:00+08:00", "2027-03-01T09:00:00+08:00"),
        ("2026-12-31T23:30:00+08:00", "2027-01-01T23:30:00+08:00"),
        ("2026-03-28T22:00:00+01:00", "2026-03-29T23:00:00+02:00"),  # 24 hours, 23 on the wall
        ("2026-10-24T22:00:00+02:00", "2026-10-25T21:00:00+01:00"),
    ],
)
def test_a_day_is_24_hours_whatever_the_calendar_does(folder: Path, entered: str, due: str) -> None:
    """Across leap days and summer time a wait of one day ends 24 hours later, to the ms."""
    clock = Hand(parse_instant(entered))

    async def use(runtime: Runtime) -> None:
        await enter(runtime, "u1")
        clock.at = parse_instant(due) - 1
        await settle(runtime)
        assert wakes(folder) == []
        clock.at += 1
        await settle(runtime)

    run(folder, clock, use)
    assert [format_instant(at) for _, at, _ in wakes(folder)] == [
        format_instant(parse_instant(due))
    ]


def test_a_deadline_moved_again_and_again_is_met_once(folder: Path) -> None:
    """Lazy re-arming: who visits every day is idle once, 30 days after the last visit."""
    clock = Hand(MONDAY)
    view = {"type": "page_viewed", "lead": {"user_id": "u1"}, "properties": {"page": "home"}}

    def idle() -> list[int]:
        connection = sqlite3.connect(folder.parent / "leads.db")
        found = connection.execute("SELECT at FROM ledger WHERE rule = 'idle'").fetchall()
        connection.close()
        return [at for (at,) in found]

    async def use(runtime: Runtime) -> None:
        for _ in range(50):
            await runtime.submit([view])
            clock.at += DAY
        clock.at = MONDAY + 79 * DAY - 1
        await settle(runtime)
        assert idle() == []
        clock.at += 1
        await settle(runtime)
        assert idle() == [MONDAY + 79 * DAY]
        clock.at -= HOUR
        await settle(runtime)
        clock.at += 2 * HOUR
        await settle(runtime)

    run(folder, clock, use)
    assert idle() == [MONDAY + 79 * DAY]
