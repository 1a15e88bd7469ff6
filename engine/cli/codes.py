"""Exit codes, the same for every verb."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FINDINGS: Final = 1
CANNOT: Final = 2
DEFECT: Final = 3
INTERRUPTED: Final = 130  # as shells report Ctrl-C
