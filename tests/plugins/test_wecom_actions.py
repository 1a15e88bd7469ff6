"""The actions of WeCom, against a server that answers as WeCom documents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException

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
from engine.testing import ActionContract, FakeClock, Peer, PeerAnswer, delivery
from plugins.actions.wecom import AppMessage, ContactWay, Robot, Tag, Welcome
from plugins.actions.wecom_api import Apis
from plugins.actions.wecom_messages import cut_bytes
from plugins.actions.wecom_quota import MAX_MEMBERS, Quota
from tests.plugins.wecom_server import AGENT, CORP, ROBOT, SECRET, Wecom, peer

NOW = FakeClock().now()
CODE = f"{NOW // 1_000 - 3}:CODE"
MORE: Mapping[str, Mapping[str, Any]] = {
    "wecom": {"agent_id": AGENT, "users": {"li.na": "LiNa", "zhang.wei": "ZhangWei"}},
    "wecom.robot": {"key": ROBOT, "users": {"li.na": "LiNa"}},
    "wecom.contact_way": {"users": {"li.na": "LiNa"}},
    "wecom.tag": {"users": {"li.na": "LiNa"}, "tags": {"高意向": "etHIGH", "展会": "etFAIR"}},
}


def settings(action: Action, address: str, **more: Any) -> dict[str, Any]:
    """Return the settings of a connection to the server."""
    own = {} if action.name == "wecom.robot" else {"corp_id": CORP, "secret": SECRET}
    there = {"endpoint": address, "allow_private": True}
    return {**there, **own, **MORE.get(action.name, {}), **more}


class _Contract(ActionContract):
    service = True

    def settings(self, address: str) -> dict[str, Any]:
        """Return a connection to the service."""
        return settings(self.action, address)

    def answer(self) -> PeerAnswer:
        """Answer to all calls alike: a token, and everything that WeCom says when all is well."""
        body = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7_200}
        return PeerAnswer(body={**body, "msgid": "msg-1", "config_id": "42b"})


class TestAppMessageContract(_Contract):
    """What every action keeps to, for messages of an app."""

    action = AppMessage(Apis())
    params: ClassVar[dict[str, Any]] = {"users": ["li.na"]}


class TestRobotContract(_Contract):
    """What every action keeps to, for group robots."""

    action = Robot(Apis())


class TestWelcomeContract(_Contract):
    """What every action keeps to, for welcome messages."""

    action = Welcome(Apis())

    def delivery(self, **given: Any) -> OutgoingDelivery:
        """Return a delivery to a lead with a welcome code."""
        return super().delivery(**{"to": CODE, **given})


class TestContactWayContract(_Contract):
    """What every action keeps to, for contact ways."""

    action = ContactWay(Apis())
    params: ClassVar[dict[str, Any]] = {"users": ["li.na"], "state": "fair-2026"}


class TestTagContract(_Contract):
    """What every action keeps to, for tags."""

    action = Tag(Apis())
    params: ClassVar[dict[str, Any]] = {"customer": "wmAAAA", "member": "li.na", "add": ["高意向"]}


class House:
    """WeCom, its address, and actions that share their sockets and tokens as in a server."""

    def __init__(self, wecom: Wecom, url: str) -> None:
        self.wecom = wecom
        self.url = url

    def perform(self, kind: type[Any], *outgoing: OutgoingDelivery, **more: Any) -> list[Result]:
        """Return what comes of deliveries, one after the other."""
        return asyncio.run(self._perform(kind, outgoing, more, at_once=False))

    def at_once(self, kind: type[Any], *outgoing: OutgoingDelivery) -> list[Result]:
        """Return what comes of deliveries that begin at one instant."""
        return asyncio.run(self._perform(kind, outgoing, {}, at_once=True))

    async def _perform(
        self,
        kind: type[Any],
        outgoing: tuple[OutgoingDelivery, ...],
        more: Mapping[str, Any],
        at_once: bool,
    ) -> list[Result]:
        action = kind(Apis())
        context = ActionContext(
            connection=settings(action, self.url, **more), now=NOW, concurrency=8
        )
        try:
            calls = [settled(action.perform(each, context)) for each in outgoing]
            return list(await asyncio.gather(*calls)) if at_once else [await c for c in calls]
        finally:
            await action.close()

    def one(self, kind: type[Any], outgoing: OutgoingDelivery, **more: Any) -> Result:
        """Return what comes of one delivery."""
        return self.perform(kind, outgoing, **more)[0]


@pytest.fixture
def house() -> Iterator[House]:
    """Run a WeCom."""
    wecom = Wecom()
    with peer(wecom) as server:
        yield House(wecom, server.url)


def note(**given: Any) -> OutgoingDelivery:
    """Return a note to a salesperson."""
    more = {"audience": "owner", "to": "li.na", "markdown": None, "html": None}
    return delivery(**{**more, **given})


# --- the server itself ------------------------------------------------------------------------


def test_the_server_is_one_that_others_take_for_wecom(house: House) -> None:
    """Wechatpy's client gets its token, sends, and hears of recipients that are none."""

    class Client(WeChatClient):  # type: ignore[misc]
        """Wechatpy's, at our address."""

        API_BASE_URL = f"{house.url}/cgi-bin/"

        def fetch_access_token(self) -> Any:
            """Fetch it where the rest is, not at the address that wechatpy has built in."""
            params = {"corpid": self.corp_id, "corpsecret": self.secret}
            return self._fetch_access_token(url=f"{self.API_BASE_URL}gettoken", params=params)

    client = Client(CORP, SECRET)
    with client._http:
        sent = client.message.send_text(AGENT, ["LiNa", "Nobody"], "新线索")
        assert sent["invaliduser"] == "nobody"
        house.wecom.expire()
        assert client.message.send_text(AGENT, "LiNa", "又一条")["errcode"] == 0
        with pytest.raises(WeChatClientException) as caught:
            client.message.send_text(AGENT, "Nobody", "谁？")
    assert caught.value.errcode == 81013
    assert house.wecom.tokens == 2


