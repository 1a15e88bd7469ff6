"""The action ``apprise``: the real Apprise in its process, against a service on loopback."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from engine.plugin import ActionContext, Delivered, Failed, Misconfigured, Result, Retry
from engine.testing import ActionContract, Peer, PeerAnswer
from plugins.actions import apprise
from plugins.actions.apprise import AppriseAction


def addresses(*peers: str) -> list[str]:
    """Return the addresses of peers as Apprise writes them: json:// is JSON by POST."""
    return [each.replace("http://", "json://") + "/note" for each in peers]


class TestApprise(ActionContract):
    action = AppriseAction()
    params: Mapping[str, Any] = {"title": "新线索", "text": "金泰阀门 王芳 询价"}

    def settings(self, address: str) -> dict[str, Any]:
        return {"urls": addresses(address), "allow_private": True, "timeout_s": 25}

    def test_what_is_sent(self) -> None:
        """Title and text arrive as they are written."""
        with Peer() as peer:
            assert self.perform(peer.url) == Delivered()
        (seen,) = peer.seen
        assert (seen.method, seen.path) == ("POST", "/note")
        assert seen.data["title"] == "新线索"
        assert seen.data["message"] == "金泰阀门 王芳 询价"

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(401, Misconfigured), (503, Retry), (400, Failed)],
    )
    def test_errors(self, status: int, kind: type[Result]) -> None:
        """What Apprise logs of the answer tells what can be done about it."""
        with Peer(PeerAnswer(status, {"error": "王芳"})) as peer:
            result = self.perform(peer.url)
        assert type(result) is kind
        assert str(status) in result.reason
        assert "王芳" not in result.reason

    def test_nobody_answers(self) -> None:
        """A service that is down is tried again."""
        assert type(self.perform("http://127.0.0.1:9")) is Retry

    def test_one_of_two_took_it(self) -> None:
        """The delivery is done, and the one that refused is named: nobody is told twice."""
        with Peer() as good, Peer(PeerAnswer(400, {})) as bad:
            settings = {"urls": addresses(good.url, bad.url), "allow_private": True}
            result = self.with_settings(settings)
        assert result == Delivered(refused={"address 2": "the service answered 400"})

    def with_settings(self, settings: dict[str, Any], check: bool = False) -> Result:
        """Return what comes of one delivery, or of a check, with these settings."""
        context = ActionContext(connection={"timeout_s": 25, **settings}, now=0)
        if check:
            result = asyncio.run(self.action.check(context))
            assert result is not None
            return result
        return asyncio.run(self.action.perform(self.delivery(), context))

    def test_private_addresses_are_not_called(self) -> None:
        """The guard holds for the sockets of Apprise too, whatever the address looks like."""
        with Peer() as peer:
            port = peer.url.rpartition(":")[2]
            hosts = ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]")
            result = self.with_settings({"urls": [f"json://{host}:{port}/n" for host in hosts]})
        assert result == Misconfigured(
            "address 1: it leads to this machine itself, which must not be called"
        )
        assert peer.seen == []

    def test_a_redirect_to_a_private_address_is_not_followed(self) -> None:
        """Metadata services stay out of reach though private addresses are allowed."""
        away = PeerAnswer(302, b"", {"location": "http://169.254.169.254/latest/meta-data/"})
        with Peer(away) as peer:
            assert type(self.perform(peer.url)) is not Delivered

    def test_what_apprise_does_not_understand(self) -> None:
        """A misspelt address needs a person, and is not quoted: it may hold a token."""
        result = self.with_settings({"urls": ["tgran://secret-token/1"]})
        assert type(result) is Misconfigured
        assert "secret" not in result.reason

    def test_check_calls_nobody(self) -> None:
        """The check learns whether the addresses are understood, and nothing is sent."""
        with Peer() as peer:
            assert self.with_settings(self.settings(peer.url), check=True) == Delivered()
            wrong = {"urls": ["tgran://secret-token/1"]}
            assert type(self.with_settings(wrong, check=True)) is Misconfigured
        assert peer.seen == []

    def test_a_slow_service_is_given_up(self) -> None:
        """The process ends when its time is over; the engine tries again."""

        def slow(_: object) -> PeerAnswer:
            released.wait(30)
            return PeerAnswer()

        released = threading.Event()
        with Peer() as peer:
            peer.handler = slow
            with pytest.raises(TimeoutError):
                self.with_settings({**self.settings(peer.url), "timeout_s": 3})
            released.set()

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message says what to install."""
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        result = self.with_settings({"urls": ["json://127.0.0.1/"]})
        assert result == Misconfigured(apprise.MISSING)
