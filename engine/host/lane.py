"""One connection's lane through the outbox: its own slots, rate, breaker and order.

Nothing is shared between lanes, so that a provider that is slow or dead holds up its own
deliveries only.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Final

import msgspec

from engine.host import digest
from engine.host.attempt import Attempt, Attempts, Prepared
from engine.host.breaker import REST_S
from engine.host.digest import About
from engine.host.pacing import RESTING_S, Pace
from engine.host.settling import Host, Settler, now_of
from engine.host.stock import Stock
from engine.language.instants import SECOND, format_instant
from engine.plugin import Failed, Retry
from engine.store import outbox
from engine.store.database import may_go_later
from engine.store.outbox import Leased
from engine.store.receipts import Finished

logger = logging.getLogger("leadrules.delivery")

_IDLE_S: Final = 30.0
_LEAST_S: Final = 0.005
_STUMBLE_S: Final = 1.0
_REMEMBERED: Final = 1_000


class LaneStatus(msgspec.Struct, frozen=True):
    """How a connection stands.

    ``state`` is closed (it works), open (it rests after troubles), probing (one tries) or
    stopped (its configuration is wrong); ``until`` is when the next one tries. ``handover``
    has the seconds from commit to action of the latest first attempts.
    """

    state: str
    reason: str
    until: str | None
    running: int
    concurrency: int
    results: dict[str, int]
    handover_p50: float | None
    handover_p99: float | None


class Tools(msgspec.Struct, frozen=True):
    """What all lanes work with; ``threads`` read leads, ``rest_s`` is a breaker's first rest."""

    host: Host
    attempts: Attempts
    settler: Settler
    threads: Executor
    rest_s: float = REST_S


