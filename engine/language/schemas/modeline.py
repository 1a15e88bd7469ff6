"""The comment at the top of a file that tells editors where its schema is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

_MODELINE: Final = re.compile(r"#\s*yaml-language-server\s*:.*\$schema=(\S+)")


class Modeline(msgspec.Struct, frozen=True):
    """What is named, and where: ``line`` and ``column`` of the name, counted from 1."""

    target: str
    line: int
    column: int

    @property
    def is_relative(self) -> bool:
        """Whether the schema is named by a path from the file on."""
        return "://" not in self.target and not self.target.startswith("/")


def find_modeline(lines: Sequence[str]) -> Modeline | None:
    """Return the first modeline in the comments above all else."""
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            break
        found = _MODELINE.match(line)
        if found is not None:
            return Modeline(found[1], number, found.start(1) + 1)
    return None


def modeline_text(target: str) -> str:
    """Return the line that names this schema."""
    return f"# yaml-language-server: $schema={target}"
