"""Which commit the rules were loaded from, as Git tells."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 5.0
_SHORT: Final = 12


def revision(folder: Path) -> str | None:
    """Return the commit of a folder's files, such as ``3f2a91c0d4e5``; None outside of Git.

    With ``+`` behind it, files of the folder differ from that commit.
    """
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    if head is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--", ".")
    return head[:_SHORT] + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what Git prints; None where there is no Git, no repository, or no answer."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
