"""The channel ``form``: a page's form posts here, with or without JavaScript.

``<form method="post" action="https://HOST/channels/form/contact">`` is all a page needs.
Inputs are named like lead fields (``name``, ``phone``, ``email``, ``company``...), ``utm_*``
fill the source, ``consent.TOPIC`` records consent, ``_next`` is a path to go to afterwards and
``_id`` an id that makes a repeated post count once. What is neither is ignored and named in
the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Rejection,
    Reply,
    Route,
    hookimpl,
)

EVENT: Final = "form_submitted"
HONEYPOT: Final = "_gotcha"
MAX_AGENT: Final = 1_000
MAX_ID: Final = 100
_TRUE: Final = frozenset({"1", "on", "true", "yes", "given", "是", "同意"})
_FALSE: Final = frozenset({"0", "off", "false", "no", "否"})
# A stranger may say who he is, not that he is a known user, and not what we think of him.
_NOT_FOR_STRANGERS: Final = frozenset({"user_id", "wecom_id", "wechat_openid", "tags", "consent"})

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"honeypot": {"type": "string", "minLength": 1}},
}


class _Filled(msgspec.Struct):
    """What a form's inputs mean, gathered one by one."""

    lead: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    controls: dict[str, str] = {}
    consent: dict[str, Any] = {}
    ignored: list[str] = []


class FormChannel(Channel):
    """Makes each post one ``form_submitted``."""

    name = "form"
    config_schema = SETTINGS

    def routes(self) -> list[Route]:
        return [Route("/{form}", ("POST",), submit, "Submit a form")]


async def submit(request: ChannelRequest) -> Accepted | Rejection:
    """Turn one post into an event."""
    inputs = _inputs(request)
    if inputs is None:
        return Rejection("send the form's fields, form-encoded, multipart or as a JSON object", 400)
    form = request.params["form"]
    filled = _fill(inputs, request)
    if filled.controls.get(str(request.settings.get("honeypot", HONEYPOT))):
        # A person can't see that input. The program that filled it learns nothing.
        return Accepted((), _reply(filled))
    event: dict[str, Any] = {
        "type": EVENT,
        "lead": filled.lead,
        "properties": {**filled.properties, "form": form},
        "channel": "form",
        "client": _client(request),
    }
    if filled.consent:
        filled.lead["consent"] = {
            topic: {"status": status, "source": f"form:{form}"}
            for topic, status in filled.consent.items()
        }
    once = filled.controls.get("_id")
    if once:
        # The prefix keeps a stranger from using up the ids of other channels.
        event["id"] = f"form:{form}:{once[:MAX_ID]}"
    return Accepted((event,), _reply(filled))


def _client(request: ChannelRequest) -> dict[str, str]:
    """Return whose browser sends: who fills in a form is the lead."""
    said = {"ip": request.client, "agent": request.headers.get("user-agent", "")[:MAX_AGENT]}
    return {name: text for name, text in said.items() if text}


def _inputs(request: ChannelRequest) -> list[tuple[str, Any]] | None:
    """Return the form's fields in order, those in the address first; None without any."""
    if request.form is not None:
        given: Iterable[tuple[str, Any]] = request.form
    elif isinstance(request.data, dict):
        given = request.data.items()
    else:
        return None
    return [*request.query, *given]


def _fill(inputs: list[tuple[str, Any]], request: ChannelRequest) -> _Filled:
    filled = _Filled()
    controls = {HONEYPOT, str(request.settings.get("honeypot", HONEYPOT)), "_next", "_id"}
    properties = request.names.events.get(EVENT, {})
    for name, value in inputs:
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if name in controls:
            filled.controls[name] = str(value)
        elif name.startswith("consent."):
            _consent(filled.consent, name, value)
        elif not _put(filled.lead, _field(name, request.names.fields), value) and not _put(
            filled.properties, (name, properties.get(name)), value
        ):
            filled.ignored.append(name)
    return filled


def _consent(given: dict[str, Any], name: str, value: Any) -> None:
    """An unticked box sends nothing; only a ticked one says something."""
    if value is True or str(value).strip().lower() in _TRUE:
        given[name.removeprefix("consent.")] = "given"


def _field(name: str, fields: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the lead field that an input means, and its type; None when it means none."""
    if name in _NOT_FOR_STRANGERS:
        return name, None
    if name.startswith("utm_"):
        name = f"source.{name}"
    elif name == "source":
        name = "source.name"
    return name, fields.get(name)


def _put(target: dict[str, Any], field: tuple[str, str | None], value: Any) -> bool:
    """Put a value where it belongs; False if that is nowhere."""
    name, kind = field
    if kind is None:
        return False
    if name.startswith("source."):
        target, name = target.setdefault("source", {}), name.removeprefix("source.")
    if kind == "list":
        target.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    else:
        target[name] = _typed(kind, value)
    return True


def _typed(kind: str, value: Any) -> Any:
    """Read a form's text as its field's type. What can't be read stays, and is refused later."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if kind == "boolean" and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    try:
        if kind == "integer":
            return int(text)
        if kind in {"number", "money"}:
            return float(text)
    except ValueError:
        return text
    return text


def _reply(filled: _Filled) -> Reply:
    """Go to ``_next`` if it is a path on the page's own site, else say that it arrived."""
    target = filled.controls.get("_next", "")
    if is_relative(target):
        return Reply(303, redirect=target)
    return Reply(202, {"status": "accepted", "ignored": filled.ignored})


def is_relative(target: str) -> bool:
    r"""Whether this is a plain path, which no browser takes for another host.

    >>> is_relative("/thanks?from=form"), is_relative("//evil.example"), is_relative("/\\\\evil")
    (True, False, False)
    """
    return (
        target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and target.isprintable()
        and target.isascii()
    )


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(FormChannel())
