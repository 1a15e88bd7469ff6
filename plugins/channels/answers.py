"""The answers of somebody's form become an event: the one mapping of all form channels.

A channel verifies what arrives and gathers `Answers`; settings say which of them is which field
(``fields: {您的邮箱: email}``). What settings do not name is recognised by its usual names. An
answer that does not fit its field is left out: one odd answer must not lose the lead.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from engine.plugin import Accepted, Names, Rejection, Reply
from plugins.channels.reading import read_as, text_of, truth_of, whole_name

logger = logging.getLogger("leadrules.channel")

MAX_ID: Final = 200
MAX_ANSWERS: Final = 1_000
FORM_EVENT: Final = "form_submitted"
FIRST, LAST = "first_name", "last_name"
# A stranger fills in the form: he may say who he is, not which account is his, nor what we think
# of him. Settings may map these by name.
_NOT_BY_ITSELF: Final = frozenset({"user_id", "anonymous_id", "wecom_id", "wechat_openid", "tags"})

_TARGET: Final = {
    "type": ["string", "object"],
    "minLength": 1,
    "additionalProperties": False,
    "required": ["to"],
    "properties": {
        "to": {"type": "string", "minLength": 1},
        "values": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
    },
}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
_SOURCE: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {"type": "string", "minLength": 1}
        for name in (
            *("name", "category", "code"),
            *("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
        )
    },
}
# What every channel that maps answers is told in the same way.
MAPPING: Final[Mapping[str, Any]] = {
    "event": {"type": "string", "minLength": 1},
    "fields": {"type": "object", "additionalProperties": _TARGET},
    "properties": {"type": "object", "additionalProperties": _TARGET},
    "consent": _TEXTS,
    "source": _SOURCE,
}
FORMS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"name": {"type": "string", "minLength": 1}, **MAPPING},
    },
}


def form_settings(required: Sequence[str] = (), **own: Any) -> Mapping[str, Any]:
    """Return the schema of a form channel's settings: its own, the mapping, and that by form."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {**own, **MAPPING, "forms": FORMS},
    }


class Said(Protocol):
    """What was said: looked up by the source's own names, and gone through in order."""

    def get(self, name: str, /) -> Any:
        """Return what is said under a name, None when nothing is."""

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield names and what is said under each, for what settings do not map."""


class Answers(msgspec.Struct):
    """A form's answers by every name that a question has: its key and what people read.

    ``guessed`` is by lead field: what the kind of a question tells, such as an e-mail input;
    ``read`` is by name: the question as people read it.
    """

    named: dict[str, Any] = {}
    guessed: dict[str, Any] = {}
    read: dict[str, str] = {}

    def add(self, value: Any, *names: Any, field: str | None = None) -> None:
        """Note an answer; the first one to a name counts, empty ones never.

        Of ``names`` the last one that there is stands on the form.
        """
        if value is None or value in ("", []) or len(self.named) >= MAX_ANSWERS:
            return
        called = [name.strip() for name in names if isinstance(name, str) and name.strip()]
        for name in called:
            self.named.setdefault(name, value)
            self.read.setdefault(name, called[-1])
        if field is not None:
            self.guessed.setdefault(field, value)

    def get(self, name: str, /) -> Any:
        """Return the answer to a question."""
        return self.named.get(name.strip())

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield the answers, then what the questions' kinds tell."""
        yield from self.named.items()
        yield from self.guessed.items()

    def words(self, name: str, /) -> str:
        """Return the question as people read it."""
        return self.read.get(name.strip(), name)


class How(msgspec.Struct, frozen=True):
    """How answers become an event: the settings of a channel, or of one of its forms.

    ``quiet``: what does not fit is not worth a line in the log each time.
    """

    event: str = FORM_EVENT
    name: str | None = None
    fields: Mapping[str, Any] = {}
    properties: Mapping[str, Any] = {}
    consent: Mapping[str, str] = {}
    source: Mapping[str, str] = {}
    quiet: bool = False


