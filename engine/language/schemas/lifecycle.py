"""``lifecycle.yaml``."""

from __future__ import annotations

from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    heard,
    hearing,
    listing,
    record,
    ref,
)


def structure() -> Schema:
    """Return the keys of the file."""
    return {
        "title": "Stages of the funnel",
        "properties": {
            "stages": listing(
                _stage(), "The stages (阶段) in order; a lead begins in the first.", 1
            )
        },
    }


def _stage() -> Schema:
    keys = {
        "id": ref("id"),
        "label": ref("label"),
        "from": listing(ref("stage"), "The stages it may be entered from."),
        "when": ref("condition"),
        **heard(),
        "requires": listing(choice(["reason"]), "What a person must give to enter it."),
        "final": flag("The end of the way: nothing leads out of it by itself."),
    }
    return hearing(record(keys, ["id"]))
