"""What the holder of a token may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

# What a route asks for. `free`: nothing; `any`: some token.
SCOPES: Final = ("free", "any", "ingest", "leads", "read", "work", "operate", "admin")
GRANTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "ingest": frozenset({"free", "any", "ingest"}),
        "read": frozenset({"free", "any", "leads", "read"}),
        "sales": frozenset({"free", "any", "leads", "work"}),
        "ops": frozenset({"free", "any", "ingest", "leads", "read", "work", "operate"}),
        "admin": frozenset(SCOPES),
    }
)


class Principal(msgspec.Struct, frozen=True):
    """Who asks. ``member`` is the salesperson, for the role ``sales``."""

    name: str
    role: str
    member: str | None = None

    def may(self, scope: str) -> bool:
        """Whether this role reaches routes of ``scope``."""
        return scope in GRANTS[self.role]


ADMIN: Final = Principal("admin", "admin")
# Who comes without a token to a route that asks for none.
STRANGER: Final = Principal("", "ingest")
