"""``scoring.yaml``."""

from __future__ import annotations

from engine.language.schemas.forms import (
    Schema,
    heard,
    hearing,
    listing,
    mapping,
    nullable,
    number,
    record,
    ref,
    text,
    typed,
)


def structure() -> Schema:
    """Return the keys of the file."""
    return {
        "title": "Scoring models",
        "properties": {"models": mapping(_model(), "Scoring models (评分模型), by name.", 1)},
    }


def _model() -> Schema:
    return record(
        {
            "label": ref("label"),
            "dimensions": mapping(
                nullable(_dimension()), "The parts of the score (维度), by name.", 1
            ),
            "rules": listing(_rule(), "What gives points (评分规则)."),
            "grades": listing(
                _grade(), "Bands of the total (等级): each from its own limit up to the next."
            ),
            "thresholds": mapping(number(), "Totals by name, such as mql: 50."),
        },
        ["dimensions", "rules"],
    )


def _dimension() -> Schema:
    return record(
        {
            "label": ref("label"),
            "weight": number("Multiplies the points of its rules (权重); by default 1."),
            "max": number("The dimension never counts more (封顶)."),
            "min": number("The dimension never counts less (保底)."),
        }
    )


def _grade() -> Schema:
    return record(
        {
            "grade": text("Its name, such as A."),
            "from": number("The lowest total that belongs to it."),
            "label": ref("label"),
        },
        ["grade", "from"],
    )


def _rule() -> Schema:
    return hearing(
        record(
            {
                "id": ref("id"),
                "label": ref("label"),
                "dimension": ref("dimension"),
                **heard(),
                "when": ref("condition"),
                "points": _points(),
                "repeat": _repeat(),
                "expires": ref("duration", "Points of an occurrence are taken back after this."),
                "decay": _decay(),
                "exclusive": text("Of a group, the rule with most points holds."),
            },
            ["id", "dimension", "points"],
        )
    )


def _points() -> Schema:
    read = {"field": ref("number-path"), "times": number("Multiplies that number.")}
    made = record(read, ["field"], "A number, or {field, times} (分值).")
    return {**made, "type": ["number", "object"]}


def _repeat() -> Schema:
    often = {
        "at_most": typed("integer", "How often in each period.", minimum=1),
        "per": ref("duration", "The period, which slides."),
    }
    made = record(often, ["at_most"], "once, each, or {at_most: n, per: DURATION}.")
    words = {"examples": ["once", "each"], "allOf": [ref("repeats")]}
    return {**made, "type": ["string", "object"], **words}


def _decay() -> Schema:
    return record(
        {"half_life": ref("duration", "After how long each time (半衰期).")},
        ["half_life"],
        "Of what an occurrence gave, half goes at the end of each half-life, and the rest "
        "when less than a point would remain.",
    )
