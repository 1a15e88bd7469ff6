"""The ``lead`` part of an event: fields flattened, checked, normalised, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.host import normalise
from engine.host.faults import Faults, printable, shown
from engine.host.regions import region_of
from engine.language.catalogue import MAX_STRING, PLAIN, Field, convert
from engine.language.places import usual_name
from engine.machines.directory import Identity
from engine.network.screening import Screen

CONSENT: Final = "consent"
STATUSES: Final = ("given", "withdrawn")
EVIDENCE: Final = {
    "status": Field("status", "enum", values=STATUSES),
    "at": Field("at", "datetime"),
    "source": Field("source", "string"),
    "text": Field("text", "text"),
}
_PLACES: Final = frozenset({"province", "city"})
_SHAPED: Final = _PLACES | {"phone", "email"}
MAX_TOPIC: Final = 60
MAX_ID: Final = 200
MAX_RAW: Final = 1_000


@dataclass
class Read:
    """What the lead part says: who, which facts, and the evidence of consent by topic.

    ``raw`` has what was sent where another form is stored.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    identities: tuple[Identity, ...] = ()
    id: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)


class LeadFields:
    """Reads lead parts by one catalogue; ``identities`` are the kinds, strongest first."""

    def __init__(
        self,
        fields: Mapping[str, Field],
        identities: tuple[str, ...],
        screen: Screen | None = None,
    ) -> None:
        self.identities = identities
        self._fields = fields
        self._screen = screen
        self._region = screen.intake.region if screen else normalise.HOME
        self._keep_raw = screen is None or screen.intake.keep_raw
        self._given = tuple(name for name, field in fields.items() if not field.derived)
        apart = {"id", *(n for n in self._given if n == CONSENT or n.startswith("consent."))}
        self._usual = {name: fields[name] for name in self._given if name not in apart}

    def read(self, raw: Any, faults: Faults) -> Read:
        """Return what ``raw`` says; what is wrong with it goes to ``faults``."""
        found = Read()
        if raw is None:
            return found
        if not isinstance(raw, dict):
            faults.add("bad-value", "lead", f"lead is an object, not {shown(raw)}")
            return found
        for name, value in _flattened(raw):
            if faults.items and faults.full:
                break
            if value is None or value == "":
                continue
            self._take(name, value, found, faults)
        facts = found.facts
        invalid = set() if _SHAPED.isdisjoint(facts) else self._shape(facts, found.raw)
        if not self._keep_raw:
            found.raw = {}
        kinds = [kind for kind in self.identities if kind in facts]
        found.identities = tuple([(k, str(facts[k])) for k in kinds if k not in invalid])
        return found

    def _shape(self, facts: dict[str, Any], raw: dict[str, Any]) -> set[str]:
        """Normalise, keep what was sent in another form, and return what is not valid."""
        sent = {name: facts[name] for name in _SHAPED if name in facts}
        invalid = self._normalise(facts)
        for name, text in sent.items():
            if facts[name] != text:
                raw.setdefault(name, text)
        return invalid

    def _take(self, name: str, value: Any, found: Read, faults: Faults) -> None:
        field = self._usual.get(name)
        if field is not None:
            fitted(field, value, f"lead.{name}", faults, found.facts)
            if found.facts.get(name) is not value:
                _keep_raw(name, value, found)
        else:
            self._take_other(name, value, found, faults)

    def _take_other(self, name: str, value: Any, found: Read, faults: Faults) -> None:
        """Take what is no usual field: an id, consents, or a mistake."""
        if name == "id":
            found.id = _id(value, faults)
        elif name == CONSENT or name.startswith("consent."):
            _consents(name, value, found, faults)
        elif name in self._fields:
            message = f"{name} is worked out by the engine; leave it out"
            faults.add("derived-field", f"lead.{name}", message)
        else:
            near = faults.hints.near(name, self._given)
            message = f"a lead has no field {shown(name)}{near}"
            faults.add("unknown-field", f"lead.{name}", message)

    def _normalise(self, facts: dict[str, Any]) -> set[str]:
        """Bring each to one form, add what can be derived; return those that are not valid."""
        invalid = set()
        if "phone" in facts:
            facts["phone"], facts["phone.valid"] = normalise.phone(facts["phone"], self._region)
            if not facts["phone.valid"]:
                invalid.add("phone")
        if "email" in facts:
            facts["email"], domain = normalise.email(facts["email"])
            facts["email.kind"] = self._mail_kind(domain)
            if domain is None:
                invalid.add("email")
            else:
                facts["email.domain"] = domain
        for name in _PLACES:
            if name in facts:
                facts[name] = usual_name(facts[name])
        if "province" in facts or "city" in facts:
            region = region_of(facts.get("province"), facts.get("city"))
            if region is not None:
                facts["region"] = region
        return invalid

    def _mail_kind(self, domain: str | None) -> str:
        listed = self._screen.mail_kind(domain) if self._screen and domain else None
        return listed or normalise.email_kind(domain)


