"""The door: what becomes an event, and what is said of what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.door import Door
from engine.host.faults import Hints
from engine.host.outcome import Outcome
from engine.host.visit import Arrival, Visit
from engine.language.catalogue import IDENTITIES
from engine.language.instants import MINUTE, format_instant, parse_instant
from engine.language.load import load_folder

NOW = parse_instant("2026-03-02T09:00:00+08:00")


@pytest.fixture(scope="module")
def door() -> Door:
    """The door of the default configuration."""
    loaded = load_folder(Path(__file__).parents[2] / "config")
    assert loaded.definitions is not None
    return Door(loaded.definitions.catalogue, IDENTITIES)


def visit() -> Visit:
    """A submission at NOW, by somebody who is known."""
    return Visit(NOW, NOW + 10 * MINUTE, "api", "api-user")


def accepted(door: Door, raw: Any) -> Arrival:
    """What the door makes of an event that it must let in."""
    read = door.read(raw, visit())
    assert isinstance(read, Arrival), read
    return read


def refusal(door: Door, raw: Any) -> dict[str, Any]:
    """What the door says of an event that it must refuse."""
    read = door.read(raw, visit())
    assert isinstance(read, Outcome), read
    assert read.status == "rejected"
    assert read.error is not None
    return read.error


def event(**changed: Any) -> dict[str, Any]:
    """A good event, with some keys changed."""
    return {"type": "form_submitted", "lead": {"email": "wang@acme.cn"}} | changed


def test_a_full_event_is_read_as_sent(door: Door) -> None:
    """Every key of the event's shape arrives where it belongs."""
    raw = event(
        id="e1", at="2026-03-02T08:00:00+08:00", properties={"form": "contact"},
        channel="web", history=True, by="li.na",
    )  # fmt: skip
    read = accepted(door, raw).event
    assert (read.id, read.type, read.channel, read.history, read.by) == (
        *("e1", "form_submitted", "web", True, "li.na"),
    )
    assert read.at == NOW - 60 * MINUTE
    assert read.properties == {"form": "contact"}
    assert read.lead == {
        "email": "wang@acme.cn",
        "email.domain": "acme.cn",
        "email.kind": "business",
    }


def test_what_is_missing_is_made(door: Door) -> None:
    """An event without id, time, channel and author gets a new id and those of the visit."""
    read = accepted(door, event()).event
    assert len(read.id) == 36
    assert read.id[14] == "7"
    assert (read.at, read.channel, read.by) == (NOW, "api", "api-user")


def test_identities_come_strongest_first(door: Door) -> None:
    """Whatever order they are sent in, the strongest identity is the first."""
    lead = {"anonymous_id": "a", "phone": "13800138000", "user_id": "u", "email": "W@acme.cn"}
    assert accepted(door, event(lead=lead)).identities == (
        ("user_id", "u"),
        ("email", "w@acme.cn"),
        ("phone", "+8613800138000"),
        ("anonymous_id", "a"),
    )


def test_places_have_their_usual_names(door: Door) -> None:
    """A city is one city however a form calls it, and what was sent stays with the event."""
    lead = {"user_id": "u", "province": "江苏省", "city": " 苏州市 "}
    read = accepted(door, event(lead=lead)).event
    assert (read.lead["province"], read.lead["city"], read.lead["region"]) == (
        "江苏",
        "苏州",
        "华东",
    )
    assert read.raw == {"province": "江苏省", "city": "苏州市"}


def test_an_invalid_phone_is_kept_but_identifies_nobody(door: Door) -> None:
    """A wrong number is stored and flagged; with nothing else the event is nobody's."""
    read = accepted(door, event(lead={"phone": "12345", "user_id": "u"}))
    assert read.event.lead == {"phone": "12345", "phone.valid": False, "user_id": "u"}
    assert read.identities == (("user_id", "u"),)
    error = refusal(door, event(lead={"phone": "12345"}))
    assert error["code"] == "no-identity"
    assert "phone given, but not valid" in error["message"]


def test_source_as_text_or_map(door: Door) -> None:
    """`source: text` is the source's name, a map its parts."""
    assert accepted(door, event(lead={"user_id": "u", "source": "展会"})).event.lead == {
        "user_id": "u",
        "source.name": "展会",
        "source.channel": "offline",
        "source.kind": "expo",
        "source.origin": "external",
    }
    lead = {"user_id": "u", "source": {"name": "展会", "utm_source": "baidu"}}
    assert accepted(door, event(lead=lead)).event.lead["source.utm_source"] == "baidu"


def test_consent_is_a_fact_and_its_evidence_is_kept(door: Door) -> None:
    """Rules read given or withdrawn; when, where and by what words stays with the event."""
    given = {"status": "given", "at": "2026-03-01T00:00:00Z", "source": "form", "text": "同意"}
    lead = {"user_id": "u", "consent": {"marketing": given, "sms": "withdrawn"}}
    read = accepted(door, event(lead=lead)).event
    assert read.lead["consent.marketing"] == "given"
    assert read.lead["consent.sms"] == "withdrawn"
    assert read.properties == {"consent": {"marketing": given}}


def test_an_address_that_is_none_is_of_the_kind_invalid(door: Door) -> None:
    """It is kept, has no domain, and rules can see that it is of no use."""
    lead = accepted(door, event(lead={"user_id": "u", "email": "wang at acme"})).event.lead
    assert lead == {"user_id": "u", "email": "wang at acme", "email.kind": "invalid"}


def test_region_follows_from_the_place(door: Door) -> None:
    """A province gives the region that rules can route by."""
    lead = {"user_id": "u", "province": "江苏省"}
    assert accepted(door, event(lead=lead)).event.lead["region"] == "华东"


