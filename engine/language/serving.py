"""Who may use the server, how much, and from where: the access settings of ``server.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from engine.language.instants import SECOND

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
