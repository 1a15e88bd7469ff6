"""The action ``webhook``: what it signs a receiver's library believes, and its answers count."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from engine.plugin import (
    ActionContext,
    Delivered,
    Failed,
    Misconfigured,
    Result,
    Retry,
    settled,
)
from engine.testing import ActionContract, Peer, PeerAnswer, Seen, delivery
from plugins.actions.webhook import SETTINGS, WebhookAction, delivery_id, keys_of, signed
from tests.node_peers import node_package, run_node

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD = "whsec_" + base64.b64encode(bytes(32)).decode()


class TestWebhook(ActionContract):
    action = WebhookAction()
    service = True
    params = {"phone": "13800138000"}  # noqa: RUF012

    def settings(self, address: str) -> dict[str, Any]:
        return {"url": f"{address}/hook?a=1", "secret": SECRET, "allow_private": True}

    def test_a_receiver_believes_it(self) -> None:
        """The library of Standard Webhooks takes what arrives, with its Chinese text."""
        with Peer() as peer:
            assert isinstance(self.perform(peer.url), Delivered)
        (seen,) = peer.seen
        told = Webhook(SECRET).verify(seen.body, dict(seen.headers))
        assert told["type"] == "leadrules.step"
        assert told["data"]["text"] == "王芳，您好！"
        assert told["data"]["params"] == {"phone": "13800138000"}
        assert (seen.method, seen.path, seen.query) == ("POST", "/hook", {"a": "1"})
        with pytest.raises(WebhookVerificationError):
            Webhook(OLD).verify(seen.body, dict(seen.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(seen.body + b" ", dict(seen.headers))

    def test_the_library_for_node_believes_it(self) -> None:
        """The package of npm takes what arrives, and nothing that was changed on the way."""
        modules = node_package("standardwebhooks", "1.1.1")
        script = """
          const { Webhook } = require('standardwebhooks')
          const given = JSON.parse(require('fs').readFileSync(0))
          const told = new Webhook(given.secret).verify(given.body, given.headers)
          let refused = 0
          for (const [secret, body] of [[given.secret, given.body + ' '], [given.old, given.body]])
            try { new Webhook(secret).verify(body, given.headers) } catch { refused += 1 }
          console.log(JSON.stringify({ text: told.data.text, refused }))
        """
        with Peer() as peer:
            self.perform(peer.url)
        (seen,) = peer.seen
        given = {
            "secret": SECRET,
            "old": OLD,
            "body": seen.body.decode(),
            "headers": dict(seen.headers),
        }
        assert run_node(modules, script, given) == {"text": "王芳，您好！", "refused": 2}

    def test_an_attempt_repeated_has_the_same_id(self) -> None:
        """A receiver knows a message that comes again by its id; another delivery has another."""
        with Peer(PeerAnswer(503)) as peer:
            assert isinstance(self.perform(peer.url), Retry)
            result = self.perform(peer.url, self.delivery(attempt=2))
            self.perform(peer.url, self.delivery(key="other"))
        first, second, other = (seen.headers["webhook-id"] for seen in peer.seen)
        assert first == second != other
        assert result == Delivered(first)
        assert "." not in first

    def test_secrets_change_without_a_gap(self) -> None:
        """With two secrets a receiver that knows either believes it."""

        class Both(TestWebhook):
            def settings(self, address: str) -> dict[str, Any]:
                return {**super().settings(address), "secret": [SECRET, OLD]}

        with Peer() as peer:
            Both().perform(peer.url)
        (seen,) = peer.seen
        for secret in (SECRET, OLD):
            assert Webhook(secret).verify(seen.body, dict(seen.headers))

    def test_own_networks_are_not_called(self) -> None:
        """Without allow_private nothing on this machine is asked: the connection stops."""

        class Guarded(TestWebhook):
            def settings(self, address: str) -> dict[str, Any]:
                return {**super().settings(address), "allow_private": False}

        with Peer() as peer:
            assert isinstance(Guarded().perform(peer.url), Misconfigured)
        assert peer.seen == []

    @pytest.mark.parametrize(
        ("answer", "kind", "after"),
        [
            (PeerAnswer(204, b""), Delivered, None),
            (PeerAnswer(410), Misconfigured, None),
            (PeerAnswer(302, headers={"location": "http://example.com"}), Misconfigured, None),
            (PeerAnswer(400), Failed, None),
            (PeerAnswer(429, headers={"retry-after": "7"}), Retry, 7_000),
        ],
    )
    def test_what_is_answered(self, answer: PeerAnswer, kind: type, after: int | None) -> None:
        """Each status means what the receiver means by it; no redirect is followed."""
        with Peer(answer) as peer:
            result = self.perform(peer.url)
        assert type(result) is kind
        assert getattr(result, "after", None) == after
        assert len(peer.seen) == 1

    def test_a_silent_service(self) -> None:
        """A service that does not answer in time is asked again."""

        class Hasty(TestWebhook):
            def settings(self, address: str) -> dict[str, Any]:
                return {**super().settings(address), "timeout_s": 0.2}

        with Peer(PeerAnswer(delay_s=5)) as peer:
            result = Hasty().perform(peer.url)
        assert type(result) is Retry


def test_a_slow_address_holds_no_socket_of_another() -> None:
    """Two connections to one host: while one waits with all its sockets, the other delivers."""
    reached, over = threading.Event(), threading.Event()

    def answer(seen: Seen) -> PeerAnswer:
        if seen.path == "/slow":
            reached.set()
            over.wait(20)
        return PeerAnswer()

    async def story(url: str) -> list[Result]:
        action = WebhookAction()
        settings = {"secret": SECRET, "allow_private": True}

        def told(path: str) -> Awaitable[Result]:
            context = ActionContext(connection={**settings, "url": f"{url}/{path}"}, now=0)
            return settled(action.perform(delivery(), context))

        slow = asyncio.ensure_future(told("slow"))
        await asyncio.to_thread(reached.wait, 20)
        quick = await told("quick")
        waiting = not slow.done()
        over.set()
        results = [quick, await slow]
        await action.close()
        return results if waiting else []

    with Peer() as peer:
        peer.handler = answer
        results = asyncio.run(story(peer.url))
    assert [type(result) for result in results] == [Delivered, Delivered]


def test_the_public_example() -> None:
    """The headers are those of the library for the same id, instant and body."""
    from datetime import UTC, datetime

    body = json.dumps({"a": "值"}).encode()
    made = signed("msg_1", 1_700_000_000, body, keys_of(SECRET))
    theirs = Webhook(SECRET).sign(
        "msg_1", datetime.fromtimestamp(1_700_000_000, UTC), body.decode()
    )
    assert made["webhook-signature"] == theirs


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_äöü", "whsec_c2hvcnQ=", "c2hvcnQ", "whsec_====="]
)
def test_bad_secrets(secret: str) -> None:
    """What is no key is refused in the settings and in use, without being shown."""
    import jsonschema

    settings = {"url": "https://example.com", "secret": secret}
    assert list(jsonschema.Draft7Validator(dict(SETTINGS)).iter_errors(settings))
    with pytest.raises(ValueError, match="at least 24 bytes") as caught:
        keys_of(secret)
    assert secret not in str(caught.value) or secret == "whsec_"


@pytest.mark.parametrize("name", ["webhook-id", "Webhook-Signature", "a b", "a\r\nb"])
def test_headers_that_are_not_ours_to_give(name: str) -> None:
    """Own headers cannot take the place of the signature's, nor break a line."""
    import jsonschema

    settings = {"url": "https://example.com", "secret": SECRET, "headers": {name: "x"}}
    assert list(jsonschema.Draft7Validator(dict(SETTINGS)).iter_errors(settings))


def test_ids_are_short() -> None:
    """However long a key is, the id fits into a header."""
    assert len(delivery_id("键" * 1_000)) == 36
    assert delivery(key="a").key == "a"
