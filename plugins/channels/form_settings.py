"""What ``channels: {form: ...}`` in server.yaml says: forms with their pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from engine.plugin import LANGUAGES, Names

EVENT: Final = "form_submitted"
HONEYPOT: Final = "_gotcha"
# A stranger may say who he is, not that he is a known user, and not what we think of him.
NOT_FOR_STRANGERS: Final = frozenset({"user_id", "wecom_id", "wechat_openid", "tags", "consent"})
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_TEXT: Final[Mapping[str, Any]] = {
    "type": ["string", "object"],
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {language: {"type": "string"} for language in LANGUAGES},
}
_NAME: Final = {"type": "string", "minLength": 1}
_FIELD: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": _NAME,
        "label": _TEXT,
        "required": {"type": "boolean"},
        "options": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "long": {"type": "boolean"},
    },
}
_CONSENT: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["topic", "label"],
    "properties": {"topic": _NAME, "label": _TEXT, "required": {"type": "boolean"}},
}
_RATE: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["requests", "per"],
    "properties": {
        "requests": {"type": "integer", "minimum": 1, "maximum": 10_000},
        "per": {"type": "string", "pattern": "^[1-9][0-9]{0,3}[smhd]$"},
    },
}
_FORM: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "fields"],
    "properties": {
        "title": _TEXT,
        "intro": _TEXT,
        "submit": _TEXT,
        "thanks": _TEXT,
        "language": {"enum": list(LANGUAGES)},
        "fields": {"type": "array", "minItems": 1, "items": _FIELD},
        "consent": {"type": "array", "items": _CONSENT},
        "source": {
            "type": "object",
            "additionalProperties": False,
            "properties": dict.fromkeys(("name", "category", "code"), _NAME),
        },
        "next": {"type": "string", "pattern": r"^(https?://|/(?!/))[^\\\s]*$"},
        "rate": _RATE,
        "embed": {"type": "array", "items": {"type": "string", "pattern": "^https?://[^/\\s;,]+$"}},
    },
}
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "honeypot": {"type": "string", "minLength": 1},
        "url": {"type": "string", "pattern": r"^https?://[^\s?#]+$"},
        "forms": {"type": "object", "additionalProperties": _FORM},
    },
}

Text = str | dict[str, str]


class Field(msgspec.Struct, frozen=True):
    """One input: a lead field, or a property of ``form_submitted``."""

    name: str
    label: Text | None = None
    required: bool = False
    options: tuple[str, ...] = ()
    long: bool = False


class Consent(msgspec.Struct, frozen=True):
    """A box to tick; never ticked by itself."""

    topic: str
    label: Text
    required: bool = False


class Rate(msgspec.Struct, frozen=True):
    """So many posts from one address in ``per`` (10m, 1h)."""

    requests: int
    per: str

    @property
    def milliseconds(self) -> int:
        """How long ``per`` is."""
        return int(self.per[:-1]) * _UNITS[self.per[-1]]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A form that has a page of its own."""

    title: Text
    fields: tuple[Field, ...]
    intro: Text = ""
    submit: Text | None = None
    thanks: Text | None = None
    language: str = "zh"
    consent: tuple[Consent, ...] = ()
    source: dict[str, str] = {}
    next: str | None = None
    rate: Rate | None = None
    embed: tuple[str, ...] = ()


def form_of(settings: Mapping[str, Any], name: str) -> Form | None:
    """Return the form that server.yaml has under a name, None when it has none."""
    written = settings.get("forms", {}).get(name)
    return None if written is None else msgspec.convert(written, Form)


def meaning(name: str) -> str:
    """Return the lead field that an input's name means: ``utm_source`` is source.utm_source."""
    if name.startswith("utm_"):
        return f"source.{name}"
    return "source.name" if name == "source" else name


def wrong(settings: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Yield what is wrong with forms: inputs that would be ignored, or that nobody can fill in."""
    for name in settings.get("forms", {}):
        form = form_of(settings, name)
        for field in form.fields if form else ():
            place = f'form "{name}", field "{field.name}"'
            known = meaning(field.name) in names.fields
            if field.name in NOT_FOR_STRANGERS:
                yield f"{place}: a stranger must not say that"
            elif not known and field.name not in names.events.get(EVENT, {}):
                yield f"{place}: neither a lead field nor a property of {EVENT}"
            event = None if known else EVENT
            for option in field.options:
                if not names.fits(meaning(field.name), _as_sent(option, field, names), event):
                    yield f'{place}: the option "{option}" is no value of it'


def _as_sent(option: str, field: Field, names: Names) -> Any:
    kind = names.fields.get(meaning(field.name)) or names.events.get(EVENT, {}).get(field.name)
    return typed(str(kind), option, False)


def typed(kind: str, value: Any, split: bool = True) -> Any:
    """Read a form's text as its field's type. What can't be read stays, and is refused later."""
    if kind == "list" and not split:
        return [value]
    if not isinstance(value, str):
        return value
    text = value.strip()
    if kind == "boolean" and text.lower() in TRUE | _FALSE:
        return text.lower() in TRUE
    try:
        if kind == "integer":
            return int(text)
        if kind in {"number", "money"}:
            return float(text)
    except ValueError:
        return text
    return text


TRUE: Final = frozenset({"1", "on", "true", "yes", "given", "是", "同意"})
_FALSE: Final = frozenset({"0", "off", "false", "no", "否"})