# --- messages of an app -----------------------------------------------------------------------


def test_a_note_reaches_its_salesperson(house: House) -> None:
    """The owner's id becomes WeCom's; title and text are one message."""
    assert house.one(AppMessage, note()) == Delivered("msg-1")
    (body,) = house.wecom.sent("message/send")
    assert body == {
        "touser": "LiNa",
        "agentid": AGENT,
        "msgtype": "text",
        "text": {"content": "新线索：金泰阀门\n王芳，您好！"},
    }


def test_forms_of_a_message(house: House) -> None:
    """Markdown goes as Markdown; with an address it is a card with a title and a button."""
    card = {"url": "https://crm.example.cn/1", "button": "去看看"}
    house.perform(AppMessage, note(markdown="**王芳**"), note(params=card))
    markdown, textcard = house.wecom.sent("message/send")
    assert markdown["markdown"] == {"content": "**王芳**"}
    assert textcard["textcard"] == {
        "title": "新线索：金泰阀门",
        "description": "王芳，您好！",
        "url": "https://crm.example.cn/1",
        "btntxt": "去看看",
    }


def test_what_is_too_long_is_cut_where_one_sees_it(house: House) -> None:
    """WeCom counts bytes and cuts in silence; we cut between characters, and mark it."""
    house.perform(AppMessage, note(subject=None, text="线" * 3_000))
    said = house.wecom.sent("message/send")[0]["text"]["content"]
    assert len(said.encode()) <= 2_048
    assert said.strip("线") == "…"
    house.perform(AppMessage, note(subject="标" * 200, text="文" * 600, params={"url": "http://x"}))
    card = house.wecom.sent("message/send")[1]["textcard"]
    assert (len(card["title"]), len(card["description"])) == (128, 512)
    assert cut_bytes("线索", 6) == "线索"


def test_whom_a_message_is_for(house: House) -> None:
    """The step's people and groups; without any those of the connection; without those nobody."""
    groups = {"users": ["zhang.wei", "LiNa"], "parties": [3, 4], "tags": [7]}
    to = {"audience": "lead", "to": None}
    results = house.perform(AppMessage, note(**to, params=groups), note(**to), to=["@all"])
    assert [type(r) for r in results] == [Delivered, Delivered]
    first, second = house.wecom.sent("message/send")
    assert (first["touser"], first["toparty"], first["totag"]) == ("ZhangWei|LiNa", "3|4", "7")
    assert second["touser"] == "@all"
    result = house.one(AppMessage, note(**to))
    assert isinstance(result, Failed)
    assert "nobody" in result.reason


def test_part_of_the_recipients(house: House) -> None:
    """Errcode 0 with recipients left out is delivered in part, and says to whom not."""
    house.wecom.unlicensed = {"ZhangWei"}
    params = {"users": ["zhang.wei", "WangWu"], "parties": [99]}
    result = house.one(AppMessage, note(params=params))
    assert isinstance(result, Delivered)
    assert result.provider_id == "msg-1"
    assert set(result.refused) == {"wangwu", "zhangwei", "party 99"}
    nobody = house.one(AppMessage, note(to="WangWu"))
    assert isinstance(nobody, Failed)
    assert "81013" in nobody.reason