def how_of(settings: Mapping[str, Any], form: str = "", source: str | None = None) -> How:
    """Return the settings for a form: its own count before the channel's, key by key."""
    own = settings.get("forms", {}).get(form, {})
    named = {"name": source} if source else {}
    return How(
        event=own.get("event") or settings.get("event") or FORM_EVENT,
        name=own.get("name") or text_of(form) or None,
        fields={**settings.get("fields", {}), **own.get("fields", {})},
        properties={**settings.get("properties", {}), **own.get("properties", {})},
        consent={**settings.get("consent", {}), **own.get("consent", {})},
        source={**named, **settings.get("source", {}), **own.get("source", {})},
    )


def event_of(said: Said, how: How, names: Names, channel: str) -> dict[str, Any]:
    """Return the event, without id and time."""
    made = _Made(how, names, channel)
    for theirs, target in how.fields.items():
        made.put_field(*_target(target), said.get(theirs))
    for theirs, target in how.properties.items():
        made.put_property(*_target(target), said.get(theirs))
    mapped = {*how.fields, *how.properties, *how.consent}
    for theirs, answer in said.items():
        field = None if theirs in mapped else usual_field(theirs, names.fields)
        if field is not None:
            made.put_field(field, {}, answer)
    for theirs, topic in how.consent.items():
        words = said.words(theirs) if isinstance(said, Answers) else theirs
        made.put_consent(topic, said.get(theirs), f"{channel}:{how.name or theirs}", words)
    for part, text in how.source.items():
        made.lead.setdefault(f"source.{part}", text)
    if how.name is not None and "form" in names.events.get(how.event, {}):
        made.properties.setdefault("form", how.name[:MAX_ID])
    return made.event()


