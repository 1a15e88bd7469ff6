"""The channel ``form``: forms of one's own pages, and forms with a page here.

``<form method="post" action="https://HOST/channels/form/contact">`` is all that a page of one's
own needs. Inputs are named like lead fields (``name``, ``phone``, ``email``, ``company``...),
``utm_*`` fill the source, ``consent.TOPIC`` records consent, ``_next`` is a path to go to
afterwards and ``_id`` an id that makes a repeated post count once. What is neither is ignored
and named in the answer. A form that server.yaml describes has its page at the same address.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Names,
    Rejection,
    Reply,
    Route,
    hookimpl,
)
from plugins.channels import form_code
from plugins.channels.form_page import WORDS, Given, as_page, language_of, page, thanks_page
from plugins.channels.form_settings import (
    EVENT,
    HONEYPOT,
    NOT_FOR_STRANGERS,
    SETTINGS,
    TRUE,
    Form,
    form_of,
    meaning,
    typed,
    wrong,
)

MAX_AGENT: Final = 1_000
MAX_ID: Final = 100
MAX_CARRIED: Final = 200  # characters of what an address says of its place
MAX_KNOWN: Final = 10_000  # addresses that are counted at once
_CODES: Final = {"svg": "image/svg+xml", "png": "image/png"}
_CONTROLS: Final = frozenset({HONEYPOT, "_next", "_id", "_lang"})


class _Filled(msgspec.Struct):
    """What a form's inputs mean, gathered one by one; ``values`` are texts as sent."""

    lead: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    controls: dict[str, str] = {}
    consent: dict[str, Any] = {}
    ignored: list[str] = []
    values: dict[str, list[str]] = {}


class FormChannel(Channel):
    """Makes each post one ``form_submitted``, and shows the pages of forms."""

    name = "form"
    config_schema = SETTINGS

    def __init__(self) -> None:
        # (form, address) -> (the window's end, posts in it), the least recent first.
        self._posts: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def routes(self) -> list[Route]:
        return [
            Route("/{form}", ("POST",), self.submit, "Submit a form"),
            Route("/{form}", ("GET",), show, "The page of a form"),
            Route("/{form}/thanks", ("GET",), thank, "What is shown after a form"),
            *(
                Route(f"/{{form}}/code.{kind}", ("GET",), code, f"The QR code of a form as {kind}")
                for kind in _CODES
            ),
        ]

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return which inputs of forms mean nothing."""
        return wrong(settings, names)

    async def submit(self, request: ChannelRequest) -> Accepted | Rejection:
        """Turn one post into an event."""
        inputs = _inputs(request)
        if inputs is None:
            text = "send the form's fields, form-encoded, multipart or as a JSON object"
            return Rejection(text, 400)
        name = request.params["form"]
        form = form_of(request.settings, name)
        filled = _fill(inputs, request)
        if filled.controls.get(_honeypot(request)):
            # A person can't see that input. The program that filled it learns nothing.
            return Accepted((), _reply(request, form, filled))
        if form is not None:
            if self._too_many(form, name, request):
                return _later(request, form, filled)
            errors = _errors(form, filled, request)
            if errors:
                return _again(request, form, filled, errors)
            filled.lead.setdefault("source", {}).update(form.source)
        event, reply = _event(request, name, filled), _reply(request, form, filled)
        return Accepted((event,), reply, refused=_nobody(request, form, filled))

    def _too_many(self, form: Form, name: str, request: ChannelRequest) -> bool:
        """Count a post; True once its address has had all that the form allows."""
        if form.rate is None:
            return False
        key = name, request.client or ""
        end, count = self._posts.pop(key, (0, 0))
        if end <= request.now:
            end, count = request.now + form.rate.milliseconds, 0
        self._posts[key] = end, count + 1
        if len(self._posts) > MAX_KNOWN:
            self._posts.popitem(last=False)
        return count >= form.rate.requests


async def show(request: ChannelRequest) -> Accepted | Rejection:
    """Show a form's page."""
    form = form_of(request.settings, request.params["form"])
    if form is None:
        return _no_such_form()
    language = language_of(form, dict(request.query), request.headers)
    hidden = (*_carried(request.query), ("_lang", language), ("_id", uuid.uuid4().hex))
    return Accepted((), as_page(form, _page(request, form, language, Given(hidden=hidden))))


async def thank(request: ChannelRequest) -> Accepted | Rejection:
    """Say thank you."""
    form = form_of(request.settings, request.params["form"])
    if form is None:
        return _no_such_form()
    language = language_of(form, dict(request.query), request.headers)
    return Accepted((), as_page(form, thanks_page(form, language)))


async def code(request: ChannelRequest) -> Accepted | Rejection:
    """Show a form's QR code; what its address says of the source is in the code."""
    name, url = request.params["form"], request.settings.get("url")
    if form_of(request.settings, name) is None:
        return _no_such_form()
    if not url:
        text = "server.yaml does not say under `channels`, `form`, `url` where people reach it"
        return Rejection(text, 404, "not-found")
    kind = request.path.rpartition(".")[2]
    try:
        target = form_code.address(str(url), name, _carried(request.query))
    except ValueError as error:
        return Rejection(str(error), 400)
    return Accepted((), Reply(200, form_code.picture(target, kind), media_type=_CODES[kind]))


