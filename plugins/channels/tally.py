"""The channel ``tally``: responses that Tally reports, signed with the webhook's secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.plugin import Accepted, Channel, ChannelRequest, Rejection, Route, hookimpl
from plugins.channels.answers import (
    Answers,
    event_of,
    form_settings,
    how_of,
    id_of,
    taken,
    with_id,
    wrong_body,
    wrong_signature,
)
from plugins.channels.mapping_check import MappingChannel
from plugins.channels.paths import listed, mapped
from plugins.channels.signatures import SECRETS, is_signed
from plugins.channels.times import not_later

_KINDS: Final = {"INPUT_EMAIL": "email", "INPUT_PHONE_NUMBER": "phone"}


class TallyChannel(MappingChannel):
    """Makes each response an event."""

    name = "tally"
    config_schema = form_settings(["secret"], secret=SECRETS)

    def routes(self) -> list[Route]:
        return [Route("", ("POST",), responded, "A response to a Tally form")]


async def responded(request: ChannelRequest) -> Accepted | Rejection:
    """Turn a response into an event."""
    given = request.headers.get("tally-signature")
    if not is_signed(given, request.settings["secret"], request.body):
        return wrong_signature()
    body = mapped(request.data)
    data = mapped(body.get("data"))
    if not data:
        return wrong_body("a response of Tally")
    if body.get("eventType") != "FORM_RESPONSE":
        return taken()
    how = how_of(request.settings, str(data.get("formId") or ""), "Tally")
    event = event_of(_answers(data), how, request.names, "tally")
    id = id_of("tally", data.get("responseId") or data.get("submissionId") or body.get("eventId"))
    at = not_later(data.get("createdAt") or body.get("createdAt"), request.now)
    return taken(with_id(event, id, at))


def _answers(data: Mapping[str, Any]) -> Answers:
    found = Answers()
    for each in listed(data.get("fields")):
        field = mapped(each)
        kind = _KINDS.get(str(field.get("type")))
        found.add(_value(field), field.get("key"), field.get("label"), field=kind)
    return found


def _value(field: Mapping[str, Any]) -> Any:
    """Return what was answered; choices come as ids, with their texts beside them."""
    value = field.get("value")
    texts = {str(o.get("id")): o.get("text") for o in map(mapped, listed(field.get("options")))}
    if not texts:
        return value
    chosen = value if isinstance(value, list) else [value]
    named = [texts.get(str(each), each) for each in chosen if each is not None]
    return named[0] if len(named) == 1 else named


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(TallyChannel())
