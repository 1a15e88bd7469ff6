"""``journeys.yaml``."""

from __future__ import annotations

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
)


def structure() -> Schema:
    """Return the keys of the file."""
    return {
        "title": "Nurturing journeys",
        "properties": {"journeys": listing(_journey(), "Journeys (旅程).")},
        "required": ["journeys"],
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
        "then": ref("step", "Where to go when the event came."),
        "else": ref("step", "Where to go when it did not."),
        "branch": listing(_case(), "branch: cases in order (分支); the last has no when.", 1),
        "set": _set(),
        "score": _score(),
        "route": record({}, description="route: {}; assign the lead by routing.yaml (分配)."),
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
        },
        ["title"],
        "task: a to-do for a person (待办).",
    )


def _wait() -> Schema:
    keys = {
        "event": ref("events"),
        "of": ref("step", "Only events about the message that this step sent."),
        "where": ref("where"),
        "within": ref("span", "How long at most."),
        "until": ref("span", "Until so long after since."),
        "since": ref("since"),
    }
    told = "wait: a duration; {event, of, where, within}; or {until, since} (等待)."
    whole = record(keys, description=told, allOf=[ref("hears"), ref("waits")])
    return {**whole, "type": ["string", "object"]}


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
