"""The channel ``wecom``: callbacks that wechatpy encrypted, through the contract and a server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from engine.plugin import Accepted, Rejection
from engine.testing import ChannelContract, Sent, handled, request
from plugins.channels.wechat_callback import read_xml
from plugins.channels.wechat_crypto import BadMessage
from plugins.channels.wecom import WecomChannel
from tests.plugins.wecom_callbacks import CORP, KEY, NOW, TOKEN, callback, contact, said, xml
from tests.serving import served, write_config

APP = {"corp_id": CORP, "token": TOKEN, "aes_key": KEY, "messages": True}
STATES = {"fair-2026": {"name": "华东区线下展会", "category": "offline", "utm_campaign": "fair"}}
SETTINGS: dict[str, Any] = {"apps": {"sales": APP}, "states": STATES}
ADDED = contact("add_external_contact", State="fair-2026", WelcomeCode="CODE")
VERIFY = request(
    "/sales",
    method="GET",
    query={
        "msg_signature": "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
        "timestamp": "1409659589",
        "nonce": "263014780",
        "echostr": "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZ"
        "XvnaqQ==",
    },
)


def changed(sent: Sent, **query: str) -> Sent:
    """Return a request with other values in its address."""
    return msgspec.structs.replace(sent, query=tuple({**dict(sent.query), **query}.items()))


class TestContract(ChannelContract):
    """What every channel keeps to."""

    channel = WecomChannel()
    settings = SETTINGS
    good = (
        callback("/sales", ADDED),
        callback("/sales", contact("add_half_external_contact")),
        callback("/sales", contact("del_follow_user")),
        callback("/sales", said()),
    )
    bad = (
        callback("/sales", ADDED, token="another"),
        callback("/sales", ADDED, receiver="wx0000000000000000"),
        callback("/sales", ADDED, key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
        callback("/sales", ADDED, at=NOW - 16 * 60),
        callback("/sales", {**ADDED, "CreateTime": "gestern"}),
        callback("/sales", {**ADDED, "ToUserName": "wx0000000000000000"}),
        callback("/sales", contact("add_external_contact", ExternalUserID="")),
        callback("/sales", "<xml><a>"),
        callback("/nobody", ADDED),
        changed(callback("/sales", ADDED), msg_signature="0" * 40),
        changed(callback("/sales", ADDED), nonce="1"),
        changed(callback("/sales", ADDED), timestamp="1"),
        changed(VERIFY, echostr="x"),
        request("/sales", body=b"<xml><Encrypt>x</Encrypt></xml>"),
        request("/sales", body=b"<xml>" * 10_000),
    )


def take(sent: Sent, settings: dict[str, Any] = SETTINGS) -> Accepted | Rejection:
    """Return what the channel makes of a request."""
    return asyncio.run(handled(WecomChannel(), sent, settings))


def event_of(sent: Sent, settings: dict[str, Any] = SETTINGS) -> dict[str, Any]:
    """Return the one event of a request; it is answered with an empty 200."""
    result = take(sent, settings)
    assert isinstance(result, Accepted), result
    assert result.reply is not None
    assert (result.reply.status, result.reply.body) == (200, "")
    (event,) = result.events
    return dict(event)


def test_the_address_is_verified_by_the_bare_text() -> None:
    """Tencent's own sample is answered with the plain text, also when a plus came as a space."""
    for sent in (VERIFY, changed(VERIFY, echostr=dict(VERIFY.query)["echostr"].replace("+", " "))):
        result = take(sent)
        assert isinstance(result, Accepted)
        assert result.reply is not None
        assert (result.reply.status, result.reply.body) == (200, b"1616140317555161061")
        assert result.events == ()


def test_a_customer_who_scans_a_code_comes_from_its_campaign() -> None:
    """Who adds a salesperson by a code has the source of its state, and the code itself."""
    event = event_of(callback("/sales", ADDED))
    assert event["type"] == "wecom_contact_added"
    assert event["properties"] == {"member": "LiNa", "state": "fair-2026"}
    assert event["lead"] == {
        "wecom_id": "wmAAAA王芳",
        "source": {**STATES["fair-2026"], "code": "fair-2026"},
        "wecom_welcome_code": f"{NOW}:CODE",
    }
    assert event["at"] == "2026-03-02T01:00:00.000Z"


