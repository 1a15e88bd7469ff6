"""Entries of 金数据, 问卷星 and 简道云: verified as each allows, mapped by settings."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from engine.plugin import Accepted, Rejection
from engine.testing import ChannelContract, FakeClock, Sent, handled, request
from plugins.channels.forms_cn import FormsCnChannel
from tests.serving import SERVER, served, write_config

SECRET = "a-long-secret-in-the-address"
KEY, JDY = "推送密钥", "secret-of-jiandaoyun"
NOW = FakeClock().now() // 1000
SETTINGS = {
    "jinshuju": {
        "secret": SECRET,
        "fields": {"field_1": "name", "field_2": "phone", "field_3.city": "city"},
        "source": {"category": "external"},
    },
    "wjx": {
        "secret": SECRET,
        "key": KEY,
        "fields": {
            "q1": "name",
            "q2": "phone",
            "q3": {"to": "industry", "values": {"1": "制造业", "2": "金融业"}},
            "sojumpparm": "source.code",
        },
    },
    "jiandaoyun": {
        "secret": JDY,
        "fields": {"_widget_1": "name", "_widget_2.phone": "phone", "_widget_3": "company"},
    },
}
JINSHUJU = {
    "form": "ZiwKXL",
    "form_name": "展会登记",
    "entry": {
        "token": "fFVbLpcB",
        "serial_number": 123,
        "field_1": "王芳",
        "field_2": "13800138000",
        "field_3": {"province": "浙江省", "city": "杭州市"},
        "x_field_1": "",
        "creator_name": "李娜",
        "created_at": "2026-02-01 09:00:00",
        "info_remote_ip": "203.0.113.9",
    },
}
WJX = {
    "activity": "5657754",
    "name": "客户需求调查",
    "index": "17",
    "timetaken": "528",
    "submittime": "2026-02-01 10:01:59",
    "q1": "王芳",
    "q2": "13800138000",
    "q3": "1",
    "joinid": "101812480275",
    "totalvalue": "15",
    "sojumpparm": "exhibition-7",
}
ENTRY = {
    "_id": "59e9a2fe283ffa7c11b1ddbf",
    "appId": "59264073a2a60c0c08e20bfb",
    "entryId": "59264073a2a60c0c08e20bfd",
    "formName": "线索登记",
    "_widget_1": "王芳",
    "_widget_2": {"verified": False, "phone": "13800138000"},
    "_widget_3": "金泰阀门",
    "createTime": "2026-02-01T01:00:00.000Z",
}


def sha1(text: str) -> str:
    """Return the SHA-1 of a text in hex."""
    return hashlib.sha1(text.encode()).hexdigest()


def wjx(**more: Any) -> dict[str, Any]:
    """Return an answer sheet with its signature."""
    body = {**WJX, **more}
    return {**body, "sign": sha1(f"{body['activity']}{body['index']}{KEY}")}


def jiandaoyun(data: Mapping[str, Any] = ENTRY, op: str = "data_create", **more: Any) -> Sent:
    """Return a signed push; ``at``, ``secret``, ``nonce`` and ``signature`` may be given."""
    body = json.dumps({"op": op, "data": data}, ensure_ascii=False)
    at, nonce = str(more.get("at", NOW)), more.get("nonce", "0f5ade")
    said = f"{nonce}:{body}:{more.get('secret', JDY)}:{at}"
    headers = {
        "content-type": "application/json",
        "X-JDY-Signature": more.get("signature", sha1(said)),
        "X-JDY-DeliverId": more.get("deliver", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    }
    query = {"timestamp": at, "nonce": nonce}
    return request("/jiandaoyun", body=body.encode(), headers=headers, query=query)


class TestFormsCn(ChannelContract):
    channel = FormsCnChannel()
    settings = SETTINGS
    good = (
        request(f"/jinshuju/{SECRET}", data=JINSHUJU),
        request(f"/wjx/{SECRET}", data=wjx()),
        jiandaoyun(),
    )
    bad = (
        request("/jinshuju/wrong", data=JINSHUJU),
        request(f"/jinshuju/{SECRET}", data={"form": "ZiwKXL"}),
        request(f"/wjx/{SECRET}", data=WJX),
        request(f"/wjx/{SECRET}", data={**wjx(), "index": "18"}),
        request("/wjx/wrong", data=wjx()),
        request(f"/wjx/{SECRET}", form={"content": "encrypted"}),
        jiandaoyun(secret="another"),
        jiandaoyun(signature=""),
        jiandaoyun(at=NOW - 3_600),
        jiandaoyun(at=NOW + 3_600),
        jiandaoyun(at="soon"),
    )


def event(sent: Sent, given: Mapping[str, Any] = SETTINGS) -> Mapping[str, Any]:
    """Return the one event of a request."""
    result = asyncio.run(handled(FormsCnChannel(), sent, given))
    assert isinstance(result, Accepted), result
    (made,) = result.events
    return made


def test_an_entry_of_jinshuju() -> None:
    """Fields are mapped by their API codes, dotted ones reach inside an address."""
    made = event(request(f"/jinshuju/{SECRET}", data=JINSHUJU))
    assert made["id"] == "forms_cn:jinshuju:ZiwKXL:123"
    assert made["type"] == "form_submitted"
    assert made["at"] == "2026-02-01T01:00:00.000Z"  # written in China's time
    assert made["lead"] == {
        "name": "王芳",
        "phone": "13800138000",
        "city": "杭州市",
        "source.name": "金数据",
        "source.category": "external",
    }
    assert made["properties"] == {"form": "ZiwKXL"}


def test_a_sheet_of_wjx() -> None:
    """Choices come as numbers and get their words, the link's parameter is the source's code."""
    made = event(request(f"/wjx/{SECRET}", data=wjx()))
    assert made["id"] == "forms_cn:wjx:5657754:17"
    assert made["lead"]["industry"] == "制造业"
    assert made["lead"]["source.code"] == "exhibition-7"
    # The questionnaire's own `name` is nobody's name.
    assert made["lead"]["name"] == "王芳"


def test_the_questionnaires_name_is_no_persons() -> None:
    """Without any mapping the name of the questionnaire does not become the lead's."""
    made = event(request(f"/wjx/{SECRET}", data=WJX), {"wjx": {"secret": SECRET}})
    assert "name" not in made["lead"]
    assert made["id"] == "forms_cn:wjx:5657754:101812480275"