def test_duplicates_are_for_wecom_to_find(house: House) -> None:
    """With duplicate_check WeCom drops the same message within so many seconds."""
    house.one(AppMessage, note(), duplicate_check=600)
    (body,) = house.wecom.sent("message/send")
    assert (body["enable_duplicate_check"], body["duplicate_check_interval"]) == (1, 600)


def test_nothing_to_say_is_not_sent(house: House) -> None:
    """A message without text and title fails here, not at WeCom."""
    assert isinstance(house.one(AppMessage, note(subject=None, text=None)), Failed)
    assert house.wecom.calls == []


# --- tokens -----------------------------------------------------------------------------------


def test_one_token_for_all_that_begin_at_once(house: House) -> None:
    """Twenty deliveries at one instant fetch one token; so does the connection next to it."""
    results = house.at_once(AppMessage, *(note(key=f"d{n}") for n in range(20)))
    assert all(isinstance(r, Delivered) for r in results)
    assert house.wecom.tokens == 1


def test_a_token_that_ended_early_is_fetched_anew_once(house: House) -> None:
    """Each of the four codes costs a second token and not the delivery."""
    for code in (40014, 42001, 40001, 41001):
        before = house.wecom.tokens
        house.wecom.forced = [code]
        assert isinstance(house.one(AppMessage, note(key=f"d{code}")), Delivered)
        assert house.wecom.tokens == before + 2


def test_a_server_that_refuses_every_token_is_asked_twice(house: House) -> None:
    """Once more, and then it is a trouble for later: no loop, whatever WeCom says."""
    house.wecom.forced = [42001] * 10
    assert isinstance(house.one(AppMessage, note()), Retry)
    assert len(house.wecom.calls) == 2
    assert house.wecom.tokens == 2


def test_tokens_that_end_together_are_fetched_once(house: House) -> None:
    """Ten deliveries whose token has ended share the next one."""

    async def story() -> list[Result]:
        action = AppMessage(Apis())
        context = ActionContext(connection=settings(action, house.url), now=NOW, concurrency=10)
        await action.perform(note(), context)
        house.wecom.expire()
        calls = (settled(action.perform(note(key=f"d{n}"), context)) for n in range(10))
        results = await asyncio.gather(*calls)
        await action.close()
        return list(results)

    assert all(isinstance(r, Delivered) for r in asyncio.run(story()))
    assert house.wecom.tokens == 2


# --- what codes mean --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "after"),
    [
        (-1, Retry, None),
        (45009, Retry, 60_000),
        (45033, Retry, None),
        (40013, Misconfigured, None),
        (40091, Misconfigured, None),
        (40056, Misconfigured, None),
        (48002, Misconfigured, None),
        (60020, Misconfigured, None),
        (301002, Misconfigured, None),
        (40003, Failed, None),
        (60111, Failed, None),
        (81013, Failed, None),
        (82001, Failed, None),
        (45002, Failed, None),
        (99999, Failed, None),
    ],
)
def test_what_a_code_means(house: House, code: int, kind: type[Result], after: int | None) -> None:
    """The errcode in a body of status 200 decides, and the reason names it."""
    house.wecom.forced = [code]
    result = house.one(AppMessage, note())
    assert type(result) is kind
    assert str(code) in result.reason
    if isinstance(result, Retry):
        assert result.after == after


def test_a_busy_wecom_is_asked_three_times_more(house: House) -> None:
    """After that -1 is final."""
    house.wecom.forced = [-1] * 4
    results = house.perform(AppMessage, *(note(attempt=n, key=f"d{n}") for n in range(1, 5)))
    assert [type(r) for r in results] == [Retry, Retry, Retry, Failed]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"secret": "x"}, "40001"), ({"corp_id": "wx"}, "40013"), ({"agent_id": 5}, "40056")],
)
def test_wrong_settings_stop_the_connection(house: House, wrong: dict[str, Any], says: str) -> None:
    """A wrong secret, corp or agent is nothing that trying again would help."""
    result = house.one(AppMessage, note(), **wrong)
    assert isinstance(result, Misconfigured)
    assert says in result.reason
    assert SECRET not in repr(result)


def test_silence_is_a_trouble_of_the_connection(house: House) -> None:
    """A WeCom that takes connections and says nothing costs the time that the connection gives."""
    house.wecom.delay_s = 3
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match=r"0\.2 s"):
        house.one(AppMessage, note(), timeout_s=0.2)
    assert time.monotonic() - begun < 2


# --- group robots -----------------------------------------------------------------------------


