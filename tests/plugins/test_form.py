from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from plugins.channels.form import is_relative
from tests.serving import served, write_config

URL = "/channels/form/contact"
CATALOG = """
fields:
  newsletter: {type: boolean}
  interests: {type: list, of: string}
events:
  form_submitted: {properties: {message: text}}
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve the company with some fields and properties of its own."""
    config = write_config(tmp_path / "config", catalog=CATALOG)
    with served(config, tmp_path / "leads.db") as client:
        yield client


def lead(client: TestClient, id: str) -> dict[str, Any]:
    """Return a lead that must exist."""
    answer = client.get(f"/v1/leads/{id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def submitted(client: TestClient, id: str) -> list[dict[str, Any]]:
    """Return the forms on a lead's timeline."""
    items = client.get(f"/v1/leads/{id}/timeline").json()["items"]
    return [i for i in items if i["type"] == "form_submitted"]


FIELDS = {"name": "王芳", "phone": "138 0013 8000", "company": "阀门厂", "employees": "６00"}


@pytest.mark.parametrize("how", ["urlencoded", "multipart", "json", "json sent as a form"])
def test_a_post_is_a_lead(client: TestClient, how: str) -> None:
    """However a page posts, the lead has the same fields and the form is on its timeline."""
    if how == "urlencoded":
        answer = client.post(URL, data=FIELDS)
    elif how == "multipart":
        answer = client.post(URL, data=FIELDS, files={"cv": ("cv.txt", b"\x00binary")})
    elif how == "json":
        answer = client.post(URL, json=FIELDS)
    else:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = client.post(
            URL, content=b'{"phone": "13800138000", "employees": 600}', headers=headers
        )

    assert answer.status_code == 202, answer.text
    assert answer.json() == {"status": "accepted", "ignored": []}
    found = lead(client, "13800138000")
    assert found["fields"]["phone"] == "+8613800138000"
    assert found["fields"]["employees"] == 600
    (event,) = submitted(client, "13800138000")
    assert event["properties"] == {"form": "contact"}
    assert event["channel"] == "form"


def test_source_and_consent(client: TestClient) -> None:
    """utm_* of the form or of its address say where a lead comes from; a ticked box is consent."""
    client.post(
        f"{URL}?utm_source=baidu&utm_medium=cpc",
        data={
            "email": "a@acme.cn",
            "utm_medium": "banner",
            "source": "官网",
            "consent.marketing": "on",
            "consent.sms": "",
        },
    )
    fields = lead(client, "a@acme.cn")["fields"]
    assert fields["source.utm_source"] == "baidu"
    assert fields["source.utm_medium"] == "banner"
    assert fields["source.name"] == "官网"
    assert fields["consent.marketing"] == "given"
    assert "consent.sms" not in fields
    (event,) = submitted(client, "a@acme.cn")
    assert event["properties"]["consent"]["marketing"]["source"] == "form:contact"


def test_own_fields_and_properties(client: TestClient) -> None:
    """Fields and properties that catalog.yaml adds are taken, read as their type."""
    body = "email=a%40acme.cn&newsletter=on&interests=%E9%98%80&interests=%E6%B3%B5&message=%E4%BD%A0%E5%A5%BD"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post(URL, content=body, headers=headers).status_code == 202
    fields = lead(client, "a@acme.cn")["fields"]
    assert fields["newsletter"] is True
    assert fields["interests"] == ["阀", "泵"]
    assert submitted(client, "a@acme.cn")[0]["properties"] == {"form": "contact", "message": "你好"}


def test_what_is_not_for_strangers_is_ignored_and_named(client: TestClient) -> None:
    """A stranger sets neither derived fields nor tags, and claims no account; he is told so."""
    data = {
        "email": "a@acme.cn",
        "user_id": "boss",
        "tags": "vip",
        "email.kind": "business",
        "submit": "1",
    }
    answer = client.post(URL, data=data)
    assert answer.json()["ignored"] == ["user_id", "tags", "email.kind", "submit"]
    found = lead(client, "a@acme.cn")
    assert found["tags"] == []
    assert "user_id" not in found["fields"]


def test_honeypot(client: TestClient) -> None:
    """A program that fills the hidden input is answered like anybody and leaves nothing behind."""
    honest = client.post(URL, data={"email": "a@acme.cn"})
    trapped = client.post(URL, data={"email": "bot@spam.cn", "_gotcha": "http://spam"})
    assert (trapped.status_code, trapped.json()) == (honest.status_code, honest.json())
    assert client.get("/v1/leads/bot@spam.cn").status_code == 404


def test_next_page(client: TestClient) -> None:
    """Without JavaScript the browser goes on to the page that the form names."""
    answer = client.post(URL, data={"email": "a@acme.cn", "_next": "/thanks?x=1"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/thanks?x=1"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.cn/",
        "//evil.cn",
        "/\\evil.cn",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x",
        "thanks",
        "/\t/evil.cn",
    ],
)
def test_no_open_redirect(client: TestClient, target: str) -> None:
    """A form never sends the browser to another host."""
    assert not is_relative(target)
    assert client.post(URL, data={"email": "a@acme.cn", "_next": target}).status_code == 202


def test_repeated_post_counts_once(client: TestClient) -> None:
    """A form with an _id may be sent twice; another form with the same _id is another event."""
    for form in ("contact", "contact", "trial"):
        client.post(f"/channels/form/{form}", data={"email": "a@acme.cn", "_id": "7"})
    assert {e["id"] for e in submitted(client, "a@acme.cn")} == {"form:contact:7", "form:trial:7"}


def test_answers_tell_a_stranger_nothing(client: TestClient) -> None:
    """Neither the first nor a later post shows score, owner or id of the lead."""
    for _ in range(2):
        text = client.post(URL, data={"email": "a@acme.cn", "company": "阀门厂"}).text
        assert text == '{"status":"accepted","ignored":[]}'


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"name=x", "application/x-www-form-urlencoded", 422, "no-identity"),
        (
            b"email=a%40acme.cn&employees=many",
            "application/x-www-form-urlencoded",
            422,
            "bad-value",
        ),
        (b"phone=%00", "application/x-www-form-urlencoded", 422, None),
        (b"<xml/>", "text/xml", 400, "rejected"),
        (b"[1]", "application/json", 400, "rejected"),
        (b'{"a":', "application/json", 400, "bad-json"),
        (b"{" * 100_000, "application/json", 400, None),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 422, None),
        (b"x", "multipart/form-data", 400, "bad-form"),
        (b"a=1&" * 100_000, "application/x-www-form-urlencoded", 400, "bad-form"),
        (b"a" * 1_000_001, "application/x-www-form-urlencoded", 413, "too-large"),
        (b"", "application/x-www-form-urlencoded", 422, "no-identity"),
    ],
)
def test_bad_posts(
    client: TestClient, content: bytes, kind: str, status: int, code: str | None
) -> None:
    """A post that makes no lead is refused in the one error shape, and the next one is taken."""
    answer = client.post(URL, content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "details"}
    assert code is None or error["code"] == code
    assert client.post(URL, data={"email": "a@acme.cn"}).status_code == 202


