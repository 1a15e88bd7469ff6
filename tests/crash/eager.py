"""``leadrules`` whose scribe writes from the first event on, not only under load."""

from __future__ import annotations

import sys

from engine.cli.main import main
from engine.host import dictation

if __name__ == "__main__":
    dictation.LOAD = 0  # type: ignore[misc]
    dictation.MANY = 1  # type: ignore[misc]
    sys.exit(main())
