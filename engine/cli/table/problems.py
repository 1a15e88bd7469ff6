"""What is wrong with a table, or with one cell of it."""

from __future__ import annotations

from engine.errors import LeadrulesError


class BadSheet(LeadrulesError):
    """A file that is no table of leads, or has columns that nobody knows."""

    code = "bad-sheet"


class BadCell(ValueError):
    """A cell that does not hold what its column needs; the text says what would."""
