"""Channels that fetch what is reported: Meta's lead ads, LinkedIn's lead forms, HubSpot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hubspot.utils.signature import Signature
from starlette.testclient import TestClient

from tests.plugins.sources import (
    SECRET,
    Service,
    body_of,
    events_of,
    fields_of,
    in_base64,
    leads_of,
    listening,
    running,
    signature,
)

URL = "https://leads.example.cn/channels/hubspot?portal=%E9%98%80"
CHANNELS = """
channels:
  meta_leads:
    app_secret: {secret}
    verify_token: 核对
    access_token: page-token
    pages: {{"777": other-token}}
    source: {{category: external}}
    forms: {{"44": {{name: 展会, fields: {{您的预算?: budget}}}}}}
    api: {api}
    allow_private: true
  linkedin_leads:
    client_secret: {secret}
    access_token: li-token
    api: {api}
    allow_private: true
  hubspot:
    client_secret: {secret}
    access_token: hub-token
    url: {url}
    events: {{contact.deletion: note_added}}
    fields: {{职级: title_level}}
    api: {api}
    allow_private: true
"""
META = {
    "id": "1001",
    "created_time": "2026-03-02T09:00:00+0800",
    "form_id": "44",
    "campaign_name": "春季",
    "ad_name": "球阀",
    "field_data": [
        {"name": "full_name", "values": ["王芳"]},
        {"name": "email", "values": ["wang@acme.cn"]},
        {"name": "phone_number", "values": ["+8613800138000"]},
        {"name": "company_name", "values": ["金泰阀门"]},
        {"name": "您的预算?", "values": ["50万"]},
    ],
}
LINKEDIN = {
    "id": "abc-1",
    "submittedAt": 1772413222000,
    "form": {
        "id": 7234246,
        "name": "白皮书",
        "hiddenFields": [{"name": "utm_campaign", "value": "白皮书"}],
        "content": {
            "questions": [
                {"questionId": 1, "name": "First name", "predefinedField": "FIRST_NAME"},
                {"questionId": 2, "name": "Last name", "predefinedField": "LAST_NAME"},
                {"questionId": 3, "name": "E-mail", "predefinedField": "EMAIL"},
                {
                    "questionId": 4,
                    "name": "行业",
                    "questionDetails": {
                        "multipleChoiceQuestionDetails": {
                            "options": [{"id": 9, "text": {"localized": {"zh_CN": "制造业"}}}]
                        }
                    },
                },
            ]
        },
    },
    "formResponse": {
        "answers": [
            {"questionId": 1, "answerDetails": {"textQuestionAnswer": {"answer": "Ada"}}},
            {"questionId": 2, "answerDetails": {"textQuestionAnswer": {"answer": "Lovelace"}}},
            {"questionId": 3, "answerDetails": {"textQuestionAnswer": {"answer": "ada@acme.cn"}}},
            {"questionId": 4, "answerDetails": {"multipleChoiceAnswer": {"options": [9]}}},
        ]
    },
}
HUBSPOT = {
    "id": "512",
    "properties": {
        "email": "li@acme.cn",
        "firstname": "雷",
        "lastname": "李",
        "jobtitle": "采购",
        "职级": "manager",
        "numemployees": "600",
        "phone": None,
    },
}


@pytest.fixture
def service() -> Service:
    """The sources' own services, on loopback."""
    made = Service()
    made.answers = {
        "/1001": (200, META),
        "/rest/leadFormResponses/abc-1": (200, LINKEDIN),
        "/crm/v3/objects/contacts/512": (200, HUBSPOT),
    }
    return made


@pytest.fixture
def client(service: Service, tmp_path: Path) -> Iterator[TestClient]:
    """Serve a configuration whose channels ask the service."""
    with running(service.app()) as api:
        channels = CHANNELS.format(secret=SECRET, api=api, url=URL)
        with listening(tmp_path, channels) as client:
            yield client


def meta(client: TestClient, *ids: str, secret: str = SECRET, **value: Any) -> httpx2.Response:
    """Report leads as Meta does: with letters of all languages escaped, and signed so."""
    changes = [
        {"field": "leadgen", "value": {"leadgen_id": id, "page_id": "7", "form_id": "44", **value}}
        for id in ids or ("1001",)
    ]
    entries = [{"id": "7", "time": 1772413222, "changes": changes}]
    return meta_raw(client, {"object": "page", "entry": entries}, secret)


def meta_raw(client: TestClient, data: Any, secret: str = SECRET) -> httpx2.Response:
    """Send anything, signed as Meta does."""
    body = body_of(data).decode().encode("ascii", "backslashreplace")
    signed = {"x-hub-signature-256": f"sha256={signature(body, secret).hex()}"}
    return client.post("/channels/meta_leads", content=body, headers=signed)


