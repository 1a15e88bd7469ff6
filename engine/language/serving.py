"""Who may use the server, how much, and from where: the access settings of ``server.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from engine.language.instants import HOUR, SECOND
from engine.language.label import Text

# What a holder of a token may do, least first; what each means is in engine/server/roles.py.
ROLES: Final = ("ingest", "read", "sales", "ops", "admin")
NO_RATES: Final[Mapping[str, Rate]] = MappingProxyType({})


class Rate(msgspec.Struct, frozen=True):
    """So many ``requests`` per ``per`` milliseconds; up to ``burst`` of them at one instant."""

    requests: int
    per: int
    burst: int


# Capture routes are for strangers, and one address may be a whole office or a provider.
CAPTURE: Final = Rate(50, SECOND, 200)


class Secret(msgspec.Struct, frozen=True):
    """What proves a token: its SHA-256 in lower-case hex; ``expires`` is the first instant it
    does not count any more, None for never.
    """

    sha256: str
    expires: int | None = None


class Token(msgspec.Struct, frozen=True):
    """A named right to use the API. Several secrets count at once, so that one can be changed.

    ``member`` is the salesperson whose token it is, for the role ``sales``.
    """

    name: str
    role: str
    secrets: tuple[Secret, ...]
    member: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """What somebody may do whom a provider vouches for; of several the first that fits counts.

    It fits where each claim in ``when`` is one of its values or, being a list, has one; without
    any, everybody. The role ``sales`` is for ``member``, or for the one whose id or e-mail
    ``member_claim`` gives.
    """

    role: str
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    member: str | None = None
    member_claim: str | None = None


class Oidc(msgspec.Struct, frozen=True, kw_only=True):
    """Sign-in by an OpenID provider. ``url`` is where browsers reach this server.

    ``name_claim`` says what a person is called in the audit.
    """

    url: str
    issuer: str
    client_id: str
    client_secret: str
    grants: tuple[Grant, ...]
    label: Text | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "email"
    allow_private: bool = False


class WecomScan(msgspec.Struct, frozen=True, kw_only=True):
    """Sign-in by a code that people scan with WeCom; its one claim is ``userid``.

    ``login`` is the page with the code, ``endpoint`` WeCom's interface, where it is not Tencent's.
    """

    url: str
    corp_id: str
    agent_id: str
    secret: str
    grants: tuple[Grant, ...]
    label: Text | None = None
    login: str = "https://login.work.weixin.qq.com"
    endpoint: str = "https://qyapi.weixin.qq.com"
    allow_private: bool = False


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """How people come into the console, beside tokens; spans in milliseconds.

    A session ends ``lasts`` after it began, and when nobody used it for ``idle``.
    """

    idle: int = 4 * HOUR
    lasts: int = 12 * HOUR
    oidc: Oidc | None = None
    wecom: WecomScan | None = None


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Access, limits and logs. ``rates`` are per ``token``, ``address`` and ``capture``.

    ``proxies`` are networks whose X-Forwarded-For is believed, ``origins`` the web origins
    whose pages may post to capture routes ("*": all), ``tokens_file`` the path of further
    tokens.
    """

    tokens: tuple[Token, ...] = ()
    tokens_file: str | None = None
    rates: Mapping[str, Rate] = NO_RATES
    proxies: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    logs: str = "text"
    sign_in: SignIn = SignIn()
