"""The channel ``wechat_oa``: official accounts in plain and in encrypted mode."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from wechatpy.utils import check_signature as wechatpy_checks

from engine.plugin import Accepted, Rejection
from engine.testing import ChannelContract, Sent, handled, request
from plugins.channels.wechat_crypto import signature
from plugins.channels.wechat_oa import CATALOGUE, WechatChannel
from tests.plugins.wecom_callbacks import CORP, KEY, NOW, TOKEN, callback, xml
from tests.serving import served, write_config

OPENID = "oAbc-王芳"
SETTINGS: dict[str, Any] = {
    "accounts": {
        "main": {"app_id": CORP, "token": TOKEN},
        "safe": {"app_id": CORP, "token": TOKEN, "aes_key": KEY},
    },
    "scenes": {"expo": {"name": "华东区线下展会", "category": "offline"}},
}


def message(kind: str, **fields: object) -> dict[str, object]:
    """Return a message or event of an account."""
    return {
        "ToUserName": "gh_1",
        "FromUserName": OPENID,
        "CreateTime": NOW,
        "MsgType": kind,
        **fields,
    }


def event(name: str, key: str = "") -> dict[str, object]:
    """Return an event of an account."""
    return message("event", Event=name, **({"EventKey": key} if key else {}))


TEXT = message("text", Content="你好，想了解阀门", MsgId=24000000000000001)


def plain(fields: dict[str, object], at: int = NOW, token: str = TOKEN) -> Sent:
    """Return a callback in plain mode; wechatpy agrees with its signature."""
    mark = signature(token, str(at), "n1")
    wechatpy_checks(token, mark, str(at), "n1")
    query = {"signature": mark, "timestamp": str(at), "nonce": "n1", "openid": OPENID}
    return request("/main", body=xml(fields).encode(), query=query)


def verification(path: str = "/main", token: str = TOKEN) -> Sent:
    """Return WeChat's question whether the address is ours."""
    query = {
        "signature": signature(token, "1409659589", "n1"),
        "timestamp": "1409659589",
        "nonce": "n1",
        "echostr": "5927000123456789",
    }
    return request(path, method="GET", query=query)


class TestContract(ChannelContract):
    """What every channel keeps to."""

    channel = WechatChannel()
    settings = SETTINGS
    catalogue = CATALOGUE
    good = (
        plain(TEXT),
        plain(event("subscribe", "qrscene_expo")),
        callback("/safe", TEXT),
        callback("/safe", event("SCAN", "expo")),
    )
    bad = (
        plain(TEXT, token="another"),
        plain(TEXT, at=NOW - 16 * 60),
        plain({**TEXT, "MsgId": ""}),
        plain({**TEXT, "FromUserName": ""}),
        plain({**TEXT, "CreateTime": "x"}),
        callback("/nobody", TEXT),
        callback("/safe", TEXT, receiver="wx0000000000000000"),
        msgspec.structs.replace(plain(TEXT), path="/safe"),
        msgspec.structs.replace(plain(TEXT), body=b"<xml>"),
        verification(token="another"),
    )


def take(sent: Sent) -> Accepted | Rejection:
    """Return what the channel makes of a request."""
    return asyncio.run(handled(WechatChannel(), sent, SETTINGS))


def event_of(sent: Sent) -> dict[str, Any]:
    """Return the one event of a request."""
    result = take(sent)
    assert isinstance(result, Accepted), result
    assert result.reply is not None
    assert (result.reply.status, result.reply.body) == (200, "success")
    (event,) = result.events
    return dict(event)


@pytest.mark.parametrize("path", ["/main", "/safe"])
def test_the_address_is_verified_in_both_modes(path: str) -> None:
    """WeChat's question comes in plain, whatever the mode."""
    result = take(verification(path))
    assert isinstance(result, Accepted)
    assert result.reply is not None
    assert result.reply.body == "5927000123456789"


