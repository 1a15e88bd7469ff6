"""The channel ``typeform``: responses that Typeform reports, signed with the webhook's secret."""

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

_KINDS: Final = {"email": "email", "phone_number": "phone"}


class TypeformChannel(MappingChannel):
    """Makes each response an event."""

    name = "typeform"
    config_schema = form_settings(["secret"], secret=SECRETS)

    def routes(self) -> list[Route]:
        return [Route("", ("POST",), responded, "A response to a Typeform")]


async def responded(request: ChannelRequest) -> Accepted | Rejection:
    """Turn a response into an event."""
    given = request.headers.get("typeform-signature")
    if not is_signed(given, request.settings["secret"], request.body, prefix="sha256="):
        return wrong_signature()
    body = mapped(request.data)
    response = mapped(body.get("form_response"))
    if not response:
        return wrong_body("a response of Typeform")
    if body.get("event_type") != "form_response":  # a partial one is none yet
        return taken()
    form = str(response.get("form_id") or "")
    how = how_of(request.settings, form, "Typeform")
    event = event_of(_answers(response), how, request.names, "typeform")
    id = id_of("typeform", response.get("token") or body.get("event_id"))
    return taken(with_id(event, id, not_later(response.get("submitted_at"), request.now)))


def _answers(response: Mapping[str, Any]) -> Answers:
    found = Answers()
    titles = {
        str(field.get("id")): field.get("title")
        for each in listed(mapped(response.get("definition")).get("fields"))
        if (field := mapped(each))
    }
    for each in listed(response.get("answers")):
        answer = mapped(each)
        field = mapped(answer.get("field"))
        kind = _KINDS.get(str(field.get("type"))) or _KINDS.get(str(answer.get("type")))
        names = (field.get("ref"), field.get("id"), titles.get(str(field.get("id"))))
        found.add(_value(answer), *names, field=kind)
    for name, value in mapped(response.get("hidden")).items():
        found.add(value, name)
    return found


def _value(answer: Mapping[str, Any]) -> Any:
    """Return what was answered: it stands under the answer's own type."""
    value = answer.get(str(answer.get("type")))
    if isinstance(value, Mapping):
        chosen = [value.get("label"), *listed(value.get("labels")), value.get("other")]
        named = [each for each in chosen if each]
        return (named if len(named) > 1 else named[0]) if named else value
    return value


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(TypeformChannel())
