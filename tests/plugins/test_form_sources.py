"""The channels of form services: Typeform, Tally and Jotform."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.plugins.sources import (
    SECRET,
    body_of,
    events_of,
    fields_of,
    in_base64,
    leads_of,
    listening,
    signature,
)

CHANNELS = f"""
channels:
  typeform:
    secret: [{SECRET}, 旧的密钥]
    fields: {{plan_ref: product_line, 职级: {{to: title_level, values: {{总监: director}}}}}}
    consent: {{terms_ref: marketing}}
    source: {{name: 官网问卷, category: online}}
    forms:
      lT4Z3j: {{name: 询价表, properties: {{say_ref: message}}}}
  tally: {{secret: {SECRET}, fields: {{您的行业: industry}}}}
  jotform: {{secret: long-and-secret, fields: {{q9_budget: budget}}}}
"""
CATALOG = """
fields: {product_line: {type: string}}
events: {form_submitted: {properties: {message: text}}}
"""
TYPEFORM: dict[str, Any] = {
    "event_id": "01H5320DBGJF8PEJNWTN565S0A",
    "event_type": "form_response",
    "form_response": {
        "form_id": "lT4Z3j",
        "token": "a3a12ec67a1365927098a606107fac15",
        "submitted_at": "2026-03-02T01:17:02Z",
        "hidden": {"utm_source": "zhihu_crm_whitepaper", "user_id": "boss"},
        "definition": {
            "id": "lT4Z3j",
            "title": "询价",
            "fields": [
                {"id": "f1", "ref": "name_ref", "type": "short_text", "title": "您的姓名"},
                {"id": "f2", "ref": "mail_ref", "type": "email", "title": "怎么联系您?"},
                {"id": "f3", "ref": "plan_ref", "type": "multiple_choice", "title": "产品"},
                {"id": "f4", "ref": "level_ref", "type": "dropdown", "title": "职级"},
                {"id": "f5", "ref": "size_ref", "type": "number", "title": "员工数"},
                {"id": "f6", "ref": "terms_ref", "type": "legal", "title": "我同意接收产品资讯"},
            ],
        },
        "answers": [
            {
                "type": "text",
                "text": "王芳",
                "field": {"id": "f1", "ref": "name_ref", "type": "short_text"},
            },
            {
                "type": "email",
                "email": "wang@acme.cn",
                "field": {"id": "f2", "ref": "mail_ref", "type": "email"},
            },
            {
                "type": "choices",
                "choices": {"labels": ["球阀", "蝶阀"], "other": "泵"},
                "field": {"id": "f3", "ref": "plan_ref", "type": "multiple_choice"},
            },
            {
                "type": "choice",
                "choice": {"label": "总监"},
                "field": {"id": "f4", "ref": "level_ref", "type": "dropdown"},
            },
            {
                "type": "number",
                "number": 600,
                "field": {"id": "f5", "ref": "size_ref", "type": "number"},
            },
            {
                "type": "boolean",
                "boolean": True,
                "field": {"id": "f6", "ref": "terms_ref", "type": "legal"},
            },
            {
                "type": "text",
                "text": "请尽快\n联系",
                "field": {"id": "f7", "ref": "say_ref", "type": "long_text"},
            },
            {
                "type": "phone_number",
                "phone_number": "+8613800138000",
                "field": {"id": "f8", "ref": "tel", "type": "phone_number"},
            },
        ],
    },
}
TALLY: dict[str, Any] = {
    "eventId": "a4cb511e-d513-4fa5-baee-b815d718dfd1",
    "eventType": "FORM_RESPONSE",
    "createdAt": "2026-03-02T01:00:21.889Z",
    "data": {
        "responseId": "2wgx4n",
        "submissionId": "2wgx4n",
        "formId": "VwbNEw",
        "formName": "试用",
        "createdAt": "2026-03-02T01:00:21.000Z",
        "fields": [
            {"key": "question_1", "label": "姓名", "type": "INPUT_TEXT", "value": "李雷"},
            {
                "key": "question_2",
                "label": "怎么写信给您",
                "type": "INPUT_EMAIL",
                "value": "li@acme.cn",
            },
            {
                "key": "question_3",
                "label": "您的行业",
                "type": "MULTIPLE_CHOICE",
                "value": ["id-2"],
                "options": [{"id": "id-1", "text": "金融业"}, {"id": "id-2", "text": "制造业"}],
            },
            {"key": "question_4", "label": "utm_medium", "type": "HIDDEN_FIELDS", "value": "cpc"},
            {"key": "question_5", "label": None, "type": "FILE_UPLOAD", "value": [{"url": "x"}]},
            {"key": "question_6", "label": "员工人数", "type": "INPUT_TEXT", "value": "约500"},
        ],
    },
}
JOTFORM_RAW: dict[str, Any] = {
    "slug": "submit/231",
    "submitDate": "1772413222000",
    "event_id": "1772413222_231_abc",
    "q3_name": {"first": "Ada", "last": "Lovelace"},
    "q4_email": "ada@acme.cn",
    "q5_phoneNumber": {"full": "138 0013 8001"},
    "q6_company": "金泰阀门",
    "q7_birthday": {"year": "1990", "month": "3", "day": "2"},
    "q9_budget": "50万元",
    "q10_user_id": "boss",
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a configuration with the three channels."""
    with listening(tmp_path, CHANNELS, catalog=CATALOG) as client:
        yield client


