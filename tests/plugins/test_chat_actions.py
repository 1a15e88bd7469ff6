"""Notes to DingTalk and Feishu, against services that answer as theirs do: 200 for all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    settled,
)
from engine.testing import ActionContract, Peer, PeerAnswer, Seen, delivery
from plugins.actions.dingtalk import DingtalkAction
from plugins.actions.dingtalk import sign as dingtalk_sign
from plugins.actions.dingtalk_notice import DingtalkNoticeAction
from plugins.actions.feishu import MAX_BODY, FeishuAction
from plugins.actions.feishu import sign as feishu_sign

SECRET = "SECabc+/=密"
ROBOT = {"token": "token-of-the-robot", "secret": SECRET}
APP = {"app_key": "dingkey", "app_secret": "app-secret", "agent_id": "1234"}
NOTE: dict[str, Any] = {
    "audience": "owner", "to": "li.na", "subject": "新线索：金泰阀门", "text": "请在一小时内联系",
    "markdown": None, "html": None,
}  # fmt: skip


def note(**given: Any) -> OutgoingDelivery:
    """Return a note to a salesperson."""
    return delivery(**{**NOTE, **given})


def at(peer: Peer, settings: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the settings of a connection to the service on loopback."""
    return {**settings, "endpoint": peer.url, "allow_private": True, **more}


def perform(action: Action, settings: Mapping[str, Any], *notes: OutgoingDelivery) -> list[Result]:
    """Return what comes of deliveries that begin at the same time."""
    context = ActionContext(connection=settings, now=0, concurrency=4)

    async def one(outgoing: OutgoingDelivery) -> Result:
        try:
            return await settled(action.perform(outgoing, context))
        except OSError as error:
            return Retry(f"{type(error).__name__}: {error}")

    async def all_of_them() -> list[Result]:
        try:
            return list(await asyncio.gather(*map(one, notes)))
        finally:
            await action.close()

    return asyncio.run(all_of_them())


class TestDingtalk(ActionContract):
    action = DingtalkAction()
    service = True

    def settings(self, address: str) -> dict[str, Any]:
        return {**ROBOT, "endpoint": address, "allow_private": True}

    def answer(self) -> PeerAnswer:
        return PeerAnswer(200, {"errcode": 0, "errmsg": "ok"})


class TestFeishu(ActionContract):
    action = FeishuAction()
    service = True

    def settings(self, address: str) -> dict[str, Any]:
        return {**ROBOT, "endpoint": address, "allow_private": True}

    def answer(self) -> PeerAnswer:
        return PeerAnswer(200, {"code": 0, "msg": "success", "data": {}})


class TestDingtalkNotice(ActionContract):
    action = DingtalkNoticeAction()
    params = {"userid": "manager4220"}  # noqa: RUF012 - the contract's own
    service = True

    def settings(self, address: str) -> dict[str, Any]:
        return {**APP, "endpoint": address, "allow_private": True}

    def answer(self) -> PeerAnswer:
        return PeerAnswer(200, {"errcode": 0, "access_token": "t", "expires_in": 7200})


def test_dingtalk_is_signed_once_encoded() -> None:
    """The robot gets time and signature in its address, encoded exactly once."""
    with Peer(PeerAnswer(200, {"errcode": 0})) as peer:
        assert perform(DingtalkAction(), at(peer, ROBOT), note()) == [Delivered()]
        (seen,) = peer.seen
    stamp = seen.query["timestamp"]
    assert len(stamp) == 13  # milliseconds
    assert abs(int(stamp) - time.time() * 1000) < 60_000
    mac = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert seen.query["sign"] == base64.b64encode(mac).decode()
    assert seen.query["access_token"] == "token-of-the-robot"
    assert seen.path == "/robot/send"
    assert seen.data == {
        "msgtype": "text",
        "text": {"content": "新线索：金泰阀门\n请在一小时内联系"},
    }


def test_the_signatures_are_not_each_other() -> None:
    """DingTalk's key is the secret and ms, Feishu's the time in seconds with the secret."""
    at_ms = 1_795_000_000_000
    robot = hmac.new(SECRET.encode(), f"{at_ms}\n{SECRET}".encode(), hashlib.sha256)
    assert dingtalk_sign(SECRET, at_ms) == base64.b64encode(robot.digest()).decode()
    second = at_ms // 1000
    lark = hmac.new(f"{second}\n{SECRET}".encode(), b"", hashlib.sha256)
    assert feishu_sign(SECRET, second) == base64.b64encode(lark.digest()).decode()
    assert quote(dingtalk_sign(SECRET, at_ms)) != dingtalk_sign(SECRET, at_ms)  # it needs encoding


