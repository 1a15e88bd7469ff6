"""``tests/*.test.yaml``."""

from __future__ import annotations

from engine.language.schemas.forms import Schema, listing, record, ref, text, typed


def structure() -> Schema:
    """Return the keys of the file."""
    start = text("The instant that offsets count from, such as 2026-03-02T09:00:00+08:00.")
    case = {
        "name": text("What it proves."),
        "id": text("The lead's id, which decides its way through a split.", minLength=1),
        "lead": ref("facts"),
        "start": start,
        "events": listing(_event(), "What happens (事件), each with its properties."),
        "expect": listing(ref("expectation"), "What must hold when (期望)."),
        "table": listing(
            typed("object"), "Run the case once for each row, $name standing for the row's value."
        ),
    }
    return {
        "title": "Tests of the rules",
        "properties": {
            "start": start,
            "lead": ref("facts"),
            "cases": listing(record(case, ["name"]), "The cases (用例).", 1),
        },
        "required": ["cases"],
    }


def _event() -> Schema:
    return typed(
        "object",
        additionalProperties=True,
        properties={
            "at": text("When: an offset from start such as 0d, 90m, 6d23h, or an instant."),
            "event": ref("event"),
        },
        required=["at", "event"],
        allOf=[ref("happens")],
    )
