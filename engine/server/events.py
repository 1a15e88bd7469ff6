"""``POST /v1/events``: everything that happens comes in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request

from engine.host.outcome import Outcome
from engine.server.endpoint import Endpoint, body_of, services
from engine.server.problems import Json, Problem

MAX_EVENTS: Final = 1_000
RETRY_AFTER: Final = {"Retry-After": "1"}


async def post_events(request: Request) -> Json:
    """Take one event or a list; answers after the commit."""
    data = await body_of(request)
    events = data if isinstance(data, list) else [data]
    if len(events) > MAX_EVENTS:
        message = f"{len(events)} events at once; at most {MAX_EVENTS} fit in one request"
        raise Problem(413, "too-many-events", message)
    outcomes = await services(request).runtime.submit(events, channel="api")
    count(request, "api", outcomes)
    refuse_if_all_bad(outcomes, listed=isinstance(data, list))
    return Json(
        {
            "accepted": _number(outcomes, "accepted"),
            "duplicates": _number(outcomes, "duplicate"),
            "rejected": _number(outcomes, "rejected", "overloaded"),
            "results": [result_of(outcome) for outcome in outcomes],
        }
    )


def refuse_if_all_bad(outcomes: Sequence[Outcome], listed: bool) -> None:
    """Raise Problem when no event was taken: 429 if some may come again, else 422."""
    if not outcomes or any(o.status in {"accepted", "duplicate"} for o in outcomes):
        return
    later = any(o.status == "overloaded" for o in outcomes)
    status, headers = (429, RETRY_AFTER) if later else (422, None)
    first = next(o.error or {} for o in outcomes if not later or o.status == "overloaded")
    if not listed:
        raise Problem(status, first["code"], first["message"], first["details"], headers)
    details = [{"index": i, "id": o.id, **(o.error or {})} for i, o in enumerate(outcomes)]
    code = first["code"] if later else "no-event-accepted"
    message = first["message"] if later else f"none of the {len(outcomes)} events can be accepted"
    raise Problem(status, code, message, details, headers)


def result_of(outcome: Outcome) -> dict[str, Any]:
    """Return what a client hears of one event."""
    summary = outcome.summary or dict.fromkeys(("score", "grade", "stage", "owner"))
    result = {"id": outcome.id, "lead": outcome.lead, **summary}
    if outcome.error is not None:
        result["error"] = outcome.error
    return result


def count(request: Request, channel: str, outcomes: Sequence[Outcome]) -> None:
    """Count what became of events."""
    metrics = services(request).metrics
    for outcome in outcomes:
        metrics.count("leadrules_events_total", channel=channel, result=outcome.status)


def _number(outcomes: Sequence[Outcome], *statuses: str) -> int:
    return sum(outcome.status in statuses for outcome in outcomes)


_EVENT_OR_LIST: Final = {
    "anyOf": [
        {"$ref": "#/components/schemas/Event"},
        {"type": "array", "maxItems": MAX_EVENTS, "items": {"$ref": "#/components/schemas/Event"}},
    ]
}

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/v1/events",
        handler=post_events,
        summary="Send one event or up to 1,000; the answer comes when they are stored",
        tag="events",
        takes=_EVENT_OR_LIST,
        gives={"$ref": "#/components/schemas/Results"},
        fails=(413, 422, 429),
    ),
)
