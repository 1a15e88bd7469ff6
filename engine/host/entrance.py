"""How events come into a runtime: read at the door, queued, answered after the commit."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from engine.host.clock import Clock
from engine.host.door import TOLERANCE, Door
from engine.host.inbox import Answered, Inbox, Item, Job, fulfil
from engine.host.outcome import Outcome, try_later
from engine.host.telemetry import Telemetry
from engine.host.visit import Arrival, Visit
from engine.machines.state import Event

_BREATH: Final = 500  # events read between two looks at the rest of the event loop
Told = Callable[[list[Outcome]], None]


class Entrance(ABC):
    """What takes events in. Whose it is has a clock and telemetry, a door and an inbox."""

    clock: Clock
    telemetry: Telemetry

    @property
    @abstractmethod
    def _door(self) -> Door: ...

    @property
    @abstractmethod
    def _queue(self) -> Inbox: ...

    async def submit(
        self,
        raw: Sequence[Any],
        channel: str = "api",
        by: str | None = None,
        client: Mapping[str, str] | None = None,
        deeds: bool = True,
    ) -> list[Outcome]:
        """Take raw events in; returns one outcome for each, in order, after the commit.

        ``channel``, ``by`` and ``client`` are for events that don't say; ``deeds`` lets in what
        people do. One bad event never refuses the others. Raises Stopped while the server stops.
        """
        door, visit = self._door, self._visit(channel, by, client, deeds)
        outcomes: list[Outcome | None] = []
        arrivals: list[tuple[int, Arrival]] = []
        for position in range(0, len(raw), _BREATH):
            if position:
                await asyncio.sleep(0)
            _read(door, visit, raw[position : position + _BREATH], outcomes, arrivals)
        return await self._decided(outcomes, arrivals)

    def hand_in(self, raw: Sequence[Any], told: Told, channel: str, deeds: bool) -> None:
        """Take few raw events in as `submit` does; ``told`` is called with their outcomes.

        That is after the commit, in the event loop that runs now.
        """
        outcomes: list[Outcome | None] = []
        arrivals: list[tuple[int, Arrival]] = []
        visit = self._visit(channel, None, deeds=deeds)
        _read(self._door, visit, raw, outcomes, arrivals)
        if not self._hand_over(outcomes, arrivals, lambda _, error: told(_all(outcomes))):
            told(_all(outcomes))

    async def submit_event(self, event: Event, lead_id: str) -> Outcome:
        """Take in an event of the engine's own, such as a receipt, for a lead that exists."""
        (outcome,) = await self._decided([None], [(0, Arrival(event, (), lead_id))])
        return outcome

    async def submit_own(self, raw: Mapping[str, Any], channel: str) -> Outcome:
        """Take in an event that the engine itself made of an answer from outside."""
        visit = msgspec.structs.replace(self._visit(channel, None), own=True)
        read = self._door.read(dict(raw), visit)
        if isinstance(read, Outcome):
            return read
        (outcome,) = await self._decided([None], [(0, read)])
        return outcome

    def _visit(
        self,
        channel: str,
        by: str | None,
        client: Mapping[str, str] | None = None,
        deeds: bool = True,
    ) -> Visit:
        now, latest = self.clock.now(), self.clock.wall() + TOLERANCE
        return Visit(now, latest, channel, by, client or {}, deeds=deeds)

    async def _decided(
        self, outcomes: list[Outcome | None], arrivals: list[tuple[int, Arrival]]
    ) -> list[Outcome]:
        """Queue what was read and wait until all of it is decided and durable."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._hand_over(outcomes, arrivals, partial(fulfil, future)):
            await future
        return _all(outcomes)

    def _hand_over(
        self,
        outcomes: list[Outcome | None],
        arrivals: list[tuple[int, Arrival]],
        told: Answered,
    ) -> bool:
        """Queue what was read; ``told`` is called when it is durable. False: there is nothing."""
        if not arrivals:
            return False
        job = Job(asyncio.get_running_loop(), told, outcomes, len(arrivals))
        if self.telemetry.traces is not None:
            job.trace = self.telemetry.traces.here()
        items = [Item(arrival, job, position) for position, arrival in arrivals]
        if self._queue.put(items):
            return True
        _refuse(outcomes, arrivals)
        return False


def _read(
    door: Door,
    visit: Visit,
    raw: Sequence[Any],
    outcomes: list[Outcome | None],
    arrivals: list[tuple[int, Arrival]],
) -> None:
    """Add what the door makes of raw events: an outcome, or an arrival at its position."""
    for each in raw:
        read = door.read(each, visit)
        if isinstance(read, Outcome):
            outcomes.append(read)
        else:
            arrivals.append((len(outcomes), read))
            outcomes.append(None)


def _all(outcomes: list[Outcome | None]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome is not None]


def _refuse(outcomes: list[Outcome | None], arrivals: list[tuple[int, Arrival]]) -> None:
    message = "too many events are waiting; send this one again in a moment"
    for position, arrival in arrivals:
        outcomes[position] = try_later(arrival.event.id, "overloaded", message)