def test_a_code_that_nobody_listed_and_none_at_all() -> None:
    """An unknown state is kept; `source` says what is true of all the others."""
    unknown = callback("/sales", contact("add_external_contact", State="q-77"))
    bare = callback("/sales", contact("add_external_contact"))
    assert event_of(unknown)["lead"]["source"] == {"code": "q-77"}
    assert "source" not in event_of(bare)["lead"]
    assert "state" not in event_of(bare)["properties"]
    told = {**SETTINGS, "source": {"name": "企业微信"}}
    assert event_of(unknown, told)["lead"]["source"] == {"name": "企业微信", "code": "q-77"}
    assert event_of(bare, told)["lead"]["source"] == {"name": "企业微信"}


@pytest.mark.parametrize(
    ("change", "type", "properties"),
    [
        ("add_half_external_contact", "wecom_contact_added", {"member": "LiNa", "half": True}),
        ("del_external_contact", "wecom_contact_removed", {"member": "LiNa", "by": "member"}),
        ("del_follow_user", "wecom_contact_removed", {"member": "LiNa", "by": "customer"}),
    ],
)
def test_who_added_and_who_removed_whom(change: str, type: str, properties: dict[str, Any]) -> None:
    """Each change says which member, and on whose side it happened."""
    event = event_of(callback("/sales", contact(change)))
    assert (event["type"], event["properties"]) == (type, properties)


@pytest.mark.parametrize(
    "message",
    [
        contact("edit_external_contact"),
        contact("transfer_fail"),
        contact("msg_audit_approved"),
        {**contact("x"), "Event": "change_external_tag"},
        {"SuiteId": "ww1", "InfoType": "suite_ticket", "TimeStamp": NOW, "SuiteTicket": "t"},
        {**said(), "MsgType": "event", "Event": "enter_agent"},
    ],
)
def test_the_rest_is_taken_and_brings_nothing(message: dict[str, object]) -> None:
    """WeCom is told that it arrived, so that it does not send it three times more."""
    result = take(callback("/sales", message))
    assert isinstance(result, Accepted)
    assert result.events == ()


def test_messages_count_only_where_they_are_asked_for() -> None:
    """Colleagues write to most apps: only with `messages: true` is who writes a lead."""
    event = event_of(callback("/sales", said()))
    assert event["type"] == "wecom_message_received"
    assert event["properties"] == {"text": "请问怎么报价？"}
    picture = event_of(callback("/sales", {**said(), "MsgType": "image", "PicUrl": "http://x"}))
    assert picture["properties"] == {}
    quiet = {"apps": {"sales": {**APP, "messages": False}}}
    result = take(callback("/sales", said()), quiet)
    assert isinstance(result, Accepted)
    assert result.events == ()


def test_what_makes_an_event_the_same() -> None:
    """Sent again it has its id, also through another app; any other member, second or side not."""
    first = event_of(callback("/sales", ADDED))["id"]
    both = {"apps": {"sales": APP, "other": APP}}
    assert event_of(callback("/other", ADDED), both)["id"] == first
    assert event_of(callback("/sales", ADDED, at=NOW + 5))["id"] == first
    others = [
        {**ADDED, "UserID": "WangWu"},
        {**ADDED, "ExternalUserID": "wmBBBB"},
        {**ADDED, "CreateTime": NOW - 1},
        {**ADDED, "ChangeType": "add_half_external_contact"},
    ]
    ids = {event_of(callback("/sales", each))["id"] for each in others}
    assert len(ids | {first}) == 5
    one, other = (event_of(callback("/sales", said(MsgId=id)))["id"] for id in ("1", "2"))
    assert one != other
    assert "wmAAAA" not in first, "an id is kept for ever, and must not name a person"


def test_a_third_party_app_is_told_under_other_names() -> None:
    """AuthCorpId, InfoType and TimeStamp count where an app belongs to a suite."""
    app = {**APP, "suite_id": "wwsuite"}
    message = contact("add_external_contact", AuthCorpId=CORP, InfoType="change_external_contact")
    for name in ("ToUserName", "FromUserName", "CreateTime", "MsgType", "Event"):
        del message[name]
    message |= {"SuiteId": "wwsuite", "TimeStamp": NOW}
    sent = callback("/sales", message, receiver="wwsuite")
    assert event_of(sent, {"apps": {"sales": app}})["type"] == "wecom_contact_added"


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        '<?xml version="1.0" encoding="utf-16"?><xml/>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="big5"?><xml/>',
        b"<xml>&undefined;</xml>",
        b"\x00",
    ],
)
def test_xml_with_more_than_a_message_needs_is_refused(body: bytes) -> None:
    """No entity is ever expanded, no file read; unknown encodings are no defect of ours."""
    result = take(msgspec.structs.replace(callback("/sales", ADDED), body=body))
    assert isinstance(result, Rejection)
    assert result.status in (400, 401)


