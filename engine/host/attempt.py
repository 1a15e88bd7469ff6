"""One attempt at a delivery: its texts rendered, its recipient found, its action called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec

from engine.host.calling import BadReturn, Overdue, bounded, place, sound, told
from engine.host.digest import About, written
from engine.host.limits import CONCURRENCY
from engine.host.linking import tracked, with_links
from engine.host.plugins import Plugins
from engine.host.rendering import Rendered, Renderer, find_member
from engine.host.telemetry import Telemetry
from engine.host.templates.press import PROCESSES, Press, PressBusy
from engine.host.templates.typesetting import BadTemplate
from engine.host.withholding import Withheld, withheld
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    OutgoingDelivery,
    Result,
    Retry,
    settled,
)
from engine.store.digests import Carried
from engine.store.outbox import Leased

logger = logging.getLogger("leadrules.delivery")

PERFORM_S: Final = 30.0
_LEAST_S: Final = 0.05


class Attempt(msgspec.Struct, frozen=True):
    """What came of one attempt, and what was sent to whom.

    ``asked`` says whether the action was called at all.
    """

    result: Result | Withheld
    receipt: str = Action.receipt
    rendered: Rendered = Rendered()
    to: str | None = None
    asked: bool = False


class Prepared(msgspec.Struct, frozen=True):
    """A delivery ready to be handed to its action."""

    plugin: str
    action: Action
    outgoing: OutgoingDelivery
    context: ActionContext
    rendered: Rendered


class Attempts:
    """Makes attempts by the rules of the moment; ``perform_s`` bounds each call of an action."""

    def __init__(
        self, plugins: Plugins, telemetry: Telemetry, perform_s: float = PERFORM_S
    ) -> None:
        self._plugins = plugins
        self._telemetry = telemetry
        self._perform_s = perform_s
        self._renderer: Renderer | None = None
        self._press = Press()
        # Threads that wait for the press, so that the event loop does not.
        self._threads = ThreadPoolExecutor(PROCESSES, "leadrules-rendering")

    def close(self) -> None:
        """End the processes that render."""
        self._press.close()
        self._threads.shutdown(wait=False)

    async def prepare(
        self, ruleset: Ruleset, leased: Leased, about: About, clock: Callable[[], int]
    ) -> Prepared | Attempt:
        """Return what to hand over, or why that is not possible; ``clock`` tells the instant."""
        connection = ruleset.definitions.server.connections.get(leased.connection)
        if connection is None:
            return Attempt(Failed(f'there is no connection "{leased.connection}" any more'))
        action = self._plugins.actions.get(connection.plugin)
        if action is None:
            return Attempt(Failed(f'there is no plugin "{connection.plugin}"'))
        if not about:
            return Attempt(Failed("the lead does not exist any more"), action.receipt)
        kept = withheld(ruleset, connection, action, leased, about, clock())
        if kept is not None:
            return Attempt(kept, action.receipt)
        try:
            to = _address(ruleset, action, leased, about)
            rendered = await self._render(ruleset, leased, about, clock())
        except (BadTemplate, _NoAddress) as error:
            return Attempt(Failed(str(error)), action.receipt)
        except PressBusy as error:
            return Attempt(Retry(str(error), about="recipient"), action.receipt)
        except OSError as error:
            return Attempt(Retry(f"cannot render: {error}", about="recipient"), action.receipt)
        context = ActionContext(
            connection=connection.params,
            now=clock(),
            concurrency=connection.limits.concurrency or CONCURRENCY,
        )
        return Prepared(
            connection.plugin, action, _outgoing(leased, rendered, to), context, rendered
        )

    async def _render(
        self, ruleset: Ruleset, leased: Leased, about: Lead | list[Carried], now: int
    ) -> Rendered:
        if isinstance(about, list):
            return written(about)
        if self._renderer is None or self._renderer.ruleset is not ruleset:
            self._renderer = Renderer(ruleset, self._press)
        message = None
        if leased.message is not None:
            message = ruleset.definitions.messages.get(leased.message)
            if message is None:
                raise BadTemplate(f'there is no message "{leased.message}" any more')
        render, params = self._renderer.render, with_links(ruleset, leased, now)
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self._threads, render, message, params, about)
        html = tracked(made.html, ruleset, leased, now)
        return msgspec.structs.replace(made, html=html)

    async def perform(self, prepared: Prepared) -> Attempt:
        """Call the action; whatever it does wrong costs this delivery only."""
        traces = self._telemetry.traces
        if traces is None:
            result = await self._call(prepared)
        else:
            with traces.attempt(prepared.plugin, prepared.outgoing) as ended:
                result = await self._call(prepared)
                ended(type(result).__name__.lower())
        return Attempt(
            result, prepared.action.receipt, prepared.rendered, prepared.outgoing.to, asked=True
        )

    def _patience(self, prepared: Prepared) -> float:
        """Return the seconds that an action gets: none beyond the delivery's deadline."""
        deadline = prepared.outgoing.deadline
        if deadline is None:
            return self._perform_s
        left = (deadline - prepared.context.now) / 1_000
        return min(self._perform_s, max(left, _LEAST_S))

    async def _call(self, prepared: Prepared) -> Result:
        plugin, patience = prepared.plugin, self._patience(prepared)
        asked = partial(prepared.action.perform, prepared.outgoing, prepared.context)
        try:
            result = await bounded(lambda: settled(asked()), patience)
            return sound(result, Delivered, Retry, Failed, kept=True)
        except Overdue as error:
            return Retry(f'plugin "{plugin}" {told(error)}')
        except OSError as error:
            return Retry(f'plugin "{plugin}": {type(error).__name__}: {error}')
        except BadReturn as error:
            logger.error("plugin %s %s", plugin, told(error))
            return Failed(f'plugin "{plugin}" {told(error)}')
        except Exception as error:
            # What an exception says may hold an address or a secret, and people read reasons.
            logger.error("plugin %s %s at %s", plugin, told(error), place(error))
            return Failed(f'plugin "{plugin}" {told(error)}; the log says where')

    def receipt_of(self, ruleset: Ruleset, connection: str) -> str:
        """Return the event that tells of a delivery by this connection."""
        found = ruleset.definitions.server.connections.get(connection)
        action = self._plugins.actions.get(found.plugin) if found else None
        return action.receipt if action else Action.receipt


class _NoAddress(Exception):
    """Nobody to send to."""


def _address(
    ruleset: Ruleset, action: Action, leased: Leased, about: Lead | list[Carried]
) -> str | None:
    """Return the recipient: an address, or a salesperson's id for actions without addresses."""
    facts = about.facts if isinstance(about, Lead) else {}
    if leased.audience == "owner":
        return _of_owner(ruleset, action, leased.person or facts.get("owner"))
    if action.address is None:
        return leased.to
    address = leased.to or facts.get(action.address)
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
        deadline=leased.deadline_at,
        to=to,
        message=leased.message,
        journey=leased.journey,
        step=leased.step,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        markdown=rendered.markdown,
        params=rendered.params,
        attachments=rendered.attachments,
    )