def test_feishu_is_signed_in_the_body() -> None:
    """The robot gets time, in seconds, and signature inside the JSON."""
    with Peer(PeerAnswer(200, {"code": 0})) as peer:
        assert perform(FeishuAction(), at(peer, ROBOT), note()) == [Delivered()]
    (seen,) = peer.seen
    assert seen.path == "/open-apis/bot/v2/hook/token-of-the-robot"
    body = seen.data
    assert len(body["timestamp"]) == 10
    assert body["sign"] == feishu_sign(SECRET, int(body["timestamp"]))
    assert body["msg_type"] == "text"
    assert body["content"] == {"text": "新线索：金泰阀门\n请在一小时内联系"}


def test_without_a_secret_nothing_is_signed() -> None:
    """A robot that is secured by a keyword or an address gets no signature."""
    settings = {"token": "robot"}
    with Peer(PeerAnswer(200, {"errcode": 0}), PeerAnswer(200, {"code": 0})) as peer:
        perform(DingtalkAction(), at(peer, settings), note())
        perform(FeishuAction(), at(peer, settings), note())
    assert set(peer.seen[0].query) == {"access_token"}
    assert "sign" not in peer.seen[1].data


def test_whom_a_note_is_for_is_called_by_name() -> None:
    """A salesperson who stands in `users` is called in the group, others are not."""
    said = PeerAnswer(200, {"errcode": 0}), PeerAnswer(200, {"code": 0})
    with Peer(*said, *said) as peer:
        perform(DingtalkAction(), at(peer, ROBOT, users={"li.na": 13900139000}), note())
        perform(FeishuAction(), at(peer, ROBOT, users={"li.na": "ou_1"}), note())
        perform(DingtalkAction(), at(peer, ROBOT, users={"wang": "1"}), note(markdown="**急**"))
        perform(FeishuAction(), at(peer, ROBOT, users={"li.na": "ou_1"}), note(markdown="**急**"))
    called = peer.seen[0].data
    assert called["at"] == {"atMobiles": ["13900139000"], "isAtAll": False}
    assert called["text"]["content"].endswith("@13900139000")
    assert '<at user_id="ou_1"></at>' in peer.seen[1].data["content"]["text"]
    assert peer.seen[2].data == {
        "msgtype": "markdown",
        "markdown": {"title": "新线索：金泰阀门", "text": "**急**"},
    }
    card = peer.seen[3].data["card"]
    assert card["elements"] == [{"tag": "markdown", "content": "**急**\n<at id=ou_1></at>"}]
    assert card["header"]["title"]["content"] == "新线索：金泰阀门"


DINGTALK = [
    (310000, Misconfigured), (300001, Misconfigured), (400101, Misconfigured),
    (130101, Retry), (410100, Retry), (90030, Retry), (-1, Retry), (430102, Failed),
]  # fmt: skip
FEISHU = [(19021, Misconfigured), (19022, Misconfigured), (19001, Misconfigured), (11232, Retry),
          (19024, Failed), (9499, Failed)]  # fmt: skip


@pytest.mark.parametrize(("code", "kind"), DINGTALK)
def test_an_error_of_dingtalk_comes_with_200(code: int, kind: type) -> None:
    """A robot that refuses answers 200; its errcode says what to do."""
    with Peer(PeerAnswer(200, {"errcode": code, "errmsg": "错误"})) as peer:
        (result,) = perform(DingtalkAction(), at(peer, ROBOT), note())
    assert type(result) is kind
    if code in (130101, 410100):
        assert isinstance(result, Retry)
        assert result.after == 600_000  # so long a robot is blocked


@pytest.mark.parametrize(("code", "kind"), FEISHU)
def test_an_error_of_feishu_comes_with_200(code: int, kind: type) -> None:
    """A robot that refuses answers 200; its code says what to do."""
    with Peer(PeerAnswer(200, {"code": code, "msg": "error"})) as peer:
        (result,) = perform(FeishuAction(), at(peer, ROBOT), note())
    assert type(result) is kind


def test_feishus_older_answer_is_understood() -> None:
    """Some robots answer with StatusCode instead of code."""
    with Peer(PeerAnswer(200, {"StatusCode": 0, "StatusMessage": "success"})) as peer:
        assert perform(FeishuAction(), at(peer, ROBOT), note()) == [Delivered()]


def test_what_nobody_could_read_is_not_sent() -> None:
    """An empty note, and one that is too long for Feishu, end here."""
    with Peer() as peer:
        empty = note(subject=None, text=None)
        for action in (DingtalkAction(), FeishuAction()):
            assert isinstance(perform(action, at(peer, ROBOT), empty)[0], Failed)
        long = note(text="长" * MAX_BODY)
        assert isinstance(perform(FeishuAction(), at(peer, ROBOT), long)[0], Failed)
    assert peer.seen == []


def test_silence_is_tried_again() -> None:
    """A robot's service that says nothing in time is tried again."""
    for action in (DingtalkAction(), FeishuAction()):
        with Peer(PeerAnswer(delay_s=2.0)) as peer:
            (result,) = perform(action, at(peer, ROBOT, timeout_s=0.2), note())
        assert type(result) is Retry


