"""``calendars.yaml``."""

from __future__ import annotations

from engine.language.calendars import DAYS
from engine.language.schemas.forms import Schema, choice, listing, mapping, record, ref, typed


def structure() -> Schema:
    """Return the keys of the file."""
    hours = listing(
        ref("clock_time"), 'Opening and closing, such as ["09:00", "18:00"] (工作时间).'
    )
    keys = {
        "label": ref("label"),
        "base": choice(
            ("cn", "week"),
            "cn: China's holidays and make-up days; week (default): the days alone.",
        ),
        "zone": ref("zone"),
        "hours": {**hours, "minItems": 2, "maxItems": 2},
        "days": listing(choice(DAYS), "The working days of the week.", 1),
        "off": listing(ref("day"), "Days that are off, whatever else says (放假)."),
        "work": listing(ref("day"), "Days that are worked, whatever else says (调休上班)."),
        "official_until": typed(
            "integer",
            "The last year whose holidays are announced (官方安排到哪一年).",
            minimum=2018,
            maximum=2100,
        ),
    }
    return {
        "title": "Working calendars",
        "properties": {
            "calendars": mapping(record(keys), "Working calendars (工作日历), by name.", 1)
        },
    }
