"""The outbox at work: leases what is due, lets actions do it, sends receipts through the door.

At least once, with one idempotency key: a lease that runs out, because the process died, is
taken again. Attempts happen in the real world, so they go by the system's time, also when
the leads' clock is the stream's.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import msgspec

from engine.host.clock import Clock
from engine.host.plugins import Plugins
from engine.host.rendering import BadTemplate, Rendered, Renderer, find_member
from engine.language.instants import HOUR, SECOND
from engine.machines.state import Event, Lead
from engine.network.ruleset import Ruleset
from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    OutgoingDelivery,
    Result,
    Retry,
)
from engine.store import outbox, receipts
from engine.store.database import connect_reader
from engine.store.outbox import Leased
from engine.store.reading import Reader
from engine.store.receipts import Finished

logger = logging.getLogger("leadrules.delivery")

LEASE_MS: Final = 60 * SECOND
PERFORM_S: Final = 30.0  # shorter than the lease, so that nobody else takes what still runs
MAX_ATTEMPTS: Final = 8
AT_ONCE: Final = 20
IDLE_S: Final = 0.2
DRAIN_S: Final = 10.0
MAX_BACKOFF_MS: Final = HOUR

T = TypeVar("T")


class Host(Protocol):
    """What the outbox needs of the runtime."""

    @property
    def ruleset(self) -> Ruleset: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def reader(self) -> Reader: ...
    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T: ...
    async def submit_event(self, event: Event, lead_id: str) -> Any: ...


def backoff(attempt: int) -> int:
    """Return the milliseconds to wait after attempt 1, 2, ...: 30 s, doubled, at most 1 h.

    A fifth more or less by chance, so that what failed together does not come back together.
    """
    wait = min(30 * SECOND * 2 ** (attempt - 1), MAX_BACKOFF_MS)
    return int(wait * random.uniform(0.8, 1.2))


class _Attempt(msgspec.Struct, frozen=True):
    """What came of one attempt, and what was sent to whom."""

    result: Result
    receipt: str = "message_sent"
    rendered: Rendered = Rendered()
    to: str | None = None


class Deliverer:
    """Runs the outbox of one runtime until it is stopped."""

    def __init__(
        self,
        host: Host,
        plugins: Plugins,
        backoff: Callable[[int], int] = backoff,
        perform_s: float = PERFORM_S,
    ) -> None:
        self._host = host
        self._plugins = plugins
        self._backoff = backoff
        self._perform_s = perform_s
        self._renderer: Renderer | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the running event loop."""
        self._loop = asyncio.create_task(self._run(), name="leadrules-delivery")

    async def stop(self) -> None:
        """Take nothing more; give what runs 10 s to end. The rest is taken again later."""
        self._stopping.set()
        if self._loop is not None:
            await self._loop
        if self._running:
            await asyncio.wait(self._running.values(), timeout=DRAIN_S)
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _now(self) -> int:
        """The computer's time, or the leads' where that is ahead."""
        return max(self._host.clock.wall(), self._host.clock.now())

    async def _run(self) -> None:
        await self._guard(self._send_missing_receipts())
        while not self._stopping.is_set():
            taken = await self._guard(self._take())
            if not taken:
                await self._pause()

    async def _guard(self, work: Any) -> Any:
        """Let one failure be seen in the log and the outbox go on."""
        try:
            return await work
        except Exception:
            logger.exception("the outbox stumbled and goes on")
            return None

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _take(self) -> int:
        """Lease as many as there is room for and start them; return their number."""
        free = AT_ONCE - len(self._running)
        if free <= 0:
            await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
            return 1
        now = self._now()
        leased = await self._host.write(lambda c: outbox.lease(c, now, now + LEASE_MS, free))
        for each in leased:
            if each.key not in self._running:
                task = asyncio.create_task(self._deliver(each))
                self._running[each.key] = task
        return len(leased)

    async def _deliver(self, leased: Leased) -> None:
        try:
            await self._guard(self._try_once(leased))
        finally:
            del self._running[leased.key]

    async def _try_once(self, leased: Leased) -> None:
        attempt = await self._attempt(leased)
        result = attempt.result
        if isinstance(result, Delivered):
            await self._finish(leased, attempt, "delivered", _refusals(result))
        elif isinstance(result, Failed):
            await self._finish(leased, attempt, "failed", result.reason)
        elif leased.attempt >= MAX_ATTEMPTS:
            reason = f"{result.reason} (given up after {leased.attempt} attempts)"
            await self._finish(leased, attempt, "dead", reason)
        else:
            wait = self._backoff(leased.attempt) if result.after is None else result.after
            due, reason = self._now() + wait, result.reason
            await self._host.write(lambda c: outbox.postpone(c, leased.key, due, reason))

    async def _attempt(self, leased: Leased) -> _Attempt:
        ruleset = self._host.ruleset
        connection = ruleset.definitions.server.connections.get(leased.connection)
        if connection is None:
            return _Attempt(Failed(f'there is no connection "{leased.connection}" any more'))
        action = self._plugins.actions.get(connection.plugin)
        if action is None:
            return _Attempt(Failed(f'there is no plugin "{connection.plugin}"'))
        lead = await asyncio.to_thread(self._host.reader.state, leased.lead)
        if lead is None:
            return _Attempt(Failed("the lead does not exist any more"), action.receipt)
        try:
            rendered = self._render(ruleset, leased, lead)
            to = _address(ruleset, action, leased, lead)
        except (BadTemplate, _NoAddress) as error:
            return _Attempt(Failed(str(error)), action.receipt)
        outgoing = _outgoing(leased, rendered, to)
        context = ActionContext(connection=connection.params, now=self._now())
        result = await self._perform(connection.plugin, action, outgoing, context)
        return _Attempt(result, action.receipt, rendered, to)

    def _render(self, ruleset: Ruleset, leased: Leased, lead: Lead) -> Rendered:
        if self._renderer is None or self._renderer.ruleset is not ruleset:
            self._renderer = Renderer(ruleset)
        message = None
        if leased.message is not None:
            message = ruleset.definitions.messages.get(leased.message)
            if message is None:
                raise BadTemplate(f'there is no message "{leased.message}" any more')
        return self._renderer.render(message, leased.params, lead)

    async def _perform(
        self, plugin: str, action: Action, outgoing: OutgoingDelivery, context: ActionContext
    ) -> Result:
        """Call the plugin; whatever it does wrong costs this delivery only."""
        try:
            async with asyncio.timeout(self._perform_s):
                result: object = await action.perform(outgoing, context)
        except TimeoutError:
            return Retry(f'plugin "{plugin}" gave no answer within {self._perform_s:g} s')
        except OSError as error:
            return Retry(f'plugin "{plugin}": {type(error).__name__}: {error}')
        except Exception as error:
            # What an exception says may hold an address; the log gets its type and place only.
            logger.error("plugin %s raised %s", plugin, _where(error))
            return Failed(f'plugin "{plugin}" raised {type(error).__name__}: {error}')
        if not isinstance(result, Delivered | Retry | Failed):
            logger.error("plugin %s returned a %s", plugin, type(result).__name__)
            return Failed(
                f'plugin "{plugin}" returned {type(result).__name__}; '
                "it must be Delivered, Retry or Failed"
            )
        return result

    async def _finish(self, leased: Leased, attempt: _Attempt, status: str, reason: str) -> None:
        now, sent = self._now(), attempt.rendered
        provider = attempt.result.provider_id if isinstance(attempt.result, Delivered) else None
        body = sent.text or sent.html
        await self._host.write(
            lambda c: outbox.finish(
                c,
                leased.key,
                status,
                now,
                reason=reason,
                provider_id=provider,
                subject=sent.subject,
                body=body,
                to_address=attempt.to or leased.to,
            )
        )
        if status != "delivered":
            what = leased.message or leased.connection
            logger.warning("the delivery of %s for lead %s is %s", what, leased.lead, status)
        finished = Finished(
            leased.key, leased.lead, leased.connection, leased.message, leased.audience,
            leased.journey, leased.step, status, reason,
        )  # fmt: skip
        await self._receipt(finished, attempt.receipt)

    async def _receipt(self, finished: Finished, sent: str) -> None:
        """Tell the lead's journey. Its id is unique, so that telling twice does no harm."""
        properties = {
            "message": finished.message,
            "journey": finished.journey,
            "step": finished.step,
            "delivery": finished.key,
            "audience": finished.audience,
        }
        delivered = finished.status == "delivered"
        if not delivered:
            properties["reason"] = finished.reason
        event = Event(
            id=receipts.PREFIX + finished.key,
            type=sent if delivered else "message_failed",
            at=self._host.clock.now(),
            properties={k: v for k, v in properties.items() if v is not None},
            channel="engine",
        )
        outcome = await self._host.submit_event(event, finished.lead)
        while outcome.status == "overloaded":
            await asyncio.sleep(1)
            outcome = await self._host.submit_event(event, finished.lead)

    async def _send_missing_receipts(self) -> None:
        """Make up for receipts between which and their delivery the process died."""

        def read() -> list[Finished]:
            connection = connect_reader(self._host.reader.path)
            try:
                return receipts.missing(connection)
            finally:
                connection.close()

        for finished in await asyncio.to_thread(read):
            connection = self._host.ruleset.definitions.server.connections.get(finished.connection)
            action = self._plugins.actions.get(connection.plugin) if connection else None
            await self._receipt(finished, action.receipt if action else Action.receipt)


