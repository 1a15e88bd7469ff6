"""Finding leads by what people type: any two characters of a name or company, the beginning of
an e-mail address, the beginning or the end of a telephone number.

The full-text index of SQLite finds words, and Chinese has none to see. So names are indexed
as bigrams: 金泰阀门 as 金泰 泰阀 阀门 门, the last character alone at the end. Two characters typed
are one lookup, more are a phrase, one is the beginning of a token. ASCII punctuation, which the
tokenizer would drop, stands as a private character of Unicode.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from engine.machines.state import Lead
from engine.store.bulk import Insert, Target
from engine.store.rows import from_json, same_facts, to_json

_SEARCHED: Final = Insert(
    "searched (lead, words, contacts)",
    3,
    """
ON CONFLICT (lead) DO UPDATE SET words = excluded.words, contacts = excluded.contacts
WHERE words <> excluded.words OR contacts <> excluded.contacts
""",
)
_CONTACTS: Final = """
SELECT json_group_array(json_array(i.lead, i.kind, i.value))
FROM json_each(?) j CROSS JOIN identities i ON i.lead = j.value WHERE i.kind IN ('email', 'phone')
"""
_WORDS: Final = ("lead.name", "lead.company")
_REACH: Final = ("lead.email", "lead.phone")
TEXTS: Final = (*_WORDS, *_REACH)  # what of a lead it is found by
_PRIVATE: Final = {
    code: chr(0xE000 + code) for code in range(128) if not chr(code).isalnum() and code != 32
}
_NUMBER: Final = re.compile(r"[+0-9()\-\s]+")
_PART: Final = re.compile(r"[^\W_]+")
# Eight digits alone are a number; a UUIDv7 of our time begins with 0.
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f\-]*|(?=[0-9]*[a-f])0[0-9a-f]{7}")
_LEAST_DIGITS: Final = 4  # fewer would mean nearly every number
_LEAST_LETTERS: Final = 3
_MATCH: Final = {True: '{} : "{}"', False: '{} : "{}" *'}
_CHECK: Final = "instr(' ' || k.{} || ' ', ?)"
_MOST: Final = 200  # characters of a query that count


Link = tuple[str, str, str]  # kind, value, lead


class Needle(msgspec.Struct, frozen=True):
    """Tokens that must stand side by side in a column; unless ``whole`` the last may go on."""

    column: str
    tokens: str
    whole: bool = False


class Terms(msgspec.Struct, frozen=True):
    """What to look for: of each word one of its needles, or the beginning of a lead's ``id``."""

    words: tuple[tuple[Needle, ...], ...] = ()
    id: str = ""

    @property
    def match(self) -> str:
        """The query of the full-text index."""
        return " AND ".join(
            f"({' OR '.join(_MATCH[n.whole].format(n.column, n.tokens) for n in needles)})"
            for needles in self.words
        )

    def checks(self) -> tuple[str, tuple[str, ...]]:
        """Return the same as a condition on one row of ``searched k``, and its values."""
        terms = " AND ".join(
            f"({' OR '.join(_CHECK.format(n.column) for n in needles)})" for needles in self.words
        )
        needles = (n for needles in self.words for n in needles)
        return terms, tuple(f" {n.tokens} " if n.whole else f" {n.tokens}" for n in needles)


def terms(text: str) -> Terms | None:
    """Return what ``text`` asks for; None when there is nothing in it to look for.

    Words, separated by spaces, must all be found; each in name, company or contact details.
    """
    text = _plain(text[:_MOST]).strip()
    if _ID.fullmatch(text):
        return Terms(id=text)
    digits = _digits(text)
    if _NUMBER.fullmatch(text) and len(digits) >= _LEAST_DIGITS:
        return Terms(((_named("".join(text.split())), *_called(digits)),))
    words = tuple(_either(word) for word in text.split())
    return Terms(words) if words else None


