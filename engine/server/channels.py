"""The routes that channel plugins mount below ``/channels/``."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.host.calling import BadReturn, bare, bounded, sound, told
from engine.host.linking import links_of
from engine.host.outcome import Outcome
from engine.host.plugins import PluginError, Plugins, names_of
from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Handler,
    Rejection,
    Reply,
    Route,
    not_set_up,
)
from engine.server.bodies import decode_form, decode_json, read_body
from engine.server.endpoint import Endpoint, services
from engine.server.events import count, refuse_if_all_bad
from engine.server.ingest import ask_again
from engine.server.problems import Json, Problem
from engine.server.receipts import SentDeliveries

logger = logging.getLogger("leadrules.channel")

HANDLER_S: Final = 20.0
_FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")


def endpoints_of(plugins: Plugins) -> Iterator[Endpoint]:
    """Yield what the channels mount; raises PluginError for a channel without good routes."""
    for name, channel in plugins.channels.items():
        try:
            routes = channel.routes()
        except Exception as error:
            raise PluginError(
                f'channel "{name}": routes() raised {type(error).__name__}: {error}'
            ) from error
        for route in routes:
            yield from _endpoints(channel, _checked(name, route))


async def close(plugins: Plugins) -> None:
    """Close the channels; one that fails keeps none of the others open."""
    for name, channel in plugins.channels.items():
        try:
            await channel.close()
        except Exception as error:
            logger.error("channel %s %s", name, told(error), exc_info=bare(error))


def open_paths(endpoints: Iterable[Endpoint], taken: Iterable[Endpoint]) -> frozenset[str]:
    """Return the channels' paths outside of ``/channels/``, which need no token.

    Raises PluginError for one that is the server's own.
    """
    known = {endpoint.path for endpoint in taken}
    found = frozenset(e.path for e in endpoints if not e.path.startswith("/channels/"))
    for path in sorted(found & known):
        raise PluginError(f"a channel wants the path {path}, which the server has itself")
    return found


def _checked(channel: str, route: object) -> Route:
    if isinstance(route, Route) and (not route.path or route.path.startswith("/")):
        return route
    raise PluginError(
        f'channel "{channel}": routes() must give engine.plugin.Route with a path that begins '
        f"with / or is empty, not {route!r}"
    )


def _endpoints(channel: Channel, route: Route) -> Iterator[Endpoint]:
    async def endpoint(request: Request) -> Response:
        return await _serve(channel, route.handler, request)

    paths = (f"/channels/{channel.name}{route.path}", *route.also)
    for method, path in product(route.methods, paths):
        yield Endpoint(
            method=method.upper(),
            path=path,
            handler=endpoint,
            summary=route.summary or f"Channel {channel.name}",
            tag="channels",
            scope="free",
            # What an address names may not be there, nor the settings of its channel.
            fails=(404, 413, 422, 429),
        )


async def _serve(channel: Channel, handler: Handler, request: Request) -> Response:
    arrived = await _arrived(channel, request)
    result = await _ask(channel, handler, arrived)
    if isinstance(result, Rejection):
        raise Problem(result.status, result.code, result.reason)
    events = [dict(event) for event in result.events]
    if events:
        outcomes = await services(request).runtime.submit(events, channel=channel.name)
        count(request, channel.name, outcomes)
        if result.lenient:
            _tell(channel, outcomes)
            ask_again(outcomes, services(request).runtime)
        elif not result.always:
            try:
                refuse_if_all_bad(outcomes, len(events) > 1, services(request).runtime)
            except Problem as problem:
                if result.refused is None or problem.status != 422:
                    raise
                return _answer(result.refused)
    # Who sends here is a stranger, and hears nothing of the lead.
    return _answer(result.reply or Reply(202, {"status": "accepted"}))


def _tell(channel: Channel, outcomes: Sequence[Outcome]) -> None:
    """Log what is refused and nobody hears of: by code, for the message may quote a person."""
    codes = Counter((o.error or {}).get("code", "?") for o in outcomes if o.status == "rejected")
    if codes:
        told = ", ".join(f"{code} ({number})" for code, number in sorted(codes.items()))
        logger.warning("channel %s: of %d events refused: %s", channel.name, len(outcomes), told)


async def _ask(channel: Channel, handler: Handler, arrived: ChannelRequest) -> Accepted | Rejection:
    """Call the plugin; whatever it does wrong costs this request only."""
    if not arrived.settings and channel.config_schema.get("required"):
        return not_set_up(channel.name)
    try:
        result = sound(await bounded(lambda: handler(arrived), HANDLER_S), Accepted, Rejection)
        if isinstance(result, Accepted):
            # A reply that cannot be sent is found before anything is stored.
            for reply in (result.reply, result.refused):
                if reply is not None:
                    _answer(sound(reply, Reply))
        return result
    except Exception as error:
        frames = None if isinstance(error, BadReturn) else bare(error)
        logger.error("channel %s %s", channel.name, told(error), exc_info=frames)
        message = f'the channel "{channel.name}" failed; nothing was stored, and the log says why'
        raise Problem(500, "channel-failed", message) from None


async def _arrived(channel: Channel, request: Request) -> ChannelRequest:
    service = services(request)
    body = await read_body(request, service.max_body)
    form, data = await _read(body, request)
    definitions = service.runtime.ruleset.definitions
    written = definitions.server.channels.get(channel.name)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return ChannelRequest(
        method=request.method,
        path=request.url.path,
        params=dict(request.path_params),
        query=tuple(request.query_params.multi_items()),
        headers=headers,
        body=body,
        form=form,
        data=data,
        client=request.client.host if request.client else None,
        settings=written.params if written else {},
        names=names_of(definitions.catalogue),
        links=links_of(definitions),
        deliveries=SentDeliveries(service.runtime),
        origin=request.app.state.policies.current().allowed_origin(request.url.path, headers),
        now=service.runtime.clock.now(),
    )


async def _read(body: bytes, request: Request) -> tuple[tuple[tuple[str, str], ...] | None, Any]:
    """Return (form, data): read by what the body is, for senders mislabel JSON as forms."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    looks_like_json = body.lstrip()[:1] in (b"{", b"[")
    if kind == _FORMS[0] or (kind == _FORMS[1] and not looks_like_json):
        return await decode_form(body, request.headers), None
    if looks_like_json or kind == "application/json":
        return None, decode_json(body)
    return None, None


def _answer(reply: Reply) -> Response:
    if reply.redirect is not None:
        return RedirectResponse(reply.redirect, reply.status, dict(reply.headers))
    if reply.media_type == "application/json":
        return Json(reply.body, reply.status, dict(reply.headers))
    body = reply.body if isinstance(reply.body, bytes) else str(reply.body or "")
    return Response(body, reply.status, dict(reply.headers), reply.media_type)