def test_a_robot_speaks_and_mentions(house: House) -> None:
    """In a note it mentions the owner, by text; else it speaks Markdown."""
    spoken = delivery(to=None, audience="lead", params={"mention": ["@all"]})
    results = house.perform(Robot, note(markdown="**新**"), delivery(to=None), spoken)
    assert all(isinstance(r, Delivered) for r in results)
    first, second, third = house.wecom.sent("webhook/send")
    assert first["text"]["mentioned_list"] == ["LiNa"]
    assert second == {"msgtype": "markdown", "markdown": {"content": "**王芳**，您好！"}}
    assert third["text"]["mentioned_list"] == ["@all"]


def test_a_robot_has_limits_and_a_key(house: House) -> None:
    """More than 20 a minute is tried again in a minute; a wrong key needs a person."""
    house.wecom.robot_limit = 1
    results = house.perform(Robot, note(), note())
    assert isinstance(results[0], Delivered)
    assert results[1] == Retry("WeCom answered 45009: api freq out of limit", 60_000)
    assert isinstance(house.one(Robot, note(), key="x"), Misconfigured)
    assert Robot.limits.per_minute == 20


# --- for customers ----------------------------------------------------------------------------


def test_a_customer_is_welcomed(house: House) -> None:
    """Text and attachments reach WeCom with the bare code."""
    link = {"msgtype": "link", "link": {"title": "白皮书", "url": "https://example.cn/w"}}
    sent = delivery(to=CODE, subject=None, params={"attachments": [link]})
    assert house.one(Welcome, sent) == Delivered()
    (body,) = house.wecom.sent("externalcontact/send_welcome_msg")
    assert body == {
        "welcome_code": "CODE",
        "text": {"content": "王芳，您好！"},
        "attachments": [link],
    }


def test_who_was_welcomed_already_is_not_again(house: House) -> None:
    """41051 is final."""
    first, second = house.perform(Welcome, delivery(to=CODE), delivery(to=CODE))
    assert isinstance(first, Delivered)
    assert isinstance(second, Failed)
    assert "41051" in second.reason


@pytest.mark.parametrize("code", [41096, 45033, -1])
def test_a_welcome_is_tried_again_while_it_makes_sense(house: House, code: int) -> None:
    """Another app that greets, or a busy WeCom: within a second, for there are only twenty."""
    house.wecom.forced = [code]
    result = house.one(Welcome, delivery(to=CODE))
    assert type(result) is Retry
    assert result.after is not None
    assert result.after <= 1_000


def test_a_welcome_to_a_silent_wecom_is_tried_again_at_once() -> None:
    """Nobody there is a Retry within half a second."""
    action = Welcome(Apis())

    async def story() -> Result:
        context = ActionContext(connection=settings(action, "http://127.0.0.1:9"), now=NOW)
        result = await action.perform(delivery(to=CODE), context)
        await action.close()
        return result

    result = asyncio.run(story())
    assert type(result) is Retry
    assert result.after == 500


@pytest.mark.parametrize("to", [f"{NOW // 1_000 - 21}:CODE", "CODE", ":CODE", "1772413200:", ""])
def test_a_code_that_is_old_or_none_is_not_tried(house: House, to: str) -> None:
    """After 20 seconds WeCom would refuse it."""
    assert isinstance(house.one(Welcome, delivery(to=to)), Failed)
    assert house.wecom.calls == []


def test_welcomes_have_a_lane_of_their_own() -> None:
    """The action asks for a deadline, so that no welcome waits behind other messages."""
    assert Welcome.limits.deadline == 20_000


def test_a_contact_way_is_made(house: House) -> None:
    """One member, with state and remark; the answer's id and code are what the delivery tells."""
    params = {"state": "fair-2026", "remark": "客户需求"}
    result = house.one(ContactWay, note(params=params))
    assert result == Delivered("42b34949e138eb6e https://wework.qpic.cn/x/0")
    (body,) = house.wecom.sent("externalcontact/add_contact_way")
    assert body == {
        "type": 1,
        "scene": 2,
        "user": ["LiNa"],
        "skip_verify": True,
        "remark": "客户需求",
        "state": "fair-2026",
    }


def test_a_contact_way_of_several(house: House) -> None:
    """Several members, or a department, make one of type 2."""
    params = {"users": ["li.na", "ZhangWei"], "parties": [3], "skip_verify": False}
    house.one(ContactWay, delivery(to=None, params=params))
    (body,) = house.wecom.sent("externalcontact/add_contact_way")
    assert (body["type"], body["party"], body["skip_verify"]) == (2, [3], False)