def linkedin(client: TestClient, secret: str = SECRET, **more: Any) -> httpx2.Response:
    """Report a response as LinkedIn does."""
    notice = {
        "type": "LEAD_ACTION",
        "leadGenFormResponse": "urn:li:leadGenFormResponse:abc-1",
        "leadGenForm": "urn:li:leadGenForm:7234246",
        "leadAction": "CREATED",
        "occurredAt": 1772413222000,
        **more,
    }
    body = body_of(notice)
    signed = {"x-li-signature": signature(body, secret, b"hmacsha256=").hex()}
    return client.post("/channels/linkedin_leads", content=body, headers=signed)


def hubspot(
    client: TestClient,
    notices: Any = None,
    secret: str = SECRET,
    url: str = URL,
    at: int | None = None,
) -> httpx2.Response:
    """Report a contact as HubSpot does, signed by its own library."""
    default = [notice(1), notice(2, "contact.propertyChange"), notice(3, "company.creation")]
    body = body_of(default if notices is None else notices)
    stamp = str(int(time.time() * 1_000) if at is None else at)
    signed = Signature.get_signature(secret, body.decode(), "v3", url, "POST", stamp)
    headers = {"x-hubspot-signature-v3": signed, "x-hubspot-request-timestamp": stamp}
    return client.post("/channels/hubspot", content=body, headers=headers)


def notice(n: int, kind: str = "contact.creation", **more: Any) -> dict[str, Any]:
    """Return a notice of HubSpot."""
    about = {
        "subscriptionId": 9,
        "portalId": 62515,
        "occurredAt": 1772413222000 + n,
        "objectId": 512,
    }
    return {"eventId": n, "subscriptionType": kind, "attemptNumber": 0, **about, **more}


def test_meta(client: TestClient, service: Service) -> None:
    """A reported lead is fetched with the page's token, and its answers are mapped."""
    assert meta(client).status_code == 200
    found = fields_of(client, "wang@acme.cn")
    assert (found["name"], found["company"]) == ("王芳", "金泰阀门")
    assert found["budget"] == 500_000
    assert (found["source.name"], found["source.category"]) == ("Meta", "external")
    assert found["source.utm_campaign"] == "春季"
    (event,) = events_of(client, "wang@acme.cn", "form_submitted")
    assert (event["id"], event["properties"]) == ("meta:1001", {"form": "展会"})
    assert event["at"].startswith("2026-03-02T01:00:00")
    (asked,) = service.asked
    assert asked.headers["authorization"] == "Bearer page-token"
    assert asked.query_params["appsecret_proof"] == signature(b"page-token").hex()


def test_another_page_has_its_own_token(client: TestClient, service: Service) -> None:
    """Where settings have a token for a page, its leads are fetched with that."""
    meta(client, page_id="777")
    assert service.asked[0].headers["authorization"] == "Bearer other-token"


