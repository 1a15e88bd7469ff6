"""``POST /v1/events`` by itself: the one route that must be quick, without layers in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.types import Receive

from engine.host.entrance import Told
from engine.host.outcome import Outcome
from engine.host.runtime import Runtime
from engine.server.bodies import decode_json, received
from engine.server.endpoint import Services
from engine.server.problems import RETRY_AFTER, Problem
from engine.server.roles import Principal

MAX_EVENTS: Final = 1_000
_CHANNEL: Final = "api"
TAKEN: Final = frozenset({"accepted", "duplicate", "quarantined"})  # and stored
_NOBODY: Final = dict.fromkeys(("score", "grade", "stage", "owner"))
# Of an event that came alone; 422 for all else.
_STATUS: Final = {"forbidden-type": 403, "forbidden-by": 403}
_encode: Final = msgspec.json.Encoder().encode


async def ingest(
    services: Services, who: Principal, headers: dict[bytes, bytes], receive: Receive
) -> bytes:
    """Take one event or a list; returns the answer, after the commit. Raises Problem."""
    sent = Sent(services, who, await received(receive, headers, services.max_body))
    return sent.answer(
        await services.runtime.submit(sent.events, channel=_CHANNEL, deeds=sent.deeds)
    )


class Sent:
    """The events of a body, one or a list of not too many; raises Problem.

    ``deeds`` may be among them, what people do, unless the sender's token lies in a web page.
    """

    __slots__ = ("_listed", "_services", "deeds", "events")

    def __init__(self, services: Services, who: Principal, body: bytes) -> None:
        data = decode_json(body)
        self._services = services
        self._listed = isinstance(data, list)
        self.events: list[Any] = data if self._listed else [data]
        self.deeds = who.role != "ingest"
        if len(self.events) > MAX_EVENTS:
            message = f"{len(self.events)} events at once; at most {MAX_EVENTS} fit in one request"
            raise Problem(413, "too-many-events", message)

    def hand_in(self, told: Told) -> None:
        """Take them in as `ingest` does; ``told`` is called with their outcomes."""
        self._services.runtime.hand_in(self.events, told, _CHANNEL, self.deeds)

    def answer(self, outcomes: Sequence[Outcome]) -> bytes:
        """Return what the client hears of them, and count it; raises Problem if all are bad."""
        count_of(self._services, _CHANNEL, outcomes)
        refuse_if_all_bad(outcomes, self._listed, self._services.runtime)
        return _encode(answer_of(outcomes))


def answer_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what a client hears of its events."""
    if len(outcomes) == 1:  # the usual one needs no counting
        status = outcomes[0].status
        counts = {
            "accepted": int(status == "accepted"),
            "duplicates": int(status == "duplicate"),
            "quarantined": int(status == "quarantined"),
            "rejected": int(status not in TAKEN),
        }
    else:
        counts = {
            "accepted": _number(outcomes, "accepted"),
            "duplicates": _number(outcomes, "duplicate"),
            "quarantined": _number(outcomes, "quarantined"),
            "rejected": _number(outcomes, "rejected", "overloaded"),
        }
    return {**counts, "results": [result_of(outcome) for outcome in outcomes]}


def refuse_if_all_bad(outcomes: Sequence[Outcome], listed: bool, runtime: Runtime) -> None:
    """Raise Problem when no event was taken: 429 or 507 if some may come again, else 422.

    ``runtime`` says when the queue will have room again.
    """
    if not outcomes or any(o.status in TAKEN for o in outcomes):
        return
    later = any(o.status == "overloaded" for o in outcomes)
    first = next(o.error or {} for o in outcomes if not later or o.status == "overloaded")
    code = first["code"]
    status, headers = _when(code, runtime) if later else (_STATUS.get(code, 422), None)
    if not listed:
        raise Problem(status, code, first["message"], first["details"], headers)
    details = [{"index": i, "id": o.id, **(o.error or {})} for i, o in enumerate(outcomes)]
    if later:
        raise Problem(status, code, first["message"], details, headers)
    message = f"none of the {len(outcomes)} events can be accepted"
    raise Problem(422, "no-event-accepted", message, details)


def ask_again(outcomes: Sequence[Outcome], runtime: Runtime) -> None:
    """Raise Problem, 429 or 507, when any event must come again; what was taken has its id."""
    for outcome in outcomes:
        if outcome.status == "overloaded":
            told = outcome.error or {}
            status, headers = _when(told["code"], runtime)
            raise Problem(status, told["code"], told["message"], told["details"], headers)


def _when(code: str, runtime: Runtime) -> tuple[int, dict[str, str]]:
    if code == "storage":
        return 507, RETRY_AFTER
    return 429, {"Retry-After": str(runtime.retry_after)}


def result_of(outcome: Outcome) -> dict[str, Any]:
    """Return what a client hears of one event."""
    result = {"id": outcome.id, "lead": outcome.lead, **(outcome.summary or _NOBODY)}
    if outcome.screened is not None:
        result["quarantined"] = outcome.screened
    if outcome.error is not None:
        result["error"] = outcome.error
    return result


def count_of(services: Services, channel: str, outcomes: Sequence[Outcome]) -> None:
    """Count what became of events."""
    count = services.metrics.event
    for outcome in outcomes:
        count(channel, outcome.status)


def _number(outcomes: Sequence[Outcome], *statuses: str) -> int:
    return sum(outcome.status in statuses for outcome in outcomes)