class Lane:
    """Works off one connection's deliveries from `start` until `stop`."""

    def __init__(self, name: str, tools: Tools) -> None:
        self.name = name
        self._tools = tools
        self._host = tools.host
        self._pace = Pace(name, tools.rest_s)
        self._stock = Stock(name, tools.host)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._busy: dict[str, bool] = {}  # keys that hold a slot -> whether urgent
        self._aside: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Event()  # something to begin, or room for it
        self._hungry = asyncio.Event()  # something to lease, or room for it
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []
        self._handovers: deque[float] = deque(maxlen=_REMEMBERED)
        self._results: Counter[str] = Counter()

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin in the running event loop."""
        loops = ((self._lease, self._hungry), (self._begin, self._changed))
        self._loops = [asyncio.create_task(self._run(turn, event)) for turn, event in loops]

    def wake(self, deadline: int | None = None) -> None:
        """Look again: there is something to do, some of it perhaps with a deadline."""
        self._stock.told(deadline)
        self._stir()

    def _stir(self) -> None:
        self._hungry.set()
        self._changed.set()

    def mended(self) -> None:
        """Somebody changed something: try at once what has been left alone."""
        self._pace.breaker.reset()
        self.wake()

    async def stop(self, drain_s: float) -> None:
        """Take nothing more; give what runs so long to end, and give the rest's leases back."""
        self._stopping = True
        self._stir()
        await asyncio.gather(*self._loops)
        await self._guard(self._stock.put_back())
        left = {**self._running}
        if left or self._aside:
            await asyncio.wait([*left.values(), *self._aside], timeout=drain_s)
        unfinished = [key for key, task in left.items() if not task.done()]
        for task in (*left.values(), *self._aside):
            task.cancel()
        await asyncio.gather(*left.values(), *self._aside, return_exceptions=True)
        if unfinished:
            await self._guard(self._host.write(lambda c: outbox.release(c, unfinished)))

    async def _run(self, turn: Callable[[], Awaitable[float]], event: asyncio.Event) -> None:
        """Take turns until the end: each says how long to wait for the event at most."""
        while not self._stopping:
            event.clear()
            wait = await self._guard(turn())
            await self._pause(event, _STUMBLE_S if wait is None else wait)

    async def _guard(self, work: Awaitable[Any]) -> Any:
        """Let one failure be seen in the log and the outbox go on."""
        try:
            return await work
        except Exception as error:
            if may_go_later(error):
                logger.error("the outbox waits for the disk: %s", error)
            else:
                logger.exception("the outbox stumbled and goes on")
            return None

    async def _pause(self, event: asyncio.Event, seconds: float) -> None:
        if self._stopping or seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    def _in_the_background(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(self._guard(work))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    # --- leasing -----------------------------------------------------------------------------

    async def _lease(self) -> float:
        """Fill the stock if that is worth it; return the seconds until it may be again."""
        pace, stock, now = self._pace, self._stock, now_of(self._host)
        pace.refresh(self._host.ruleset, self._host.loads)
        appetite = pace.appetite(self._busy, len(stock), time.monotonic())
        if stock.wants(appetite, now):
            urgent = pace.bounds.concurrency if pace.breaker.state == "closed" else 0
            under_way = {*self._running, *self._busy}
            closed = await stock.fill(appetite, urgent, under_way, pace.bounds.max_age)
            if closed:
                self._in_the_background(self._tell(closed))
            self._changed.set()
            if stock.wants(pace.appetite(self._busy, len(stock), time.monotonic()), now):
                return 0.0
        wait = stock.wait(now)
        resting = pace.breaker.state != "closed"
        longest = min(RESTING_S, pace.wait(self._busy, time.monotonic())) if resting else _IDLE_S
        return longest if wait is None else min(longest, max(wait, _LEAST_S))

    async def _tell(self, closed: Sequence[Finished]) -> None:
        self._results.update(each.status for each in closed)
        attempts, ruleset = self._tools.attempts, self._host.ruleset
        await self._tools.settler.tell_all(closed, lambda c: attempts.receipt_of(ruleset, c))

    # --- doing -------------------------------------------------------------------------------

    async def _begin(self) -> float:
        """Begin what there is room for; return the seconds until there may be more."""
        pace, stock = self._pace, self._stock
        pace.refresh(self._host.ruleset, self._host.loads)
        mono, now = time.monotonic(), now_of(self._host)
        for late in stock.late(now):
            self._in_the_background(self._expire(late))
        picked = stock.pick(*pace.room(self._busy, mono))
        if picked:
            await self._hand_over(picked, mono)
            self._hungry.set()
        if pace.breaker.state != "closed":
            await stock.put_back()
        wait = pace.wait(self._busy, time.monotonic())
        if stock.deadline is not None:
            wait = min(wait, max((stock.deadline - now) / SECOND, _LEAST_S))
        return wait

    async def _hand_over(self, picked: Sequence[Leased], mono: float) -> None:
        for each in picked:
            self._pace.began(each.key, mono)
            self._busy[each.key] = each.deadline_at is not None
        loop, reader = asyncio.get_running_loop(), self._host.reader
        try:
            about = await loop.run_in_executor(self._tools.threads, digest.read, reader, picked)
        except Exception:
            for each in picked:
                self._let_go(each.key)
            await self._stock.return_leases([each.key for each in picked])
            raise
        for each in picked:
            task = asyncio.create_task(self._deliver(each, about[each.key]))
            self._running[each.key] = task

    def _let_go(self, key: str) -> None:
        """Free a slot."""
        self._busy.pop(key, None)
        self._pace.breaker.ended(key)
        self._stir()

    async def _deliver(self, leased: Leased, about: About) -> None:
        try:
            try:
                attempt = await self._attempt(leased, about)
                self._pace.judge(leased.key, attempt, time.monotonic())
            finally:
                self._let_go(leased.key)
            await self._guard(self._settle(leased, attempt))
        finally:
            self._running.pop(leased.key, None)
            self._stir()

    async def _settle(self, leased: Leased, attempt: Attempt) -> None:
        settle, bounds = self._tools.settler.settle, self._pace.bounds
        try:
            status, due = await settle(leased, attempt, bounds)
        except Exception as error:
            if may_go_later(error):
                raise
            # What cannot be written down must not be done again when the lease runs out.
            logger.exception("the outcome of a delivery cannot be kept")
            lost = Failed(f"its outcome cannot be kept: {type(error).__name__}")
            status, due = await settle(leased, Attempt(lost, attempt.receipt), bounds)
        self._results["retried" if status == "queued" else status] += 1
        if due is not None:
            self._stock.due(due)

    async def _expire(self, leased: Leased) -> None:
        self._results[await self._tools.settler.expire(leased)] += 1

    async def _attempt(self, leased: Leased, about: About) -> Attempt:
        if leased.attempt > self._pace.bounds.attempts:
            # Each counts when it is leased: those before have ended without an outcome, such as
            # with the process.
            return Attempt(Retry("no attempt came to an end", about="recipient"))
        try:
            attempts, host = self._tools.attempts, self._host
            prepared = await attempts.prepare(host.ruleset, leased, about, lambda: now_of(host))
        except Exception as error:
            logger.exception("a delivery cannot be prepared")
            return Attempt(Failed(f"it cannot be prepared: {type(error).__name__}"))
        if not isinstance(prepared, Prepared):
            return prepared
        if leased.attempt == 1 and not leased.retries and not leased.reason:
            now = prepared.context.now
            self._handovers.append(max(0, now - leased.queued_at) / SECOND)
        return await self._tools.attempts.perform(prepared)

    # --- looking -----------------------------------------------------------------------------

    def status(self) -> LaneStatus:
        """Return how it stands."""
        self._pace.refresh(self._host.ruleset, self._host.loads)
        breaker, handovers = self._pace.breaker, sorted(self._handovers)
        wait = None if breaker.until is None else max(0.0, breaker.until - time.monotonic())
        return LaneStatus(
            state=breaker.state,
            reason=breaker.reason,
            until=None if wait is None else format_instant(now_of(self._host) + int(wait * SECOND)),
            running=len(self._busy),
            concurrency=self._pace.bounds.concurrency,
            results=dict(self._results),
            handover_p50=_quantile(handovers, 0.5),
            handover_p99=_quantile(handovers, 0.99),
        )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share does not exceed, None of nothing."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