def _no_such_form() -> Rejection:
    return Rejection("there is no page for this form", 404, "not-found")


def _honeypot(request: ChannelRequest) -> str:
    return str(request.settings.get("honeypot", HONEYPOT))


def _carried(given: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Return what says where somebody comes from, to be sent along with the form."""
    return [
        (name, str(value)[:MAX_CARRIED])
        for name, value in given
        if name == "source" or (name.startswith("utm_") and len(name) <= 20)
    ][:10]


def _event(request: ChannelRequest, form: str, filled: _Filled) -> dict[str, Any]:
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
    return event


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
    controls = _CONTROLS | {_honeypot(request)}
    properties = request.names.events.get(EVENT, {})
    for name, value in inputs:
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        filled.values.setdefault(name, []).append(str(value))
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
    if value is True or str(value).strip().lower() in TRUE:
        given[name.removeprefix("consent.")] = "given"


def _field(name: str, fields: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the lead field that an input means, and its type; None when it means none."""
    if name in NOT_FOR_STRANGERS:
        return name, None
    return meaning(name), fields.get(meaning(name))


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
        target[name] = typed(kind, value)
    return True


def _errors(form: Form, filled: _Filled, request: ChannelRequest) -> dict[str, str]:
    """Return what is wrong with a form, ``missing`` or ``bad`` by input."""
    found = {}
    for field in form.fields:
        value = _value(filled, field.name)
        if value is None:
            if field.required:
                found[field.name] = "missing"
            continue
        known = meaning(field.name) in request.names.fields
        fits = request.names.fits(meaning(field.name), value, None if known else EVENT)
        offered = not field.options or set(filled.values[field.name]) <= {*field.options}
        if not fits or not offered:
            found[field.name] = "bad"
    for consent in form.consent:
        if consent.required and consent.topic not in filled.consent:
            found[f"consent.{consent.topic}"] = "missing"
    reach = [field.name for field in form.fields if field.name in ("phone", "email")]
    if not found and reach and not any(name in filled.lead for name in reach):
        found[reach[0]] = "missing"
    return found


def _value(filled: _Filled, name: str) -> Any:
    """Return what an input gave, None when nothing."""
    if name in filled.properties:
        return filled.properties[name]
    part, _, last = meaning(name).rpartition(".")
    within = filled.lead.get(part, {}) if part == "source" else filled.lead
    return within.get(last if part == "source" else meaning(name))


def _wants_page(request: ChannelRequest) -> bool:
    return request.form is not None and "text/html" in request.headers.get("accept", "")


def _again(
    request: ChannelRequest, form: Form, filled: _Filled, errors: Mapping[str, str]
) -> Accepted | Rejection:
    """Show the page once more with what is wrong; a program gets the inputs' names."""
    if not _wants_page(request):
        told = ", ".join(f'"{name}" is {what}' for name, what in errors.items())
        return Rejection(told, 422, "bad-form")
    language = language_of(form, filled.controls, request.headers)
    said = {name: WORDS[language][what] for name, what in errors.items()}
    given = Given(filled.values, said, _kept(filled))
    return Accepted((), as_page(form, _page(request, form, language, given), 422))


def _nobody(request: ChannelRequest, form: Form | None, filled: _Filled) -> Reply | None:
    """Return the page for who cannot be reached by what was filled in."""
    if form is None or not _wants_page(request):
        return None
    names = [field.name for field in form.fields]
    first = next((name for name in names if name in ("phone", "email")), names[0])
    again = _again(request, form, filled, {first: "bad"})
    return again.reply if isinstance(again, Accepted) else None


def _later(request: ChannelRequest, form: Form, filled: _Filled) -> Accepted:
    """Answer who posts too often."""
    wait = str(max(1, form.rate.milliseconds // 1_000)) if form.rate else "1"
    headers = {"retry-after": wait}
    if not _wants_page(request):
        error = {"code": "too-many-requests", "message": "too many posts of this form"}
        return Accepted((), Reply(429, {"error": {**error, "details": []}}, headers=headers))
    language = language_of(form, filled.controls, request.headers)
    given = Given(filled.values, {}, _kept(filled), late=True)
    return Accepted((), as_page(form, _page(request, form, language, given), 429, headers))


def _kept(filled: _Filled) -> tuple[tuple[str, str], ...]:
    """Return the hidden inputs of a page that is shown once more."""
    sent = [(name, values[-1]) for name, values in filled.values.items()]
    controls = [(n, v[:MAX_CARRIED]) for n, v in filled.controls.items() if n in _CONTROLS]
    return (*_carried(sent), *controls)


def _page(request: ChannelRequest, form: Form, language: str, given: Given) -> str:
    name = request.params["form"]
    return page(form, name, request.names, language, given, _honeypot(request))


def _reply(request: ChannelRequest, form: Form | None, filled: _Filled) -> Reply:
    """Go to ``_next`` if it is a path on the page's own site, else say that it arrived."""
    target = filled.controls.get("_next", "")
    if is_relative(target):
        return Reply(303, redirect=target)
    if form is not None and _wants_page(request):
        language = language_of(form, filled.controls, request.headers)
        own = f"{request.path}/thanks?lang={language}"
        return Reply(303, redirect=form.next or own)
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
