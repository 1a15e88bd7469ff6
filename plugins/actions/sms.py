"""What the actions for short messages share: templates, parameters and how to name a delivery."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from engine.plugin import OutgoingDelivery

PREFIX: Final = "leadrules-"
ACCOUNT_WAIT_MS: Final = 3_600_000  # a limit of the day or of the account
NUMBER_WAIT_MS: Final = 3_600_000  # a limit of one number
CHINA: Final = "+86"
_MAINLAND: Final = re.compile("1[0-9]{10}")

# The provider puts the brackets around it.
SIGN_NAME: Final[Mapping[str, Any]] = {"type": "string", "pattern": "^[^【】]+$"}
# A step's or message's `with`. What a template needs differs between providers: names or places.
PARAMS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "template": {"type": ["string", "integer"]},
        "params": {"type": ["object", "array"]},
        "sign": SIGN_NAME,
    },
}


class BadMessage(ValueError):
    """A message that lacks what its provider needs; the text says what."""


def template_of(delivery: OutgoingDelivery) -> str:
    """Return the provider's template; raises BadMessage without one."""
    template = delivery.params.get("template")
    if not template or not isinstance(template, str | int):
        raise BadMessage("the message names no template: with: {template: ...}")
    return str(template)


def recipient(delivery: OutgoingDelivery) -> str:
    """Return the number as +86138...; raises BadMessage for what is none."""
    to = (delivery.to or "").strip()
    if _MAINLAND.fullmatch(to):
        return CHINA + to
    if not (to.startswith("+") and to[1:].isdecimal() and to.isascii()):
        raise BadMessage("the recipient is no telephone number in international form")
    return to


def reference(delivery: OutgoingDelivery) -> str:
    """Return our name for a delivery at the provider: the same at every attempt, and no secret.

    The key itself may hold ids of events, and with them personal data.
    """
    return PREFIX + hashlib.sha256(delivery.key.encode()).hexdigest()[:32]


def as_text(value: Any) -> str:
    """Return a parameter as the text that a template shows.

    >>> as_text(3.0), as_text(None), as_text("王芳")
    ('3', '', '王芳')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