def _flattened(raw: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names with dots; ``source`` as text is the source's name."""
    for key, value in raw.items():
        name = str(key)
        if name == "source" and not isinstance(value, dict):
            yield "source.name", value
        elif isinstance(value, dict) and name != CONSENT:
            yield from ((f"{name}.{inner}", below_value) for inner, below_value in value.items())
        else:
            yield name, value


def fitted(field: Field, value: Any, path: str, faults: Faults, into: dict[str, Any]) -> None:
    """Put ``value``, cleaned and checked, in ``into`` by the field's name, or note the fault."""
    if isinstance(value, str):
        if field.type in PLAIN and len(value) <= MAX_STRING and normalise.is_clean(value):
            if text := value.strip():  # most texts, without a closer look
                into[field.name] = text
            return
        value = normalise.clean(value, field.type == "text")
        if not value:
            return
    elif isinstance(value, list):
        value = [normalise.clean(v) if isinstance(v, str) else v for v in value]
    try:
        into[field.name] = convert(field, value)
    except ValueError as error:  # BadValue, or a number too long to be shown
        faults.add("bad-value", path, f"{printable(path)}: {error}")
    except RecursionError:
        faults.add("too-deep", path, f"{printable(path)} is nested too deeply")


def _id(value: Any, faults: Faults) -> str | None:
    found: dict[str, Any] = {}
    fitted(Field("id", "string"), value, "lead.id", faults, found)
    id: str | None = found.get("id")
    if id is not None and len(id) > MAX_ID:
        faults.add("bad-value", "lead.id", f"a lead's id has at most {MAX_ID} characters")
    return id


def _consents(name: str, value: Any, found: Read, faults: Faults) -> None:
    """Read ``consent: {topic: ...}`` or one ``consent.topic``."""
    if name != CONSENT:
        _consent(name.removeprefix("consent."), value, found, faults)
    elif isinstance(value, dict):
        for topic, given in value.items():
            if not faults.full:
                _consent(str(topic), given, found, faults)
    else:
        message = "consent is a map of topics, such as {marketing: given}"
        faults.add("bad-value", "lead.consent", message)


def _consent(topic: str, value: Any, found: Read, faults: Faults) -> None:
    path = f"lead.consent.{topic}"
    topic = normalise.clean(topic)
    if not (0 < len(topic) <= MAX_TOPIC and topic.isprintable() and "." not in topic):
        message = f"{shown(topic)} is no topic: 1 to {MAX_TOPIC} characters without dots"
        faults.add("bad-value", path, message)
        return
    evidence: dict[str, Any] = {}
    given = value if isinstance(value, dict) else {"status": value}
    for name, part in given.items():
        field = EVIDENCE.get(name)
        if field is None:
            near = faults.hints.near(str(name), EVIDENCE)
            message = f"consent has no key {shown(name)}{near}"
            faults.add("unknown-key", f"{path}.{name}", message)
        elif part is not None and part != "":
            fitted(field, part, f"{path}.{name}", faults, evidence)
    if "status" not in evidence:
        faults.add("bad-value", path, f"{printable(path)} is given or withdrawn")
        return
    found.facts[f"consent.{topic}"] = evidence["status"]
    if isinstance(value, dict):
        found.evidence[topic] = evidence


def _keep_raw(name: str, sent: Any, found: Read) -> None:
    """Keep a text as it was sent when more than blanks around it changed."""
    if isinstance(sent, str) and found.facts.get(name, sent) != sent.strip():
        found.raw[name] = sent[:MAX_RAW].encode("utf-8", "replace").decode()
