"""Whatever strangers send to the channels of sources: no exception, no 5xx, no event by mistake."""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.host.door import Door
from engine.host.outcome import Outcome
from engine.host.plugins import names_of
from engine.host.visit import Visit
from engine.language.catalogue import IDENTITIES
from engine.language.load import load_folder
from engine.plugin import Accepted, Answer, ChannelRequest, Rejection
from plugins.channels import (
    email_events,
    hubspot,
    jotform,
    linkedin_leads,
    meta_leads,
    segment,
    tally,
    typeform,
    webhook,
)
from plugins.channels.mail_reports import mailgun_report, sendgrid_report
from plugins.channels.reading import read_as, text_of
from plugins.channels.signatures import is_ecdsa, is_fresh, is_signed, is_standard
from tests.plugins.sources import in_base64, signature
from tests.plugins.test_email_events import PUBLIC
from tests.plugins.test_form_sources import JOTFORM_RAW, TALLY, TYPEFORM
from tests.plugins.test_lead_ads import HUBSPOT, LINKEDIN, META

SECRET = "s"
NOW = 1_772_413_222_000
ROOT = Path(__file__).parents[2]
CATALOGUE = load_folder(ROOT / "tests" / "broken" / "_base").definitions.catalogue  # type: ignore[union-attr]
NAMES = names_of(CATALOGUE)
DOOR = Door(CATALOGUE, IDENTITIES)
KINDS = (
    "string",
    "text",
    "integer",
    "number",
    "money",
    "boolean",
    "date",
    "datetime",
    "list",
    "enum",
)

TEXT = st.text(max_size=20) | st.text(alphabet=string.printable + "阀①\x00\ud800", max_size=20)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
HEADER = st.text(alphabet=[chr(n) for n in range(256)], max_size=60)
QUICK = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def bent(known: Any) -> st.SearchStrategy[Any]:
    """Return JSON like a source's own, anything standing anywhere in it."""
    if isinstance(known, dict):
        whole = st.fixed_dictionaries({key: bent(each) for key, each in known.items()})
    elif isinstance(known, list):
        whole = st.tuples(*[bent(each) for each in known]).map(list)
    else:
        return st.one_of(st.just(known), st.just(known), st.just(known), JSON)
    return st.one_of(whole, whole, whole, JSON)


def request(body: Any, own: dict[str, Any], **more: Any) -> ChannelRequest:
    """Return a request as a channel sees it."""
    given = {
        "method": "POST",
        "path": "/",
        "params": {},
        "query": (),
        "headers": {},
        "body": json.dumps(body).encode(),
        "form": None,
        "data": body,
        "client": "203.0.113.7",
        "settings": own,
        "names": NAMES,
        "now": NOW,
    }
    return ChannelRequest(**{**given, **more})


def judge(handler: Callable[[ChannelRequest], Awaitable[Any]], arrived: ChannelRequest) -> Any:
    """Call a handler; whatever came, its answer is one that clients may see."""
    result = asyncio.run(handler(arrived))
    assert isinstance(result, Accepted | Rejection)
    if isinstance(result, Rejection):
        assert 400 <= result.status < 500
        return result
    assert result.reply is None or result.reply.status < 500
    for event in result.events:
        read = DOOR.read(dict(event), Visit(NOW, NOW))
        # What a channel makes may name nobody, or an event of nobody's; it is never ill-formed.
        if isinstance(read, Outcome):
            codes = {
                each["code"] for each in [read.error, *read.error["details"]] if "code" in each
            }  # type: ignore[index,union-attr,list-item]
            assert codes <= {
                "no-identity",
                "unknown-type",
                "reserved-type",
                "no-type",
                "bad-event",
            }, read.error
    return result


@QUICK
@given(bent(TYPEFORM))
def test_typeform(body: Any) -> None:
    """Signed JSON of any kind."""
    sent = request(body, {"secret": SECRET, "consent": {"terms_ref": "marketing"}})
    signed = f"sha256={in_base64(signature(sent.body, SECRET))}"
    judge(
        typeform.responded,
        request(body, dict(sent.settings), headers={"typeform-signature": signed}),
    )


