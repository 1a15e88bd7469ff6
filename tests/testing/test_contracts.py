"""The contracts of engine.testing can fail: each sentence has a plugin that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.plugin import (
    Accepted,
    Action,
    ActionContext,
    Caller,
    Channel,
    ChannelRequest,
    Delivered,
    Enricher,
    Failed,
    OutgoingDelivery,
    Rejection,
    Result,
    Retry,
    Route,
    by_status,
)
from engine.testing import (
    ActionContract,
    ChannelContract,
    EnricherContract,
    FakeClock,
    Peer,
    PeerAnswer,
    RecordingAction,
    delivery,
    request,
)

STRICT = {"type": "object", "additionalProperties": False}
POSTING = {**STRICT, "properties": {"url": {"type": "string"}}}
CALL = {"id": 7, "caller": "13800138000"}


# --- actions ---------------------------------------------------------------------------------


class Poster(Action):
    """Does everything right, until a test makes it do one thing wrong."""

    name = "poster"
    connection_schema = POSTING
    wrong = ""

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        caller = Caller(allow_private=True, timeout_s=2)
        try:
            answer = await caller.call("POST", context.connection["url"], json={})
        except OSError:
            return Failed("not there") if self.wrong == "gives-up" else Retry("not there")
        finally:
            await caller.close()
        trouble = by_status(answer, "it")
        if self.wrong == "believes-the-status":
            return Delivered()
        if trouble is not None:
            return Failed("no") if answer.status == 401 and self.wrong == "fails-401" else trouble
        if self.wrong == "trusts-the-body":
            return Delivered(answer.data["id"])
        if self.wrong == "lists-the-refused":
            return Delivered("m-1", refused=["bob"])  # type: ignore[arg-type]
        if self.wrong == "never":
            return Failed("never")
        return Delivered()


def contract(wrong: str = "", **given: Any) -> ActionContract:
    """Return the contract of a poster with something wrong."""

    class Own(ActionContract):
        service = True

        def settings(self, address: str) -> dict[str, Any]:
            return {"url": address, **given.get("settings", {})}

        def answer(self) -> PeerAnswer:
            return PeerAnswer(200, {"id": "m-1"})

    own = Own()
    own.action = Poster()
    own.action.wrong = wrong
    for name, value in given.items():
        if name != "settings":
            setattr(own.action, name, value)
    return own


def sentences_of(kind: type) -> list[str]:
    """Return the sentences of a contract."""
    return [name for name in vars(kind) if name.startswith("test_")]


@pytest.mark.parametrize("name", sentences_of(ActionContract))
def test_a_good_action_passes(name: str) -> None:
    """An action that does everything right keeps each sentence."""
    getattr(contract(), name)()


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("test_its_settings_are_checked", contract(connection_schema={"type": "object"})),
        ("test_its_settings_are_checked", contract(settings={"colour": "red"})),
        ("test_its_settings_are_checked", contract(params_schema={"required": ["title"]})),
        ("test_it_says_what_it_needs", contract(address="lead.fax")),
        ("test_it_says_what_it_needs", contract(receipt="fax_sent")),
        ("test_it_delivers", contract("never")),
        ("test_it_delivers", contract("lists-the-refused")),
        ("test_a_busy_service_is_asked_again", contract("gives-up")),
        ("test_a_busy_service_is_asked_again", contract("believes-the-status")),
        ("test_a_locked_door_stops_the_connection", contract("fails-401")),
        ("test_a_locked_door_stops_the_connection", contract("believes-the-status")),
    ],
)
def test_a_bad_action_does_not(name: str, broken: ActionContract) -> None:
    """An action with one thing wrong fails the sentence about that."""
    with pytest.raises(AssertionError):
        getattr(broken, name)()


def test_what_an_action_raises_is_seen() -> None:
    """An action that trusts the body of an answer is found out, by what it raises."""
    with pytest.raises((TypeError, KeyError)):
        contract("trusts-the-body").test_nonsense_raises_nothing()


# --- channels --------------------------------------------------------------------------------


class Phone(Channel):
    name = "phone"
    config_schema = STRICT
    wrong = ""

    def routes(self) -> list[Route]:
        route = Route("/calls", ("POST",), self.ended, "A call has ended")
        if self.wrong == "silent":
            route = Route("/calls", ("POST",), self.ended)
        return [route, route] if self.wrong == "twin" else [route]

    async def ended(self, request: ChannelRequest) -> Accepted | Rejection:
        call = request.data
        if self.wrong != "trusting" and (not isinstance(call, dict) or "caller" not in call):
            status = 500 if self.wrong == "own-fault" else 400
            return Rejection("a call is a JSON object with id and caller", status)
        event = {
            "type": "call_made" if self.wrong == "unknown-event" else "rep_consulted",
            "lead": {"phone": call["caller"]},
            "id": f"phone:{call.get('id')}",
        }
        if self.wrong == "no-id":
            del event["id"]
        if self.wrong == "new-id":
            event["id"] = f"phone:{id(event)}:{len(self.wrong)}:{next(self.numbers)}"
        return Accepted(() if self.wrong == "dumb" else (event,))

    numbers = iter(range(1_000_000))


def channel_contract(wrong: str = "", **given: Any) -> ChannelContract:
    """Return the contract of a telephone channel with something wrong."""

    class Own(ChannelContract):
        good = (request("/calls", data=CALL),)
        bad = (request("/calls", data={"id": 1}), request("/calls", body=b"{"))

    own = Own()
    own.channel = Phone()
    own.channel.wrong = wrong
    for name, value in given.items():
        setattr(own.channel, name, value)
    return own


@pytest.mark.parametrize("name", sentences_of(ChannelContract))
def test_a_good_channel_passes(name: str) -> None:
    """A channel that does everything right keeps each sentence."""
    getattr(channel_contract(), name)()


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("test_its_settings_are_checked", channel_contract(config_schema={"type": "object"})),
        ("test_its_routes_are_sound", channel_contract("silent")),
        ("test_its_routes_are_sound", channel_contract("twin")),
        ("test_what_is_good_becomes_events", channel_contract("unknown-event")),
        ("test_what_is_good_becomes_events", channel_contract("dumb")),
        ("test_sent_again_it_counts_once", channel_contract("no-id")),
        ("test_sent_again_it_counts_once", channel_contract("new-id")),
        ("test_what_is_bad_is_refused", channel_contract("own-fault")),
        ("test_strangers_break_nothing", channel_contract("own-fault")),
    ],
)
def test_a_bad_channel_does_not(name: str, broken: ChannelContract) -> None:
    """A channel with one thing wrong fails the sentence about that."""
    with pytest.raises(AssertionError):
        getattr(broken, name)()


def test_what_a_channel_raises_is_seen() -> None:
    """A channel that trusts strangers is found out, by what it raises."""
    with pytest.raises((TypeError, AttributeError, KeyError)):
        channel_contract("trusting").test_strangers_break_nothing()


# --- enrichers -------------------------------------------------------------------------------


class Sizes(Enricher):
    name = "sizes"
    wrong = ""

    async def enrich(self, lead: Any) -> dict[str, Any]:
        known = lead.fields.get("company") == "金泰阀门"
        if self.wrong == "guess":
            return {"employees": 1}
        field = "staff" if self.wrong == "unknown-field" else "employees"
        return {field: 600} if known and self.wrong != "dumb" else {}


def enricher_contract(wrong: str = "") -> EnricherContract:
    """Return the contract of an enricher with something wrong."""

    class Own(EnricherContract):
        known = ({"company": "金泰阀门"},)
        unknown = ({}, {"company": "无名"})

    own = Own()
    own.enricher = Sizes()
    own.enricher.wrong = wrong
    return own


@pytest.mark.parametrize("name", sentences_of(EnricherContract))
def test_a_good_enricher_passes(name: str) -> None:
    """An enricher that does everything right keeps each sentence."""
    getattr(enricher_contract(), name)()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("test_what_it_knows_are_fields", "unknown-field"),
        ("test_what_it_knows_are_fields", "dumb"),
        ("test_what_it_does_not_know_it_leaves_out", "guess"),
    ],
)
def test_a_bad_enricher_does_not(name: str, wrong: str) -> None:
    """An enricher with one thing wrong fails the sentence about that."""
    with pytest.raises(AssertionError):
        getattr(enricher_contract(wrong), name)()


# --- the tools -------------------------------------------------------------------------------


def test_the_clock_stands_still() -> None:
    """It moves when it is told to, by as much as it is told."""
    clock = FakeClock("2026-03-02T09:00:00+08:00")
    before = clock.now()
    clock.advance(before + 1)
    assert clock.now() == clock.wall() == clock.reach(before + 1) == before
    clock.tick("60h")
    assert clock.now() - before == 60 * 3_600_000


def test_the_recorder_answers_as_told() -> None:
    """The recording action keeps what it gets, and gives its answers in order."""

    class Recorded(ActionContract):
        action = RecordingAction(Retry("忙"))

    contract = Recorded()
    assert contract.perform("") == Retry("忙")
    assert isinstance(contract.perform("", delivery(text="您好")), Delivered)
    assert [each.text for each in contract.action.deliveries] == ["王芳，您好！", "您好"]


def test_the_peer_is_a_real_one() -> None:
    """It answers in order, then by its handler, late or not at all, and keeps what it saw."""
    import asyncio

    async def calls(url: str) -> list[Any]:
        caller = Caller(allow_private=True, timeout_s=0.5)
        got: list[Any] = []
        try:
            for _ in range(4):
                try:
                    got.append((await caller.call("POST", f"{url}/a?b=1", json={"c": "值"})).data)
                except TimeoutError:
                    got.append("late")
                except OSError:
                    got.append("gone")
        finally:
            await caller.close()
        return got

    late, gone = PeerAnswer(delay_s=5), PeerAnswer(hang_up=True)
    with Peer(PeerAnswer(body={"n": 1}), late, gone) as peer:
        assert asyncio.run(calls(peer.url)) == [{"n": 1}, "late", "gone", {}]
    assert {(s.method, s.path, s.query["b"], s.data["c"]) for s in peer.seen} == {
        ("POST", "/a", "1", "值")
    }
