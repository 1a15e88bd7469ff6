"""Reports and replies of short messages, from a delivery that really went out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from engine.plugin import Accepted, Rejection
from engine.testing import ChannelContract, Peer, PeerAnswer, Seen, handled, request
from plugins.channels.sms_receipts import SmsReceiptsChannel
from tests.serving import served, wait_for, write_config

ALIYUN = "/channels/sms_receipts/aliyun/secret-of-the-address"
TENCENT = "/channels/sms_receipts/tencent/another-secret"
JOURNEYS = """
journeys:
  - id: welcome
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: hello, send: hello}
      - {id: arrived, wait: {event: sms_delivered, of: hello, within: 7d}, then: over, else: over}
      - {id: over, end: true}
"""
MESSAGES = """
messages:
  hello:
    action: sms
    topic: marketing
    text: 【阀门科技】{{ lead.name | default('您好') }}，资料已备好，拒收请回复R
    with: {template: %s, params: %s}
    stale_after: 3650d
"""
SERVER = """
connections:
  sms: %s
  notify: {plugin: log}
channels:
  sms_receipts:
    aliyun: {secret: secret-of-the-address}
    tencent: {secret: another-secret}
"""
PERSON = {"phone": "13800138000", "name": "王芳", "email": "wang@acme.cn"}


def config(folder: Path, address: str, provider: str) -> Path:
    """Write a company whose welcome goes out by a provider's short message."""
    rest = f"endpoint: '{address}', allow_private: true, sign_name: 阀门科技"
    if provider == "aliyun":
        sms = f"{{plugin: sms_aliyun, access_key_id: A, access_key_secret: B, {rest}}}"
        message = MESSAGES % ("SMS_1", "{name: \"{{ lead.name | default('您好') }}\"}")
    else:
        sms = f"{{plugin: sms_tencent, secret_id: A, secret_key: B, sdk_app_id: 14, {rest}}}"
        message = MESSAGES % ("7", "[\"{{ lead.name | default('您好') }}\"]")
    return write_config(folder, server=SERVER % sms, messages=message, journeys=JOURNEYS)


class Company:
    """A served company that sent one welcome; ``provider`` is what the service calls it."""

    def __init__(self, client: TestClient, peer: Peer) -> None:
        self.client = client
        self.peer = peer

    def lead(self, **person: Any) -> None:
        """Send a form, and wait until its welcome went out."""
        before = len(self.peer.seen)
        form = {"type": "form_submitted", "lead": {**PERSON, **person}}
        assert self.client.post("/v1/events", json=form).status_code == 200
        wait_for(lambda: len(self.peer.seen) > before)
        wait_for(lambda: "sms_sent" in self.types(person.get("phone", PERSON["phone"])))

    def events(self, id: str = PERSON["phone"]) -> list[dict[str, Any]]:
        """Return what is on a lead's timeline, the oldest first."""
        items = self.client.get(f"/v1/leads/{id}/timeline").json()["items"]
        return [item for item in reversed(items) if item["kind"] == "event"]

    def types(self, id: str = PERSON["phone"]) -> list[str]:
        """Return the types of a lead's events."""
        return [event["type"] for event in self.events(id)]

    def count(self) -> int:
        """Return how many leads there are."""
        return len(self.client.get("/v1/leads").json()["items"])


@pytest.fixture
def aliyun(tmp_path: Path) -> Iterator[Company]:
    """A company with Aliyun's messages."""
    numbers = iter(range(1, 99))

    def answer(seen: Seen) -> PeerAnswer:
        return PeerAnswer(200, {"Code": "OK", "BizId": f"900^{next(numbers)}"})

    with Peer() as peer:
        peer.handler = answer
        folder = config(tmp_path / "config", peer.url, "aliyun")
        with served(folder, tmp_path / "leads.db") as client:
            yield Company(client, peer)


@pytest.fixture
def tencent(tmp_path: Path) -> Iterator[Company]:
    """A company with Tencent's messages."""
    one = {"Code": "Ok", "SerialNo": "2019:538884", "PhoneNumber": "+8613800138000"}
    said = {"Response": {"SendStatusSet": [one], "RequestId": "R"}}
    with Peer() as peer:
        peer.handler = lambda seen: PeerAnswer(200, said)
        folder = config(tmp_path / "config", peer.url, "tencent")
        with served(folder, tmp_path / "leads.db") as client:
            yield Company(client, peer)


