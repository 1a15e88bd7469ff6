"""What one of Segment's calls means: its person, its event, its time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from engine.plugin import ChannelRequest, Names
from plugins.channels.answers import FIRST, LAST, How, event_of, id_of, with_id
from plugins.channels.paths import Tree
from plugins.channels.reading import text_of
from plugins.channels.times import instant_of, rfc3339

MAX_CALL: Final = 32_000  # bytes
MAX_AGENT: Final = 1_000
_IDENTIFIED: Final = "identified"
_VIEWED: Final = "page_viewed"
# Segment's own traits, and those of the company; any other goes by its usual name.
_TRAITS: Final[Mapping[str, str]] = {
    "firstName": FIRST,
    "lastName": LAST,
    "company.name": "company",
    "company.industry": "industry",
    "company.employee_count": "employees",
    "address.city": "city",
    "address.state": "province",
}
_GROUP: Final[Mapping[str, str]] = {
    "name": "company",
    "industry": "industry",
    "employees": "employees",
}
# The part of Segment's e-commerce and B2B events that the catalogue has a name for.
_SPEC: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "order completed": (
        "order_placed",
        {"order_id": "order", "total": "amount", "revenue": "amount", "products": "products"},
    ),
    "cart viewed": ("cart_updated", {"value": "amount"}),
    "product added": ("cart_updated", {"value": "amount"}),
    "checkout started": ("cart_updated", {"value": "amount"}),
    "products searched": ("search_performed", {"query": "query"}),
    "trial started": ("trial_requested", {"plan": "product", "trial_plan_name": "product"}),
}
_PAGE: Final[Mapping[str, str]] = {"url": "url", "title": "title", "path": "page"}


class Sent(msgspec.Struct, frozen=True):
    """What the calls of one request share: how they came, when they were sent, their context."""

    request: ChannelRequest
    sent_at: Any = None
    context: Any = None

    @property
    def names(self) -> Names:
        """The catalogue."""
        return self.request.names


def event_of_call(call: Any, sent: Sent) -> dict[str, Any] | None:
    """Return the event of a call; None for one that is too large or nothing at all.

    A name that the catalogue does not know becomes an event that the door refuses, and counts.
    """
    if not isinstance(call, Mapping):
        return None
    written = json.dumps(call, ensure_ascii=False, separators=(",", ":"))
    if len(written.encode("utf-8", "surrogatepass")) > MAX_CALL:
        return None
    made = _made(call, sent)
    # What the protocol itself says of the person counts before what a property is called.
    made["lead"] = {**made["lead"], **_person(call), **_campaign(call, sent)}
    client = _client(call, sent)
    if client:
        made["client"] = client
    return with_id(made, id_of("segment", call.get("messageId")), _at(call, sent))


def _made(call: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
    kind, settings = text_of(call.get("type")), sent.request.settings
    traits = {**_TRAITS, **settings.get("traits", {})}
    if kind in {"page", "screen"}:
        return _viewed(call, sent)
    if kind == "track":
        return _tracked(call, sent, traits)
    if kind == "group":
        how = How(event=_IDENTIFIED, fields=_GROUP, quiet=True)
        return event_of(_Only(call.get("traits"), _GROUP), how, sent.names, "segment")
    if kind == "identify":
        said = Tree(_mapping(call, "traits") or _context(call, sent).get("traits"))
        return event_of(
            said, How(event=_IDENTIFIED, fields=traits, quiet=True), sent.names, "segment"
        )
    if kind == "alias":
        return _bare(_IDENTIFIED)
    return _bare(kind[:80] or "?")


def _viewed(call: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
    """A page by its name, else by its path; Segment's library fills in what the call leaves out."""
    around = _mapping(_context(call, sent), "page")
    told = {**around, **_mapping(call, "properties")}
    if call.get("name"):
        told["path"] = call["name"]
    how = How(event=_VIEWED, properties=_PAGE, quiet=True)
    return event_of(_Only(told, _PAGE), how, sent.names, "segment")


