"""Everything a plugin author imports: hooks, channels, actions and what they take and give.

A plugin is any object (usually a module) with functions marked ``@hookimpl``; third-party
ones are found through the entry-point group ``leadrules``. Instants are whole milliseconds
since 1970 UTC, durations whole milliseconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec
import pluggy

from engine.calls import Answer as Answer
from engine.calls import BadAnswer as BadAnswer
from engine.calls import Caller as Caller
from engine.calls import Tokens as Tokens
from engine.language.definitions import Limits as Limits
from engine.language.label import LANGUAGES as LANGUAGES
from engine.language.label import in_language as in_language
from engine.language.label import label_of as label_of
from engine.language.strategies import Candidate as Candidate
from engine.language.strategies import Routed as Routed
from engine.language.strategies import Strategy as Strategy
from engine.links import About as About
from engine.links import Links as Links
from engine.outbound import ForbiddenTarget as ForbiddenTarget
from engine.outbound import Target as Target
from engine.outbound import check_target as check_target
from engine.outbound import forbidden as forbidden
from engine.outbound import next_target as next_target
from engine.plugin_channels import Accepted as Accepted
from engine.plugin_channels import Channel as Channel
from engine.plugin_channels import ChannelRequest as ChannelRequest
from engine.plugin_channels import Deliveries as Deliveries
from engine.plugin_channels import Handler as Handler
from engine.plugin_channels import Names as Names
from engine.plugin_channels import Rejection as Rejection
from engine.plugin_channels import Reply as Reply
from engine.plugin_channels import Route as Route
from engine.plugin_channels import not_set_up as not_set_up
from engine.polls import Poll as Poll
from engine.polls import Polled as Polled

PROJECT: Final = "leadrules"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# --- actions ---------------------------------------------------------------------------------


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes with a message; with a ``cid`` it is an image that its HTML shows."""

    name: str
    media_type: str
    content: bytes
    cid: str | None = None


class OutgoingDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do outside, with its texts rendered.

    ``key`` is the idempotency key: the same at every attempt, so that a provider that knows
    such keys does the thing once. ``to`` is None only for actions without an ``address``.
    ``audience`` is ``lead``, or ``owner`` for a note to a salesperson. An ``attempt`` beyond
    the first may repeat one whose answer never came. ``deadline`` is the instant at which doing
    it makes no more sense.
    """

    key: str
    lead: str
    connection: str
    audience: str
    attempt: int
    created_at: int
    deadline: int | None = None
    to: str | None = None
    message: str | None = None
    journey: str | None = None
    step: str | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    params: Mapping[str, Any] = {}
    attachments: tuple[Attachment, ...] = ()


class ActionContext(msgspec.Struct, frozen=True, kw_only=True):
    """What an action may use: its connection's settings, secrets already filled in.

    ``concurrency`` is how many deliveries of the connection run at once at most, which is also
    how many sockets are worth keeping open.
    """

    connection: Mapping[str, Any]
    now: int
    concurrency: int = 1


class Delivered(msgspec.Struct, frozen=True):
    """Done. ``provider_id`` is the provider's own name for it.

    ``refused`` maps recipients that the provider refused, although it took others, to why.
    """

    provider_id: str = ""
    refused: Mapping[str, str] = {}


class Retry(msgspec.Struct, frozen=True):
    """Not done, and trying again can help; ``after`` milliseconds, or as the engine thinks fit.

    ``about`` says whose trouble it is. Several troubles of the connection in a row give it a
    rest; a recipient's, such as a full mailbox, say nothing of the other deliveries.
    """

    reason: str
    after: int | None = None
    about: Literal["connection", "recipient"] = "connection"


class Misconfigured(Retry, frozen=True):
    """Not done, and nothing of this connection will be before a person changes something.

    Such as a wrong password. The connection stops; the attempt does not count.
    """


class Failed(msgspec.Struct, frozen=True):
    """Not done, and trying again can't help.

    ``event``, with ``properties``, is what tells the lead's rules of it where more is known, such
    as ``email_bounced`` with ``hard`` for an address that does not exist.
    """

    reason: str
    event: str = "message_failed"
    properties: Mapping[str, Any] = {}


Result = Delivered | Retry | Failed
Done = TypeVar("Done")


class Trouble(Exception):
    """Ends an attempt from wherever it stands, such as a token that cannot be had.

    ``result`` is what becomes of the delivery.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(type(result).__name__)
        self.result = result