@QUICK
@given(bent(TALLY))
def test_tally(body: Any) -> None:
    """Signed JSON of any kind."""
    sent = request(body, {"secret": SECRET})
    signed = {"tally-signature": in_base64(signature(sent.body, SECRET))}
    judge(tally.responded, request(body, {"secret": SECRET}, headers=signed))


@QUICK
@given(bent(JOTFORM_RAW), TEXT)
def test_jotform(raw: Any, id: str) -> None:
    """A form with JSON of any kind in it."""
    form = (("rawRequest", json.dumps(raw)), ("submissionID", id), ("formID", id))
    sent = request(None, {"secret": SECRET}, form=form, params={"secret": SECRET}, data=None)
    judge(jotform.submitted, sent)


@QUICK
@given(
    bent(
        {
            "batch": [
                {
                    "type": "identify",
                    "userId": "u",
                    "traits": {"email": "a@b.cn", "company": {"name": "x"}},
                },
                {
                    "type": "track",
                    "event": "Order Completed",
                    "properties": {"total": 1, "products": [{"name": "x"}]},
                },
                {
                    "type": "page",
                    "name": "x",
                    "context": {"page": {"url": "x"}, "campaign": {"name": "x"}},
                },
                {"type": "alias", "previousId": "x", "timestamp": "2026-03-02T01:00:00Z"},
            ],
            "sentAt": "2026-03-02T01:00:00Z",
            "writeKey": SECRET,
        }
    ),
    st.sampled_from(sorted(segment.CALLS)),
    HEADER,
)
def test_segment(body: Any, call: str, header: str) -> None:
    """Calls of any kind, with any header of authorization."""
    own = {"write_keys": SECRET, "traits": {"x": "title_level"}, "events": {"x": "order_placed"}}
    sent = request(body, own, params={"call": call}, headers={"authorization": header})
    judge(segment.called, sent)


@QUICK
@given(
    bent({"type": "a", "data": {"id": "x", "items": [{"email": "a@b.cn", "n": 1}]}}), HEADER, HEADER
)
def test_webhook(body: Any, kind: str, header: str) -> None:
    """JSON of any kind, called anything."""
    source = {
        "verify": {"header": {"name": "x-token", "secret": SECRET}},
        "event": {"at": "type", "values": {"a": "order_placed"}},
        "each": "data.items",
        "fields": {"email": "email", "n": "employees", "data.id": "name"},
        "properties": {"n": "amount"},
    }
    headers = {"x-token": SECRET, "content-type": kind, "ce-specversion": header, "ce-id": header}
    for sent in (headers, {"x-token": SECRET}):
        judge(
            webhook.posted,
            request(body, {"sources": {"s": source}}, params={"source": "s"}, headers=sent),
        )


@QUICK
@given(
    bent(
        [{"event": "bounce", "email": "a@b.cn", "timestamp": 1, "sg_event_id": "x", "smtp-id": "x"}]
    )
)
def test_reports_of_mail(body: Any) -> None:
    """Reports of any kind."""
    for each in body if isinstance(body, list) else [body]:
        if isinstance(each, dict):
            sendgrid_report(each, {"x": "y"})
            mailgun_report({**each, "message": body, "client-info": each}, {"x": "y"})


@QUICK
@given(
    bent(
        {
            "signature": {"timestamp": "1772413222", "token": "t", "signature": "x"},
            "event-data": {"event": "opened", "recipient": "a@b.cn", "tags": ["x"]},
        }
    )
)
def test_mailgun(body: Any) -> None:
    """A report whose signature is right, as far as it is one."""
    if isinstance(body, dict) and isinstance(body.get("signature"), dict):
        parts = body["signature"]
        said = f"{text_of(parts.get('timestamp'))}{text_of(parts.get('token'))}"
        parts["signature"] = signature(said.encode("utf-8", "surrogatepass"), SECRET).hex()
    channel = email_events.EmailEventsChannel()
    judge(channel.mailgun, request(body, {"mailgun": {"signing_key": SECRET}}))


