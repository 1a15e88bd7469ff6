"""Builds ``sign_in`` of ``server.yaml``: sessions, and who vouches for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from engine.language.instants import parse_duration
from engine.language.label import label_of
from engine.language.sections.part import Part
from engine.language.serving import Grant, Oidc, SignIn, WecomScan

_DEFAULT: Final = SignIn()


class SignInBuilder:
    """Builds `SignIn`; ``fill`` replaces ``${NAME}`` in a part's value."""

    def __init__(self, found: Any, fill: Callable[[Part], Any]) -> None:
        self.found = found
        self.fill = fill

    def build(self, part: Part) -> SignIn:
        """Return the settings."""
        spans = {
            name: parse_duration(part.get(name)) if part.get(name) else getattr(_DEFAULT, name)
            for name in ("idle", "lasts")
        }
        oidc = self._provider(part.child("oidc"))
        wecom = self._provider(part.child("wecom"))
        return SignIn(
            **spans,
            oidc=None if oidc is None else Oidc(**oidc),
            wecom=None if wecom is None else WecomScan(**wecom),
        )

    def _provider(self, part: Part) -> dict[str, Any] | None:
        """Return a provider's settings; a variable that is all digits is text here, too."""
        if part.data is None:
            return None
        filled: dict[str, Any] = {}
        for name, value in self.fill(part).items():
            filled[name] = (
                str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            )
        filled["label"] = label_of(filled.get("label"))
        for name in ("url", "endpoint", "login"):
            if name in filled:
                filled[name] = filled[name].rstrip("/")
        if "scopes" in filled:
            filled["scopes"] = tuple(dict.fromkeys(["openid", *filled["scopes"]]))
        filled["grants"] = tuple(self._grant(item) for item in part.items("grants"))
        return filled

    def _grant(self, part: Part) -> Grant:
        role = part.get("role")
        named = [part.get(key) for key in ("member", "member_claim") if part.get(key)]
        if len(named) != (1 if role == "sales" else 0):
            text = f"the grant has the role {role} and {len(named)} of member and member_claim"
            hint = "give one of them to the role sales, and none to another"
            self.found.error("token-member", text, part.source, hint=hint)
        return Grant(
            role=role,
            when=tuple((claim, tuple(each)) for claim, each in part.get("when", {}).items()),
            member=part.get("member"),
            member_claim=part.get("member_claim"),
        )