def report(**more: Any) -> dict[str, Any]:
    """A report in the form of Aliyun's SmsReport."""
    return {
        "phone_number": "13800138000",
        "send_time": "2026-11-01 09:00:00",
        "report_time": "2026-11-01 09:00:05",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": "900^1",
        "out_id": "x",
        **more,
    }


def reply(text: str, **more: Any) -> dict[str, Any]:
    """A reply in the form of Aliyun's SmsUp."""
    return {
        "phone_number": "13800138000",
        "send_time": "2026-11-01 09:10:00",
        "content": text,
        "dest_code": "106900",
        "sequence_id": "1234567890",
        **more,
    }


def test_a_report_reaches_the_journey(aliyun: Company) -> None:
    """The report by the provider's own id is an event about this message and step, once."""
    aliyun.lead()
    answer = aliyun.client.post(ALIYUN, json=[report()])
    assert (answer.status_code, answer.json()["code"]) == (200, 0)
    assert aliyun.client.post(ALIYUN, json=[report()]).json()["code"] == 0
    (event,) = [e for e in aliyun.events() if e["type"] == "sms_delivered"]
    told = event["properties"]
    assert (told["message"], told["journey"], told["step"]) == ("hello", "welcome", "hello")
    assert told["delivery"]
    assert "138" not in event["id"]
    journeys = aliyun.client.get("/v1/leads/13800138000/timeline").json()["items"]
    assert any(item["type"] == "journey_left" for item in journeys)


def test_a_failure_says_why(aliyun: Company) -> None:
    """A failed message is an event with the provider's reason."""
    aliyun.lead()
    failed = report(success=False, err_code="MOBILE_NOT_ON_SERVICE", err_msg="停机空号")
    assert aliyun.client.post(ALIYUN, json=[failed]).status_code == 200
    (event,) = [e for e in aliyun.events() if e["type"] == "sms_failed"]
    assert event["properties"]["reason"] == "MOBILE_NOT_ON_SERVICE 停机空号"


def test_a_batch_is_many_receipts(aliyun: Company) -> None:
    """One call tells of several messages; what is broken among them costs only itself."""
    aliyun.lead()
    aliyun.lead(phone="13900139000", email="li@acme.cn")
    batch = [
        report(),
        {"phone_number": "13800138000"},
        "nonsense",
        report(biz_id="900^2", phone_number="13900139000"),
    ]
    assert aliyun.client.post(ALIYUN, json=batch).status_code == 200
    assert "sms_delivered" in aliyun.types()
    assert "sms_delivered" in aliyun.types("13900139000")


def test_other_systems_receipts_are_dropped(aliyun: Company) -> None:
    """Reports of messages that we did not send make no lead and no event."""
    aliyun.lead()
    strangers = [report(biz_id="777^0"), report(biz_id="778^0", phone_number="13700137000")]
    assert aliyun.client.post(ALIYUN, json=strangers).json()["code"] == 0
    assert aliyun.client.post(ALIYUN, json=[reply("TD", phone_number="13700137000")]).is_success
    assert aliyun.types().count("sms_delivered") == 0
    assert aliyun.count() == 1


def test_a_stop_word_ends_the_messages(aliyun: Company) -> None:
    """Who replies 退订 has left; the reply is about the message that went before it."""
    aliyun.lead()
    assert aliyun.client.post(ALIYUN, json=[reply("退订")]).status_code == 200
    assert aliyun.client.post(ALIYUN, json=[reply("退订")]).status_code == 200
    (event,) = [e for e in aliyun.events() if e["type"] == "sms_replied"]
    assert event["properties"]["text"] == "退订"
    assert event["properties"]["message"] == "hello"
    lead = aliyun.client.get("/v1/leads/13800138000").json()
    assert lead["consents"]["sms"]["status"] == "withdrawn"


def test_a_lost_answer_is_found_by_the_number(tmp_path: Path) -> None:
    """A message whose id never came back is matched by its number, and only that one."""
    with Peer() as peer:
        peer.handler = lambda seen: PeerAnswer(hang_up=True)
        folder = config(tmp_path / "config", peer.url, "aliyun")
        with served(folder, tmp_path / "leads.db") as client:
            company = Company(client, peer)
            form = {"type": "form_submitted", "lead": PERSON}
            client.post("/v1/events", json=form)
            wait_for(lambda: peer.seen)
            client.post(ALIYUN, json=[report(biz_id="555^0")])
            (event,) = [e for e in company.events() if e["type"] == "sms_delivered"]
    assert event["properties"]["message"] == "hello"


