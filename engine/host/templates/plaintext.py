"""The plain text that goes beside HTML, for readers and programs that show no HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final

_SILENT: Final = frozenset({"style", "script", "head", "title", "template"})
_BLOCKS: Final = frozenset(
    "address article aside blockquote div dl dt dd fieldset figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol p pre section table tr ul".split()
)
_APART: Final = frozenset("p h1 h2 h3 h4 h5 h6 ul ol table blockquote pre".split())
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_GAPS: Final = re.compile(r"\n{3,}")


def plain_text(html: str) -> str:
    """Return what HTML says, block by block; a link's address stands behind its words."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [line.strip(" ") for line in "".join(reader.out).split("\n")]
    return _GAPS.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"


class _Reader(HTMLParser):
    """Writes to ``out`` as it reads; broken HTML gives text too."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []
        self._lists: list[int | None] = []  # the number of the item, None without numbers

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += tag != "head"
        elif tag == "br":
            self.out.append("\n")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.out)))
        elif tag == "img":
            self.handle_data(dict(attrs).get("alt") or "")
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        if tag in _BLOCKS:
            self._break(apart=tag in _APART)
        if tag == "li":
            self.out.append(self._bullet())
        elif tag == "hr":
            self.out.append("----\n")
        elif tag in ("td", "th"):
            self.out.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - (tag != "head"))
        elif tag == "a" and self._links:
            self._end_link()
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in _BLOCKS:
            self._break(apart=tag in _APART)

    def handle_data(self, data: str) -> None:
        text = _SPACE.sub(" ", data)
        if self._silent or not text:
            return
        last = self.out[-1][-1:] if self.out else "\n"
        self.out.append(text.lstrip(" ") if last in " \n" else text)
        if not self.out[-1]:
            self.out.pop()

    def _break(self, apart: bool) -> None:
        if self.out:
            self.out.append("\n\n" if apart and not self._lists else "\n")
            self._squeeze()

    def _squeeze(self) -> None:
        """Keep at most one empty line, and none twice."""
        while len(self.out) > 1 and not self.out[-2].strip(" \n"):
            self.out[-2:] = [max(self.out[-2:], key=lambda s: s.count("\n"))]

    def _bullet(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1]}. "

    def _end_link(self) -> None:
        href, start = self._links.pop()
        words = "".join(self.out[start:]).strip()
        if href.startswith(("http://", "https://")) and href != words:
            self.out.append(f" ({href})" if words else href)
