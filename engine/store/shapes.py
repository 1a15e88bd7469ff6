"""Rows as clients see them: instants in RFC 3339, names as in the API."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from engine.language.instants import LAST_INSTANT, format_instant
from engine.machines.state import Lead
from engine.store import rows

_FIRST_INSTANT: Final = -62_135_596_800_000  # 0001-01-01T00:00:00Z

Item = dict[str, Any]


def when(instant: int | None) -> str | None:
    """Return an instant as text; None stays None."""
    if instant is None:
        return None
    return format_instant(min(max(instant, _FIRST_INSTANT), LAST_INSTANT))


def lead_record(lead: Lead, model: str) -> Item:
    """Return a lead as the API shows it; ``model`` is the default scoring model."""
    facts = lead.facts
    return {
        "id": lead.id,
        "score": facts.get(f"score.{model}.total", 0),
        "scores": _scores(facts),
        "grade": facts.get("grade"),
        "stage": facts.get("stage"),
        "owner": facts.get("owner"),
        "team": facts.get("team"),
        "pool": facts.get("pool"),
        "source": facts.get("lead.source.name"),
        "tags": facts.get("lead.tags", []),
        "fields": _fields(facts),
        "consents": {topic: _consent(said) for topic, said in sorted(lead.consents.items())},
        "created_at": when(lead.created_at),
        "updated_at": when(lead.updated_at),
    }


def _scores(facts: Item) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for name, value in facts.items():
        if name.startswith("score."):
            model, _, dimension = name.removeprefix("score.").rpartition(".")
            found.setdefault(model, {})[dimension] = value
    return found


def _fields(facts: Item) -> Item:
    return {
        name.removeprefix("lead."): value
        for name, value in sorted(facts.items())
        if name.startswith("lead.") and name != "lead.tags"
    }


def _consent(said: Item) -> Item:
    """Return the latest word on a topic, with what proves it."""
    same = ("source", "text", "event")
    return {
        "status": said["status"],
        "at": when(said["at"]),
        **{name: said.get(name) for name in same},
    }


def ledger_line(row: sqlite3.Row) -> Item:
    """Return a line of a score's ledger."""
    columns = ("model", "dimension", "rule", "points", "event", "source", "ruleset", "reason")
    return {"at": when(row["at"]), **{name: row[name] for name in columns}}


def task(row: sqlite3.Row) -> Item:
    """Return a to-do; without an owner of its own it is for the lead's."""
    same = ("id", "lead", "title", "owner", "priority", "status", "outcome", "journey", "step")
    return {
        **{name: row[name] for name in same},
        "name": row["name"],
        "company": row["company"],
        "due": when(row["due"]),
        "created_at": when(row["created_at"]),
        "completed_at": when(row["completed_at"]),
    }


def delivery(row: sqlite3.Row) -> Item:
    """Return a delivery, with the text that was sent once it was."""
    same = ("lead", "connection", "message", "audience", "journey", "step", "status", "reason")
    return {
        "id": row["key"],
        **{name: row[name] for name in (*same, "attempts", "provider_id", "subject", "body")},
        **{name: row[name] for name in ("retries", "retried_by")},
        "to": row["to_address"],
        "params": rows.from_json(row["params"]),
        "due": when(row["due"]),
        "deadline": when(row["deadline_at"]),
        "created_at": when(row["created_at"]),
        "finished_at": when(row["finished_at"]),
    }


_WITH_CLOCKS: Final = frozenset({"sla_started", "sla_resumed"})  # whose ``due`` is by clock


def timeline_item(row: sqlite3.Row) -> Item:
    """Return one line of a timeline: the keys that all have, and its own details."""
    details: Item = rows.from_json(row["details"])
    if row["kind"] == "event":
        details = {"lead": {}, "properties": {}, **details}  # the log leaves out what is empty
    elif row["kind"] == "task":
        details["due"] = when(details["due"])
    elif row["type"] in _WITH_CLOCKS:
        data = details["data"]
        data["due"] = {name: when(due) for name, due in data["due"].items()}
    common = {"at": when(row["at"]), "kind": row["kind"], "id": row["id"], "type": row["type"]}
    return {**common, **details}