def test_xml_is_read_as_it_was_meant() -> None:
    """CDATA, entities, white space and nested elements give the texts of the first level."""
    body = "<xml> <A><![CDATA[<b>&]]></A><B>&lt;芳&gt;</B><C><D>x</D></C><E>\n7 </E></xml>"
    assert read_xml(body.encode()) == {"A": "<b>&", "B": "<芳>", "C": "", "E": "7"}


@given(st.binary())
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """No bytes raise anything but BadMessage."""
    with contextlib.suppress(BadMessage):
        read_xml(body)


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc"))))
def test_any_message_behind_a_good_signature_has_an_answer(text: str) -> None:
    """Whatever WeCom may say one day, there is a 200 or a 400."""
    message = {**contact("add_external_contact"), "State": text, "UserID": text, "X": "]]"}
    safe = xml({k: str(v).replace("]]>", "") for k, v in message.items()})
    result = take(callback("/sales", safe))
    assert isinstance(result, Accepted) or result.status == 400


CONFIG = f"""
connections: {{email: {{plugin: log}}, notify: {{plugin: log}}}}
channels:
  wecom:
    apps:
      sales: {{corp_id: {CORP}, token: {TOKEN}, aes_key: {KEY}, messages: true}}
    states:
      fair-2026: {{name: 华东区线下展会, category: offline}}
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a company with an app of WeCom's."""
    config = write_config(tmp_path / "config", server=CONFIG)
    with served(config, tmp_path / "leads.db") as client:
        yield client


def post(client: TestClient, sent: Sent) -> Any:
    """Send a callback to the server."""
    return client.request(
        sent.method,
        f"/channels/wecom{sent.path}",
        params=dict(sent.query),
        content=sent.body,
        headers=dict(sent.headers),
    )


def live(message: dict[str, object]) -> Sent:
    """Return the callback of a message of this moment."""
    now = int(time.time())
    return callback("/sales", {**message, "CreateTime": now}, at=now)


def test_through_the_server(client: TestClient) -> None:
    """Verified, added, sent again, written and removed: one lead, with each event once."""
    assert post(client, VERIFY).content == b"1616140317555161061"
    added = live(ADDED)
    for _ in range(3):
        answer = post(client, added)
        assert (answer.status_code, answer.content) == (200, b"")
    post(client, live(said()))
    post(client, live(contact("del_follow_user")))
    found = client.get("/v1/leads/wmAAAA王芳")
    assert found.status_code == 200, found.text
    fields = found.json()["fields"]
    assert fields["source.name"] == "华东区线下展会"
    assert fields["source.code"] == "fair-2026"
    items = client.get("/v1/leads/wmAAAA王芳/timeline").json()["items"]
    kinds = [i["type"] for i in items if i.get("channel") == "wecom"]
    assert sorted(kinds) == [
        "wecom_contact_added",
        "wecom_contact_removed",
        "wecom_message_received",
    ]


def test_what_can_never_be_taken_is_not_asked_for_again(client: TestClient) -> None:
    """An event that the engine refuses is answered like any other: sent again it is no better."""
    answer = post(client, live(said("长" * 20_001)))
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.get("/v1/leads/wmAAAA王芳").status_code == 404


def test_nothing_is_stored_of_what_is_refused(client: TestClient) -> None:
    """A forged, a cut and an old callback are 401 or 400, and leave no lead behind."""
    good = live(ADDED)
    cut = msgspec.structs.replace(good, body=good.body[: len(good.body) // 2])
    old = callback("/sales", ADDED, at=NOW)
    codes = [
        post(client, each).status_code
        for each in (changed(good, msg_signature="0" * 40), changed(good, nonce="2"), cut, old)
    ]
    assert codes == [401, 401, 400, 401]
    assert client.get("/v1/leads/wmAAAA王芳").status_code == 404
    assert post(client, changed(good)).status_code == 200