def typeform(client: TestClient, data: Any = TYPEFORM, secret: str = SECRET) -> httpx2.Response:
    """Send as Typeform does."""
    body = data if isinstance(data, bytes) else body_of(data)
    signed = {"typeform-signature": f"sha256={in_base64(signature(body, secret))}"}
    return client.post("/channels/typeform", content=body, headers=signed)


def tally(client: TestClient, data: Any = TALLY, secret: str = SECRET) -> httpx2.Response:
    """Send as Tally does."""
    body = data if isinstance(data, bytes) else body_of(data)
    signed = {"tally-signature": in_base64(signature(body, secret))}
    return client.post("/channels/tally", content=body, headers=signed)


def jotform(
    client: TestClient, raw: Any = JOTFORM_RAW, secret: str = "long-and-secret"
) -> httpx2.Response:
    """Send as Jotform does: multipart, the answers as text of JSON."""
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
    fields = {"formID": "231", "submissionID": "5612", "pretty": "Name:Ada", "rawRequest": text}
    files = {name: (None, value) for name, value in fields.items()}
    return client.post(f"/channels/jotform/{secret}", files=files)


Send = Callable[..., httpx2.Response]
SOURCES = [typeform, tally, jotform]


def test_typeform(client: TestClient) -> None:
    """Answers go to their fields: by settings, by their usual names, by the kind of a question."""
    assert typeform(client).status_code == 200
    found = fields_of(client, "wang@acme.cn")
    assert found["name"] == "王芳"
    assert found["phone"] == "+8613800138000"
    assert found["product_line"] == "球阀、蝶阀、泵"
    assert found["title_level"] == "director"
    assert found["employees"] == 600
    assert found["consent.marketing"] == "given"
    assert (found["source.name"], found["source.category"]) == ("官网问卷", "online")
    assert found["source.utm_source"] == "zhihu_crm_whitepaper"
    assert "user_id" not in found
    (event,) = events_of(client, "wang@acme.cn", "form_submitted")
    assert event["id"] == "typeform:a3a12ec67a1365927098a606107fac15"
    assert event["at"].startswith("2026-03-02T01:17:02")
    assert event["properties"]["form"] == "询价表"
    assert event["properties"]["message"] == "请尽快\n联系"


def test_consent_keeps_the_words_that_were_read(client: TestClient) -> None:
    """What proves consent is the sentence beside the box, not its name in the settings."""
    assert typeform(client).status_code == 200
    consents = client.get("/v1/leads/wang@acme.cn").json()["consents"]
    assert consents["marketing"]["text"] == "我同意接收产品资讯"


