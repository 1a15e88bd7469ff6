"""The front desk: everything by which people sign in, for one running server."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer

from engine.host.rounds import Keeper
from engine.host.runtime import Runtime
from engine.language.serving import Oidc, SignIn, WecomScan
from engine.server.auth import Access
from engine.server.limits import too_many
from engine.server.problems import Problem
from engine.server.roles import Principal
from engine.server.sign_in.attempts import (
    FREE,
    FREE_HERE,
    LONGEST_HERE_S,
    LONGEST_S,
    Attempts,
)
from engine.server.sign_in.passwords import Hasher
from engine.server.sign_in.people import PASSWORD, Accounts, folded
from engine.server.sign_in.providers import provider_of
from engine.server.sign_in.sessions import Sessions
from engine.server.sign_in.vouching import Flows, NotVouched, Provider, granted
from engine.store import accounts
from engine.store.accounts import Account, Session

TOKEN: Final = "token"
_TEND_S: Final = 60.0
_SALT: Final = "leadrules.device"
_log: Final = logging.getLogger("leadrules.server")


class Desk:
    """Signs people in and knows who is. `keep` first; ``wall`` gives the time in ms."""

    def __init__(
        self,
        runtime: Runtime,
        wall: Callable[[], int] | None = None,
        hasher: Hasher | None = None,
    ) -> None:
        self._runtime = runtime
        now = wall or runtime.clock.wall
        self.sessions = Sessions(runtime, lambda: self.settings, now)
        self.accounts = Accounts(runtime, self.sessions, now, hasher or Hasher())
        self.flows = Flows()
        self._by_account = Attempts(FREE, LONGEST_S)
        self._by_address = Attempts(FREE_HERE, LONGEST_HERE_S)
        self._providers: dict[Oidc | WecomScan, Provider] = {}
        self._tending = Keeper("sessions", self.sessions.tend, _TEND_S)

    @property
    def settings(self) -> SignIn:
        """How people sign in, by the configuration of the moment."""
        rules = self._runtime.rules
        return rules.ruleset.definitions.server.serving.sign_in if rules else SignIn()

    @property
    def closes(self) -> bool:
        """Whether there is a way in, so that the server is not open to its whole machine."""
        settings = self.settings
        return bool(self.accounts) or settings.oidc is not None or settings.wecom is not None

    async def keep(self) -> None:
        """Read accounts and sessions."""
        await self.sessions.keep()
        await self.accounts.keep()

    def start(self) -> None:
        """Write now and then which sessions are used."""
        self._tending.start()

    async def stop(self) -> None:
        """Write it a last time, and close what is open."""
        await self._tending.stop()
        for provider in self._providers.values():
            await provider.close()

    # --- who is signed in ---------------------------------------------------------------------

    def who(self, cookie: str | None, access: Access) -> Principal | None:
        """Return who is signed in with a cookie: by what they may do at this moment."""
        session = self.sessions.of(cookie)
        if session is None:
            return None
        if session.kind == TOKEN:
            return access.by_digest(bytes.fromhex(session.subject))
        if session.kind == PASSWORD:
            account = self.accounts.get(session.subject)
            return None if account is None or account.disabled else _principal(account)
        # What was granted is granted for as long as nobody changes how.
        settings = self._settings_of(session.kind)
        if settings is None or session.settings != _fingerprint(settings) or not session.role:
            return None
        return Principal(f"{session.kind}:{session.subject}", session.role, session.member)

    # --- signing in ---------------------------------------------------------------------------

    async def by_token(
        self, digest: bytes, access: Access, address: str
    ) -> tuple[str, Principal] | None:
        """Return the cookie of a new session for the holder of a token, None for nobody's."""
        self._take(self._by_address, _network(address))
        who = access.by_digest(digest)
        if who is None:
            return None
        self._by_address.taken_back(_network(address))
        cookie, session = self.sessions.new(TOKEN, digest.hex())
        await self._open(session)
        return cookie, who

    async def by_password(
        self, name: str, password: str, address: str, device: str | None
    ) -> Account | None:
        """Return the account that name and password open; raises Problem 429 after failures."""
        key = self._guesser(name, device)
        self._take(self._by_address, _network(address))
        try:
            self._take(self._by_account, key)
        except Problem:
            self._by_address.taken_back(_network(address))
            raise
        account = await self.accounts.verified(name, password)
        if account is not None:
            self._by_account.passed(key)
            self._by_address.taken_back(_network(address))
        return account

    async def open_account(self, account: Account) -> str:
        """Return the cookie of a new session; raises Refused where the account was just changed."""
        cookie, session = self.sessions.new(PASSWORD, account.name)
        await self.accounts.open(account, session)
        return cookie

    async def by_provider(self, how: str, claims: Mapping[str, object]) -> tuple[str, Principal]:
        """Return the cookie of a new session for whom a provider vouches; raises NotVouched."""
        settings = self._settings_of(how)
        if settings is None:
            raise NotVouched("not-vouched", "this way in was closed at this moment")
        role, member = granted(settings.grants, claims, self._runtime.ruleset)
        name_claim = settings.name_claim if isinstance(settings, Oidc) else "userid"
        name = str(claims.get(name_claim) or claims["sub"])
        cookie, session = self.sessions.new(
            how, name, role=role, member=member, settings=_fingerprint(settings)
        )
        await self._open(session)
        return cookie, Principal(f"{how}:{name}", role, member)

    def provider(self, how: str) -> Provider:
        """Return who vouches; raises NotVouched where nobody does, or a library is not there."""
        settings = self._settings_of(how)
        if settings is None:
            raise NotVouched("not-vouched", f"nobody signs in by {how[:20]!r} here")
        if settings not in self._providers:
            self._providers[settings] = provider_of(settings)
        return self._providers[settings]

    async def sign_out(self, cookie: str | None, everywhere: bool = False) -> None:
        """End a session, or all of the same person's."""
        session = self.sessions.of(cookie) if everywhere else None
        if session is not None:
            await self.end_all(session.kind, session.subject)
        else:
            await self.sessions.end(cookie)

    async def end_all(self, kind: str, subject: str) -> int:
        """End all sessions of somebody; returns how many there were."""
        count = len(self.sessions.whose(kind, subject))
        await self._runtime.write(lambda c: accounts.end_sessions_of(c, kind, subject))
        self.sessions.ended(kind, subject)
        return count

    # --- guesses ------------------------------------------------------------------------------

    def device(self, account: Account) -> str:
        """Return what a browser keeps in which somebody has signed in."""
        return str(self._signer.dumps(account.name))

    def _guesser(self, name: str, device: str | None) -> str:
        """Return by whose failures one is measured: this browser's, or all strangers'."""
        plain = folded(name)[:200]
        try:
            known = device is not None and self._signer.loads(device) == plain
        except BadSignature:
            known = False
        return f"known {device}" if known else f"stranger {plain}"

    @property
    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.sessions.key, salt=_SALT)

    def _take(self, attempts: Attempts, key: str) -> None:
        wait = attempts.take(key)
        if wait:
            raise too_many(wait, "to sign in")

    async def _open(self, session: Session) -> None:
        await self._runtime.write(lambda connection: accounts.put_session(connection, session))
        self.sessions.opened(session)

    def _settings_of(self, how: str) -> Oidc | WecomScan | None:
        settings = self.settings
        return {"oidc": settings.oidc, "wecom": settings.wecom}.get(how)


def _principal(account: Account) -> Principal:
    return Principal(account.name, account.role, account.member)


def _fingerprint(settings: Oidc | WecomScan) -> str:
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()


def _network(address: str) -> str:
    """Return by what failures of an address are counted: of IPv6, everybody has a whole /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.ip_network(f"{found}/64", strict=False))