def test_an_entry_of_jiandaoyun() -> None:
    """Widgets are mapped by name; who sends the same entry again adds nothing."""
    made = event(jiandaoyun())
    assert made["id"] == "forms_cn:jiandaoyun:59e9a2fe283ffa7c11b1ddbf"
    assert made["lead"]["phone"] == "13800138000"
    assert made["lead"]["company"] == "金泰阀门"
    assert event(jiandaoyun(deliver="another"))["id"] == made["id"]


@pytest.mark.parametrize("op", ["data_update", "data_delete", "form_update"])
def test_only_new_entries_count(op: str) -> None:
    """Changed and deleted entries are taken, and bring nothing."""
    result = asyncio.run(handled(FormsCnChannel(), jiandaoyun(op=op), SETTINGS))
    assert isinstance(result, Accepted)
    assert result.events == ()


def test_every_letter_of_an_entry_is_signed() -> None:
    """A changed body, nonce or time under the same signature is refused."""
    good = jiandaoyun()
    forged = good.body.replace("王芳".encode(), "李四".encode())
    for sent in (
        Sent(good.method, good.path, good.query, good.headers, forged),
        Sent(good.method, good.path, (good.query[0], ("nonce", "x")), good.headers, good.body),
        Sent(
            good.method,
            good.path,
            (("timestamp", str(NOW + 1)), good.query[1]),
            good.headers,
            good.body,
        ),
    ):
        result = asyncio.run(handled(FormsCnChannel(), sent, SETTINGS))
        assert isinstance(result, Rejection)
        assert result.status == 401


