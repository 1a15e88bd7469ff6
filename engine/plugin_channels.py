"""What channels take and give; plugin authors import all of it from ``engine.plugin``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any

import msgspec

from engine.language.catalogue import Catalogue, convert
from engine.links import About, Links
from engine.polls import Poll, Polled


class Names(msgspec.Struct, frozen=True):
    """The catalogue as channels see it: lead fields, and each event's properties, with types."""

    fields: Mapping[str, str]
    events: Mapping[str, Mapping[str, str]]
    catalogue: Catalogue | None = None

    def fits(self, name: str, value: Any, event: str | None = None) -> bool:
        """Whether the door will take a value for a lead field, or with ``event`` for a property."""
        known = self.catalogue
        if known is None:
            return name in (self.fields if event is None else self.events.get(event, {}))
        field = known.fields.get(name) if event is None else known.property(event, name)
        if field is None or field.derived:
            return False
        try:
            convert(field, value)
        except ValueError:
            return False
        return True

    def is_behaviour(self, event: str) -> bool:
        """Whether an event type is something that leads do, not people or messages."""
        kind = self.catalogue.events.get(event) if self.catalogue is not None else None
        return kind is not None and kind.group == "behaviour"


class Deliveries(ABC):
    """What went out to leads, for channels whose senders report what became of it.

    ``plugin`` is the action's name; what other actions sent is not found.
    """

    @abstractmethod
    async def by_provider_id(self, plugin: str, id: str) -> About | None:
        """Return the delivery that the provider calls ``id``, None when there is none."""

    @abstractmethod
    async def newest(
        self, plugin: str, kind: str, value: str, unnamed: bool = False
    ) -> About | None:
        """Return the newest delivery to the lead with an identity, such as phone +86138...

        None when nobody has it; ``delivery`` is empty when the lead is known and nothing went
        out. With ``unnamed`` only those count whose provider's id is not known, because its
        answer was lost or is not written yet.
        """


class ChannelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to a channel.

    ``body`` is as sent, for signatures. ``form`` holds the fields of a form post in order
    (files are left out), ``data`` a JSON body; both None when the body is neither. Header
    names are in lower case. ``client`` is the peer's address, ``links`` reads signed addresses
    where server.yaml has keys for them, ``deliveries`` finds what a receipt is about. ``origin``
    is the web origin of the page that sends, where server.yaml admits it.
    """

    method: str
    path: str
    params: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    form: tuple[tuple[str, str], ...] | None
    data: Any
    client: str | None
    settings: Mapping[str, Any]
    names: Names
    links: Links | None = None
    deliveries: Deliveries | None = None
    origin: str | None = None
    now: int = 0


class Reply(msgspec.Struct, frozen=True):
    """An answer of the channel's own making: ``body`` as JSON, text or bytes, or a redirect."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 202
    body: Any = None
    redirect: str | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Accepted(msgspec.Struct, frozen=True):
    """Raw events for the door, in the form of ``POST /v1/events``.

    The reply is sent after the commit; without one the engine answers 202. No events is fine:
    a handshake, or something to be dropped without telling the sender. With ``always`` the
    reply is sent whatever becomes of the events: who clicks a link wants its page. With
    ``lenient`` it is sent unless one of them must come again (429, 507): a source that would
    only repeat what can never be taken, and in the end gives up on us. What is refused is counted
    and logged. ``refused`` is sent when none of the events can ever be taken: a page for people.
    """

    events: tuple[Mapping[str, Any], ...] = ()
    reply: Reply | None = None
    always: bool = False
    lenient: bool = False
    refused: Reply | None = None


class Rejection(msgspec.Struct, frozen=True):
    """Nothing usable arrived; ``status`` is the HTTP status to answer with."""

    reason: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 422
    code: str = "rejected"


def not_set_up(channel: str) -> Rejection:
    """Refuse what arrives at a channel, or at a part of one, that server.yaml does not speak of."""
    return Rejection(f"server.yaml has no settings for the channel {channel}", 404, "not-set-up")


Handler = Callable[[ChannelRequest], Awaitable[Accepted | Rejection]]


class Route(msgspec.Struct, frozen=True):
    """A path below ``/channels/NAME`` in Starlette's form, such as ``/{form}``.

    ``also`` are further paths, as they stand, for clients that know no other.
    """

    path: str
    methods: tuple[str, ...]
    handler: Handler
    summary: str = ""
    also: tuple[str, ...] = ()


class Channel:
    """Turns what arrives into events; never touches a lead. It has routes, or polls, or both.

    ``config_schema`` is JSON Schema (draft-07) for the channel's settings in ``server.yaml``. Where
    it requires some and there are none, the engine refuses what arrives: no handler is called.
    """

    name: str
    config_schema: Mapping[str, Any] = {"type": "object"}

    def routes(self) -> list[Route]:
        """Return the HTTP routes to mount under ``/channels/NAME``."""
        return []

    async def poll(self, poll: Poll) -> Polled:
        """Look for news once. Asked again and again where server.yaml has settings for it.

        What is raised, and a minute without an answer, cost this look only.
        """
        return Polled()

    def every(self, settings: Mapping[str, Any]) -> int:
        """Return the milliseconds between two looks."""
        return 60_000

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return what is wrong with settings that ``config_schema`` takes, a sentence each.

        Such as fields that the catalogue does not have; never with a secret in it.
        """
        return ()

    async def close(self) -> None:
        """Let go of what is kept between requests, such as sockets; the server is stopping."""
        return