def test_nested_json_is_refused_and_harmless(client: TestClient) -> None:
    """Values of a JSON form that are no texts or numbers are refused by the door."""
    answer = client.post(URL, json={"email": {"x": 1}, "name": ["a"], "phone": True})
    assert answer.status_code == 422


@pytest.mark.parametrize("said", ["nothing", "content-type", "_charset_", "multipart"])
def test_a_page_in_gb_18030(client: TestClient, said: str) -> None:
    """A page that is written in GBK or GB 18030 posts in it: the lead's name is what was typed."""
    typed = {"name": "王芳", "company": "镕新阀门厂", "need": "报价 😀", "phone": "13800138000"}
    kind = "application/x-www-form-urlencoded"
    body = urlencode({name: text.encode("gb18030") for name, text in typed.items()}).encode()
    if said == "content-type":
        kind += "; charset=GB18030"
    elif said == "_charset_":
        body += b"&_charset_=gb18030"
    elif said == "multipart":
        kind = "multipart/form-data; boundary=x"
        part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        parts = "".join(part.format(*each) for each in typed.items())
        body = f"{parts}--x--\r\n".encode("gb18030")
    answer = client.post(URL, content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["ignored"]) == (202, [])
    fields = lead(client, typed.pop("phone"))["fields"]
    assert {name: fields[name] for name in typed} == typed


def test_what_gbk_cannot_write(client: TestClient) -> None:
    """From a page in GBK browsers send 😀 as a reference; in UTF-8 the same is what was typed."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    gbk = urlencode(
        {"phone": "13800138000", "name": "路", "need": "好的 &#128512;"}, encoding="gbk"
    )
    client.post(URL, content=f"{gbk}&_charset_=gbk", headers=kind)
    client.post(URL, data={"phone": "13800138001", "name": "王芳", "need": "&#128512;"})
    told = lead(client, "13800138000")["fields"]
    assert (told["name"], told["need"]) == ("路", "好的 😀")
    assert lead(client, "13800138001")["fields"]["need"] == "&#128512;"


def test_a_form_in_no_encoding_is_refused(client: TestClient) -> None:
    """What can't be read is not stored with holes in it."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post(URL, content=b"phone=13800138000&name=%ff%ff", headers=kind)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad-encoding")
