"""Where the files that come with leadrules are: schemas and the default configuration."""

from __future__ import annotations

from pathlib import Path

_ENGINE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """Return the folder ``schemas`` or ``config`` of this installation.

    A wheel carries them in ``engine/_data``, a working copy at its root.
    """
    packed = _ENGINE / "_data" / name
    return packed if packed.is_dir() else _ENGINE.parent / name
