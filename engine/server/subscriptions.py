"""The page on which recipients leave and rejoin topics, by the signed address in their mail.

RFC 8058: a POST to the address leaves at once, without cookies or questions. A GET shows the
page and changes nothing, for scanners open every link.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from engine.host.linking import links_of
from engine.language.definitions import Definitions
from engine.language.label import LANGUAGES, in_language
from engine.language.sending import EVERYTHING, TRANSACTIONAL
from engine.links import LEAVE, About
from engine.machines import policy
from engine.machines.state import Lead
from engine.server.bodies import decode_form, read_body
from engine.server.console.room import Room
from engine.server.endpoint import TEXT, Endpoint, reading, services
from engine.server.ingest import refuse_if_all_bad
from engine.server.languages import language_of
from engine.server.problems import Problem

CHANNEL: Final = "unsubscribe"
PATH: Final = "/unsubscribe/{token}"


class Row(msgspec.Struct, frozen=True):
    """A topic on the page."""

    id: str
    label: str
    subscribed: bool


async def show(request: Request) -> Response:
    """Show what the recipient is subscribed to; nothing is changed."""
    return await _page(request, _about(request), None)


async def change(request: Request) -> Response:
    """Leave the topic of the message, or what a button of the page says."""
    about = _about(request)
    body = await read_body(request, services(request).max_body)
    pressed = dict(await decode_form(body, request.headers))
    known = [*topics_of(services(request).runtime.ruleset.definitions, about), EVERYTHING]
    joined, left = pressed.get("join"), pressed.get("leave", about.topic or EVERYTHING)
    topic = left if joined is None else joined
    if topic not in known:
        raise Problem(422, "unknown-topic", "there is no such topic")
    await _submit(request, about, topic, joined is not None)
    return await _page(request, about, "joined" if joined is not None else "left")


async def _submit(request: Request, about: About, topic: str, joins: bool) -> None:
    runtime = services(request).runtime
    told = {"delivery": about.delivery, "message": about.message, "journey": about.journey}
    given = {"topic": topic, "step": about.step, **told}
    lead: dict[str, Any] = {"id": about.lead}
    if joins:
        lead["consent"] = {topic: {"status": "given", "source": CHANNEL}}
    event = {
        "type": "subscribed" if joins else "unsubscribed",
        "lead": lead,
        "properties": {name: value for name, value in given.items() if value is not None},
        "channel": CHANNEL,
    }
    refuse_if_all_bad(await runtime.submit([event], channel=CHANNEL), False, runtime)


def _about(request: Request) -> About:
    links = links_of(services(request).runtime.ruleset.definitions)
    about = links.read(LEAVE, request.path_params["token"]) if links else None
    if about is None:
        raise Problem(404, "not-found", "this address was not made here, or not whole")
    return about


async def _page(request: Request, about: About, done: str | None) -> Response:
    service = services(request)
    definitions = service.runtime.ruleset.definitions
    lead = await reading(service.runtime.reader.state, about.lead)
    language = language_of(request)
    pages: Room = request.app.state.pages
    return pages.render(
        "subscriptions.html",
        zh=language == "zh",
        rows=[_row(definitions, lead, name, language) for name in topics_of(definitions, about)],
        topic=about.topic or EVERYTHING,
        done=done,
        path=request.url.path,
    )


def topics_of(definitions: Definitions, about: About) -> list[str]:
    """Return the topics that can be left, that of the message first."""
    sent = [m.topic for m in definitions.messages.values() if m.purpose != TRANSACTIONAL]
    names = dict.fromkeys([about.topic, *definitions.sending.topics, *sent])
    return [name for name in names if name and name != EVERYTHING]


def _row(definitions: Definitions, lead: Lead | None, name: str, language: str) -> Row:
    topic = definitions.sending.topics.get(name)
    label, asked = None, False
    if topic is not None:
        label, asked = in_language(topic.label, language), topic.asked
    return Row(name, label or name, lead is None or policy.subscribed(lead, name, asked))


def _endpoint(method: str, handler: Any, summary: str) -> Endpoint:
    return Endpoint(
        method=method,
        path=PATH,
        handler=handler,
        summary=summary,
        tag="subscriptions",
        query={"lang": {**TEXT, "enum": list(LANGUAGES)}},
        gives=TEXT,
        media="text/html",
        fails=(404,) if method == "GET" else (404, 413, 422, 429),
        scope="free",
    )


ENDPOINTS: Final = (
    _endpoint("GET", show, "The page of a recipient's subscriptions"),
    _endpoint("POST", change, "Unsubscribe with one click"),
)
