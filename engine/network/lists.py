"""Lists compiled to be looked up: words in text, people, domains, addresses, user agents."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import ahocorasick_rs

from engine.language.contacts import folded
from engine.language.intake import ADDRESSES, AGENTS, DOMAINS, PEOPLE, WORDS, ListFile
from engine.language.lists import person_key

_HAN: Final = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# What is put between the characters of a Chinese word so that nobody finds it: 代-开 发*票.
_BETWEEN: Final = re.compile(rf"(?<=[{_HAN}])[\W_]+(?=[{_HAN}])")
MOST_SHOWN: Final = 5


class Words:
    """Words looked for in text, all at once, overlapping ones too.

    Width and case do not matter, nor what stands between Chinese characters. A word of Latin
    letters or digits is found as a word only: ``av`` is not in ``save``.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._written = {_plain(word): text for word, text in entries.items()}
        self._patterns = list(self._written)
        self._automaton = ahocorasick_rs.AhoCorasick(self._patterns)

    def find(self, text: str) -> list[str]:
        """Return the words in ``text`` as the list writes them, in their order, each once."""
        plain = _plain(folded(text))
        found = (
            self._written[self._patterns[index]]
            for index, start, end in self._automaton.find_matches_as_indexes(
                plain, overlapping=True
            )
            if _whole(plain, start, end)
        )
        return list(dict.fromkeys(found))


def _plain(text: str) -> str:
    return _BETWEEN.sub("", text)


def _whole(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] does not begin or end within a Latin word or a number."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (_joined(before, text[start]) or _joined(text[end - 1], after))


def _joined(one: str, other: str) -> bool:
    return one.isascii() and other.isascii() and one.isalnum() and other.isalnum()


class Networks:
    """Internet addresses and ranges, of both families."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._by_size: dict[tuple[int, int], dict[int, str]] = {}
        for text in entries:
            network = ipaddress.ip_network(text)
            size = (network.version, network.max_prefixlen - network.prefixlen)
            self._by_size.setdefault(size, {})[int(network.network_address) >> size[1]] = text

    def find(self, address: str) -> str | None:
        """Return the range that holds ``address``, the smallest; None for what is no address."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return None
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        for (version, shift), networks in sorted(self._by_size.items()):
            found = networks.get(int(ip) >> shift) if version == ip.version else None
            if found is not None:
                return found
        return None


class List:
    """One list, ready to be asked what of an event it has."""

    def __init__(self, definition: ListFile) -> None:
        self.definition = definition
        self._entries = definition.entries

    @cached_property
    def _words(self) -> Words:
        return Words(self._entries)

    @cached_property
    def _networks(self) -> Networks:
        return Networks(self._entries)

    def find(self, lead: Mapping[str, Any], event: Mapping[str, Any], client: Any) -> list[str]:
        """Return the entries that an event matches, as the list writes them; at most a few.

        ``lead`` are the fields it brings, ``event`` its properties, ``client`` who sent it.
        """
        found = _FINDERS[self.definition.kind](self, lead, event, client)
        return list(dict.fromkeys(found))[:MOST_SHOWN]

    def of_domain(self, domain: str | None) -> str | None:
        """Return the entry for a domain: its own, or that of one above it."""
        parts = domain.split(".") if domain else []
        above = (".".join(parts[start:]) for start in range(len(parts)))
        return next((self._entries[name] for name in above if name in self._entries), None)

    def in_agent(self, agent: str | None) -> str | None:
        """Return the entry that stands somewhere in a user agent."""
        plain = folded(agent or "")
        return next((text for part, text in self._entries.items() if part in plain), None)

    def of_address(self, address: str | None) -> str | None:
        """Return the range that holds an address."""
        found = self._networks.find(address) if address else None
        return None if found is None else self._entries[found]

    def _in_words(self, lead: Mapping[str, Any], event: Mapping[str, Any], client: Any) -> Any:
        for text in self._texts(lead, event):
            yield from self._words.find(text)

    def _texts(self, lead: Mapping[str, Any], event: Mapping[str, Any]) -> Iterator[str]:
        for name in self.definition.fields:
            if name == "event.*":
                yield from (value for value in event.values() if isinstance(value, str))
                continue
            where, _, rest = name.partition(".")
            value = lead.get(rest) if where == "lead" else event.get(rest)
            if isinstance(value, str):
                yield value

    def _of_people(self, lead: Mapping[str, Any], event: Mapping[str, Any], client: Any) -> Any:
        keys = [lead.get("phone"), lead.get("email")]
        if isinstance(lead.get("name"), str) and isinstance(lead.get("company"), str):
            keys.append(person_key(lead["name"], lead["company"]))
        yield from (self._entries[key] for key in keys if key is not None and key in self._entries)

    def _of_domain(self, lead: Mapping[str, Any], event: Mapping[str, Any], client: Any) -> Any:
        found = self.of_domain(lead.get("email.domain"))
        yield from () if found is None else (found,)

    def _of_address(self, lead: Mapping[str, Any], event: Mapping[str, Any], client: Any) -> Any:
        found = self.of_address(client.get("ip"))
        yield from () if found is None else (found,)

    def _in_agent(self, lead: Mapping[str, Any], event: Mapping[str, Any], client: Any) -> Any:
        found = self.in_agent(client.get("agent"))
        yield from () if found is None else (found,)


_FINDERS: Final = {
    WORDS: List._in_words,
    PEOPLE: List._of_people,
    DOMAINS: List._of_domain,
    ADDRESSES: List._of_address,
    AGENTS: List._in_agent,
}
