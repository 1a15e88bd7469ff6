"""Where a thing stands in YAML, and what is wrong with it."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

Severity = Literal["error", "warning", "info"]

# Of what is quoted: it would break the line, or tell a terminal to do something.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
MAX_MESSAGE: Final = 2_000


class Source(msgspec.Struct, frozen=True, order=True):
    """A span in a file; lines and columns count from 1, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding about a configuration.

    ``code`` is stable and has a page in the docs; ``hint`` is the way out, in
    words that an ops person can act on; ``rule`` names the rule, journey or
    message the finding belongs to.
    """

    code: str
    message: str
    source: Source
    severity: Severity = "error"
    rule: str | None = None
    hint: str | None = None


class Diagnostics:
    """Collects findings, so that one mistake never hides another."""

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []

    def error(
        self, code: str, message: str, source: Source, *, hint: str, rule: str | None = None
    ) -> None:
        """Add an error; ``hint`` is the way out."""
        self.items.append(Diagnostic(code, line(message), source, "error", rule, line(hint)))

    @property
    def has_errors(self) -> bool:
        """Whether anything found keeps the configuration from loading."""
        return any(d.severity == "error" for d in self.items)

    def sorted(self) -> list[Diagnostic]:
        """Return findings by file and position, each once."""
        unique = dict.fromkeys(self.items)
        return sorted(unique, key=lambda d: (d.source, d.code, d.message))


def line(text: str) -> str:
    """Return ``text`` on one line and of a readable length: it quotes what somebody wrote."""
    one = _CONTROL.sub(" ", text).strip()
    return one if len(one) <= MAX_MESSAGE else f"{one[: MAX_MESSAGE - 1]}…"
