"""The channel ``tracking``: opens and clicks of messages, by signed addresses, and page views.

The picture at the end of an e-mail tells of an open, a link that leads through here of a click.
An open counts once for each delivery; a click implies it. Whatever becomes of the event, the
recipient gets the picture or the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from engine.plugin import (
    About,
    Accepted,
    Channel,
    ChannelRequest,
    Names,
    Rejection,
    Reply,
    Route,
    hookimpl,
)
from plugins.channels import page_views

SUFFIX: Final = ".gif"
MAX_AGENT: Final = 1_000
# A transparent picture of one pixel.
PICTURE: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b"
)
# An open so soon is a scanner's, if `intake.yaml` says nothing else, and must not keep the
# recipient's own from counting.
EARLY_MS: Final = 10_000
# Readers of mail show the picture in pages of their own.
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": page_views.PAGES,
}
_ANYWHERE: Final = {"cross-origin-resource-policy": "cross-origin"}


class TrackingChannel(Channel):
    """Makes ``email_opened`` and ``email_clicked`` of signed addresses, and hears web pages."""

    name = "tracking"
    config_schema = SETTINGS

    def __init__(self) -> None:
        self._script = page_views.script_reply(page_views.script())

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return which events pages cannot tell of."""
        return page_views.wrong_events(settings, names)

    def routes(self) -> list[Route]:
        return [
            Route("/open/{token}", ("GET",), opened, "The picture that tells of an open"),
            Route("/click/{token}", ("GET",), clicked, "A link that tells of a click"),
            Route("/page.js", ("GET",), self.script, "The page-view script"),
            Route("/page", ("POST",), page_views.told, "What the page-view script sends"),
        ]

    async def script(self, request: ChannelRequest) -> Accepted | Rejection:
        """Answer with the page-view script."""
        return Accepted((), self._script)


async def opened(request: ChannelRequest) -> Accepted | Rejection:
    """Answer with the picture and note the open."""
    token = request.params["token"].removesuffix(SUFFIX)
    about = request.links.read("open", token) if request.links else None
    if about is None:
        return _unknown()
    reply = Reply(200, PICTURE, media_type="image/gif", headers=_ANYWHERE)
    return Accepted(_events(request, about), reply, always=True)


async def clicked(request: ChannelRequest) -> Accepted | Rejection:
    """Lead on to the page that was signed, and note the click, and the open that it implies."""
    about = request.links.read("click", request.params["token"]) if request.links else None
    if about is None or about.url is None:
        return _unknown()
    reply = Reply(302, redirect=about.url)
    return Accepted(_events(request, about), reply, always=True)


def _events(request: ChannelRequest, about: About) -> tuple[dict[str, Any], ...]:
    """Return the events of a request; who only looks whether the address works does nothing."""
    if request.method == "HEAD":
        return ()
    early = request.now - about.sent_at < EARLY_MS
    open_id = f"open:{'early:' if early else ''}{about.delivery}"
    open_ = {**_event(request, about, "email_opened"), "id": open_id[:200]}
    if about.url is None:
        return (open_,)
    click = _event(request, about, "email_clicked")
    return (open_, {**click, "properties": {**click["properties"], "url": about.url}})


def _event(request: ChannelRequest, about: About, kind: str) -> dict[str, Any]:
    told = {
        "delivery": about.delivery,
        "message": about.message,
        "journey": about.journey,
        "step": about.step,
    }
    agent = request.headers.get("user-agent", "")[:MAX_AGENT]
    return {
        "type": kind,
        "lead": {"id": about.lead},
        "properties": {name: value for name, value in told.items() if value is not None},
        "channel": "tracking",
        "client": {n: v for n, v in (("ip", request.client), ("agent", agent)) if v},
    }


def _unknown() -> Rejection:
    return Rejection("this address was not made here, or not whole", 404, "not-found")


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(TrackingChannel())