@QUICK
@given(bent(META), bent(LINKEDIN), bent(HUBSPOT))
def test_what_services_answer(meta: Any, linkedin: Any, contact: Any) -> None:
    """Whatever a source's own service answers to a question."""

    async def get(*args: Any, **named: Any) -> Any:
        return answers.pop()

    for answer, fetched, own in (
        (meta, meta_leads._fetched, {"app_secret": SECRET, "access_token": "t"}),
        (linkedin, linkedin_leads._fetched, {"access_token": "t"}),
    ):
        answers = [answer]
        event = asyncio.run(fetched("1", {}, request({}, own), get))
        assert not isinstance(answer, dict) or event is None or event["type"] == "form_submitted"
    answers = [contact]
    fetcher: Any = type("F", (), {"get": staticmethod(get)})()
    sent = request({}, {"access_token": "t"})
    notice = {"subscriptionType": "contact.creation", "occurredAt": contact, "eventId": contact}
    asyncio.run(hubspot._told(notice, sent, hubspot.Contact("1", fetcher, sent)))
    meta_leads._judged(Answer(200, {}, json.dumps(meta).encode()))


@QUICK
@given(
    bent(
        {
            "object": "page",
            "entry": [{"id": "7", "changes": [{"field": "leadgen", "value": {"leadgen_id": "x"}}]}],
        }
    )
)
def test_notices(body: Any) -> None:
    """Notices of any kind, signed, that name no lead which could be fetched."""
    text = json.dumps(body).encode()
    own = {"app_secret": SECRET, "client_secret": SECRET, "access_token": "t", "url": "https://x"}
    digest = signature(text, SECRET).hex()
    headers = {
        "x-hub-signature-256": f"sha256={digest}",
        "x-li-signature": signature(text, SECRET, b"hmacsha256=").hex(),
        "x-hubspot-request-timestamp": str(NOW),
    }
    over = f"POSThttps://x{text.decode()}{NOW}".encode()
    headers["x-hubspot-signature-v3"] = in_base64(signature(over, SECRET))
    own_api = {**own, "api": "http://127.0.0.1:9", "allow_private": False}
    for channel in (
        meta_leads.MetaLeadsChannel(),
        linkedin_leads.LinkedinLeadsChannel(),
        hubspot.HubspotChannel(),
    ):
        result = asyncio.run(channel.reported(request(body, own_api, headers=headers)))
        assert isinstance(result, Accepted | Rejection)
        assert result.status != 401 if isinstance(result, Rejection) else not result.events


@QUICK
@given(HEADER, HEADER, HEADER, st.binary(max_size=40))
def test_signatures(one: str, two: str, three: str, body: bytes) -> None:
    """A stranger's signature is never right, in whatever form it comes, and never raises."""
    for form in ("hex", "base64"):
        assert not is_signed(one, SECRET, body, form=form)
        assert not is_signed(one, [SECRET, 7, "阀"], two, body, form=form, prefix="sha256=")
    for stamp in (two, str(NOW // 1_000)):
        headers = {"webhook-id": one, "webhook-timestamp": stamp, "webhook-signature": three}
        assert not is_standard(headers, body, ["whsec_QUJD", "no base64!", "阀"], NOW)
        assert is_fresh(stamp, NOW) in {True, False}
        headers["webhook-signature"] = f"v1,{three}"
        assert not is_standard(headers, body, "whsec_QUJD", NOW)
    assert not is_ecdsa(three, PUBLIC, (one, body))
    assert not is_ecdsa(in_base64(body), PUBLIC, (one, body))


@QUICK
@given(JSON, st.sampled_from(KINDS))
def test_any_answer_as_any_type(answer: Any, kind: str) -> None:
    """An answer read as a type either has that type or is none."""
    found = read_as(kind, answer)
    wanted = {
        "integer": int,
        "number": (int, float),
        "money": (int, float),
        "boolean": bool,
        "list": list,
    }
    assert found is None or isinstance(found, wanted.get(kind, str))  # type: ignore[arg-type]


def test_a_key_of_another_curve() -> None:
    """A public key that is none is the administrator's mistake, and is said as such."""
    for wrong in ("AAAA", "not base64!"):
        with pytest.raises(ValueError):
            is_ecdsa("AAAA", wrong, ())
