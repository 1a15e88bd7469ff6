"""Looks at splits from time to time, and decides those whose winner is certain."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, TypeVar

from engine.host.clock import Clock
from engine.host.rounds import Rounds
from engine.language.handling import AutoWinner, Split
from engine.language.instants import MINUTE
from engine.machines.sequential import Arm, Verdict, judge
from engine.network.ruleset import Ruleset
from engine.store import experiments
from engine.store.reading import Reader

_log: Final = logging.getLogger("leadrules.experiments")
_LOOK_S: Final = 5 * MINUTE / 1_000
T = TypeVar("T")


class Host(Protocol):
    """What this needs of the runtime."""

    @property
    def ruleset(self) -> Ruleset: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def reader(self) -> Reader: ...
    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T: ...
    def refresh(self) -> None: ...


class Experimenter(Rounds):
    """Looks every five minutes; the test is made for being asked as often as one likes."""

    name = "experiments"

    def __init__(self, host: Host, look_s: float = _LOOK_S) -> None:
        self._host = host
        self.again_s = look_s

    async def round(self) -> float:
        """Look at each open split; what has been decided stays."""
        await self.look()
        return self.again_s

    async def look(self) -> dict[tuple[str, str], Verdict]:
        """Look at each open split once; returns what came of each, by (journey, step).

        Where there is a winner it is written down and the rules are taken up with it, so that
        all that come later get it.
        """
        host, found = self._host, dict[tuple[str, str], Verdict]()
        now = host.clock.now()
        for place, split, auto in open_splits(host.ruleset):
            arms = await asyncio.to_thread(host.reader.arms, *place, auto, now)
            verdict = judged(split, auto, arms)
            found[place] = verdict
            if verdict.winner is not None:
                await self._decide(place, verdict, arms, now)
        if any(verdict.winner for verdict in found.values()):
            host.refresh()
        return found

    async def _decide(
        self, place: tuple[str, str], verdict: Verdict, arms: dict[str, Arm], now: int
    ) -> None:
        winner = verdict.winner or ""
        figures: dict[str, Any] = {
            "p": verdict.p_value,
            "arms": {name: [arm.leads, arm.hits] for name, arm in arms.items()},
        }
        await self._host.write(lambda c: experiments.decide(c, place, winner, now, figures))
        _log.info("%s of %s is decided for %s: %s", place[1], place[0], winner, verdict.reason)


def open_splits(ruleset: Ruleset) -> Iterator[tuple[tuple[str, str], Split, AutoWinner]]:
    """Yield ((journey, step), split, when it decides) of what waits for a winner."""
    for journey in ruleset.definitions.journeys:
        for step in journey.steps:
            split, place = step.split, (journey.id, step.id)
            decided = place in ruleset.winners or split is None or split.winner is not None
            if split is not None and split.auto is not None and not decided:
                yield place, split, split.auto


def judged(split: Split, auto: AutoWinner, arms: dict[str, Arm]) -> Verdict:
    """Return what the figures say of the variants that there are now; the holdout is none."""
    present = {each.name: arms.get(each.name, Arm(0, 0)) for each in split.variants}
    return judge(present, auto.confidence, auto.sample)
