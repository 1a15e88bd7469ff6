"""Builds the access settings of ``server.yaml``."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from engine.language.instants import BadTime, parse_duration, parse_instant
from engine.language.sections.part import Part
from engine.language.sections.signing_in import SignInBuilder
from engine.language.serving import CAPTURE, Rate, Secret, Serving, SignIn, Token

LEAST_SECRET: Final = 20
_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class ServingBuilder:
    """Builds `Serving`; ``fill`` replaces ``${NAME}`` in a part's value."""

    def __init__(self, found: Any, fill: Callable[[Part], Any]) -> None:
        self.found = found
        self.fill = fill

    def build(self, parts: Sequence[Part]) -> Serving:
        """Return the settings; later files win, and their tokens come on top."""
        tokens: dict[str, Token] = {}
        rates = {"capture": CAPTURE}
        last: dict[str, Any] = {}
        sign_in = SignIn()
        for part in parts:
            for name, member in part.entries("tokens"):
                tokens[name] = self._token(name, member)
            for name, member in part.entries("rates"):
                rates[name] = _rate(member)
            for name, member in part.entries():
                if name in ("tokens_file", "proxies", "origins", "logs"):
                    last[name] = self.fill(member)
            self._check_proxies(part)
            if part.get("sign_in") is not None and part.child("sign_in").sound:
                sign_in = SignInBuilder(self.found, self.fill).build(part.child("sign_in"))
        return Serving(
            tokens=tuple(tokens.values()),
            tokens_file=last.get("tokens_file"),
            rates=rates,
            proxies=tuple(str(each) for each in last.get("proxies") or () if each),
            origins=tuple(str(each).lower() for each in last.get("origins") or ()),
            logs=last.get("logs") or "text",
            sign_in=sign_in,
        )

    def _token(self, name: str, part: Part) -> Token:
        role, member = part.get("role"), part.get("member")
        if (role == "sales") != (member is not None):
            self._error(
                "token-member",
                part,
                f'the token "{name}" has the role {role} and '
                + ("no member" if member is None else f'the member "{member}"'),
                "give a member to the role sales, and to no other",
            )
        secrets = tuple(s for item in part.items("secrets") for s in self._secret(item))
        return Token(name=name, role=role, secrets=secrets, member=member)

    def _secret(self, part: Part) -> Iterator[Secret]:
        value, digest = part.get("value"), part.get("sha256")
        if (value is None) == (digest is None):
            text = "a secret has value or sha256, and not both"
            self._error("token-secret", part, text, "write value: ${NAME}")
            return
        if value is not None:
            digest = self._digest(part.child("value"))
        if digest is not None:
            yield Secret(digest, self._expiry(part))

    def _digest(self, part: Part) -> str | None:
        """Return the hash of a secret from the environment; None where it is not set."""
        if not _VARIABLE.fullmatch(part.data):
            text = "a token stands here for everybody to read"
            self._error("plain-token", part, text, "write ${NAME} and set it in the environment")
            return None
        secret = str(self.fill(part)).strip()
        if secret and len(secret) < LEAST_SECRET:
            text = f"the token in {part.data} has fewer than {LEAST_SECRET} characters"
            self._error("short-token", part, text, "make one with `leadrules token new NAME`")
        return hashlib.sha256(secret.encode()).hexdigest() if secret else None

    def _expiry(self, part: Part) -> int | None:
        written = part.get("expires")
        if written is None:
            return None
        try:
            return parse_instant(f"{written}T00:00:00Z" if _DAY.fullmatch(written) else written)
        except BadTime as error:
            self._error("bad-time", part.child("expires"), str(error), "such as 2027-06-30")
            return None

    def _check_proxies(self, part: Part) -> None:
        for item in part.items("proxies"):
            filled = str(self.fill(item))
            if item.data and not filled:  # a variable, empty by choice or missed already
                continue
            try:
                ipaddress.ip_network(filled, strict=False)
            except ValueError:
                text = f'"{item.data}" is no address or network'
                self._error("bad-network", item, text, "such as 127.0.0.1 or 10.0.0.0/8")

    def _error(self, code: str, part: Part, message: str, hint: str) -> None:
        self.found.error(code, message, part.source, hint=hint)


def _rate(part: Part) -> Rate:
    requests = part.get("requests")
    return Rate(requests, parse_duration(part.get("per", "1s")), part.get("burst", requests))