class _NoAddress(Exception):
    """Nobody to send to."""


def _address(ruleset: Ruleset, action: Action, leased: Leased, lead: Lead) -> str | None:
    """Return the recipient: an address, or a salesperson's id for actions without addresses."""
    if leased.audience == "owner":
        return _of_owner(ruleset, action, leased.to or lead.facts.get("owner"))
    if action.address is None:
        return leased.to
    address = leased.to or lead.facts.get(action.address)
    if not address:
        raise _NoAddress(f"the lead has no {action.address}")
    return str(address)


def _of_owner(ruleset: Ruleset, action: Action, id: str | None) -> str:
    if not id:
        raise _NoAddress("the lead has no owner to tell")
    if action.address is None:
        return id
    member = find_member(ruleset, id)
    if member is None or not member.email:
        raise _NoAddress(f"the salesperson {id!r} has no e-mail address in routing.yaml")
    return member.email


def _outgoing(leased: Leased, rendered: Rendered, to: str | None) -> OutgoingDelivery:
    return OutgoingDelivery(
        key=leased.key,
        lead=leased.lead,
        connection=leased.connection,
        audience=leased.audience,
        attempt=leased.attempt,
        created_at=leased.created_at,
        to=to,
        message=leased.message,
        journey=leased.journey,
        step=leased.step,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        params=rendered.params,
    )


def _refusals(result: Delivered) -> str:
    return "; ".join(f"{who}: {why}" for who, why in result.refused.items())


def _where(error: BaseException) -> str:
    """Return an exception's type and the place that raised it."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    code = place.tb_frame.f_code
    return f"{type(error).__name__} at {code.co_filename}:{place.tb_lineno}"
