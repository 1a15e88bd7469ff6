"""The channel ``jotform``: submissions that Jotform reports, with a secret in the address.

Jotform signs nothing, so whoever knows the address can send. It must be long and stay secret.
"""

from __future__ import annotations

import json
import re
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
from plugins.channels.reading import whole_name
from plugins.channels.signatures import SECRETS, is_secret
from plugins.channels.times import not_later

_QUESTION: Final = re.compile(r"q[0-9]{1,6}_(.+)", re.DOTALL)
_NO_ANSWERS: Final = frozenset({"slug", "submitSource", "buildDate", "event_id", "path"})


class JotformChannel(MappingChannel):
    """Makes each submission an event."""

    name = "jotform"
    config_schema = form_settings(["secret"], secret=SECRETS)

    def routes(self) -> list[Route]:
        return [Route("/{secret}", ("POST",), submitted, "A submission of a Jotform")]


async def submitted(request: ChannelRequest) -> Accepted | Rejection:
    """Turn a submission into an event."""
    if not is_secret(request.params["secret"], request.settings["secret"]):
        return wrong_signature()
    fields = dict(request.form or ())
    raw = _json(fields.get("rawRequest", ""))
    if raw is None:
        return wrong_body("a submission of Jotform, which has a rawRequest")
    how = how_of(request.settings, fields.get("formID", ""), "Jotform")
    event = event_of(_answers(raw), how, request.names, "jotform")
    id = id_of("jotform", fields.get("submissionID") or raw.get("event_id"))
    return taken(with_id(event, id, not_later(raw.get("submitDate"), request.now)))


def _json(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _answers(raw: Mapping[str, Any]) -> Answers:
    """Gather the questions: ``q3_name`` is also called ``name``."""
    found = Answers()
    for name, value in raw.items():
        question = _QUESTION.fullmatch(name)
        if name in _NO_ANSWERS:
            continue
        found.add(_value(value), name, question[1] if question else None)
    return found


def _value(value: Any) -> Any:
    """Return an answer; those of several inputs are put together as one writes them."""
    if not isinstance(value, Mapping):
        return value
    part = {name: text for name, text in value.items() if isinstance(text, str) and text.strip()}
    if {"year", "month", "day"} <= part.keys():
        return f"{part['year']}-{part['month']}-{part['day']}"
    if "full" in part:
        return part["full"]
    if {"first", "last"} & part.keys():
        return whole_name(part.get("first", ""), part.get("last", ""))
    if "phone" in part:
        return " ".join(part[n] for n in ("country", "area", "phone") if n in part)
    return part or None


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(JotformChannel())