def _tracked(call: Mapping[str, Any], sent: Sent, traits: Mapping[str, str]) -> dict[str, Any]:
    name = text_of(call.get("event"))
    type, renamed = _named(name, sent)
    told = _mapping(call, "properties")
    if isinstance(told.get("products"), list):
        told["products"] = [_product(each) for each in told["products"]]
    own = {theirs: theirs for theirs in sent.names.events.get(type, {}) if theirs in told}
    how = How(event=type, properties={**own, **renamed}, quiet=True)
    made = event_of(_Only(told, {**own, **renamed}), how, sent.names, "segment")
    person = _mapping(_context(call, sent), "traits")
    if person:
        about = event_of(
            Tree(person), How(event=type, fields=traits, quiet=True), sent.names, "segment"
        )
        made["lead"] = about["lead"]
    return made


def _named(name: str, sent: Sent) -> tuple[str, Mapping[str, str]]:
    """Return our event type for a name of theirs, and their properties by our names.

    Settings count first, then Segment's own spec, then a name that is one of ours in other
    letters: "Form Submitted". Not what people do with leads: a write key lies in web pages.
    """
    written = sent.request.settings.get("events", {}).get(name)
    if isinstance(written, str):
        return written, {}
    if written is not None:
        return written["type"], written.get("properties", {})
    if name.lower() in _SPEC:
        return _SPEC[name.lower()]
    ours = re.sub(r"[\s\-]+", "_", name.strip().lower())[:80]
    return (ours if sent.names.is_behaviour(ours) else f"segment:{ours}"), {}


class _Only:
    """A map of which nothing is recognised by itself: the properties of an event are no person."""

    def __init__(self, data: Any, wanted: Mapping[str, str]) -> None:
        self._tree = Tree(data if isinstance(data, Mapping) else {})
        self._wanted = wanted

    def get(self, name: str, /) -> Any:
        return self._tree.get(name) if name in self._wanted else None

    def items(self) -> Iterator[tuple[str, Any]]:
        yield from ()


def _person(call: Mapping[str, Any]) -> dict[str, str]:
    """Return the identities; null and empty ones are usual, and mean nobody."""
    given = {"user_id": call.get("userId"), "anonymous_id": call.get("anonymousId")}
    if call.get("type") == "alias":
        given = {"user_id": call.get("userId"), "anonymous_id": call.get("previousId")}
    return {name: text_of(id)[:200] for name, id in given.items() if text_of(id)}


def _campaign(call: Mapping[str, Any], sent: Sent) -> dict[str, str]:
    given = _mapping(_context(call, sent), "campaign")
    named = {"name": "campaign", **{n: n for n in ("source", "medium", "content", "term")}}
    return {
        f"source.utm_{ours}": text_of(given[theirs])[:1_000]
        for theirs, ours in named.items()
        if text_of(given.get(theirs))
    }


def _client(call: Mapping[str, Any], sent: Sent) -> dict[str, str]:
    """Return whose browser it was; the address of a server that sends for others is nobody's."""
    context = _context(call, sent)
    agent = text_of(context.get("userAgent"))[:MAX_AGENT]
    ip = text_of(context.get("ip"))[:100] or (sent.request.client if agent else None)
    return {name: text for name, text in (("ip", ip), ("agent", agent)) if text}


def _at(call: Mapping[str, Any], sent: Sent) -> str | None:
    """Return when it happened: a client's clock may be wrong, but it knows how long ago it was."""
    now = sent.request.now
    at = instant_of(call.get("timestamp") or call.get("originalTimestamp"))
    if at is None:
        return None
    sent_at = instant_of(call.get("sentAt") or sent.sent_at)
    if sent_at is not None:
        at += now - sent_at
    return rfc3339(max(0, min(at, now)))


def _context(call: Mapping[str, Any], sent: Sent) -> Mapping[str, Any]:
    own = _mapping(call, "context")
    return own or (sent.context if isinstance(sent.context, Mapping) else {})


def _mapping(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    return dict(found) if isinstance(found, Mapping) else {}


def _product(each: Any) -> Any:
    if not isinstance(each, Mapping):
        return each
    return each.get("name") or each.get("sku") or each.get("product_id")


def _bare(type: str) -> dict[str, Any]:
    return {"type": type, "lead": {}, "properties": {}, "channel": "segment"}
