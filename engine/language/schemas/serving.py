"""The keys of ``server.yaml`` about access, limits and logs."""

from __future__ import annotations

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
from engine.language.serving import ROLES

_SECRET = r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}$"
_ORIGIN = {"pattern": r"^(https?://[^/?#\s]+|\$\{.+\})$"}
_URL = {"pattern": r"^(https?://[^?#\s]+|\$\{.+\})$"}


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
        "sign_in": _sign_in(),
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


def _sign_in() -> Schema:
    return record(
        {
            "idle": ref("duration", "A session ends when nobody used it for so long; default 4h."),
            "lasts": ref("duration", "A session ends so long after it began; default 12h."),
            "oidc": _oidc(),
            "wecom": _wecom(),
        },
        description="How people come into the console (登录), beside tokens and passwords.",
    )


def _oidc() -> Schema:
    return record(
        {
            **_shared(),
            "issuer": text("The provider's address, as its discovery document gives it.", **_URL),
            "client_id": text("What the provider calls this server."),
            "client_secret": text("What it shares with this server, as ${NAME}.", pattern=_SECRET),
            "scopes": listing(text(), "What is asked for; by default openid, profile, email."),
            "name_claim": text("The claim that is a person's name in the audit; default email."),
        },
        required=["url", "issuer", "client_id", "client_secret", "grants"],
        description="Sign-in by an OpenID Connect provider.",
    )


def _wecom() -> Schema:
    return record(
        {
            **_shared(),
            "corp_id": text("The corporation (企业 ID)."),
            "agent_id": text("The app (AgentId), as text.", pattern=r"^([0-9]+|\$\{.+\})$"),
            "secret": text("The app's secret, as ${NAME}.", pattern=_SECRET),
            "login": text("The site of the page with the code; by default Tencent's.", **_ORIGIN),
            "endpoint": text("WeCom's interface; by default Tencent's.", **_ORIGIN),
        },
        required=["url", "corp_id", "agent_id", "secret", "grants"],
        description="Sign-in by scanning a code with WeCom (企业微信扫码登录).",
    )


def _shared() -> dict[str, Schema]:
    return {
        "url": text(
            "Where browsers reach this server, such as https://leads.example.cn.", **_ORIGIN
        ),
        "label": ref("label", "What the button says."),
        "grants": listing(_grant(), "Who may do what; the first that fits counts.", 1),
        "allow_private": flag("Whether it may stand in the own network; by default not."),
    }


def _grant() -> Schema:
    return record(
        {
            "when": mapping(
                listing(text(), least=1),
                "For those of whom the provider says this: a claim, and the values that count.",
            ),
            "role": choice(ROLES, "What they may do (角色)."),
            "member": text("The salesperson (销售) they are; for the role sales."),
            "member_claim": text("The claim that is the salesperson's id or e-mail instead."),
        },
        required=["role"],
        description="A role for those whom claims single out; without when, for everybody.",
    )
