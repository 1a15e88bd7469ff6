"""The keys of ``server.yaml`` about access, limits and logs."""

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
from engine.language.serving import ROLES


def serving() -> dict[str, Schema]:
    """Return the keys, each with its schema."""
    return {
        "tokens": mapping(_token(), "Who may use the API (令牌), by name."),
        "tokens_file": text("A file of further tokens, as `leadrules token` writes it."),
        "rates": record(
            {
                "capture": _rate("Per address, on routes that need no token (采集接口)."),
                "address": _rate("Per address, on all other routes."),
                "token": _rate("Per token."),
            },
            description="How many requests are answered (限流); more get 429.",
        ),
        "proxies": listing(
            text(), "Addresses or networks of proxies whose X-Forwarded-For is believed."
        ),
        "origins": listing(
            text(pattern=r"^(\*|https?://[^/*\s]+)$"),
            "Web origins whose pages may post to capture routes (CORS), or *.",
        ),
        "logs": choice(("text", "json"), "The form of the server's log, one line an entry."),
    }


def _token() -> Schema:
    return record(
        {
            "role": choice(ROLES, "What its holder may do (角色)."),
            "member": text("The salesperson (销售) whose token it is; for the role sales."),
            "secrets": listing(_secret(), "What proves it; several while one is changed.", 1),
        },
        required=["role", "secrets"],
        description="A right to use the API.",
    )


def _secret() -> Schema:
    return record(
        {
            "value": text("The secret, as ${NAME}; never written here."),
            "sha256": text("Its SHA-256 in hex instead.", pattern="^[0-9a-f]{64}$"),
            "expires": text("Counts until this instant (RFC 3339) or day (UTC)."),
        },
        description="One secret: value or sha256.",
    )


def _rate(description: str) -> Schema:
    return record(
        {
            "requests": typed("integer", "How many requests.", minimum=1, maximum=1_000_000),
            "per": ref("duration", "In how long; by default 1s."),
            "burst": typed(
                "integer",
                "How many may come at one instant; by default as many as requests.",
                minimum=1,
                maximum=1_000_000,
            ),
        },
        required=["requests"],
        description=description,
    )
