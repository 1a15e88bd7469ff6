"""The catalogue: lead fields and event types with their types, and input checked against it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import msgspec

from engine.language.instants import BadTime, parse_instant
from engine.language.label import Text
from engine.language.places import place, usual_name
from engine.language.taxonomy import Taxonomy

Value = Any  # str | int | float | bool | list[str]: what a checked field may hold

PLAIN: Final = frozenset({"string", "text", "phone", "email"})  # stored as they are, if clean
TEXTS: Final = PLAIN | {"geo"}
NUMBERS: Final = frozenset({"integer", "number", "money"})
TYPES: Final = (
    *("string", "text", "integer", "number", "money", "boolean", "date", "datetime", "enum"),
    *("phone", "email", "list", "geo", "consent"),
)
IDENTITIES: Final = ("user_id", "email", "phone", "wecom_id", "wechat_openid", "anonymous_id")
# Any event of the groups `message` and the journeys' own carry these beside their own.
MESSAGE_PROPERTIES: Final = ("message", "journey", "step", "delivery")
# Events that are in the log and that no rule ever hears, with what to write instead.
UNHEARD: Final = {
    "timer_due": "for what the clock brings write when: {absent: {event: any, for: 30d}}",
    "lead_unmerged": "what a merge gave goes with it by itself; of merges rules hear lead_merged",
}
MAX_STRING: Final = 1_000
MAX_TEXT: Final = 20_000
MAX_ITEMS: Final = 200
MAX_INTEGER: Final = 2**53  # beyond it JSON numbers lose digits
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Field(msgspec.Struct, frozen=True):
    """A lead field or an event property. ``of`` is the type of a list's items.

    ``called`` has what people read for values of an enum, where it is given. A ``place`` is text
    that has the usual names of places in China, 上海 for 上海市.
    """

    name: str
    type: str
    label: Text | None = None
    values: tuple[str, ...] = ()
    ordered: bool = False
    of: str = "string"
    currency: str | None = None
    pii: bool = False
    derived: bool = False
    called: Mapping[str, Text] = MappingProxyType({})
    place: bool = False

    @property
    def family(self) -> str:
        """The operators' family: string, number, enum, boolean, date or list."""
        if self.type in TEXTS:
            return "string"
        if self.type in NUMBERS:
            return "number"
        return "date" if self.type == "datetime" else self.type


class EventType(msgspec.Struct, frozen=True):
    """A kind of event; ``behaviour`` ones are what ``any`` means in rules."""

    name: str
    properties: Mapping[str, Field]
    group: str = "behaviour"
    behaviour: bool = True
    label: Text | None = None


class Problem(msgspec.Struct, frozen=True):
    """Why one value of an event was refused; ``path`` such as ``lead.employees``."""

    path: str
    message: str


class BadValue(ValueError):
    """A value that does not fit its field; the text says what would."""


class Catalogue:
    """All fields and event types of one configuration. Immutable once built."""

    def __init__(
        self,
        fields: Mapping[str, Field],
        events: Mapping[str, EventType],
        sources: Taxonomy | None = None,
    ) -> None:
        self.sources = sources or Taxonomy()
        self.fields = dict(fields)
        self.events = dict(events)
        self.behaviour = frozenset(e.name for e in self.events.values() if e.behaviour)
        self.heard = tuple(name for name in self.events if name not in UNHEARD)
        self.personal = frozenset(f.name for f in self.fields.values() if f.pii)

    def property(self, event: str, name: str) -> Field | None:
        """Return the property ``name`` of an event type, or None."""
        kind = self.events.get(event)
        return kind.properties.get(name) if kind else None


def convert(field: Field, value: Any) -> Value:
    """Return ``value`` as the field stores it; raises BadValue.

    Nothing is coerced; a place is called by its official name.
    """
    return _CONVERTERS[field.type](field, value)


def _string(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{_show(value)} is not text")
    limit = MAX_TEXT if field.type == "text" else MAX_STRING
    if len(value) > limit:
        raise BadValue(f"text of {len(value)} characters; at most {limit} fit")
    found = None if value.isprintable() else _CONTROL.search(value)
    if found:
        raise BadValue(f"the character U+{ord(found[0]):04X} is not allowed in text")
    return usual_name(value) if field.place else value


def _geo(field: Field, value: Any) -> str:
    found = place(_string(field, value))
    if found is None:
        raise BadValue(f"{_show(value)} is no province, city or district of China")
    return found.name


def _integer(field: Field, value: Any) -> int:
    if type(value) is not int:
        raise BadValue(f"{_show(value)} is not a whole number")
    if abs(value) > MAX_INTEGER:
        raise BadValue(f"{_show(value)} is too large")
    return value


def _number(field: Field, value: Any) -> float | int:
    if type(value) not in (int, float):
        raise BadValue(f"{_show(value)} is not a number")
    if not math.isfinite(value) or abs(value) > MAX_INTEGER:
        raise BadValue(f"{_show(value)} is too large or not finite")
    number: float | int = value
    return number


def _boolean(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadValue(f"{_show(value)} is not true or false")
    return value


def _enum(field: Field, value: Any) -> str:
    if not field.values:
        raise BadValue(f"{_show(value)} is no value of {field.name}: none is declared")
    if value not in field.values:
        raise BadValue(f"{_show(value)} is none of {', '.join(field.values)}")
    return str(value)


def _date(field: Field, value: Any) -> str:
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise BadValue(f"{_show(value)} is not a date such as 2026-03-02")


def _datetime(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{_show(value)} is not a date and time")
    try:
        parse_instant(value)
    except BadTime as error:
        raise BadValue(str(error)) from None
    return value.upper()  # 2026-03-02t09:00:00z


def _list(field: Field, value: Any) -> list[Value]:
    if not isinstance(value, list):
        raise BadValue(f"{_show(value)} is not a list")
    if len(value) > MAX_ITEMS:
        raise BadValue(f"a list of {len(value)} items; at most {MAX_ITEMS} fit")
    item = Field(field.name, field.of)
    return [convert(item, each) for each in value]


def _consent(field: Field, value: Any) -> Any:
    raise BadValue("consent is a map of topic to given or withdrawn")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_CONVERTERS: Final = {
    **dict.fromkeys(PLAIN, _string),
    "geo": _geo,
    "integer": _integer,
    "number": _number,
    "money": _number,
    "boolean": _boolean,
    "enum": _enum,
    "date": _date,
    "datetime": _datetime,
    "list": _list,
    "consent": _consent,
}
