"""What sign-ins by a provider have in common: their beginnings, and what claims are good for."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from engine.language.serving import Grant
from engine.network.ruleset import Ruleset
from engine.server.problems import Problem

LASTS_S: Final = 600.0
MOST: Final = 10_000
Claims = Mapping[str, Any]


class NotVouched(Problem):
    """A provider did not vouch for somebody, or not in a way that counts; ``code`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(422, code, message)


class Flow(msgspec.Struct, frozen=True):
    """A sign-in that was begun: ``state`` comes back with the browser, ``verifier`` proves to the
    provider that it was begun here (PKCE), ``nonce`` stands in its answer.
    """

    how: str
    back: str
    state: str
    verifier: str
    nonce: str
    until: float


class Flows:
    """The sign-ins under way. Each counts once, in the browser that began it, for ten minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[str, Flow] = {}

    def begin(self, how: str, back: str) -> tuple[str, Flow]:
        """Return the browser's cookie, and the flow."""
        cookie = secrets.token_urlsafe(32)
        flow = Flow(
            how=how,
            back=back,
            state=_state(cookie),
            verifier=secrets.token_urlsafe(48),
            nonce=secrets.token_urlsafe(24),
            until=self._clock() + LASTS_S,
        )
        if len(self._begun) >= MOST:
            del self._begun[next(iter(self._begun))]
        self._begun[flow.state] = flow
        return cookie, flow

    def end(self, how: str, cookie: str | None, state: str) -> Flow:
        """Return the flow that comes back; raises NotVouched for none, a late or strange one."""
        ours = cookie is not None and secrets.compare_digest(
            _state(cookie).encode(), state.encode()
        )
        flow = self._begun.pop(state, None) if ours else None
        if flow is None or flow.how != how or flow.until <= self._clock():
            raise NotVouched("stale-sign-in", "this sign-in was not begun here, or is over; again")
        return flow


def _state(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


class Provider(Protocol):
    """Somebody who vouches for people."""

    async def address(self, flow: Flow) -> str:
        """Return where the browser goes; raises NotVouched."""

    async def claims(self, flow: Flow, answer: Mapping[str, str]) -> Claims:
        """Return what is said of who came back with ``answer``; raises NotVouched."""

    async def close(self) -> None:
        """Close what is open."""


def granted(grants: Sequence[Grant], claims: Claims, ruleset: Ruleset) -> tuple[str, str | None]:
    """Return role and member by the first grant that fits; raises NotVouched."""
    for grant in grants:
        if all(_holds(claims.get(claim), values) for claim, values in grant.when):
            member = grant.member
            if grant.member_claim is not None:
                member = _member(claims, grant.member_claim, ruleset)
                if member is None:
                    continue
            return grant.role, member
    raise NotVouched("not-granted", "you are known, but may not use this console")


def _holds(claim: Any, values: Sequence[str]) -> bool:
    said = claim if isinstance(claim, list) else [claim]
    return any(each in values for each in said if isinstance(each, str))


def _member(claims: Claims, claim: str, ruleset: Ruleset) -> str | None:
    """Return the member whose id or e-mail a claim is; an address somebody only typed is none."""
    said = claims.get(claim)
    if not isinstance(said, str) or not said:
        return None
    if claim == "email" and claims.get("email_verified") is False:
        return None
    folded = said.casefold()
    for team in ruleset.teams.values():
        for member in team.members:
            if folded in {member.id.casefold(), (member.email or "").casefold()}:
                return member.id
    return None