def test_two_secrets_count_while_one_is_changed() -> None:
    """Old and new secret are both believed."""
    both = {"jiandaoyun": {**SETTINGS["jiandaoyun"], "secret": ["new-one", JDY]}}
    assert event(jiandaoyun(), both)
    assert event(jiandaoyun(secret="new-one"), both)


def test_without_settings_there_is_nothing() -> None:
    """A source that server.yaml does not speak of takes nothing."""
    for sent in TestFormsCn.good:
        result = asyncio.run(handled(FormsCnChannel(), sent))
        assert isinstance(result, Rejection)
        assert result.status == 404


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a company that listens to all three."""
    channels = "channels:\n  forms_cn: " + json.dumps(SETTINGS, ensure_ascii=False) + "\n"
    server = SERVER.format(port=9, notify="log") + channels
    config = write_config(tmp_path / "config", server=server)
    with served(config, tmp_path / "leads.db") as client:
        yield client


def test_all_three_are_one_lead(client: TestClient) -> None:
    """The same person from three forms is one lead with three events, however often sent."""
    at = str(int(time.time()))
    body = json.dumps({"op": "data_create", "data": ENTRY}, ensure_ascii=False)
    signature = {
        "X-JDY-Signature": sha1(f"n:{body}:{JDY}:{at}"),
        "content-type": "application/json",
    }
    query = urlencode({"timestamp": at, "nonce": "n"})
    for _ in range(2):
        answers = [
            client.post(f"/channels/forms_cn/jinshuju/{SECRET}", json=JINSHUJU),
            client.post(f"/channels/forms_cn/wjx/{SECRET}", json=wjx()),
            client.post(
                f"/channels/forms_cn/jiandaoyun?{query}", content=body.encode(), headers=signature
            ),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
    items = client.get("/v1/leads/13800138000/timeline").json()["items"]
    assert [i["channel"] for i in items if i.get("type") == "form_submitted"] == ["forms_cn"] * 3
    assert len(client.get("/v1/leads").json()["items"]) == 1


def test_a_wrong_secret_stores_nothing(client: TestClient) -> None:
    """Neither a wrong secret nor a wrong signature nor a truncated body makes a lead."""
    headers = {"content-type": "application/json"}
    whole = json.dumps(JINSHUJU).encode()
    assert client.post("/channels/forms_cn/jinshuju/wrong", json=JINSHUJU).status_code == 401
    cut = client.post(f"/channels/forms_cn/jinshuju/{SECRET}", content=whole[:80], headers=headers)
    assert cut.status_code == 400
    assert (
        client.post("/channels/forms_cn/jiandaoyun", json={"op": "data_create"}).status_code == 401
    )
    assert client.get("/v1/leads").json()["items"] == []


NAMES = ["form", "entry", "activity", "index", "sign", "op", "data", "serial_number", "q1", "_id"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(data=JSON, path=st.sampled_from([f"/jinshuju/{SECRET}", f"/wjx/{SECRET}"]))
def test_no_body_breaks_it(data: Any, path: str) -> None:
    """Whatever JSON arrives, there is an answer, and it is no fault of ours."""
    headers = {"content-type": "application/json"}
    sent = request(path, body=json.dumps(data).encode(), headers=headers)
    result = asyncio.run(handled(FormsCnChannel(), sent, SETTINGS))
    assert isinstance(result, Accepted) or 400 <= result.status < 500


@settings(max_examples=100, deadline=None)
@given(
    signature=st.text(max_size=50), at=st.text(max_size=20), nonce=st.text(max_size=20),
    body=st.binary(max_size=200),
)  # fmt: skip
def test_no_signature_breaks_it(signature: str, at: str, nonce: str, body: bytes) -> None:
    """Whatever stands where a signature belongs is just a wrong one."""
    query = {"timestamp": at, "nonce": nonce}
    sent = request("/jiandaoyun", body=body, headers={"x-jdy-signature": signature}, query=query)
    result = asyncio.run(handled(FormsCnChannel(), sent, SETTINGS))
    assert isinstance(result, Rejection)
    assert result.status == 401
