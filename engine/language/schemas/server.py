"""``server.yaml``."""

from __future__ import annotations

from engine.language.retention import KINDS, PATTERN
from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    listing,
    mapping,
    number,
    record,
    ref,
    text,
    typed,
)
from engine.language.schemas.serving import serving
from engine.language.schemas.shared import KEPT


def structure() -> Schema:
    """Return the keys of the file."""
    connection = typed(
        "object",
        "An action plugin and its parameters.",
        properties={"plugin": ref("plugin"), "limits": _limits()},
        required=["plugin"],
        allOf=[ref("connects")],
    )
    return {
        "title": "This installation",
        "properties": {
            "database": text("The SQLite file, from the folder in which the command runs."),
            "zone": ref("zone"),
            "clock": choice(
                ("system", "stream"), "stream: the newest event says what time it is, until now."
            ),
            "network": choice(
                ("own", "durable"), "durable: durable-rules answers the scoring conditions."
            ),
            "connections": mapping(connection, "Uses of action plugins (连接), by name."),
            "channels": mapping(
                typed("object", "What this channel plugin is told."),
                "Settings of channel plugins (渠道), by the plugin's name.",
                allOf=[ref("listens")],
            ),
            "plugins_dir": text(
                "The folder of plugins that are files (插件), from the configuration folder.",
                pattern=r"^[^$]+$",
            ),
            "retention": _retention(),
            "links": _links(),
            **serving(),
        },
    }


def _links() -> Schema:
    return record(
        {
            "url": text("Where recipients reach this server.", pattern=r"^https?://[^\s?#]+$"),
            "keys": listing(text("A secret as ${NAME}."), "The first signs, all are believed.", 1),
            "opens": flag("Whether e-mails tell of opens (打开); by default yes."),
            "clicks": flag("Whether links tell of clicks (点击); by default yes."),
        },
        ["url", "keys"],
        "Signed links in messages: unsubscribe (退订), opens, clicks.",
    )


def _retention() -> Schema:
    told = {
        "events": "The log (日志); leads whose events go keep a snapshot to replay from.",
        "ledger": "Lines of scores (评分明细); older ones become one line with their sum.",
        "happenings": "What the timeline tells of the engine's own doings (动态).",
        "deliveries": "Messages that are done (发送记录), their texts with them.",
        "tasks": "To-dos that are done (已完成任务).",
    }
    return record(
        {
            kind: text(f"{told[kind]} Such as 90d, 52w or 3y.", pattern=f"^{PATTERN}$", format=KEPT)
            for kind in KINDS
        },
        description="How long what is no longer needed is kept (保留期限); by default for ever.",
    )


def _limits() -> Schema:
    return record(
        {
            "concurrency": _whole("How many deliveries run at once (并发).", 1_000),
            "per_second": number("How many begin in a second (每秒).", exclusiveMinimum=0),
            "per_minute": number("How many begin in a minute (每分钟).", exclusiveMinimum=0),
            "burst": _whole("How many may begin at one instant under these rates.", 10_000),
            "attempts": _whole("After so many attempts a delivery is dead.", 100),
            "max_age": ref("duration", "After so long a delivery is dead."),
            "deadline": ref("duration", "Goes before others, and never later than this (限时)."),
        },
        description="What the provider allows (限流); by default as the plugin says.",
    )


def _whole(description: str, most: int) -> Schema:
    return typed("integer", description, minimum=1, maximum=most)