@pytest.mark.parametrize("params", [{"state": "长" * 31, "users": ["li.na"]}, {"state": "x"}, {}])
def test_a_contact_way_that_cannot_be(house: House, params: dict[str, Any]) -> None:
    """Thirty characters are all a state has, and a code adds somebody."""
    assert isinstance(house.one(ContactWay, delivery(to=None, params=params)), Failed)
    assert house.wecom.calls == []


def test_a_customer_is_tagged(house: House) -> None:
    """Tags go by the names of the connection; who is no contact is final."""
    params = {"customer": "wmAAAA", "member": "li.na", "add": ["高意向"], "remove": ["展会"]}
    assert house.one(Tag, delivery(to=None, params=params)) == Delivered()
    (body,) = house.wecom.sent("externalcontact/mark_tag")
    assert body == {
        "userid": "LiNa",
        "external_userid": "wmAAAA",
        "add_tag": ["etHIGH"],
        "remove_tag": ["etFAIR"],
    }
    stranger = house.one(Tag, delivery(to=None, params={**params, "customer": "wmZZZZ"}))
    assert isinstance(stranger, Failed)
    assert "84061" in stranger.reason
    unknown = house.one(Tag, delivery(to=None, params={**params, "add": ["没有"]}))
    assert isinstance(unknown, Failed)
    assert "没有" in unknown.reason


# --- doctor -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AppMessage, Welcome, ContactWay, Tag, Robot])
def test_doctor_fetches_a_token_and_sends_nothing(house: House, kind: type[Any]) -> None:
    """What needs a secret is tried by it; a robot can only speak, so it is left alone."""

    async def check(**more: Any) -> Result | None:
        action = kind(Apis())
        context = ActionContext(connection=settings(action, house.url, **more), now=NOW)
        result: Result | None = await settled(action.check(context))
        await action.close()
        return result

    if kind is Robot:
        assert asyncio.run(check()) is None
        assert house.wecom.tokens == 0
        return
    assert asyncio.run(check()) == Delivered()
    assert isinstance(asyncio.run(check(secret="x")), Misconfigured)
    assert house.wecom.calls == []


# --- the silent limit -------------------------------------------------------------------------


def test_no_member_gets_more_than_wecom_lets_through() -> None:
    """In any minute at most 30 messages to a member begin, each in the slot that it was given."""
    now = [1_000.0]
    quota = Quota(lambda: now[0])
    waits = [quota.wait(f"d{n}", ["LiNa"]) for n in range(100)]
    assert waits[:30] == [0] * 30
    assert waits[30:60] == [60_000] * 30
    assert waits[60:90] == [120_000] * 30
    assert quota.wait("other", ["ZhangWei", "@all"]) == 0
    now[0] += 30
    assert quota.wait("d30", ["LiNa"]) == 30_000
    now[0] += 30
    assert [quota.wait(f"d{n}", ["LiNa"]) for n in range(30, 60)] == [0] * 30
    assert quota.wait("d60", ["LiNa"]) == 60_000


def test_an_hour_has_its_own_limit_and_memory_its_bounds() -> None:
    """A thousand in an hour to one member; members seen long ago are forgotten."""
    now = [0.0]
    quota = Quota(lambda: now[0])
    for n in range(1_000):
        now[0] = n * 2.5
        assert quota.wait(f"d{n}", ["LiNa"]) == 0
    assert quota.wait("late", ["LiNa"]) == 3_600_000 - int(now[0] * 1_000)
    for n in range(MAX_MEMBERS + 5):
        quota.wait(f"m{n}", [f"member-{n}"])
    assert len(quota._slots) == MAX_MEMBERS


def test_what_wecom_would_drop_waits(house: House) -> None:
    """The 31st message of a minute to one member is not sent, and not lost."""
    results = house.perform(AppMessage, *(note(key=f"d{n}") for n in range(31)))
    assert [type(r) for r in results[:30]] == [Delivered] * 30
    last = results[30]
    assert isinstance(last, Retry)
    assert last.about == "recipient"
    assert last.after is not None
    assert 50_000 < last.after <= 60_000
    assert len(house.wecom.calls) == 30


def test_a_wecom_of_ones_own_is_not_called_unasked() -> None:
    """Without allow_private no address of the own network is called."""
    action = AppMessage(Apis())

    async def story(url: str) -> Result:
        connection = {**settings(action, url), "allow_private": False}
        try:
            context = ActionContext(connection=connection, now=NOW)
            return await settled(action.perform(note(), context))
        finally:
            await action.close()

    with Peer() as server:
        result = asyncio.run(story(server.url))
    assert isinstance(result, Misconfigured)
    assert "this machine itself" in result.reason
    assert server.seen == []