TOLD = {
    "user_receive_time": "2026-11-01 08:03:04",
    "nationcode": "86",
    "mobile": "13800138000",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "2019:538884",
}
SAID = {
    "extend": "",
    "mobile": "13800138000",
    "nationcode": "86",
    "sign": "阀门科技",
    "text": "ｔｄ",
    "time": 1793500000,
}


def test_tencents_reports_and_replies(tencent: Company) -> None:
    """Tencent's reports come as a list, its replies one by one; both are answered its way."""
    tencent.lead()
    for body in ([TOLD], [TOLD], SAID, SAID):
        answer = tencent.client.post(TENCENT, json=body)
        assert (answer.status_code, answer.json()) == (200, {"result": 0, "errmsg": "OK"})
    assert tencent.types().count("sms_delivered") == 1
    assert tencent.types().count("sms_replied") == 1
    lead = tencent.client.get("/v1/leads/13800138000").json()
    assert lead["consents"]["sms"]["status"] == "withdrawn"


def test_a_failure_of_tencent_says_why(tencent: Company) -> None:
    """A failed message is an event with the provider's reason."""
    tencent.lead()
    failed = {**TOLD, "report_status": "FAIL", "errmsg": "MK:0001", "description": "空号"}
    assert tencent.client.post(TENCENT, json=[failed]).status_code == 200
    (event,) = [e for e in tencent.events() if e["type"] == "sms_failed"]
    assert event["properties"]["reason"] == "MK:0001 空号"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/channels/sms_receipts/aliyun/wrong", b"[]", 401),
        ("/channels/sms_receipts/aliyun/%E5%AF%86", b"[]", 401),
        ("/channels/sms_receipts/aliyun/another-secret", b"[]", 401),
        (ALIYUN, b'[{"phone_number": "138', 400),
        (ALIYUN, b"{}", 400),
        (ALIYUN, b'[{"phone_number": "13800138000", "success": "yes"}]', 400),
        (TENCENT, b"7", 400),
        (TENCENT, b"", 400),
        (TENCENT, b'[{"mobile": {"a": 1}, "sid": 7}]', 400),
    ],
)
def test_what_is_wrong_is_refused(aliyun: Company, path: str, body: bytes, status: int) -> None:
    """A wrong secret and a broken body are the sender's fault, and nothing is stored."""
    headers = {"content-type": "application/json"}
    answer = aliyun.client.post(path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert aliyun.count() == 0


class TestSmsReceipts(ChannelContract):
    channel = SmsReceiptsChannel()
    settings = {"aliyun": {"secret": "s"}, "tencent": {"secret": ["old", "new"]}}  # noqa: RUF012
    bad = (
        request("/aliyun/t", data=[report()]),
        request("/tencent/s", data=[TOLD]),
        request("/aliyun/s", data={"a": 1}),
        request("/tencent/new", body=b"[" * 5_000),
    )


@pytest.mark.parametrize(
    ("allow", "status"),
    [(["203.0.113.0/24"], 200), (["198.51.100.0/24", "203.0.113.7"], 200), (["10.0.0.0/8"], 403)],
)
def test_addresses_can_be_listed(allow: list[str], status: int) -> None:
    """With a list, only those addresses may send, the right secret or not."""
    settings = {"aliyun": {"secret": "s", "allow": allow}}
    sent = request("/aliyun/s", data=[])
    result = asyncio.run(handled(SmsReceiptsChannel(), sent, settings))
    if isinstance(result, Rejection):
        assert result.status == status
    else:
        assert result.reply is not None
        assert result.reply.status == status


def test_without_settings_there_is_nothing() -> None:
    """A channel that server.yaml does not speak of takes nothing."""
    sent = request("/aliyun/s", data=[])
    result = asyncio.run(handled(SmsReceiptsChannel(), sent))
    assert isinstance(result, Rejection)
    assert result.status == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*report(), *reply(""), *TOLD, *SAID]) | st.text(max_size=5),
            inner,
            max_size=8,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(data=JSON, provider=st.sampled_from(["aliyun/s", "tencent/old"]))
def test_no_body_breaks_it(data: Any, provider: str) -> None:
    """Whatever JSON arrives, there is an answer, and it is no fault of ours."""
    body = json.dumps(data).encode()
    sent = request(f"/{provider}", body=body, headers={"content-type": "application/json"})
    result = asyncio.run(handled(SmsReceiptsChannel(), sent, TestSmsReceipts.settings))
    assert isinstance(result, Accepted) or 400 <= result.status < 500
