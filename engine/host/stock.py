"""What a lane has leased ahead, so that a slot that gets free has something to do at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.host.settling import Host, now_of
from engine.language.instants import SECOND
from engine.store import outbox
from engine.store.outbox import Leased, Order
from engine.store.receipts import Finished

LEASE_MS: Final = 60 * SECOND  # longer than an action may take
LOOK_MS: Final = 30 * SECOND


class Stock:
    """One connection's deliveries in memory, what has a deadline first.

    Knows when asking the outbox is worth a transaction: when it was told of something new, or
    when what it has read of becomes due.
    """

    def __init__(self, name: str, host: Host) -> None:
        self._name = name
        self._host = host
        self._held: list[Leased] = []
        self._more = True
        self._hot = False
        self._next_at: int | None = None
        self._deadline: int | None = None
        self._asked_at = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def keys(self) -> list[str]:
        """The keys of what is held."""
        return [each.key for each in self._held]

    def told(self, deadline: int | None) -> None:
        """Note that something was queued, with the earliest deadline of it."""
        self._more = True
        if deadline is not None:
            self._hot = True
            self._deadline = _earlier(self._deadline, deadline)

    def due(self, at: int) -> None:
        """Note that something was put off until this instant."""
        self._next_at = _earlier(self._next_at, at)

    # --- taking ------------------------------------------------------------------------------

    def wants(self, appetite: int, now: int) -> bool:
        """Whether to ask the outbox now; with no appetite only for what is urgent or too late."""
        due = any(at is not None and at <= now for at in (self._next_at, self._deadline))
        # Nothing depends on this: a look now and then, in case that something was overlooked.
        due = due or not self._asked_at <= now <= self._asked_at + LOOK_MS
        return due or self._hot or (self._more and appetite > 0)

    def wait(self, now: int) -> float | None:
        """Return the seconds until the outbox is to be asked again, None: when something is new."""
        at = _earlier(self._next_at, self._deadline)
        return None if at is None else max(0.0, (at - now) / SECOND)

    async def fill(
        self, appetite: int, urgent: int, running: Collection[str], max_age: int
    ) -> list[Finished]:
        """Lease up to ``appetite``, and with deadlines ``urgent`` more.

        Returns what came to nothing. Whatever we are told while the transaction runs is newer
        than what it reads.
        """
        now = now_of(self._host)
        order = Order(
            connection=self._name,
            now=now,
            until=now + LEASE_MS,
            room=appetite + urgent,
            patient=appetite,
            running=[*running, *self.keys],
            oldest=now - max_age,
        )
        self._asked_at = now
        self._more = self._hot = False
        self._next_at = self._deadline = None
        try:
            taken = await self._host.write(lambda c: outbox.take(c, order))
        except BaseException:
            self._more = True
            raise
        self._held = sorted([*self._held, *taken.leased], key=_urgency)
        self._deadline = _earlier(self._deadline, taken.deadline_at)
        if taken.closed or (taken.next_at is not None and taken.next_at <= now):
            self._more = True
        else:
            self._next_at = _earlier(self._next_at, taken.next_at)
        return taken.closed

    # --- giving ------------------------------------------------------------------------------

    def pick(self, room: int, patient: int) -> list[Leased]:
        """Give up to ``room``, of those without a deadline up to ``patient``, in order."""
        picked: list[Leased] = []
        kept: list[Leased] = []
        for each in self._held:
            fits = each.deadline_at is not None or patient > 0
            if len(picked) < room and fits:
                picked.append(each)
                patient -= each.deadline_at is None
            else:
                kept.append(each)
        self._held = kept
        return picked

    def late(self, now: int) -> list[Leased]:
        """Give what is too late by now."""
        late = [e for e in self._held if e.deadline_at is not None and e.deadline_at <= now]
        if late:
            self._held = [each for each in self._held if each not in late]
        return late

    @property
    def deadline(self) -> int | None:
        """The next deadline among what is held."""
        return self._held[0].deadline_at if self._held else None

    async def put_back(self) -> None:
        """Give back everything that is held; none of it has been tried."""
        keys, self._held = self.keys, []
        if keys:
            await self.return_leases(keys)

    async def return_leases(self, keys: Collection[str]) -> None:
        """Give back these, which nobody has begun with."""
        try:
            await self._host.write(lambda c: outbox.put_back(c, keys))
        finally:
            self._more = True  # only now: what is read before does not see them


def _urgency(leased: Leased) -> tuple[bool, int]:
    """Order by deadline; those without one stay behind, in the order of their coming."""
    return leased.deadline_at is None, leased.deadline_at or 0


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)
