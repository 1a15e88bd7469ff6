"""The keys of ``messages.yaml`` that say when nothing is sent."""

from __future__ import annotations

from engine.language.calendars import DAYS
from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    listing,
    mapping,
    record,
    ref,
    text,
    typed,
)


def sending() -> dict[str, Schema]:
    """Return the keys, each with its schema."""
    return {
        "topics": mapping(_topic(), "What messages are about (订阅主题), by name."),
        "quiet_hours": listing(
            _quiet(), "When nothing goes out (免打扰时段), by the recipient's clock; it waits."
        ),
        "frequency": listing(
            _cap(), "How many marketing messages a lead gets (频次上限), over all journeys."
        ),
        "policy": record(
            {
                "stop_words": mapping(
                    ref("texts"), "Replies that unsubscribe (退订口令), by channel."
                ),
                "soft_bounces": record(
                    {
                        "at_most": _count("So many soft bounces (软退信)."),
                        "per": ref("duration", "Within so long."),
                    },
                    ["at_most", "per"],
                    "An address that bounces so often is left alone.",
                ),
            },
            description="What stops messages for good.",
        ),
    }


def _topic() -> Schema:
    keys = {
        "label": ref("label", "What recipients read on the page of their subscriptions."),
        "consent": choice(
            ("required", "until_withdrawn"), "required: only to who has given consent to it."
        ),
    }
    return record(keys, description="A topic that can be unsubscribed from.")


def _quiet() -> Schema:
    keys = {
        "channels": listing(text(), "email, sms, wecom ...; by default all.", 1),
        "transactional": flag("Whether transactional messages wait, too."),
    }
    return quiet_hours(keys)


def quiet_hours(more: dict[str, Schema]) -> Schema:
    """Return hours of quiet, with further keys."""
    hours = listing(ref("clock_time"), 'Such as ["21:00", "08:00"]; past midnight is fine.', 2)
    keys = {
        "between": {**hours, "maxItems": 2},
        "days": listing(choice(DAYS), "The days on which it begins; by default every day.", 1),
    }
    return record({**keys, **more}, ["between"], "Hours of quiet.")


def _cap() -> Schema:
    keys = {
        "at_most": _count("How many."),
        "per": ref("duration", "In how long."),
        "channels": listing(text(), "Of these channels; by default of all.", 1),
        "topics": listing(text(), "Of these topics; by default of all.", 1),
    }
    return record(keys, ["at_most", "per"], "A frequency cap.")


def _count(description: str) -> Schema:
    return typed("integer", description, minimum=1, maximum=10_000)
