"""What becomes of a delivery after an attempt: written down, and told to the lead."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeVar

from engine.host.attempt import Attempt
from engine.host.clock import Clock
from engine.host.limits import Bounds, urgent_backoff
from engine.host.telemetry import Telemetry
from engine.host.withholding import Withheld
from engine.language.instants import format_instant
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from engine.plugin import Delivered, Failed, Misconfigured, Retry
from engine.store import outbox
from engine.store.database import may_go_later
from engine.store.digests import NO_LEAD
from engine.store.outbox import Leased
from engine.store.reading import Reader
from engine.store.receipts import Finished

logger = logging.getLogger("leadrules.delivery")

_DISK_S: Final = 1.0  # before writing is tried again on a disk that did not take it
_FAILED: Final = Failed("")  # of which nothing more is known
T = TypeVar("T")
Write = Callable[[sqlite3.Connection], None]


class Host(Protocol):
    """What the outbox needs of the runtime."""

    @property
    def ruleset(self) -> Ruleset: ...
    @property
    def loads(self) -> int: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def reader(self) -> Reader: ...
    @property
    def telemetry(self) -> Telemetry: ...
    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T: ...
    async def submit_event(self, event: Event, lead_id: str) -> Any: ...
    def on_queued(self, told: Any) -> None: ...


def now_of(host: Host) -> int:
    """Return the computer's time, or the leads' where that is ahead."""
    return max(host.clock.wall(), host.clock.now())


class Settler:
    """Writes outcomes into the outbox and sends receipts through the door."""

    def __init__(self, host: Host, backoff: Callable[[int], int]) -> None:
        self._host = host
        self._backoff = backoff

    async def settle(
        self, leased: Leased, attempt: Attempt, bounds: Bounds
    ) -> tuple[str, int | None]:
        """Finish or postpone; returns the status now, and the instant of the next attempt.

        An outcome that is known is not lost to a full disk: it is written again and again,
        and meanwhile nobody else takes the delivery.
        """
        result = attempt.result
        if isinstance(result, Delivered):
            return await self._finish(leased, attempt, "delivered", _refusals(result)), None
        if isinstance(result, Failed):
            return await self._finish(leased, attempt, "failed", result.reason), None
        if isinstance(result, Withheld):
            return await self._withhold(leased, attempt, result)
        counts = not isinstance(result, Misconfigured)
        due = now_of(self._host) + self._wait(leased, result.after, counts)
        if leased.deadline_at is not None and due >= leased.deadline_at and counts:
            return await self.expire(leased, attempt), None
        if counts and leased.attempt >= bounds.attempts:
            reason = f"{result.reason} (given up after {leased.attempt} attempts)"
            return await self._finish(leased, attempt, "dead", reason), None
        await self._written(lambda c: outbox.postpone(c, leased.key, due, result.reason, counts))
        return "queued", due

    async def _withhold(
        self, leased: Leased, attempt: Attempt, kept: Withheld
    ) -> tuple[str, int | None]:
        """Keep it until quiet hours are over, or for good."""
        until = kept.until
        if until is None:
            return await self._finish(leased, attempt, "blocked", kept.reason), None
        if leased.deadline_at is not None and until >= leased.deadline_at:
            return await self.expire(leased, attempt), None
        reason = f"{kept.reason} until {format_instant(until)}"
        await self._written(lambda c: outbox.postpone(c, leased.key, until, reason, counts=False))
        return "queued", until

    async def expire(self, leased: Leased, attempt: Attempt | None = None) -> str:
        """Close what would come too late, after this attempt or before there was one."""
        tried = attempt or Attempt(Retry(leased.reason))
        why = outbox.late(leased.deadline_at or 0)
        before = "" if isinstance(tried.result, Delivered) else tried.result.reason
        reason = f"{why}; before: {before}" if before else why
        return await self._finish(leased, tried, "expired", reason)

    def _wait(self, leased: Leased, after: int | None, counts: bool) -> int:
        if after is not None:
            return max(after, 0)
        if not counts:  # the whole connection waits; this one is as good a probe as any
            return 0
        urgent = leased.deadline_at is not None
        return urgent_backoff(leased.attempt) if urgent else self._backoff(leased.attempt)

    async def _finish(self, leased: Leased, attempt: Attempt, status: str, reason: str) -> str:
        finished = Finished(
            leased.key, leased.lead, leased.connection, leased.message, leased.audience,
            leased.journey, leased.step, status, reason, leased.retries,
        )  # fmt: skip
        # Both are queued at once, the outcome first: they share a transaction, and no receipt
        # is there without its outcome.
        await asyncio.gather(
            self._written(self._ending(leased, attempt, finished)),
            self.tell(finished, attempt.receipt, _failure(leased, attempt)),
        )
        return status

    def _ending(self, leased: Leased, attempt: Attempt, finished: Finished) -> Write:
        now, sent, result = now_of(self._host), attempt.rendered, attempt.result

        def write(connection: sqlite3.Connection) -> None:
            outbox.finish(
                connection,
                leased.key,
                finished.status,
                now,
                reason=finished.reason,
                provider_id=result.provider_id if isinstance(result, Delivered) else None,
                subject=sent.subject,
                body=sent.text or sent.html,
                to_address=attempt.to or leased.to,
            )

        return write

    async def _written(self, fn: Write) -> None:
        while True:
            try:
                await self._host.write(fn)
                return
            except sqlite3.Error as error:
                if not may_go_later(error):
                    raise
                logger.error("the outcome of a delivery cannot be written yet; it is kept")
                await asyncio.sleep(_DISK_S)

    async def tell_all(self, closed: Iterable[Finished], receipt: Callable[[str], str]) -> None:
        """Tell of several; ``receipt`` gives the event for what a connection delivered."""
        for finished in closed:
            await self.tell(finished, receipt(finished.connection))

    async def tell(self, finished: Finished, sent: str, failed: Failed = _FAILED) -> None:
        """Tell the lead's journey. Its id is unique, so that telling twice does no harm.

        ``sent`` is the event for what was delivered, ``failed`` has that for what was not.
        """
        if finished.status != "delivered":
            what = finished.message or finished.connection
            logger.warning(
                "the delivery of %s for lead %s is %s", what, finished.lead, finished.status
            )
        if finished.lead == NO_LEAD:
            return
        event = Event(
            id=finished.receipt_id,
            type={"delivered": sent, "blocked": "message_blocked"}.get(
                finished.status, failed.event
            ),
            at=self._host.clock.now(),
            properties={**failed.properties, **_properties(finished)},
            channel="engine",
        )
        outcome = await self._host.submit_event(event, finished.lead)
        while outcome.status == "overloaded":
            await asyncio.sleep(_DISK_S)
            outcome = await self._host.submit_event(event, finished.lead)


def _failure(leased: Leased, attempt: Attempt) -> Failed:
    """Return what a failure says of the lead; one of a note to a salesperson says nothing."""
    result = attempt.result
    return result if isinstance(result, Failed) and leased.audience == "lead" else _FAILED


def _properties(finished: Finished) -> dict[str, Any]:
    properties = {
        "message": finished.message,
        "journey": finished.journey,
        "step": finished.step,
        "delivery": finished.key,
        "audience": finished.audience,
        "reason": finished.reason if finished.status != "delivered" else None,
    }
    return {name: value for name, value in properties.items() if value is not None}


def _refusals(result: Delivered) -> str:
    return "; ".join(f"{who}: {why}" for who, why in result.refused.items())
