"""Where leads come from (线索来源): the tree of sources, and what a source said falls in.

The built-in tree is `sources:` of builtin.yaml; catalog.yaml extends it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from engine.language.label import Text, texts_of

UNCLASSIFIED: Final = "unclassified"
ORIGINS: Final = ("internal", "external", "conversion")
PATH: Final = ("source.channel", "source.kind", "source.detail")
PLACED: Final = (*PATH, "source.origin")
# What an event says of its source, and the parts that name it: one of these that nobody knows
# is not guessed at from how it came in.
SAID: Final = tuple(
    f"source.{name}"
    for name in (
        *("name", "category", "code", "utm_source", "utm_medium", "utm_campaign"),
        *("utm_content", "utm_term", "referrer", "click_id"),
    )
)
_NAMING: Final = ("source.category", "source.name", "source.utm_source")
_ORGANIC: Final = "organic"
_HOST: Final = re.compile(r"^(?:[a-z]+:)?//([^/?#]*)", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W_]+")


class Node(msgspec.Struct, frozen=True):
    """A channel, a kind of it, or a detail of that; ``path`` has the ids from the channel on.

    ``names`` are what people and addresses call it, ``mediums`` values of utm_medium, and
    ``events`` types that are touches of it though they name no source. ``free``: no media is
    paid for. ``origin`` and ``free`` are those above where they are not given.
    """

    path: tuple[str, ...]
    label: Text | None = None
    origin: str | None = None
    free: bool | None = None
    names: tuple[str, ...] = ()
    mediums: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


class Taxonomy:
    """The tree; immutable once built. Of several nodes that a word may mean the first counts."""

    def __init__(self, nodes: Sequence[Node] = ()) -> None:
        self.nodes = {node.path: node for node in nodes}
        self._names: dict[str, list[tuple[str, ...]]] = {}
        self._mediums: dict[str, list[tuple[str, ...]]] = {}
        self._events: dict[str, list[tuple[str, ...]]] = {}
        for path, node in self.nodes.items():
            called = (path[-1], *texts_of(node.label), *node.names)
            for text in dict.fromkeys(_plain(each) for each in called if each):
                self._names.setdefault(text, []).append(path)
            for text in node.mediums:
                self._mediums.setdefault(_plain(text), []).append(path)
            for type in node.events:
                self._events.setdefault(type, []).append(path)
        self.touches = frozenset(self._events)

    def level(self, depth: int) -> tuple[str, ...]:
        """Return the ids of all channels (0), kinds (1) or details (2), in their order."""
        return tuple(dict.fromkeys(path[depth] for path in self.nodes if len(path) > depth))

    def named(self, text: str) -> list[tuple[str, ...]]:
        """Return the paths that a text may mean."""
        return self._names.get(_plain(text), [])

    def origin(self, path: Sequence[str]) -> str | None:
        """Return where what came so was made: internal, external, conversion; or None."""
        return next((node.origin for node in self._above(path) if node.origin), None)

    def is_free(self, path: Sequence[str]) -> bool:
        """Whether no media is paid for there."""
        return next((node.free for node in self._above(path) if node.free is not None), False)

    def label(self, path: Sequence[str]) -> Text:
        """Return what people call the last part of a path."""
        node = self.nodes.get(tuple(path))
        return (node.label if node is not None else None) or path[-1]

    def place(
        self, said: Mapping[str, object], channel: str = "", event: str = ""
    ) -> tuple[str, ...]:
        """Return the path that lead fields ``source.*`` mean; () if nobody knows.

        Where they name no source, the ``channel`` plugin and the type of ``event`` tell.
        """
        told = [clue for clue in self._clues(said) if clue]
        if not told and not any(said.get(name) for name in _NAMING):
            told = [each for each in (self.named(channel), self._events.get(event, [])) if each]
        if not told:
            return ()
        found = told[0]
        for clue in told[1:]:
            found = _narrowed(found, clue) or found
        return found[0]

    def placed(
        self, said: Mapping[str, object], channel: str = "", event: str = ""
    ) -> dict[str, str]:
        """Return the fields of PLACED that there are for what is said."""
        path = self.place(said, channel, event)
        if not path:
            return dict.fromkeys((PLACED[0], PLACED[1], PLACED[3]), UNCLASSIFIED)
        origin = self.origin(path)
        return {**dict(zip(PLACED, path, strict=False)), **({PLACED[3]: origin} if origin else {})}

    def _above(self, path: Sequence[str]) -> Iterator[Node]:
        """Yield the node of a path and those above it."""
        for length in range(len(path), 0, -1):
            if (node := self.nodes.get(tuple(path[:length]))) is not None:
                yield node

    def _clues(self, said: Mapping[str, object]) -> Iterator[list[tuple[str, ...]]]:
        """Yield the paths that each thing said may mean, the most telling first."""
        texts = {name: str(value) for name, value in said.items() if value}
        for name in (*_NAMING, "source.code"):
            yield self._by_text(texts.get(name, ""))
        yield self.named(texts.get("source.click_id", "").partition(":")[0])
        medium = texts.get("source.utm_medium", "")
        referred = self._by_host(texts.get("source.referrer", ""))
        yield referred
        yield self._mediums.get(_plain(medium or (_ORGANIC if referred else "")), [])

    def _by_text(self, text: str) -> list[tuple[str, ...]]:
        """Return what a text means, else its first word: ``zhihu_crm_whitepaper`` is zhihu."""
        word = _WORD.search(text)
        return self.named(text) or (self.named(word[0]) if word else [])

    def _by_host(self, referrer: str) -> list[tuple[str, ...]]:
        host = _HOST.match(referrer)
        words = host[1].rpartition("@")[2].split(".") if host else []
        return next((found for word in words if (found := self.named(word))), [])


def _narrowed(
    found: Sequence[tuple[str, ...]], clue: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Return the paths that both allow, each the longer of the two that lie on one line."""
    return [
        max(one, other, key=len)
        for one in found
        for other in clue
        if one[: len(other)] == other or other[: len(one)] == one
    ]


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