async def settled(asked: Awaitable[Done]) -> Done | Result:
    """Return what an action was asked for, or what it ended with on the way there.

    A Trouble is its result; a ForbiddenTarget needs a person, who writes another address.
    """
    try:
        return await asked
    except Trouble as trouble:
        return trouble.result
    except ForbiddenTarget as error:
        return Misconfigured(str(error))


_BUSY: Final = frozenset({408, 409, 423, 425, 429, 500, 502, 503, 504})
_NOT_LET_IN: Final = frozenset({401, 403, 407})


def by_status(answer: Answer, service: str) -> Result | None:
    """Return what an HTTP status alone says of a delivery; None for 2xx, whose body decides.

    ``service`` names it in the reason. A service that is busy or broken is tried again, after
    what it asks for; one that does not let us in, or has moved, needs a person.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    reason = f"{service} answered {status}"
    if status in _BUSY or status >= 500:
        return Retry(reason, answer.retry_after)
    if status in _NOT_LET_IN or 300 <= status < 400:
        return Misconfigured(reason)
    return Failed(reason)


class Action(ABC):
    """Does something outside: sends a message, calls a service, writes a line.

    ``name`` is what ``plugin:`` in ``server.yaml`` says. The two schemas are JSON Schema
    (draft-07) for a connection's settings and for a step's ``with``. ``address`` is the lead's
    fact that holds the recipient, such as ``lead.email``; without one nobody is addressed.
    ``receipt`` is the event that tells the lead's journey of a delivery. ``limits`` is what the
    provider allows, where ``server.yaml`` does not say; a ``deadline`` there is for what makes
    no sense seconds later.
    """

    name: str
    params_schema: Mapping[str, Any] = {"type": "object"}
    connection_schema: Mapping[str, Any] = {"type": "object"}
    address: str | None = None
    receipt: str = "message_sent"
    limits: Limits = Limits()

    @abstractmethod
    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        """Do it. What is raised costs this delivery only; OSError and timeouts are retried.

        A Trouble is its result, and a ForbiddenTarget is Misconfigured.
        """

    async def check(self, context: ActionContext) -> Result | None:
        """Try the connection without sending anything, for `leadrules doctor`.

        Such as fetching a token. None: the provider has no way to do so.
        """
        return None

    async def close(self) -> None:
        """Let go of what is kept between deliveries, such as sockets; the server is stopping."""
        return


# --- enrichers -------------------------------------------------------------------------------


class LeadView(msgspec.Struct, frozen=True):
    """A lead as an enricher sees it: its id, and its fields by name, such as ``company``."""

    id: str
    fields: Mapping[str, Any]


class Enricher(ABC):
    """Finds out what a lead did not say: the size of a company, the place of a number.

    ``name`` is what ``plugin:`` under ``enrich`` in ``intake.yaml`` says, which also says when
    it is asked and how long it may take.
    """

    name: str

    @abstractmethod
    async def enrich(self, lead: LeadView) -> Mapping[str, Any]:
        """Return fields by name, empty when nothing is known.

        They fill gaps; what the customer said stays unless ``overwrite`` lists the field. The
        answer is checked like any event from outside. What is raised costs this answer only;
        OSError and timeouts are tried again.
        """


# --- hooks -----------------------------------------------------------------------------------


class Hooks:
    """The hooks a plugin may implement, with exactly these argument names (or fewer)."""

    @hookspec
    def register_actions(self, register: Callable[[Action], None]) -> None:
        """Call ``register`` with each action."""

    @hookspec
    def register_channels(self, register: Callable[[Channel], None]) -> None:
        """Call ``register`` with each channel."""

    @hookspec
    def register_enrichers(self, register: Callable[[Enricher], None]) -> None:
        """Call ``register`` with each enricher."""

    @hookspec
    def register_strategies(self, register: Callable[[str, Strategy], None]) -> None:
        """Call ``register`` with the name of each routing strategy and its function.

        It gets the lead and those who may have it, who had a turn least recently first, and
        returns the id of one of them. It must be pure: the same answer for the same question.
        """

    @hookspec
    def extend_catalogue(self) -> Mapping[str, Any]:
        """Return lead fields and event types to add, as plain data of the form of catalog.yaml.

        Such as ``{"fields": {"crm.owner": {"type": "string"}}, "events": {...}}``. It is read
        once, when the plugin is registered.
        """
        raise NotImplementedError
