"""What the configuration says of every request: who may, how much, and from where."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.types import Scope

from engine.errors import LeadrulesError
from engine.host.runtime import Rules, Runtime
from engine.language.serving import Serving, Token
from engine.server.auth import Access, is_free
from engine.server.limits import Buckets, Proxies, too_many
from engine.server.problems import Problem
from engine.server.roles import STRANGER, Principal
from engine.server.sign_in.desk import Desk
from engine.server.sign_in.sessions import cookie_of
from engine.server.tokens import read_lines, tokens_of

_log: Final = logging.getLogger("leadrules.server")
# Routes that the pages of other sites may post to, where the configuration names them.
CAPTURE_BELOW: Final = ("/channels/", "/v1/events")
_UNLIMITED: Final = ("/-/healthy", "/-/ready", "/console/static/")


class Policy:
    """One configuration's word, made anew after a reload; buckets of unchanged rates are kept."""

    def __init__(
        self,
        access: Access,
        serving: Serving,
        before: Policy | None = None,
        desk: Desk | None = None,
        open_paths: frozenset[str] = frozenset(),
    ) -> None:
        self.access = access
        self.serving = serving
        self.proxies = Proxies(serving.proxies)
        self.origins = frozenset(serving.origins)
        self._desk = desk
        self._open = open_paths
        self._buckets: dict[str, Buckets] = {}
        for name, rate in serving.rates.items():
            same = before is not None and before.serving.rates.get(name) == rate
            kept = before._buckets.get(name) if before is not None and same else None
            self._buckets[name] = kept or Buckets(rate)

    def admit(self, scope: Scope, headers: Mapping[str, str]) -> Principal | Problem:
        """Return who asks, or why the request is refused. Corrects the client's address."""
        if self.proxies:
            self._look_behind_proxies(scope)
        path: str = scope["path"]
        client = scope.get("client")
        address = client[0] if client else "?"
        is_open = path in self._open
        bucket = "capture" if is_open or is_free(path) else "address"
        refused = self._limited(bucket, path, address)
        if refused is not None or is_open:
            return refused or STRANGER
        known = self._by_session(path, headers)
        closed = self._desk is not None and self._desk.closes
        who = known or self.access.admit(scope["method"], path, headers, closed)
        if isinstance(who, Principal) and who.name:
            refused = self._limited("token", path, who.name)
        return refused or who

    def _by_session(self, path: str, headers: Mapping[str, str]) -> Principal | None:
        """Return who is signed in at the console; a session opens nothing but its pages."""
        if self._desk is None or is_free(path) or not _is_console(path):
            return None
        cookie = None if "authorization" in headers else cookie_of(headers)
        return self._desk.who(cookie, self.access)

    def _look_behind_proxies(self, scope: Scope) -> None:
        client = scope.get("client")
        if client:
            named = (v for k, v in scope["headers"] if k == b"x-forwarded-for")
            forwarded = b",".join(named).decode("latin-1")
            scope["client"] = (self.proxies.client(client[0], forwarded), client[1])
            if (
                self.proxies.trusts(client[0])
                and (b"x-forwarded-proto", b"https") in scope["headers"]
            ):
                scope["scheme"] = "https"

    def _limited(self, name: str, path: str, key: str) -> Problem | None:
        buckets = self._buckets.get(name)
        if buckets is None or path.startswith(_UNLIMITED):
            return None
        wait = buckets.take(key)
        whose = "with this token" if name == "token" else "from this address"
        return too_many(wait, whose) if wait else None

    def allowed_origin(self, path: str, headers: Mapping[str, str]) -> str | None:
        """Return the origin to name in an answer to a page of another site, if it may know."""
        if not self.origins or not (path.startswith(CAPTURE_BELOW) or path in self._open):
            return None
        origin = headers.get("origin")
        if origin is None:
            return None
        return origin if "*" in self.origins or origin.lower() in self.origins else None


def _is_console(path: str) -> bool:
    return path == "/" or path.startswith("/console/")


class Policies:
    """The policy of the moment; ``access`` is the administrator's alone or for everybody here.

    ``open_paths`` are those of channels outside of ``/channels/``, which need no token. Tokens of
    the configuration's file that can't be read leave those known before in force.
    """

    def __init__(
        self,
        runtime: Runtime,
        access: Access,
        desk: Desk | None = None,
        open_paths: frozenset[str] = frozenset(),
    ) -> None:
        self._runtime = runtime
        self._access = access
        self._desk = desk
        self._open = open_paths
        self._rules: Rules | None = None
        self._file: list[Token] = []
        self._policy = Policy(access, Serving(), None, desk, open_paths)

    def current(self) -> Policy:
        """Return it; after a reload it is made anew."""
        rules = self._runtime.rules
        if rules is not None and rules is not self._rules:  # also one that changed no rule
            self._rules = rules
            serving = rules.ruleset.definitions.server.serving
            self._file = self._read(serving)
            access = self._access.having([*serving.tokens, *self._file])
            before = self._policy
            self._policy = Policy(access, serving, before, self._desk, self._open)
        return self._policy

    def tokens(self) -> list[Token]:
        """Return the tokens of configuration and file."""
        self.current()
        rules = self._runtime.rules
        configured = rules.ruleset.definitions.server.serving.tokens if rules else ()
        return [*configured, *self._file]

    def _read(self, serving: Serving) -> list[Token]:
        if serving.tokens_file is None:
            return []
        try:
            return tokens_of(read_lines(Path(serving.tokens_file)))
        except LeadrulesError as error:
            _log.error("%s; the tokens known before stay in force", error)
            return self._file
