"""How the console's routes describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.server.endpoint import TEXT, Endpoint, Handler, Schema

EVENTS: Final = "text/event-stream"
_FAILS: Final = (404,)
_POST_FAILS: Final = (404, 409, 413, 422, 429)


def get(
    path: str,
    handler: Handler,
    summary: str,
    scope: str = "read",
    media: str = "text/html",
    query: Mapping[str, Schema] | None = None,
    fails: tuple[int, ...] = _FAILS,
) -> Endpoint:
    """Return the route of a page."""
    return Endpoint(
        method="GET",
        path=path,
        handler=handler,
        summary=summary,
        tag="console",
        media=media,
        scope=scope,
        query=query or {},
        gives=TEXT if media != EVENTS else {},  # what is in an event is no text of its own
        fails=fails,
    )


def post(path: str, handler: Handler, summary: str, scope: str) -> Endpoint:
    """Return the route of a form; what it does is noted by the route of the API behind it."""
    more: dict[str, Any] = {"noted": False}
    return Endpoint(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        tag="console",
        media="text/html",
        scope=scope,
        gives=TEXT,
        fails=_POST_FAILS,
        **more,
    )
