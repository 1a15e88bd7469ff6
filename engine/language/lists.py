"""Lists that people keep in text files: one entry a line, ``#`` comments, UTF-8."""

from __future__ import annotations

import codecs
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from engine.language import contacts
from engine.language.diagnostic import Diagnostics, Source
from engine.language.intake import ADDRESSES, AGENTS, DOMAINS, PEOPLE, WORDS

MAX_BYTES: Final = 8_000_000
MAX_ENTRY: Final = 200
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
_PHONE_LIKE: Final = re.compile(r"[+()0-9\s\-.]+")


class BadEntry(ValueError):
    """A line that is no entry of its list; the text says what would be."""


class Entry(msgspec.Struct, frozen=True):
    """A line of a list: where it stands, and what it says without its comment."""

    line: int
    column: int
    text: str


def read_text(path: Path, file: str, found: Diagnostics) -> str | None:
    """Return the text of a list; None, with a finding at ``file``, when it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        place = Source(file, 1, 1, 1, 1)
        found.error("unreadable", f"cannot read it: {error.strerror}", place, hint="check it")
        return None
    if len(raw) > MAX_BYTES:
        text = f"a list of {len(raw)} bytes; at most {MAX_BYTES} are read"
        found.error("too-large", text, Source(file, 1, 1, 1, 1), hint="split it into two lists")
        return None
    try:
        return raw.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        place = Source(file, line, 1, line, 1)
        found.error("encoding", f"line {line} is not UTF-8", place, hint="save the file as UTF-8")
        return None


def lines(text: str) -> Iterator[Entry]:
    """Yield the lines that say something."""
    for number, whole in enumerate(text.splitlines(), 1):
        said = _COMMENT.sub("", whole).strip()
        if said:
            yield Entry(number, whole.index(said) + 1, said)


def read_entries(
    kind: str, text: str, file: str, region: str, found: Diagnostics
) -> dict[str, str]:
    """Return entries in their stored form, each with how it was written first.

    Each line that is no entry gets a finding at its place.
    """
    entries: dict[str, str] = {}
    for entry in lines(text):
        try:
            stored = _one(kind, entry.text, region)
        except BadEntry as error:
            end = entry.column + len(entry.text)
            place = Source(file, entry.line, entry.column, entry.line, end)
            hint = f"a list of {kind} has {_FORMS[kind]}"
            found.error("bad-entry", str(error), place, hint=hint)
            continue
        entries.setdefault(stored, entry.text)
    return entries


def _one(kind: str, text: str, region: str) -> str:
    if len(text) > MAX_ENTRY:
        raise BadEntry(f"an entry of {len(text)} characters; at most {MAX_ENTRY} fit")
    return _READERS[kind](text, region)


def _word(text: str, region: str) -> str:
    word = contacts.folded(text)
    if not any(c.isalnum() for c in word):
        raise BadEntry(f'"{text}" has neither letters nor digits to look for')
    return word


def _person(text: str, region: str) -> str:
    """A telephone number, an e-mail address, or a name and a company behind a comma."""
    if "@" in contacts.half_width(text):
        address, domain = contacts.email(text)
        if domain is None:
            raise BadEntry(f'"{text}" is no e-mail address')
        return address
    if _PHONE_LIKE.fullmatch(contacts.half_width(text)):
        number, valid = contacts.phone(text, region)
        if not valid:
            raise BadEntry(f'"{text}" is no telephone number')
        return number
    name, comma, company = contacts.half_width(text).partition(",")
    if not (comma and name.strip() and company.strip()):
        raise BadEntry(f'"{text}" is no number, no address, and no name with a company')
    return person_key(name, company)


def person_key(name: str, company: str) -> str:
    """Return the form in which a name and a company are looked for together."""
    return ",".join("".join(contacts.folded(part).split()) for part in (name, company))


def _domain(text: str, region: str) -> str:
    domain = contacts.domain(contacts.half_width(text).removeprefix("@").removeprefix("*."))
    if domain is None:
        raise BadEntry(f'"{text}" is no domain such as example.com')
    return domain


def _address(text: str, region: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise BadEntry(f'"{text}" is no address and no range: {error}') from None


_READERS: Final[Mapping[str, Callable[[str, str], str]]] = {
    WORDS: _word,
    PEOPLE: _person,
    DOMAINS: _domain,
    ADDRESSES: _address,
    AGENTS: _word,
}
_FORMS: Final = {
    WORDS: "one word or phrase a line, such as 代开发票",
    PEOPLE: "one person a line: 13800138000, wang@example.com, or 王芳, 某某公司",
    DOMAINS: "one domain a line, such as example.com, which means those below it too",
    ADDRESSES: "one address or range a line, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32",
    AGENTS: "one part of a user agent a line, such as Barracuda",
}
