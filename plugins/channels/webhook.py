"""The channel ``webhook``: JSON from anywhere, told in YAML where everything stands in it.

Each source has an address of its own, ``/channels/webhook/NAME``, one way to prove that it is
the source, and dotted paths for what becomes of its JSON. CloudEvents come in any of their modes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

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
from plugins.channels.answers import (
    MAPPING,
    How,
    event_of,
    id_of,
    taken,
    with_id,
    wrong_body,
    wrong_signature,
)
from plugins.channels.cloudevents import envelopes_of
from plugins.channels.mapping_check import wrong_names
from plugins.channels.paths import Tree
from plugins.channels.reading import text_of
from plugins.channels.signatures import (
    SECRETS,
    has_standard_keys,
    is_secret,
    is_signed,
    is_standard,
)
from plugins.channels.times import not_later

MAX_ITEMS: Final = 1_000
_TEXT: Final = {"type": "string", "minLength": 1}


def _shape(required: tuple[str, ...], **properties: Any) -> Mapping[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


_VERIFY: Final = {
    **_shape(
        (),
        standard=SECRETS,
        header=_shape(("name", "secret"), name=_TEXT, secret=SECRETS),
        query=_shape(("name", "secret"), name=_TEXT, secret=SECRETS),
        hmac=_shape(
            ("header", "secret"),
            header=_TEXT,
            secret=SECRETS,
            encoding={"type": "string", "enum": ["hex", "base64"]},
            prefix=_TEXT,
        ),
    ),
    "minProperties": 1,
    "maxProperties": 1,
}
_EVENT: Final = {
    "type": ["string", "object"],
    "minLength": 1,
    "additionalProperties": False,
    "required": ["at", "values"],
    "properties": {
        "at": _TEXT,
        "values": {"type": "object", "additionalProperties": _TEXT},
    },
}
SETTINGS: Final = _shape(
    ("sources",),
    sources={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _shape(
            ("verify",),
            **{
                **MAPPING,
                "verify": _VERIFY,
                "event": _EVENT,
                "each": _TEXT,
                "id": _TEXT,
                "at": _TEXT,
            },
        ),
    },
)


class WebhookChannel(Channel):
    """Makes events of JSON as the settings of its source say."""

    name = "webhook"
    config_schema = SETTINGS

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return the names that there are not, and the secrets that can be none."""
        for name, source in settings["sources"].items():
            yield from (f"{name}: {each}" for each in wrong_names(source, names))
            if not has_standard_keys(source["verify"].get("standard")):
                yield f"{name}: verify.standard is no secret of Standard Webhooks, which is base64"

    def routes(self) -> list[Route]:
        return [
            Route("/{source}", ("POST",), posted, "JSON from a source that settings describe"),
            Route("/{source}", ("OPTIONS",), offered, "The handshake of CloudEvents"),
        ]


async def posted(request: ChannelRequest) -> Accepted | Rejection:
    """Turn a body into events."""
    name = request.params["source"]
    source = request.settings.get("sources", {}).get(name)
    if source is None:
        return _unknown()
    if not _is_theirs(request, source["verify"]):
        return wrong_signature()
    documents = envelopes_of(request.headers, request.data)
    if documents is None:
        return wrong_body("a CloudEvent")
    if not documents or not all(isinstance(each, dict | list) for each in documents):
        return wrong_body("JSON")
    items = [(doc, item) for doc in documents for item in _items(doc, source)]
    if len(items) > MAX_ITEMS:
        return Rejection(f"at most {MAX_ITEMS} events fit in one request", 413, "too-many-events")
    made = [_event(name, source, request, doc, item) for doc, item in items]
    found = [each for each in made if each is not None]
    alone = len(items) == 1
    return taken(*(_once(each, name, request, alone) for each in found))


async def offered(request: ChannelRequest) -> Accepted | Rejection:
    """Let a sender of CloudEvents know that it may send here, if it names itself."""
    if request.params["source"] not in request.settings.get("sources", {}):
        return _unknown()
    origin = request.headers.get("webhook-request-origin", "")
    if not (0 < len(origin) <= 200 and origin.isascii() and origin.isprintable()):
        return Rejection("WebHook-Request-Origin is missing", 400, "wrong-body")
    headers = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*", "Allow": "POST"}
    return Accepted((), Reply(200, "", media_type="text/plain", headers=headers))


def _is_theirs(request: ChannelRequest, verify: Mapping[str, Any]) -> bool:
    if "standard" in verify:
        return is_standard(request.headers, request.body, verify["standard"], request.now)
    if "header" in verify:
        how = verify["header"]
        given = request.headers.get(how["name"].lower(), "")
        # A header comes as bytes read as Latin-1; a secret may have other letters.
        return is_secret(given.encode("latin-1", "replace"), how["secret"])
    if "query" in verify:
        how = verify["query"]
        return is_secret(dict(request.query).get(how["name"], ""), how["secret"])
    how = verify["hmac"]
    signed = request.headers.get(how["header"].lower())
    form, prefix = how.get("encoding", "hex"), how.get("prefix", "")
    return is_signed(signed, how["secret"], request.body, form=form, prefix=prefix)


def _items(document: Any, source: Mapping[str, Any]) -> list[Any]:
    """Return what becomes an event each: the document, or each item of a list in it."""
    found = Tree(document).get(source["each"]) if "each" in source else document
    return found if isinstance(found, list) else [found]


def _event(
    name: str, source: Mapping[str, Any], request: ChannelRequest, document: Any, item: Any
) -> dict[str, Any] | None:
    """Return the event of an item; None when its kind is none that settings name."""
    said = _Within(item, document, "fields" not in source)
    type = source.get("event", "form_submitted")
    if not isinstance(type, str):
        type = type["values"].get(text_of(said.get(type["at"])))
        if type is None:
            return None
    how = How(
        event=type,
        name=name,
        fields=source.get("fields", {}),
        properties=source.get("properties", {}),
        consent=source.get("consent", {}),
        source={"name": name, **source.get("source", {})},
    )
    made = event_of(said, how, request.names, "webhook")
    own = text_of(said.get(source.get("id", "id")))
    at = not_later(said.get(source.get("at", "time")), request.now)
    return with_id(made, id_of("webhook", name, own) if own else None, at)


def _once(event: dict[str, Any], name: str, request: ChannelRequest, alone: bool) -> dict[str, Any]:
    """Give an event without an id that of the request, where the source signs one."""
    signed = request.headers.get("webhook-id")
    if "id" in event or not signed or not alone:
        return event
    return {**event, "id": id_of("webhook", name, signed)}


class _Within:
    """An item, and around it its document: a path counts in the item first.

    Only ``openly`` are names recognised by themselves: where settings name fields they are all,
    for the name of a product is no person's.
    """

    def __init__(self, item: Any, document: Any, openly: bool) -> None:
        self._openly = openly
        self._item = Tree(item)
        self._document = Tree(document)

    def get(self, name: str, /) -> Any:
        found = self._item.get(name)
        return self._document.get(name) if found is None else found

    def items(self) -> Any:
        if self._openly:
            yield from self._item.items()


def _unknown() -> Rejection:
    return Rejection("server.yaml describes no source of this name", 404, "not-found")


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(WebhookChannel())