def test_text_is_trimmed_and_composed_and_empty_means_not_given(door: Door) -> None:
    """Blanks around text, decomposed letters and empty values do not make different values."""
    lead = {"user_id": " u ", "name": " Jose\u0301 ", "company": "  ", "title": None, "city": ""}
    assert accepted(door, event(lead=lead)).event.lead == {"user_id": "u", "name": "José"}


def test_a_lead_named_by_its_id_needs_no_identity(door: Door) -> None:
    """`lead.id` alone is enough."""
    read = accepted(door, event(lead={"id": "0190-lead"}))
    assert (read.lead, read.identities) == ("0190-lead", ())


@pytest.mark.parametrize(
    ("raw", "code", "says"),
    [
        ([], "bad-event", "JSON object"),
        (event(typ="x"), "unknown-key", 'did you mean "type"'),
        ({"lead": {"user_id": "u"}}, "no-type", "form_submitted"),
        (event(type="form_submited"), "unknown-type", 'did you mean "form_submitted"'),
        (event(type=["page_viewed"]), "unknown-type", "list"),
        (event(type="timer_due"), "reserved-type", "timer_due"),
        (event(lead={"emial": "a@b.cn"}), "unknown-field", 'did you mean "email"'),
        (event(lead={"email.kind": "business"}), "derived-field", "worked out"),
        (event(lead={"email": {"kind": "business"}}), "derived-field", "worked out"),
        (event(lead={"user_id": 7}), "bad-value", "not text"),
        (event(lead={"user_id": "u", "employees": "600"}), "bad-value", "not a whole number"),
        (event(lead={"user_id": "u", "name": "a\x00b"}), "bad-value", "U+0000"),
        (event(lead={"user_id": "u", "consent": "given"}), "bad-value", "map of topics"),
        (event(lead={"user_id": "u", "consent": {"sms": "yes"}}), "bad-value", "given"),
        (event(lead="wang"), "bad-value", "object"),
        (event(lead={}), "no-identity", "email"),
        (event(properties={"from": "x"}), "unknown-property", "form"),
        (event(properties={"form": 1}), "bad-value", "not text"),
        (event(properties=[1]), "bad-value", "object"),
        (event(at="2026-03-02T09:00:00"), "bad-time", "time zone"),
        (event(at=1_700_000_000), "bad-time", "2026-03-02T09:00:00+08:00"),
        (event(at="2026-03-02T09:10:01+08:00"), "bad-time", "future"),
        (event(id="wake:x:1"), "bad-id", "engine"),
        (event(id="x" * 201), "bad-value", "201"),
        (event(id="a\ud800"), "bad-value", "U+D800"),
        (event(history="yes"), "bad-value", "true or false"),
        (event(channel="engine"), "bad-value", "engine"),
    ],
)  # fmt: skip
def test_refusals_name_the_fault_and_the_way_out(
    door: Door, raw: Any, code: str, says: str
) -> None:
    """Each kind of mistake has its code, and a message that helps to mend it."""
    error = refusal(door, raw)
    assert error["code"] == code
    assert says in error["message"]


def test_ten_minutes_ahead_is_not_the_future(door: Door) -> None:
    """Clocks differ: up to 10 minutes ahead an event is taken as dated."""
    at = format_instant(NOW + 10 * MINUTE)
    assert accepted(door, event(at=at)).event.at == NOW + 10 * MINUTE


def test_all_mistakes_are_told_at_once(door: Door) -> None:
    """One mistake never hides another."""
    raw = event(typo=1, at="yesterday", lead={"emial": "x"}, properties={"from": "x"})
    codes = [detail["code"] for detail in refusal(door, raw)["details"]]
    assert codes == ["unknown-key", "bad-time", "unknown-field", "unknown-property"]


def test_ten_thousand_wrong_names_cost_no_more_than_a_few(door: Door) -> None:
    """Only the first mistakes are told, and near names are looked up for few of them."""
    hints = Hints(3)
    flood = {f"field{n}": n for n in range(10_000)}
    read = door.read(event(lead=flood), Visit(NOW, NOW, hints=hints))
    assert isinstance(read, Outcome)
    assert read.error is not None
    assert len(read.error["details"]) == 20
    assert hints.near("emial", ["email"]) == ""


def test_depth_is_no_danger(door: Door) -> None:
    """Values nested ten thousand deep are refused like any other wrong value."""
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    assert refusal(door, event(lead={"user_id": deep}))["code"] in ("bad-value", "too-deep")
    assert refusal(door, event(properties={"form": deep}))["code"] in ("bad-value", "too-deep")


TEXTS = st.text() | st.sampled_from(
    ["type", "lead", "at", "id", "email", "consent", "source", "page_viewed", "13800138000"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["email", "phone", "user_id", "name", "employees", "tags", "birthday", "source", "consent",
     "consent.sms", "title_level", "id", "region", "province"]
)  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "type": st.sampled_from(["page_viewed", "form_submitted", "email_opened"]) | JSON,
        "at": st.sampled_from(["2026-03-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]) | JSON,
        "lead": st.dictionaries(FIELDS, JSON, max_size=5) | JSON,
        "properties": st.dictionaries(st.sampled_from(["page", "form", "message"]), JSON) | JSON,
        "channel": JSON,
        "history": JSON,
        "by": JSON,
    },
)


@given(JSON | EVENTS)
def test_any_json_is_an_event_or_a_refusal(door: Door, raw: Any) -> None:
    """No input whatever makes the door raise, and what it lets in is fit for the log."""
    read = door.read(raw, visit())
    if isinstance(read, Outcome):
        assert read.error is not None
        assert read.error["details"]
        str(read.error).encode()
    else:
        assert read.identities or read.lead
        str(read.event).encode()
        assert read.event.id == read.event.id.strip() != ""
