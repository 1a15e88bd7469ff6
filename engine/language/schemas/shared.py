"""Definitions that several kinds of files refer to, as loose as the structure alone needs."""

from __future__ import annotations

from engine.language.schemas.forms import Schema, listing, mapping, text, typed

LABEL = "What people read: a text, or one for each language, {zh: 赢单, en: Won}."
LANGUAGE = "A language by two small letters: zh, en."
NAMED = "Named conditions, for use: NAME in any file."
WHERE = "A condition on the properties of the event."

DURATION = "[1-9][0-9]*(s|m|h|d|w)"
# Formats that the loader checks, and editors pass over: not longer than 100 years.
LENGTH = "leadrules-duration"
KEPT = "leadrules-retention"

# Names that other files declare; a configuration's own schema lists them.
NAMES = {
    "dimension": "A dimension of the scoring model (评分维度).",
    "stage": "A stage of lifecycle.yaml (阶段).",
    "message": "A message of messages.yaml (消息).",
    "connection": "A connection of server.yaml (连接).",
    "template": "A file in templates/ (模板).",
    "team": "A team of routing.yaml (团队).",
    "pool": "A public pool of routing.yaml (公海池).",
    "member": "A salesperson of routing.yaml (销售), by id.",
    "calendar": "A working calendar (工作日历): always, cn, or one of calendars.yaml.",
    "step": "A step of this journey (步骤), or end.",
    "journey": "A journey (旅程), by id.",
    "since": "A step of this journey, or enter: the arrival in it.",
    "plugin": "An action plugin (动作插件), as `leadrules plugins` lists them.",
    "path": "A field of the lead, its score, stage or owner, such as lead.city.",
    "number-path": "A number of the lead, such as lead.amount.",
    "to": "owner, or a person by id.",
    "zone": "A time zone by its IANA name, such as Asia/Shanghai.",
}


# Conditions on whole maps that say nothing here: what a configuration's own schema adds.
HOOKS = (
    *("hears", "happens", "acts", "connects", "listens"),
    *("repeats", "reenters", "assigns", "climbs", "waits"),
)


def definitions() -> dict[str, Schema]:
    """Return the loose definitions; those that say nothing are filled by a configuration."""
    return {
        **_forms(),
        **{name: text(description) for name, description in NAMES.items()},
        "condition": _condition("A condition such as {lead.city: 上海}; every entry must hold."),
        "where": _condition(WHERE),
        "values": typed("object", "Fields of the lead to write, by name."),
        "with": typed("object", "What the action gets; its texts are templates."),
        "facts": typed("object", "Fields of the lead, by name."),
        "expectation": typed("object", "Facts, fired, not_fired, sends, tasks at an offset."),
        **{name: {} for name in HOOKS},
    }


def _forms() -> dict[str, Schema]:
    return {
        "id": text(
            "A short name without spaces, dots or colons; keep it once it is in use.",
            pattern=r"^[^\s.:]+$",
        ),
        "duration": text(
            "A duration such as 30d, 24h, 10m.", pattern=f"^{DURATION}$", format=LENGTH
        ),
        "span": text(
            "A duration such as 24h, or 24 working_hours, 2 working_days.",
            pattern=f"^({DURATION}|[1-9][0-9]* working_(hours|days))$",
            format=LENGTH,
        ),
        "day": text("A day such as 2026-10-01.", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        "clock_time": text(
            "A time of day such as 09:00; 24:00 is its end.",
            pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$",
        ),
        "label": _label(),
        "event": text("An event type (事件)."),
        "events": {
            **typed(["string", "array"], "An event type, a list of them, or any."),
            "minItems": 1,
            "items": text(),
        },
        "texts": listing(text()),
    }


def _label() -> Schema:
    return mapping(
        text("What is read in that language.", minLength=1),
        LABEL,
        1,
        propertyNames={"pattern": "^[a-z]{2}$", "description": LANGUAGE},
    ) | {"type": ["string", "object"]}


def _condition(description: str) -> Schema:
    return typed("object", description, minProperties=1)
