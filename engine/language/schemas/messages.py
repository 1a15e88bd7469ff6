"""``messages.yaml``."""

from __future__ import annotations

from engine.language.schemas.forms import (
    Schema,
    choice,
    listing,
    mapping,
    record,
    ref,
    text,
    typed,
)
from engine.language.schemas.sending import sending
from engine.language.sending import PURPOSES


def structure() -> Schema:
    """Return the keys of the file."""
    keys = {
        "label": ref("label"),
        "action": ref("connection", "A connection of server.yaml (发送渠道)."),
        "topic": text("What it is about (订阅主题); not sent to who has withdrawn consent to it."),
        "subject": _worded("One line (标题); a template, or one for each language."),
        "text": _worded("The plain text (正文); a template, or one for each language."),
        "markdown": _worded("For chats that show Markdown; a template, or one for each language."),
        "template": ref("template", "A file in templates/ (模板); NAME.en.html is its English."),
        "language": text("The language of leads that have none (语言); by default zh."),
        "with": ref("with", "What the action gets besides; its texts are templates."),
        "attachments": listing(text(), "Files of files/ that go with it (附件)."),
        "to": ref("path", "The fact that holds the address; by default what the action needs."),
        "stale_after": ref("duration", "Not sent when its moment is longer ago than this."),
        "kind": choice(
            PURPOSES,
            "transactional: owed to the recipient; no consent, cap or quiet hour stops it.",
        ),
        "channel": text("email, sms, wecom ... (渠道); by default as its connection is called."),
        "stop_words": ref("texts", "Replies to it that unsubscribe, beside those of its channel."),
        "deadline": ref("duration", "Goes before all others, and never later than this (限时)."),
    }
    return {
        "title": "Messages",
        "properties": {
            "messages": mapping(record(keys, ["action"]), "Messages (消息), by name."),
            **sending(),
        },
    }


def _worded(description: str) -> Schema:
    return typed(["string", "object"], description, additionalProperties=text())