@pytest.mark.parametrize("safe", [False, True])
@pytest.mark.parametrize(
    ("fields", "type", "properties", "source"),
    [
        (
            event("subscribe", "qrscene_expo"),
            "wechat_followed",
            {"scene": "expo"},
            {"name": "华东区线下展会", "category": "offline", "code": "expo"},
        ),
        (event("subscribe"), "wechat_followed", {}, None),
        (event("unsubscribe"), "wechat_unfollowed", {}, None),
        (event("SCAN", "q-9"), "wechat_code_scanned", {"scene": "q-9"}, {"code": "q-9"}),
        (event("CLICK", "报价"), "wechat_menu_clicked", {"key": "报价"}, None),
        (
            event("VIEW", "https://example.cn/x"),
            "wechat_menu_clicked",
            {"url": "https://example.cn/x"},
            None,
        ),
        (TEXT, "wechat_message_received", {"kind": "text", "text": "你好，想了解阀门"}, None),
        (message("image", MsgId="2"), "wechat_message_received", {"kind": "image"}, None),
    ],
)
def test_what_happens_becomes_its_event(
    safe: bool,
    fields: dict[str, object],
    type: str,
    properties: dict[str, str],
    source: dict[str, str] | None,
) -> None:
    """Followers, scans, menus and messages say who and what, the same in both modes."""
    found = event_of(callback("/safe", fields) if safe else plain(fields))
    assert (found["type"], found["properties"]) == (type, properties)
    assert found["lead"]["wechat_openid"] == OPENID
    assert found["lead"].get("source") == source


@pytest.mark.parametrize("name", ["LOCATION", "TEMPLATESENDJOBFINISH", "MASSSENDJOBFINISH", ""])
def test_other_events_are_taken_and_bring_nothing(name: str) -> None:
    """WeChat need not send them again."""
    result = take(plain(event(name)))
    assert isinstance(result, Accepted)
    assert result.events == ()


def test_what_makes_an_event_the_same() -> None:
    """The message's id, or who did what and when; not how it was sent."""
    assert event_of(plain(TEXT))["id"] == event_of(callback("/safe", TEXT))["id"]
    ids = {
        event_of(plain(each))["id"]
        for each in (
            TEXT,
            {**TEXT, "MsgId": 3},
            event("CLICK", "a"),
            event("CLICK", "b"),
            {**event("CLICK", "a"), "FromUserName": "oOther"},
            {**event("CLICK", "a"), "CreateTime": NOW - 1},
        )
    }
    assert len(ids) == 6
    assert not any(OPENID in id for id in ids)


def test_an_account_with_a_key_takes_nothing_in_plain() -> None:
    """A plain signature says nothing of the body: whoever has one must not get in with it."""
    result = take(msgspec.structs.replace(plain(TEXT), path="/safe"))
    assert isinstance(result, Rejection)
    assert result.status == 401


def test_rules_hear_of_followers(tmp_path: Path) -> None:
    """The events of the plugin are in the catalogue, so rules may score them."""
    server = f"""
connections: {{email: {{plugin: log}}, notify: {{plugin: log}}}}
channels:
  wechat_oa:
    accounts: {{main: {{app_id: {CORP}, token: {TOKEN}}}}}
    scenes: {{expo: {{name: 华东区线下展会}}}}
"""
    scoring = """
models:
  default:
    dimensions: {fit: {}}
    rules:
      - {id: followed, dimension: fit, event: wechat_followed, points: 20, repeat: once}
    grades: [{grade: A, from: 20}, {grade: C, from: 0}]
"""
    config = write_config(tmp_path / "config", server=server, scoring=scoring)
    with served(config, tmp_path / "leads.db") as client:
        now = int(time.time())
        sent = plain({**event("subscribe", "qrscene_expo"), "CreateTime": now}, at=now)
        for _ in range(2):
            answer = client.post(
                "/channels/wechat_oa/main", params=dict(sent.query), content=sent.body
            )
            assert (answer.status_code, answer.text) == (200, "success")
        found = client.get(f"/v1/leads/{OPENID}").json()
    assert found["score"] == 20
    assert found["fields"]["source.name"] == "华东区线下展会"
