"""What `doctor` finds out about connections: from their plugins, and nothing is sent."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from engine.host.checking import Checked, check_connections
from engine.host.plugins import Plugins
from engine.language.definitions import Connection
from engine.language.diagnostic import Source
from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    ForbiddenTarget,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    Trouble,
    hookimpl,
)
from engine.testing import Peer, PeerAnswer

HERE = Source("server.yaml", 1, 1, 1, 1)


class Checking(Action):
    """Finds what it is told to find, and must never send."""

    name = "checking"

    def __init__(self) -> None:
        self.finds: Any = None
        self.closed = 0

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        raise AssertionError("doctor sends nothing")

    async def check(self, context: ActionContext) -> Result | None:
        if isinstance(self.finds, BaseException):
            raise self.finds
        if self.finds == "silence":
            await asyncio.sleep(30)
        return self.finds  # type: ignore[no-any-return]

    async def close(self) -> None:
        self.closed += 1


def connection(name: str, plugin: str, **params: Any) -> Connection:
    """Return a connection."""
    return Connection(name=name, plugin=plugin, params=params, source=HERE)


def checked(action: Action, *connections: Connection, timeout_s: float = 5.0) -> list[Checked]:
    """Return what is found about connections."""
    module = ModuleType("checking")
    module.register_actions = hookimpl(lambda register: register(action))  # type: ignore[attr-defined]
    plugins = Plugins({"checking": module}, entry_points=False)
    named = {each.name: each for each in connections}
    return asyncio.run(check_connections(plugins, named, 0, timeout_s))


@pytest.mark.parametrize(
    ("finds", "level", "said"),
    [
        (Delivered(), "ok", "login is accepted"),
        (Misconfigured("wrong secret"), "error", "wrong secret"),
        (Failed("closed for good"), "error", "closed for good"),
        (Retry("busy"), "warning", "busy"),
        (OSError("no route"), "warning", "no route"),
        (Trouble(Misconfigured("no token")), "error", "no token"),
        (ForbiddenTarget("names no machine"), "error", "names no machine"),
        (KeyError("13800138000"), "error", "raised KeyError"),
        ("silence", "warning", "within 0.2 s"),
        ("nonsense", "error", "its check returned str; it must be Delivered or Retry or Failed"),
        (Failed(["13800138000"]), "error", "returned Failed with a wrong part"),  # type: ignore[arg-type]
        (SystemExit("13800138000"), "error", "tried to end the server by SystemExit"),
        (None, "ok", "names no server"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else each,
)
def test_a_check_says_how_bad_it_is(finds: Any, level: str, said: str) -> None:
    """What needs a person is an error, what may pass a warning, and a plugin's mistake its own."""
    action = Checking()
    action.finds = finds
    (found,) = checked(action, connection("one", "checking"), timeout_s=0.2)
    assert (found.connection, found.level) == ("one", level)
    assert said in found.message
    assert "138" not in found.message
    assert action.closed == 1


def test_one_bad_connection_hides_no_other() -> None:
    """Each connection is told of, whatever the others do; real ones are asked for real."""
    action = Checking()
    action.finds = ValueError("oops")
    token = PeerAnswer(200, {"errcode": 0, "access_token": "t", "expires_in": 7200})
    with Peer(token) as peer:
        notice = connection(
            "notice", "dingtalk.notice", app_key="k", app_secret="s", agent_id=1,
            endpoint=peer.url, allow_private=True,
        )  # fmt: skip
        nobody = connection("mail", "email", host="127.0.0.1", port=9)
        found = checked(
            action, connection("bad", "checking"), notice, nobody, connection("gone", "nothing")
        )
    levels = {each.connection: each.level for each in found}
    assert levels == {"bad": "error", "notice": "ok", "mail": "warning", "gone": "error"}
    assert [seen.path for seen in peer.seen] == ["/gettoken"]


@pytest.mark.parametrize("plugin", ["wecom.robot", "webhook", "own"])
@pytest.mark.parametrize("private", [True, False])
def test_an_address_that_no_delivery_may_call_is_an_error(plugin: str, private: bool) -> None:
    """A private address without `allow_private` is told as a delivery would be."""
    action = Checking()
    action.name = "own"
    action.connection_schema = {"properties": {"url": {}, "allow_private": {}}}
    with Peer() as peer:
        key = "endpoint" if plugin == "wecom.robot" else "url"
        one = connection("one", plugin, **{key: peer.url, "allow_private": private})
        (found,) = checked(action, one)
    assert found.level == ("ok" if private else "error")
    assert ("must not be called" in found.message) != private
    assert not peer.seen
