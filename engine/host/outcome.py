"""What became of an event, for whoever sent it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from engine.machines.state import Lead
from engine.store.lookup import Seen

Status = Literal["accepted", "duplicate", "rejected", "quarantined", "overloaded"]


class Outcome(msgspec.Struct, frozen=True):
    """The answer to one event, given after the commit.

    ``error`` is {code, message, details} of what was not taken; ``summary`` is the lead's
    {score, grade, stage, owner} after the event, at present for a duplicate; ``screened`` is
    {rule, reason} of what waits in quarantine.
    """

    id: str | None
    lead: str | None
    status: Status
    error: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    screened: dict[str, str] | None = None


def error(code: str, message: str, details: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Return an error in the API's one shape."""
    return {"code": code, "message": message, "details": details or []}


def refused(id: str | None, code: str, message: str) -> Outcome:
    """Return the outcome of an event that sending again will not help."""
    return Outcome(id, None, "rejected", error(code, message))


def defect(id: str | None, name: str) -> Outcome:
    """Return the outcome of an event that our own fault refused; the log has it as ``name``."""
    return refused(id, "defect", f"a defect in leadrules; the server's log has more under {name}")


def try_later(id: str | None, code: str, message: str) -> Outcome:
    """Return the outcome of an event that may be sent again as it is."""
    return Outcome(id, None, "overloaded", error(code, message))


def summary_of(lead: Lead, model: str) -> dict[str, Any]:
    """Return how a lead stands; ``model`` is the default scoring model."""
    get = lead.facts.get
    return {
        "score": get(f"score.{model}.total", 0),
        "grade": get("grade"),
        "stage": get("stage"),
        "owner": get("owner"),
    }


def summary_of_seen(seen: Seen) -> dict[str, Any]:
    """Return how the lead of a duplicate stands."""
    return {
        "score": seen.score,
        "grade": seen.grade,
        "stage": seen.stage,
        "owner": seen.owner,
    }
