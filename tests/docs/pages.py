"""Reading the documentation: its pages, their sections, tables and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(
    r"^# (?P<what>file|broken): (?P<name>\S+?)(?: over (?P<base>\w+))?\n", re.MULTILINE
)


class Block(msgspec.Struct, frozen=True):
    """A fenced block: its page, the line it begins on, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def id(self) -> str:
        """Where it stands, for a test's name."""
        return f"{self.page}:{self.line}"


class Example(msgspec.Struct, frozen=True):
    """A block of YAML that begins with ``# file: NAME`` or ``# broken: NAME``."""

    block: Block
    what: str
    name: str
    base: str | None

    @property
    def id(self) -> str:
        """Where it stands, for a test's name."""
        return self.block.id


def pages() -> list[Path]:
    """Return every page, the two READMEs first."""
    return [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted(DOCS.rglob("*.md"))]


def read(name: str) -> str:
    """Return the text of a page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    return [
        Block(name, text.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in _FENCE.finditer(text)
    ]


def examples(what: str) -> Iterator[Example]:
    """Yield the YAML of all pages that says which file it is; ``what`` is file or broken."""
    for page in pages():
        for block in blocks(page):
            found = _HEAD.match(block.text) if block.language == "yaml" else None
            if found and found["what"] == what:
                yield Example(block, what, found["name"], found["base"])


def _without_blocks(text: str) -> str:
    """Blank out fenced blocks, so that a comment in one is no heading; offsets stay."""
    return _FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one as high; raises ValueError."""
    plain = _without_blocks(text)
    found = re.search(rf"^(#+) {re.escape(heading)}$", plain, re.MULTILINE)
    if found is None:
        raise ValueError(f"there is no heading {heading!r}")
    end = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE).search(plain, found.end())
    return text[found.end() : end.start() if end else None]


def headings(text: str, level: int) -> list[str]:
    """Return the headings of one level, without those in fenced blocks."""
    return re.findall(rf"^#{{{level}}} (.+)$", _without_blocks(text), re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables, without their heads."""
    found = []
    lines = text.splitlines()
    for index, line in enumerate(lines):
        is_head = index + 1 < len(lines) and lines[index + 1].startswith("|---")
        if line.startswith("|") and not line.startswith("|---") and not is_head:
            found.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
    return found


def code(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
