"""What the actions for group chats share: the words of a note, and who is called by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.plugin import Answer, OutgoingDelivery, Retry, Trouble, by_status

NAMED_USERS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "integer"]},
}


def title(delivery: OutgoingDelivery) -> str:
    """Return the title of a note: its subject, else its first line."""
    said = delivery.subject or (delivery.text or delivery.markdown or "").strip()
    return said.splitlines()[0] if said else ""


def plain(delivery: OutgoingDelivery) -> str:
    """Return a note as plain text, its title first; "" when there is nothing to say."""
    parts = (delivery.subject, delivery.text or delivery.markdown)
    return "\n".join(part.strip() for part in parts if part and part.strip())


def named(users: Mapping[str, Any], id: str | None) -> str | None:
    """Return what a salesperson is called there, None when ``users`` does not say."""
    found = users.get(id) if id else None
    return str(found) if found else None


def body_of(answer: Answer, service: str, *codes: str) -> Mapping[str, Any]:
    """Return an answer's JSON object, which has a code under one of the names ``codes``.

    Without one the service itself did not answer: raises Trouble, as the status says.
    """
    data = answer.data
    if isinstance(data, Mapping) and any(type(data.get(name)) is int for name in codes):
        return data
    raise Trouble(by_status(answer, service) or Retry(f"{service}'s answer cannot be read"))