def test_the_challenge_of_meta(client: TestClient) -> None:
    """Only who knows the verify token has the challenge sent back, bare."""
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "核对"}
    answer = client.get("/channels/meta_leads", params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    wrong = client.get("/channels/meta_leads", params={**asked, "hub.verify_token": "x"})
    assert wrong.status_code == 403
    assert "1158201444" not in wrong.text
    assert client.get("/channels/meta_leads").status_code == 403


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        ((200, {"error": {"code": 190, "message": "expired"}}), 503, "must be told again"),
        ((400, {"error": {"code": 190, "message": "expired"}}), 503, "must be told again"),
        ((200, {"error": {"code": 4, "message": "limit"}}), 503, "must be told again"),
        ((400, {"error": {"code": 100, "error_subcode": 33}}), 200, "is lost"),
        ((500, b"<html>"), 503, "must be told again"),
        ((200, b"<html>"), 503, "must be told again"),
        ((200, []), 503, "must be told again"),
        ((404, {}), 200, "is lost"),
        ((429, {}), 503, "must be told again"),
        ((401, {}), 503, "must be told again"),
    ],
)
def test_what_meta_may_answer(
    client: TestClient,
    service: Service,
    answer: Any,
    status: int,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While a lead can't be had Meta is to tell again; what can never be had is logged."""
    service.answers["/1001"] = answer
    assert meta(client).status_code == status
    assert leads_of(client) == 0
    assert told in caplog.text
    service.answers["/1001"] = (200, META)
    assert meta(client).status_code == 200
    assert leads_of(client) == 1


def test_one_of_several_is_late(client: TestClient, service: Service) -> None:
    """What could be fetched is kept, and told again counts once."""
    second = {**META, "id": "1002", "field_data": [{"name": "email", "values": ["li@acme.cn"]}]}
    service.answers["/1002"] = (503, {})
    assert meta(client, "1001", "1002").status_code == 503
    assert leads_of(client) == 1
    service.answers["/1002"] = (200, second)
    assert meta(client, "1001", "1002").status_code == 200
    assert leads_of(client) == 2
    assert len(events_of(client, "wang@acme.cn", "form_submitted")) == 1


def test_a_silent_service(client: TestClient, service: Service) -> None:
    """A service that does not answer makes the source tell us again, within its patience."""
    service.delay_s = 12
    began = time.monotonic()
    assert meta(client).status_code == 503
    assert time.monotonic() - began < 11


def test_ids_are_only_numbers(client: TestClient, service: Service) -> None:
    """What a report names is put into an address only when it is a plain number."""
    assert meta(client, "../1001", "1001?x=", "１００１", "").status_code == 200
    assert service.asked == []


def test_linkedin(client: TestClient, service: Service) -> None:
    """A reported response is fetched, and each answer has the name of its question."""
    assert linkedin(client).status_code == 200
    found = fields_of(client, "ada@acme.cn")
    assert (found["name"], found["industry"]) == ("Ada Lovelace", "制造业")
    assert (found["source.name"], found["source.utm_campaign"]) == ("LinkedIn", "白皮书")
    (event,) = events_of(client, "ada@acme.cn", "form_submitted")
    assert (event["id"], event["properties"]) == ("linkedin:abc-1", {"form": "7234246"})
    asked = service.asked[0]
    assert asked.headers["authorization"] == "Bearer li-token"
    assert asked.headers["x-restli-protocol-version"] == "2.0.0"
    assert asked.headers["linkedin-version"]


def test_the_challenge_of_linkedin(client: TestClient) -> None:
    """The challenge is answered with its HMAC under the client's secret, in hex."""
    answer = client.get("/channels/linkedin_leads", params={"challengeCode": "890e4665"})
    assert answer.status_code == 200
    expected = signature(b"890e4665").hex()
    assert answer.json() == {"challengeCode": "890e4665", "challengeResponse": expected}
    assert client.get("/channels/linkedin_leads").status_code == 400


@pytest.mark.parametrize(
    "more",
    [
        {"leadAction": "DELETED"},
        {"type": "ORGANIZATION_SOCIAL_ACTION"},
        {"leadGenFormResponse": "urn:li:leadGenFormResponse:../x"},
        {"leadGenFormResponse": None},
    ],
)
def test_other_news_of_linkedin(client: TestClient, service: Service, more: dict[str, Any]) -> None:
    """What is no new response is taken and asks for nothing."""
    assert linkedin(client, **more).status_code == 200
    assert service.asked == []


def test_leads_that_test(client: TestClient, service: Service) -> None:
    """A response that LinkedIn marks as a test is no lead."""
    service.answers["/rest/leadFormResponses/abc-1"] = (200, {**LINKEDIN, "testLead": True})
    assert linkedin(client).status_code == 200
    assert leads_of(client) == 0


def test_hubspot(client: TestClient, service: Service) -> None:
    """A reported contact is fetched once for all notices of it; companies are not ours."""
    assert hubspot(client).status_code == 200
    found = fields_of(client, "li@acme.cn")
    assert (found["name"], found["title"], found["title_level"]) == ("李雷", "采购", "manager")
    assert found["employees"] == 600
    events = events_of(client, "li@acme.cn", "identified")
    assert [e["id"] for e in events] == [
        "hubspot:9:1:512:1772413222001",
        "hubspot:9:2:512:1772413222002",
    ]
    (asked,) = service.asked
    assert asked.headers["authorization"] == "Bearer hub-token"
    assert "职级" in asked.query_params["properties"].split(",")


def test_generic_notices_of_hubspot(client: TestClient) -> None:
    """Notices of the generic kind name contacts by their number."""
    generic = [
        notice(1, "object.creation", objectTypeId="0-1"),
        notice(2, "object.creation", objectTypeId="0-2"),
    ]
    assert hubspot(client, generic).status_code == 200
    assert len(events_of(client, "li@acme.cn", "identified")) == 1


def test_the_address_that_hubspot_signs(client: TestClient) -> None:
    """HubSpot decodes some characters of the address before it signs; another address is wrong."""
    decoded = "https://leads.example.cn/channels/hubspot?portal=阀"
    assert hubspot(client, url=decoded).status_code == 200
    assert hubspot(client, url="http://127.0.0.1/channels/hubspot").status_code == 401


@pytest.mark.parametrize("away_s", [-301, 301, -(10**9)])
def test_an_old_notice(client: TestClient, service: Service, away_s: int) -> None:
    """What was signed more than five minutes ago, or for later, is refused."""
    answer = hubspot(client, at=int((time.time() + away_s) * 1_000))
    assert (answer.status_code, service.asked) == (401, [])


@pytest.mark.parametrize("send", [meta, linkedin, hubspot])
def test_a_wrong_secret(client: TestClient, service: Service, send: Any) -> None:
    """Another secret is refused; nothing is asked or stored."""
    assert send(client, secret="另一个").status_code == 401
    assert service.asked == []
    assert leads_of(client) == 0


@pytest.mark.parametrize("data", [{}, [], "x", 7, {"entry": 7}])
def test_signed_and_no_report(client: TestClient, data: Any) -> None:
    """What Meta's secret signed and is no report is refused as such."""
    assert meta_raw(client, data).status_code == 400


def test_in_base64_is_no_hex(client: TestClient) -> None:
    """A signature in another notation is a wrong one."""
    body = body_of({"entry": []})
    signed = {"x-hub-signature-256": f"sha256={in_base64(signature(body))}"}
    assert client.post("/channels/meta_leads", content=body, headers=signed).status_code == 401
