"""The files that pages load: from this machine, named by what they hold, kept for a year."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from engine.errors import NotFound
from engine.server.console.pages import get
from engine.server.console.room import HERE, room_of

_KINDS: Final = {"js": "text/javascript", "css": "text/css"}


async def file(request: Request) -> Response:
    """A script or style sheet of the pages."""
    name: str = request.path_params["name"]
    if name not in room_of(request).files.values():
        raise NotFound(f"there is no file {name[:80]!r}")
    content = (HERE / "static" / name).read_bytes()
    kept = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=_KINDS[name.rpartition(".")[2]], headers=kept)


ENDPOINTS: Final = (
    get("/console/static/{name}", file, "A script or style sheet", scope="free", media="text/css"),
)
