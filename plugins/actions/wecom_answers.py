"""What WeCom's error codes mean for a delivery. The HTTP status is 200 whatever happened.

Codes decide, never the texts beside them, which WeCom changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.plugin import Failed, Misconfigured, Result, Retry

# Tokens end early when somebody else fetches one with the same secret, or at WeCom's will.
TOKEN: Final = frozenset({40001, 40014, 41001, 42001})
_BUSY: Final = -1
_BUSY_TRIES: Final = 3
_RATE: Final = 45009
_RATE_MS: Final = 60_000  # the shortest of the times for which WeCom locks out
_CONCURRENCY: Final = 45033
_OTHER_GREETS: Final = 41096
_OTHER_GREETS_MS: Final = 1_000
_CONFIGURATION: Final[Mapping[int, str]] = {
    40001: "the secret is wrong, or another app's",
    40013: "there is no such corp_id",
    40056: "there is no such agent_id",
    40091: "the secret is wrong",
    48002: "the app may not use this interface",
    60020: "this server's address is not among the app's trusted ones (企业可信IP)",
    93000: "there is no such robot",
    301002: "the app may not do this for agent_id",
}
_FAILED: Final[Mapping[int, str]] = {
    40003: "there is no such member",
    40096: "there is no such customer",
    41040: "the style does not fit the scene",
    41050: "the chat has begun",
    41051: "the customer was welcomed already, or the chat has begun",
    45002: "the message is too long",
    60111: "there is no such member",
    81013: "none of the recipients can get messages of this app",
    82001: "nobody is addressed",
    84061: "the member and the customer are no contacts",
}
MAX_SAID: Final = 200


def verdict(data: Mapping[str, Any], attempt: int) -> Result | None:
    """Return what an answer's ``errcode`` means; None when it is 0. ``attempt`` counts from 1."""
    code = data["errcode"]
    if code == 0:
        return None
    reason = _reason(code, data)
    if code in _CONFIGURATION:
        return Misconfigured(reason)
    if code == _BUSY:
        return Retry(reason) if attempt <= _BUSY_TRIES else Failed(reason)
    if code == _RATE:
        return Retry(reason, _RATE_MS)
    if code == _OTHER_GREETS:
        return Retry(reason, _OTHER_GREETS_MS, about="recipient")
    if code in TOKEN or code == _CONCURRENCY:
        return Retry(reason)
    return Failed(reason)


def _reason(code: int, data: Mapping[str, Any]) -> str:
    known = _CONFIGURATION.get(code) or _FAILED.get(code)
    said = str(data.get("errmsg", ""))[:MAX_SAID]
    return f"WeCom answered {code}: {known or said}"


def refused(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the recipients that WeCom left out of a message that it took, with why.

    Members by the id that WeCom gives, which is in lower case.
    """
    kinds = {
        "invaliduser": ("", "is no member, or does not see the app"),
        "unlicenseduser": ("", "has no licence for this interface"),
        "invalidparty": ("party ", "is no department, or does not see the app"),
        "invalidtag": ("tag ", "is no tag, or has no member who sees the app"),
    }
    found = {}
    for key, (prefix, why) in kinds.items():
        named = data.get(key)
        for id in str(named).split("|") if isinstance(named, str | int) else ():
            if id:
                found[f"{prefix}{id}"] = why
    return found
