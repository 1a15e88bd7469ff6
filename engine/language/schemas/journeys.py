"""``journeys.yaml``."""

from __future__ import annotations

from typing import Final

from engine.language.calendars import DAYS
from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    heard,
    hearing,
    listing,
    number,
    record,
    ref,
    text,
    typed,
)

_CLOCK: Final = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
_BETWEEN: Final[Schema] = {"exclusiveMinimum": 0, "exclusiveMaximum": 1}


def structure() -> Schema:
    """Return the keys of the file."""
    return {
        "title": "Nurturing journeys",
        "properties": {"journeys": listing(_journey(), "Journeys (旅程).")},
    }


def _journey() -> Schema:
    return record(
        {
            "id": ref("id"),
            "label": ref("label"),
            "enter": hearing(
                record(
                    {**heard(), "when": ref("condition")},
                    description="What leads into it (进入条件): event, when, or both.",
                )
            ),
            "reentry": _reentry(),
            "group": text("Of the journeys of a group a lead is in one at most (互斥组)."),
            "priority": typed("integer", "In a group the higher one goes first; 0 by default."),
            "on_change": choice(
                ("finish", "migrate", "restart"),
                "What an edit does to leads in it (修改后): finish by the old steps, by default.",
            ),
            "exit": _over("What ends it early (退出条件)."),
            "goal": _over("What it is for (目标); reaching it ends it."),
            "steps": listing(_step(), "The steps (步骤), in order.", 1),
        },
        ["id", "enter", "steps"],
    )


def _reentry() -> Schema:
    made = record(
        {"after": ref("duration", "How long after having left.")},
        ["after"],
        "never, always, or {after: DURATION} (再次进入).",
    )
    words = {"examples": ["never", "always"], "allOf": [ref("reenters")]}
    return {**made, "type": ["string", "object"], **words}


def _over(description: str) -> Schema:
    return hearing(record({**heard(), "when": ref("condition")}, description=description))


def _step() -> Schema:
    keys = {
        "id": ref("id"),
        "send": ref("message", "send: a message of messages.yaml (发送消息)."),
        "do": ref("connection", "do: an action through a connection of server.yaml (执行动作)."),
        "with": ref("with"),
        "task": _task(),
        "wait": _wait(),
        "then": ref("step", "Where to go when the event came, or the task is done."),
        "else": ref("step", "Where to go when not; of a date, when there is none to wait for."),
        "branch": listing(_case(), "branch: cases in order (分支); the last has no when.", 1),
        "split": _split(),
        "set": _set(),
        "score": _score(),
        "route": record({}, description="route: {}; assign the lead by routing.yaml (分配)."),
        "enter": ref("journey", "enter: another journey (进入另一旅程)."),
        "end": flag("end: true; the journey is over (结束)."),
        "next": ref("step", "Where to go afterwards; by default the step below."),
    }
    return record(keys, ["id"], allOf=[ref("acts")])


def _task() -> Schema:
    return record(
        {
            "title": text("What to do."),
            "to": ref("to", "owner (default), or a person by id."),
            "due": ref("span", "How long there is."),
            "priority": choice(("low", "normal", "high"), "By default normal."),
            "remind": flag("Whether a note tells who has it that it is due; by default false."),
            "within": ref("span", "Wait so long for it to be done; by default as long as due."),
        },
        ["title"],
        "task: a to-do for a person (待办).",
    )


def _wait() -> Schema:
    keys = {
        "event": ref("events"),
        "of": ref("step", "Only events about the message or the task of this step."),
        "where": ref("where"),
        "within": ref("span", "How long at most."),
        "until": ref("span", "Until so long after since."),
        "since": ref("since"),
        "at": text("At this time of day, such as 09:00 (时刻).", pattern=_CLOCK),
        "days": listing(choice(DAYS), "On these days of the week only.", 1),
        "calendar": ref("calendar", "On its working days; without at: in its working hours."),
        "zone": text("Whose time of day: lead, or a zone such as Asia/Shanghai (时区)."),
        "date": text("A date of the lead, such as lead.birthday (日期)."),
        "yearly": flag("true: the day comes again every year."),
        "before": ref("duration", "So many days before the date."),
        "after": ref("duration", "So many days after the date."),
    }
    told = "wait: a duration, an event, a time, or a date (等待)."
    whole = record(keys, description=told, allOf=[ref("hears"), ref("waits")])
    return {**whole, "type": ["string", "object"]}


def _split() -> Schema:
    share = number("The part of all leads, above 0 and below 1.", **_BETWEEN)
    return record(
        {
            "variants": listing(_variant(), "The ways (变体); a lead always gets the same.", 2),
            "holdout": record(
                {"share": share, "next": ref("step", "Where they go; by default end.")},
                ["share"],
                "Leads that get no variant, to compare with (对照组).",
            ),
            "winner": text("The variant for all that come from now on; a person's word."),
            "auto_winner": _auto_winner(),
        },
        ["variants"],
        "split: leads dealt out by weight (分流).",
    )


def _variant() -> Schema:
    weight = number("Relative to the others; 1 by default.", exclusiveMinimum=0)
    return record(
        {"name": text("Its name."), "weight": weight, "next": ref("step")}, ["name", "next"]
    )


def _auto_winner() -> Schema:
    return record(
        {
            "metric": text(
                "opened, clicked, replied, or an event type.",
                examples=["opened", "clicked", "replied"],
            ),
            "confidence": number("How sure it has to be; 0.95 by default.", **_BETWEEN),
            "min_sample": typed("integer", "Leads that each variant needs.", minimum=1),
            "within": ref("duration", "How long after the split it counts; 7d by default."),
        },
        ["metric", "min_sample"],
        "The best variant for all that come later, once it is certain (自动择优).",
    )


def _case() -> Schema:
    return record({"when": ref("condition"), "next": ref("step")}, ["next"])


def _set() -> Schema:
    tags = {
        "add": listing(text(), "Tags to add."),
        "remove": listing(text(), "Tags to remove."),
    }
    return record(
        {
            "stage": ref("stage", "Enter this stage, if the lifecycle allows it."),
            "tags": record(tags, description="Change its tags (标签)."),
            "fields": ref("values"),
        },
        description="set: change the lead (修改线索).",
    )


def _score() -> Schema:
    return record(
        {"dimension": ref("dimension"), "points": number("How many.")},
        ["dimension", "points"],
        "score: points in the default model (加分).",
    )
