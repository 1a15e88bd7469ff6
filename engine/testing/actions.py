"""The contract of actions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from engine.host.calling import BadReturn, sound
from engine.language.sections.catalog import builtin
from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    Limits,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    settled,
)
from engine.testing.clock import FakeClock
from engine.testing.peer import Peer, PeerAnswer
from engine.testing.recording import delivery
from engine.testing.sound import check_schema, registered, violations

NOBODY: Final = "http://127.0.0.1:9"  # the port at which nobody listens
_NONSENSE: Final = (
    b"",
    b"\xff\xfe\x00",
    b"<html>busy</html>",
    b"null",
    b"[]",
    b"0",
    b'"ok"',
    b'{"errcode": {}}',
    b"[" * 5_000,
)


class ActionContract:
    """What every action keeps to. Set ``action``; for one that calls a web service, ``service``.

    `settings` returns a connection's settings; an action that calls a web service puts
    ``address`` in and admits private ones. `answer` is what the service says when all is well.
    ``params`` is a step's ``with``.
    """

    action: Action
    params: Mapping[str, Any] = {}
    service: bool = False

    def settings(self, address: str) -> dict[str, Any]:
        """Return the settings of a connection to the service at ``address``."""
        return {}

    def answer(self) -> PeerAnswer:
        """Return what the service says when all is well."""
        return PeerAnswer()

    def delivery(self, **given: Any) -> OutgoingDelivery:
        """Return a delivery that the action can make."""
        to = None if self.action.address is None else "13800138000"
        return delivery(**{"to": to, "params": self.params, **given})

    def perform(self, address: str, outgoing: OutgoingDelivery | None = None) -> Result:
        """Return what comes of one delivery, as the engine sees it; fails if that is unsound."""
        context = ActionContext(connection=self.settings(address), now=FakeClock().now())

        async def once() -> Result:
            try:
                async with asyncio.timeout(30):
                    asked = self.action.perform(outgoing or self.delivery(), context)
                    return sound(await settled(asked), Delivered, Retry, Failed, kept=True)
            except BadReturn as error:
                raise AssertionError(f"the action {error}") from None
            except OSError as error:  # a timeout is one: the engine tries again
                return Retry(f"{type(error).__name__}: {error}")
            finally:
                await self.action.close()

        return asyncio.run(once())

    def test_it_registers(self) -> None:
        """The engine takes it."""
        assert self.action.name in registered("register_actions", self.action).actions

    def test_its_settings_are_checked(self) -> None:
        """Good settings pass, a misspelt one is an error before anything runs."""
        schema = self.action.connection_schema
        check_schema(schema, "connection_schema", self.settings("https://example.com"))
        wrong = [error.message for error in violations(self.action.params_schema, self.params)]
        assert not wrong, f"params_schema refuses its own example: {wrong}"

    def test_it_says_what_it_needs(self) -> None:
        """Its recipient is a fact of the lead, its receipt an event, its limits are limits."""
        address, receipt = self.action.address, self.action.receipt
        known = {f"lead.{name}" for name in builtin().fields}
        assert address is None or address in known, f"{address!r} is no fact of a lead"
        assert receipt in builtin().events, f"the receipt {receipt!r} is no built-in event"
        assert isinstance(self.action.limits, Limits)

    def test_it_delivers(self) -> None:
        """All being well, it is delivered."""
        with Peer() as peer:
            peer.handler = lambda seen: self.answer()
            result = self.perform(peer.url)
        assert isinstance(result, Delivered), result

    def test_a_busy_service_is_asked_again(self) -> None:
        """A service that is not there, hangs up, is busy or broken means Retry, and no more."""
        if not self.service:
            return
        bad = [PeerAnswer(status) for status in (429, 500, 502, 503)]
        with Peer() as peer:
            for answer in [*bad, PeerAnswer(hang_up=True)]:
                peer.handler = lambda seen, answer=answer: answer  # type: ignore[misc]
                result = self.perform(peer.url)
                assert isinstance(result, Retry), (answer, result)
                assert not isinstance(result, Misconfigured), (answer, result)
        result = self.perform(NOBODY)
        assert isinstance(result, Retry), result

    def test_a_locked_door_stops_the_connection(self) -> None:
        """Who is not let in says so: 401 and 403 are the configuration's fault."""
        if not self.service:
            return
        with Peer() as peer:
            for status in (401, 403):
                peer.handler = lambda seen, status=status: PeerAnswer(status)  # type: ignore[misc]
                result = self.perform(peer.url)
                assert isinstance(result, Misconfigured), (status, result)

    def test_nonsense_raises_nothing(self) -> None:
        """Whatever the service says with status 200, there is a result."""
        if not self.service:
            return
        with Peer() as peer:
            for body in _NONSENSE:
                peer.handler = lambda seen, body=body: PeerAnswer(200, body)  # type: ignore[misc]
                result = self.perform(peer.url)
                assert isinstance(result, Delivered | Retry | Failed), (body, result)
