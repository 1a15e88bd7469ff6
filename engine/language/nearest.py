"""The nearest right name for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

MERGE_KEY: Final = "<<"
NO_MERGE: Final = "YAML 1.2 has no merge keys: write the keys out"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None when none is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(
    name: str, known: Iterable[str], limit: int = 16, all_at: str = "see the catalogue"
) -> str:
    """Say what the user may have meant: the nearest name, or the list when it is short.

    ``all_at`` says where a longer one can be read.
    """
    if name == MERGE_KEY:
        return NO_MERGE
    names = sorted(set(known))
    best = nearest(name, names)
    if best is not None:
        return f'did you mean "{best}"?'
    if names and len(names) <= limit:
        return "known here: " + ", ".join(names)
    return f"there are {len(names)} known names; {all_at}" if names else "none is declared"
