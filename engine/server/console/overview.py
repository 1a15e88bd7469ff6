"""The overview: what came in today, where leads stand, what runs late, what failed."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.language.instants import DAY
from engine.server.console import charts
from engine.server.console.pages import get
from engine.server.console.room import formats_of, is_sales, page, room_of, words_of
from engine.server.endpoint import Services, reading, services
from engine.store.rows import to_json
from engine.store.shapes import when

_DAYS: Final = 30
_NEWEST: Final = 12
_URGENT: Final = 8
_FAILED: Final = ("failed", "dead")


async def home(request: Request) -> Response:
    """Lead browsers to the console."""
    return RedirectResponse("/console/", 307)


async def overview(request: Request) -> Response:
    """The overview; a salesperson's is their own day."""
    if is_sales(request):
        return RedirectResponse("/console/day", 303)
    zone = formats_of(request)
    figures = await reading(_figures, request, zone.offset())
    return page(request, "overview.html", "overview", **figures)


def _figures(request: Request, offset: int) -> dict[str, Any]:
    service, room = services(request), room_of(request)
    runtime = service.runtime
    now, boards = runtime.clock.now(), runtime.reader.boards()
    today = (now + offset) // DAY * DAY - offset
    known = room.figures.get("overview", lambda: _counted(service, today, offset))
    running, late = boards.running(now)
    return {
        **known,
        "today_since": when(today),
        "instant": when(now),
        "running": running,
        "late": late,
        "clocks": boards.clocks(limit=_URGENT),
        "stage_labels": {each.stage: each.label for each in known["stages"]},
        "leads": runtime.reader.leads(limit=_NEWEST).items,
        "trend": _trend(request, known, today, offset),
        "failed": sum(known["deliveries"].get(name, 0) for name in _FAILED),
        "queued": known["deliveries"].get("queued", 0) + known["deliveries"].get("leased", 0),
    }


def _counted(service: Services, today: int, offset: int) -> dict[str, Any]:
    """Count what takes long; in a thread of its own, so with a connection of its own."""
    runtime = service.runtime
    reader = runtime.reader
    boards, counts = reader.boards(), reader.counts()
    lifecycle = runtime.ruleset.definitions.lifecycle
    since = today - (_DAYS - 1) * DAY
    stages = boards.stages()
    won = next((s.id for s in lifecycle.stages if s.final), "")
    return {
        "total": sum(stages.values()),
        "open_tasks": counts["open_tasks"],
        "deliveries": counts["deliveries"],
        "today": boards.created_since(today),
        "stages": charts.funnel(lifecycle, stages),
        "created": boards.created(since, offset),
        "won": boards.entered(won, since, offset),
        "won_stage": won,
        "pools": reader.pools(lifecycle.ends),
        "without": to_json(lifecycle.ends),
        "screened": reader.screened(),
    }


def _trend(request: Request, known: dict[str, Any], today: int, offset: int) -> dict[str, Any]:
    words = words_of(request)
    last = (today + offset) // DAY
    days = list(range(last - _DAYS + 1, last + 1))
    lines = (("overview.new", known["created"]), ("overview.won", known["won"]))
    return {
        "days": [day * 86_400 for day in days],
        "series": [
            {"label": words.say(key), "values": [found.get(day, 0) for day in days]}
            for key, found in lines
        ],
    }


ENDPOINTS: Final = (
    get("/", home, "Leads to the console", scope="leads"),
    get("/console/", overview, "The overview", scope="leads"),
)
