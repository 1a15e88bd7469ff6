"""Accounts: made and changed by administrators, their passwords by their owners."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.errors import NotFound, Refused
from engine.host.runtime import Runtime
from engine.language.nearest import did_you_mean
from engine.language.serving import ROLES
from engine.server.problems import Problem
from engine.server.sign_in.passwords import Hasher, check
from engine.server.sign_in.sessions import Sessions
from engine.store import accounts
from engine.store.accounts import Account, Session

PASSWORD: Final = "password"
_NAME: Final = re.compile(r"[\w.@+-]{1,80}")


class Accounts:
    """All accounts of one database, held in memory; `keep` reads them."""

    def __init__(
        self, runtime: Runtime, sessions: Sessions, now: Callable[[], int], hasher: Hasher
    ) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._now = now
        self.hasher = hasher
        self._known: dict[str, Account] = {}

    async def keep(self) -> None:
        """Read the accounts."""
        found = await self._runtime.write(accounts.accounts)
        self._known = {each.name: each for each in found}

    def __bool__(self) -> bool:
        return bool(self._known)

    def get(self, name: str) -> Account | None:
        """Return an account."""
        return self._known.get(folded(name))

    def named(self, name: str) -> Account:
        """Return an account; raises NotFound."""
        found = self.get(name)
        if found is None:
            raise NotFound(f"there is no account {name[:80]!r}; {did_you_mean(name, self._known)}")
        return found

    def all(self) -> list[Account]:
        """Return all accounts by name."""
        return sorted(self._known.values(), key=lambda each: each.name)

    async def verified(self, name: str, password: str) -> Account | None:
        """Return the account that name and password open; it takes as long for nobody's."""
        account = self.get(name)
        fits = await self.hasher.verify(None if account is None else account.hash, password)
        if account is None or account.disabled or not fits:
            return None
        if self.hasher.is_old(account.hash):
            return await self._hashed_anew(account, password)
        return account

    async def create(self, name: str, password: str, role: str, member: str | None) -> Account:
        """Add an account, whose owner sets another password when first signing in.

        Raises Problem 422 for a name, password, role or member that won't do, Refused for a name
        that is taken.
        """
        plain = folded(name)
        if not _NAME.fullmatch(plain):
            message = f"{name[:80]!r} is no name: letters, digits and . _ @ + -, at most 80"
            raise Problem(422, "bad-value", message)
        self._check_role(role, member)
        check(password, plain, member or "")
        now = self._now()
        made = Account(
            name=plain,
            role=role,
            member=member,
            hash=await self.hasher.hash(password),
            must_change=True,
            disabled=False,
            created_at=now,
            changed_at=now,
        )

        def add(connection: sqlite3.Connection) -> None:
            if accounts.account(connection, plain) is not None:
                raise Refused(f"there is an account {plain!r} already")
            accounts.put_account(connection, made)

        await self._runtime.write(add)
        self._known[plain] = made
        return made

    async def change(self, name: str, changes: Mapping[str, Any]) -> Account:
        """Change an account's ``role`` with ``member``, ``password`` or ``disabled``.

        All its sessions end. Raises as `create`, and NotFound.
        """
        found = self.named(name)
        new: dict[str, Any] = {k: v for k, v in changes.items() if k != PASSWORD}
        if "role" in new:
            new.setdefault("member", None)
            self._check_role(new["role"], new["member"])
        if PASSWORD in changes:
            check(changes[PASSWORD], found.name, found.member or "")
            kept = await self.hasher.hash(changes[PASSWORD])
            new |= {"hash": kept, "must_change": True}
        return await self._changed(found.name, new)

    async def set_own(self, account: Account, new: str) -> Account:
        """Change a password by its owner, who has just given the old one; ends all sessions.

        Raises Problem 422 for a new one that won't do.
        """
        check(new, account.name, account.member or "")
        if await self.hasher.verify(account.hash, new):
            raise Problem(422, "same-password", "the new password is the old one")
        kept = await self.hasher.hash(new)
        return await self._changed(account.name, {"hash": kept, "must_change": False}, account)

    async def open(self, account: Account, session: Session) -> None:
        """Begin a session, unless the account was changed since its password was looked at."""

        def begin(connection: sqlite3.Connection) -> None:
            _check_same(connection, account)
            accounts.put_session(connection, session)

        await self._runtime.write(begin)
        self._sessions.opened(session)

    async def _changed(
        self, name: str, new: Mapping[str, Any], seen: Account | None = None
    ) -> Account:
        def replace(connection: sqlite3.Connection) -> Account:
            before = accounts.account(connection, name) if seen is None else seen
            assert before is not None  # accounts are never removed
            if seen is not None:
                _check_same(connection, seen)
            after = msgspec.structs.replace(before, changed_at=self._now(), **new)
            accounts.put_account(connection, after)
            accounts.end_sessions_of(connection, PASSWORD, name)
            return after

        changed = await self._runtime.write(replace)
        self._known[name] = changed
        self._sessions.ended(PASSWORD, name)
        return changed

    async def _hashed_anew(self, account: Account, password: str) -> Account:
        """Keep a hash by today's costs in place of an older one; nothing else changes."""
        kept = await self.hasher.hash(password)

        def replace(connection: sqlite3.Connection) -> Account:
            _check_same(connection, account)
            after = msgspec.structs.replace(account, hash=kept)
            accounts.put_account(connection, after)
            return after

        changed = await self._runtime.write(replace)
        self._known[account.name] = changed
        return changed

    def _check_role(self, role: str, member: str | None) -> None:
        if role not in ROLES:
            raise Problem(
                422, "bad-value", f"{role[:80]!r} is no role; {did_you_mean(role, ROLES)}"
            )
        if (role == "sales") != (member is not None):
            raise Problem(422, "bad-value", "the role sales, and no other, has a member")
        teams = self._runtime.ruleset.teams.values()
        members = [each.id for team in teams for each in team.members]
        if member is not None and member not in members:
            hint = did_you_mean(member, members)
            raise Problem(422, "bad-value", f"{member[:80]!r} is in no team; {hint}")


def folded(name: str) -> str:
    """Return a name as accounts have it: capitals and widths of letters make no difference."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def _check_same(connection: sqlite3.Connection, seen: Account) -> None:
    """Raise Refused where an account is not any more as it was when its owner was looked at."""
    now = accounts.account(connection, seen.name)
    if now is None or (now.changed_at, now.disabled) != (seen.changed_at, seen.disabled):
        raise Refused("the account was changed at this moment; sign in again")
