"""News for open pages, as server-sent events.

Each answer brings one message and ends; the browser comes back by itself with the number it
has seen and waits here until there is another. So no connection outlives a server that ends.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from engine.server.console.figures import FRESH_S
from engine.server.console.pages import get
from engine.server.endpoint import reading, services

_HELD_S: Final = 12.0
_LOOK_S: Final = 1.5
_AGAIN_MS: Final = round(FRESH_S * 1_000)  # sooner there would be no other figures


async def live(request: Request) -> Response:
    """Say that something has happened: at once for who comes new, else when it has."""
    boards = services(request).runtime.reader.boards
    seen = request.headers.get("last-event-id", "")
    newest = await reading(lambda: boards().newest())
    until = time.monotonic() + _HELD_S
    while seen == str(newest) and time.monotonic() < until:
        await asyncio.sleep(_LOOK_S)
        if await request.is_disconnected():
            break
        newest = await reading(lambda: boards().newest())
    name = "event: figures\n" if seen != str(newest) else ""
    text = f"retry: {_AGAIN_MS}\nid: {newest}\n{name}data: {newest}\n\n"
    return Response(text, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


ENDPOINTS: Final = (
    get("/console/live", live, "News for open pages", scope="leads", media="text/event-stream"),
)