def test_tally(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Choices come as ids and become their texts; what does not fit is left out and named."""
    assert tally(client).status_code == 200
    found = fields_of(client, "li@acme.cn")
    assert (found["name"], found["industry"]) == ("李雷", "制造业")
    assert found["source.utm_medium"] == "cpc"
    assert found["source.name"] == "Tally"
    assert "employees" not in found
    left_out = [m for m in caplog.messages if "left out" in m]
    assert left_out == ['channel tally: an answer was left out: "employees" takes no such integer']
    (event,) = events_of(client, "li@acme.cn", "form_submitted")
    assert event["id"] == "tally:2wgx4n"
    assert event["properties"] == {"form": "VwbNEw"}


def test_jotform(client: TestClient) -> None:
    """A multipart post with the answers as JSON text; names, numbers and days in parts."""
    assert jotform(client).status_code == 200
    found = fields_of(client, "ada@acme.cn")
    assert found["name"] == "Ada Lovelace"
    assert found["phone"] == "+8613800138001"
    assert found["company"] == "金泰阀门"
    assert found["birthday"] == "1990-03-02"
    assert found["budget"] == 500_000
    assert "user_id" not in found
    (event,) = events_of(client, "ada@acme.cn", "form_submitted")
    assert event["id"] == "jotform:5612"


@pytest.mark.parametrize("send", SOURCES)
def test_sent_again_counts_once(client: TestClient, send: Send) -> None:
    """A source that repeats itself, or somebody who repeats it, adds nothing."""
    assert [send(client).status_code for _ in range(3)] == [200, 200, 200]
    (lead,) = client.get("/v1/leads").json()["items"]
    assert len(events_of(client, lead["id"], "form_submitted")) == 1


@pytest.mark.parametrize("send", SOURCES)
def test_a_wrong_secret(client: TestClient, send: Send) -> None:
    """Another secret is refused, and nothing is stored."""
    answer = send(client, secret="另一个" if send is not jotform else "another")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "wrong-signature")
    assert leads_of(client) == 0


def test_the_secret_before(client: TestClient) -> None:
    """Of several secrets each counts, so that one can be changed without a gap."""
    assert typeform(client, secret="旧的密钥").status_code == 200


@pytest.mark.parametrize("path", ["typeform", "tally"])
@pytest.mark.parametrize(
    "given",
    [None, "", "sha256=", "sha256=???", "sha256=" + "A" * 44, "é" * 40, "=" * 10_000],
)
def test_a_signature_in_any_form(client: TestClient, path: str, given: str | None) -> None:
    """A signature that is missing, cut or no base64 is a wrong one."""
    headers = {} if given is None else {f"{path}-signature": given.encode("latin-1")}
    body = body_of(TYPEFORM if path == "typeform" else TALLY)
    answer = client.post(f"/channels/{path}", content=body, headers=headers)
    assert answer.status_code == 401
    assert leads_of(client) == 0


@pytest.mark.parametrize("cut", [1, 100, 400])
def test_a_body_that_is_cut_off(client: TestClient, cut: int) -> None:
    """Part of a signed body is refused."""
    whole = body_of(TYPEFORM)
    signed = {"typeform-signature": f"sha256={in_base64(signature(whole))}"}
    answer = client.post("/channels/typeform", content=whole[:-cut], headers=signed)
    assert answer.status_code in {400, 401}
    assert leads_of(client) == 0


@pytest.mark.parametrize("send", [typeform, tally])
@pytest.mark.parametrize("data", [{}, [], "x", 7, None, {"form_response": 7, "data": "x"}])
def test_a_signed_body_of_another_form(client: TestClient, send: Send, data: Any) -> None:
    """What is signed and is no response is refused as such."""
    assert send(client, data).status_code == 400


@pytest.mark.parametrize("raw", ["", "{", "[]", "7", "null", "{" * 100_000])
def test_a_submission_without_answers(client: TestClient, raw: str) -> None:
    """A rawRequest that is no JSON object is refused."""
    assert jotform(client, raw).status_code == 400


def test_other_news_is_taken_and_dropped(client: TestClient) -> None:
    """A partial response is none yet, and the source is not to send it again."""
    assert typeform(client, {**TYPEFORM, "event_type": "form_response_partial"}).status_code == 200
    assert tally(client, {**TALLY, "eventType": "OTHER"}).status_code == 200
    assert leads_of(client) == 0


@pytest.mark.parametrize("send", [typeform, tally])
def test_nobody_is_named(client: TestClient, send: Send, caplog: pytest.LogCaptureFixture) -> None:
    """A response that names nobody is refused by the door: the source hears 200, the log says so."""
    data = copy.deepcopy(TYPEFORM if send is typeform else TALLY)
    if send is typeform:
        data["form_response"]["answers"] = data["form_response"]["answers"][:1]
    else:
        data["data"]["fields"] = data["data"]["fields"][:1]
    assert send(client, data).status_code == 200
    assert leads_of(client) == 0
    assert "no-identity (1)" in caplog.text
    assert "王芳" not in caplog.text
