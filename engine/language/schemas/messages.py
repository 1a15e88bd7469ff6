"""``messages.yaml``."""

from __future__ import annotations

from engine.language.schemas.forms import Schema, mapping, record, ref, text


def structure() -> Schema:
    """Return the keys of the file."""
    keys = {
        "label": ref("label"),
        "action": ref("connection", "A connection of server.yaml (发送渠道)."),
        "topic": text("What it is about (订阅主题); not sent to who has withdrawn consent to it."),
        "subject": text("One line (标题); a template."),
        "text": text("The plain text (正文); a template."),
        "template": ref("template", "A file in templates/ (模板)."),
        "to": ref("path", "The fact that holds the address; by default what the action needs."),
        "stale_after": ref("duration", "Not sent when its moment is longer ago than this."),
        "deadline": ref("duration", "Goes before all others, and never later than this (限时)."),
    }
    return {
        "title": "Messages",
        "properties": {"messages": mapping(record(keys, ["action"]), "Messages (消息), by name.")},
    }