def _target(written: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(written, str):
        return written, {}
    return written["to"], written.get("values", {})


class _Made:
    """An event in the making; the first value of a field stays."""

    def __init__(self, how: How, names: Names, channel: str) -> None:
        self.lead: dict[str, Any] = {}
        self.properties: dict[str, Any] = {}
        self._type = how.event
        self._level = logging.DEBUG if how.quiet else logging.WARNING
        self._names = names
        self._channel = channel
        self._consent: dict[str, Any] = {}
        self._parts: dict[str, str] = {}

    def put_field(self, name: str, values: Mapping[str, Any], answer: Any) -> None:
        if name in {FIRST, LAST}:
            self._parts.setdefault(name, text_of(answer))
            return
        kind = self._names.fields.get(name)
        value = _valued(kind, values, answer)
        if name in self.lead:
            return
        if value is not None and self._names.fits(name, value):
            self.lead[name] = value
        elif text_of(answer):
            self._left_out(name, kind)

    def put_property(self, name: str, values: Mapping[str, Any], answer: Any) -> None:
        kind = self._names.events.get(self._type, {}).get(name)
        value = _valued(kind, values, answer)
        if name in self.properties:
            return
        if value is not None and self._names.fits(name, value, self._type):
            self.properties[name] = value
        elif text_of(answer):
            self._left_out(name, kind)

    def put_consent(self, topic: str, answer: Any, source: str, text: str) -> None:
        """A ticked box is consent: a word for yes, or the box's own text, however it is worded."""
        said = answer if isinstance(answer, bool) else truth_of(answer)
        if said or (said is None and text_of(answer)):
            words = text_of(answer) if said is None else text
            evidence = {"status": "given", "source": source[:MAX_ID], "text": words[:2_000]}
            self._consent.setdefault(topic, evidence)

    def event(self) -> dict[str, Any]:
        whole = whole_name(self._parts.get(FIRST, ""), self._parts.get(LAST, ""))
        if whole:
            self.lead.setdefault("name", whole)
        lead = {**self.lead, **({"consent": self._consent} if self._consent else {})}
        return {
            "type": self._type,
            "lead": lead,
            "properties": self.properties,
            "channel": self._channel,
        }

    def _left_out(self, name: str, kind: str | None) -> None:
        """Say that it does not fit, and not what it is: it may be a person's."""
        wanted = "is not in the catalogue" if kind is None else f"takes no such {kind}"
        told = 'channel %s: an answer was left out: "%s" %s'
        logger.log(self._level, told, self._channel, name, wanted)


def _valued(kind: str | None, values: Mapping[str, Any], answer: Any) -> Any:
    """Return an answer in our words, as its field's type; None when there is none."""
    if answer is None or answer == "":
        return None
    if values:
        found = values.get(text_of(answer))
        answer = answer if found is None else found
    if kind is None:
        return text_of(answer) or None
    return read_as(kind, answer)


# --- what questions are usually called -------------------------------------------------------


_USUAL: Final[Mapping[str, str]] = {
    word: field
    for field, words in {
        "name": "fullname yourname contactname 姓名 您的姓名 联系人 联系人姓名 称呼 您的称呼 名字",
        FIRST: "firstname givenname first",
        LAST: "lastname familyname surname last",
        "email": "emailaddress workemail businessemail youremail mail 邮箱 您的邮箱 电子邮箱"
        " 电子邮件 工作邮箱 企业邮箱 邮箱地址",
        "phone": "phonenumber yourphone mobile mobilephone mobilenumber cell tel telephone"
        " workphonenumber 手机 手机号 手机号码 您的手机 您的手机号 电话 联系电话 电话号码",
        "company": "companyname yourcompany organization organisation 公司 公司名称 您的公司"
        " 单位 单位名称 企业名称 企业",
        "title": "jobtitle position role 职位 职务 您的职位",
        "industry": "行业 所属行业 所在行业",
        "employees": "numberofemployees numemployees companysize 员工数 员工人数 公司规模 企业规模",
        "province": "state 省份 省",
        "city": "城市 所在城市 市",
        "address": "streetaddress 地址 联系地址 详细地址",
        "budget": "预算 采购预算 项目预算",
        "need": "message comment comments needs 需求 您的需求 需求描述 留言 备注 咨询内容",
        "decision_role": "决策角色",
        "birthday": "dateofbirth 生日 出生日期",
        "language": "语言",
    }.items()
    for word in words.split()
}
_MARKS: Final = re.compile(r"[\s_\-.:：?？*（）()]+")


def usual_field(theirs: str, fields: Mapping[str, str]) -> str | None:
    """Return the lead field that a question's name means by itself; None when it means none.

    >>> usual_field("E-mail address", {"email": "email"}), usual_field("想喝什么", {})
    ('email', None)
    """
    word = _MARKS.sub("", unicodedata.normalize("NFKC", theirs[:MAX_ID]).lower())
    if word.startswith("utm") and f"source.utm_{word[3:]}" in fields:
        return f"source.utm_{word[3:]}"
    exact = theirs.strip().lower()
    field = exact if exact in fields else _USUAL.get(word, word)
    if field in {FIRST, LAST}:
        return field
    return field if field in fields and field not in _NOT_BY_ITSELF else None


# --- what a channel answers ------------------------------------------------------------------


def id_of(channel: str, *parts: Any) -> str | None:
    """Return an event's id from the source's own; None when the source names none."""
    texts = [text_of(part) for part in parts]
    if not any(texts):
        return None
    id = ":".join((channel, *texts))
    if len(id) <= MAX_ID and id.isprintable():
        return id
    return f"{channel}:{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def with_id(event: dict[str, Any], id: str | None, at: str | None = None) -> dict[str, Any]:
    """Return an event with what makes it count once, and when it happened."""
    given = {"id": id, "at": at}
    return {**event, **{name: value for name, value in given.items() if value is not None}}


def taken(*events: Mapping[str, Any]) -> Accepted:
    """Answer that it arrived: a source would only send again what can never be used."""
    return Accepted(events, Reply(200, {"status": "accepted"}), lenient=True)


def wrong_signature() -> Rejection:
    """Refuse what is not from whom it claims to be; nothing says which part was wrong."""
    return Rejection("the signature is missing, wrong or too old", 401, "wrong-signature")


def wrong_body(wanted: str) -> Rejection:
    """Refuse a body that is not of the source's form."""
    return Rejection(f"the body is not {wanted}", 400, "wrong-body")