class DingTalk:
    """DingTalk's work notices: tokens that end, and tasks."""

    def __init__(self) -> None:
        self.tokens = 0
        self.valid = True
        self.sent: list[Mapping[str, Any]] = []
        self.code = 0
        self.gives = 0

    def __call__(self, seen: Seen) -> PeerAnswer:
        if seen.path == "/gettoken":
            if self.gives:
                return PeerAnswer(200, {"errcode": self.gives, "errmsg": "不合法"})
            assert seen.query == {"appkey": "dingkey", "appsecret": "app-secret"}
            self.tokens += 1
            token = {"errcode": 0, "access_token": f"T{self.tokens}", "expires_in": 7200}
            return PeerAnswer(200, token, delay_s=0.1)
        assert seen.path == "/topapi/message/corpconversation/asyncsend_v2"
        if seen.query["access_token"] == "T1" and not self.valid:
            return PeerAnswer(200, {"errcode": 88, "sub_code": "40014", "errmsg": "token"})
        self.sent.append(seen.data)
        task = {"task_id": 256271667526} if not self.code else {}
        return PeerAnswer(200, {"errcode": self.code, "errmsg": "", **task})


@pytest.fixture
def dingtalk() -> DingTalk:
    """The service's state."""
    return DingTalk()


def test_a_notice_reaches_its_person(dingtalk: DingTalk) -> None:
    """The owner, by the table of users, gets a text from the application."""
    with Peer() as peer:
        peer.handler = dingtalk
        settings = at(peer, APP, users={"li.na": "manager4220"})
        assert perform(DingtalkNoticeAction(), settings, note()) == [Delivered("256271667526")]
        perform(DingtalkNoticeAction(), settings, note(to="wang.wei", markdown="**急**"))
    first, second = dingtalk.sent
    assert first == {
        "agent_id": 1234,
        "userid_list": "manager4220",
        "to_all_user": False,
        "msg": {"msgtype": "text", "text": {"content": "新线索：金泰阀门\n请在一小时内联系"}},
    }
    assert second["userid_list"] == "wang.wei"  # without a row the name is the same there
    assert second["msg"]["markdown"] == {"title": "新线索：金泰阀门", "text": "**急**"}


def test_one_token_for_many_notices(dingtalk: DingTalk) -> None:
    """However many want it at once, the token is fetched once."""
    with Peer() as peer:
        peer.handler = dingtalk
        results = perform(DingtalkNoticeAction(), at(peer, APP), *(note() for _ in range(8)))
    assert {type(result) for result in results} == {Delivered}
    assert dingtalk.tokens == 1


def test_a_token_that_ended_is_replaced_once(dingtalk: DingTalk) -> None:
    """A token that DingTalk took back early is fetched anew, and the notice goes out."""
    dingtalk.valid = False
    with Peer() as peer:
        peer.handler = dingtalk
        results = perform(DingtalkNoticeAction(), at(peer, APP), note(), note())
    assert {type(result) for result in results} == {Delivered}
    assert dingtalk.tokens == 2


def test_a_token_that_is_never_right_is_no_endless_loop() -> None:
    """A service that refuses every token stops the connection after two."""
    with Peer() as peer:
        peer.handler = lambda seen: (
            PeerAnswer(200, {"errcode": 0, "access_token": "T", "expires_in": 7200})
            if seen.path == "/gettoken"
            else PeerAnswer(200, {"errcode": 42001, "errmsg": "expired"})
        )
        (result,) = perform(DingtalkNoticeAction(), at(peer, APP), note())
    assert type(result) is Misconfigured
    assert len(peer.seen) == 4


@pytest.mark.parametrize(
    ("code", "kind"),
    [(-1, Retry), (90018, Retry), (33012, Failed), (88, Misconfigured)],
)
def test_an_error_of_a_notice(dingtalk: DingTalk, code: int, kind: type) -> None:
    """Busy, too often, nobody of that name, not permitted: each has its class."""
    dingtalk.code = code
    with Peer() as peer:
        peer.handler = dingtalk
        (result,) = perform(DingtalkNoticeAction(), at(peer, APP), note())
    assert type(result) is kind


def test_a_notice_needs_a_person() -> None:
    """Without an owner and without a userid nobody is asked for a token."""
    with Peer() as peer:
        (result,) = perform(DingtalkNoticeAction(), at(peer, APP), note(to=None))
    assert isinstance(result, Failed)
    assert peer.seen == []


@pytest.mark.parametrize(("gives", "kind"), [(0, Delivered), (40089, Misconfigured), (-1, Retry)])
def test_the_check_fetches_a_token(dingtalk: DingTalk, gives: int, kind: type) -> None:
    """`doctor` hears whether key and secret are accepted, and nothing is sent."""
    dingtalk.gives = gives
    action = DingtalkNoticeAction()

    async def check(peer: Peer) -> Result | None:
        try:
            return await settled(action.check(ActionContext(connection=at(peer, APP), now=0)))
        finally:
            await action.close()

    with Peer() as peer:
        peer.handler = dingtalk
        assert type(asyncio.run(check(peer))) is kind
    assert {seen.path for seen in peer.seen} == {"/gettoken"}