def _either(word: str) -> tuple[Needle, ...]:
    """Return the needles of a word: in a name, or as the beginning of a part of an address."""
    found = [_named(word)]
    parts = _PART.findall(word)
    if sum(map(len, parts)) >= _LEAST_LETTERS and word.isascii():
        found.append(Needle("contacts", " ".join(parts)))
    digits = _digits(word)
    if len(digits) >= _LEAST_DIGITS and _NUMBER.fullmatch(word):
        found += _called(digits)
    return tuple(found)


def _named(word: str) -> Needle:
    run = word.translate(_PRIVATE)
    if len(run) == 1:
        return Needle("words", run)
    return Needle("words", " ".join(_bigrams(run)), whole=True)


def _called(digits: str) -> tuple[Needle, Needle]:
    return Needle("contacts", digits), Needle("contacts", _backwards(digits))


def _plain(text: str) -> str:
    """Return text in the one form in which it is compared: full width, case and the like gone."""
    return unicodedata.normalize("NFKC", text).casefold()


def _digits(number: str) -> str:
    """Return the digits of a telephone number, without China's country code."""
    digits = "".join(filter(str.isdecimal, number)) if number.isascii() else ""
    for code in ("0086", "86"):
        if digits.startswith(code) and (len(digits) - len(code) == 11 or "+" in number):
            return digits.removeprefix(code)
    return digits


def _backwards(digits: str) -> str:
    """Return the token that holds a number from its end, marked so that it is no number."""
    return f"t{digits[::-1]}"


def _bigrams(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _words(values: Iterable[Any]) -> str:
    """Return names as the index has them."""
    tokens: list[str] = []
    for value in values:
        for run in _plain(str(value)).translate(_PRIVATE).split():
            tokens += (*_bigrams(run), run[-1])
    return " ".join(tokens)


def _contacts(values: Iterable[Any]) -> str:
    """Return e-mail addresses and telephone numbers as the index has them."""
    tokens: list[str] = []
    for value in dict.fromkeys(map(str, values)):
        plain = _plain(value)
        digits = _digits(plain)
        if digits and _NUMBER.fullmatch(plain):
            tokens += (digits, _backwards(digits))
        else:
            tokens += _PART.findall(plain)
    return " ".join(tokens)


def same_text(one: Lead, other: Lead) -> bool:
    """Whether two states of a lead are found by the same text."""
    return same_facts(one, other, TEXTS)


def searched_rows(
    connection: sqlite3.Connection, leads: Sequence[Lead], links: Iterable[Link] = ()
) -> Iterator[tuple[str, str, str]]:
    """Yield (lead, words, contacts) as the index should have them, by state and identities.

    ``links`` are identities that the connection does not see yet.
    """
    known: dict[str, list[str]] = {}
    ((found,),) = connection.execute(_CONTACTS, (to_json([lead.id for lead in leads]),))
    new = ((lead, kind, value) for kind, value, lead in links if kind in ("email", "phone"))
    for lead, _, value in sorted({*map(tuple, from_json(found)), *new}):
        known.setdefault(lead, []).append(value)
    for each in leads:
        get = each.facts.get
        words = _words(value for name in _WORDS if (value := get(name)) is not None)
        reach = sorted(str(value) for name in _REACH if (value := get(name)) is not None)
        yield each.id, words, _contacts([*reach, *known.get(each.id, ())])


def refresh(
    target: Target,
    connection: sqlite3.Connection,
    leads: Sequence[Lead],
    links: Iterable[Link] = (),
) -> None:
    """Bring the index up to date with leads whose texts or identities have changed.

    ``links`` are identities that the connection, which is asked for the others, does not see yet.
    """
    if leads:
        _SEARCHED.write(target, list(searched_rows(connection, leads, links)))


def forget(connection: sqlite3.Connection, lead: str) -> None:
    """Take a lead out of the index."""
    connection.execute("DELETE FROM searched WHERE lead = ?", (lead,))
