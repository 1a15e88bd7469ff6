from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.host.inbox import Inbox
from tests.serving import form


def error_of(answer: Any, status: int) -> dict[str, Any]:
    """Return the error of an answer, which must have the one shape and this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    error: dict[str, Any] = answer.json()["error"]
    assert sorted(error) == ["code", "details", "message"]
    assert isinstance(error["details"], list)
    return error


def alive(client: TestClient) -> None:
    """The server still takes a good event."""
    answer = client.post("/v1/events", json=form(999))
    assert answer.status_code == 200, answer.text


def test_one_event(client: TestClient) -> None:
    """A good event answers with its lead's score, grade, stage and owner, once it is stored."""
    answer = client.post("/v1/events", json=form(company="阀门厂"))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["duplicates"], body["rejected"]) == (1, 0, 0)
    (result,) = body["results"]
    lead = result.pop("lead")
    assert result == {
        "id": "form-1",
        "score": 40,
        "grade": "C",
        "stage": "assigned",
        "owner": "li.na",
    }
    assert client.get(f"/v1/leads/{lead}").json()["score"] == 40


def test_sent_again(client: TestClient) -> None:
    """The same id again changes nothing and answers with the lead as it stands."""
    first = client.post("/v1/events", json=form()).json()
    again = client.post("/v1/events", json=form()).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert again["results"] == first["results"]


def test_list_keeps_its_good_events(client: TestClient) -> None:
    """Bad events of a list are refused one by one; the rest is kept, in order."""
    bad = {"type": "form_submited", "lead": {"email": "a@b.cn"}}
    answer = client.post("/v1/events", json=[form(1), bad, form(2), "text", form(1)])
    body = answer.json()
    assert answer.status_code == 200
    assert (body["accepted"], body["duplicates"], body["rejected"]) == (2, 1, 2)
    assert [r["id"] for r in body["results"]] == ["form-1", None, "form-2", None, "form-1"]
    error = body["results"][1]["error"]
    assert error["code"] == "unknown-type"
    assert "form_submitted" in error["message"]
    assert body["results"][3]["error"]["code"] == "bad-event"
    assert "error" not in body["results"][0]


def test_list_without_a_good_event(client: TestClient) -> None:
    """A list that is bad as a whole is refused, with the reason of each by its index."""
    answer = client.post("/v1/events", json=[{"type": "nope"}, 7])
    error = error_of(answer, 422)
    assert error["code"] == "no-event-accepted"
    assert [d["index"] for d in error["details"]] == [0, 1]
    assert [d["code"] for d in error["details"]] == ["unknown-type", "bad-event"]


def test_empty_list(client: TestClient) -> None:
    """Nothing to do is no error."""
    answer = client.post("/v1/events", json=[])
    assert answer.json() == {
        "accepted": 0,
        "duplicates": 0,
        "quarantined": 0,
        "rejected": 0,
        "results": [],
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "form_submited"}, "unknown-type"),
        ({"type": None}, "no-type"),
        ({"type": "timer_due"}, "reserved-type"),
        ({"lead": {"email": "a@b.cn", "employees": "many"}}, "bad-value"),
        ({"lead": {"email": "a@b.cn", "employees": True}}, "bad-value"),
        ({"lead": {"email": "a@b.cn", "emplyees": 5}}, "unknown-field"),
        ({"lead": {"name": "nobody"}}, "no-identity"),
        ({"lead": []}, "bad-value"),
        ({"lead": {"email": "a@b.cn", "name": "a\x00b"}}, "bad-value"),
        ({"at": "2026-03-02T09:00:00"}, "bad-time"),
        ({"at": "2026-03-02"}, "bad-time"),
        ({"at": "9999-01-01T00:00:00Z"}, "bad-time"),
        ({"at": 1700000000}, "bad-time"),
        ({"properties": {"from": 1}}, "unknown-property"),
        ({"property": {}}, "unknown-key"),
        ({"id": "receipt:1"}, "bad-id"),
    ],
)
def test_bad_events(client: TestClient, change: dict[str, Any], code: str) -> None:
    """One bad event is a 422 with a reason that says what is wrong, and nothing is stored."""
    error = error_of(client.post("/v1/events", json={**form(), **change}), 422)
    assert code in {error["code"], *(d.get("code") for d in error["details"])}, error
    assert client.get("/-/status").json()["events"] == 0
    alive(client)


def test_emoji_is_kept(client: TestClient) -> None:
    """A name may hold any character that is text."""
    client.post("/v1/events", json=form(name="王芳 👩🏽‍💼 ẞ"))
    assert client.get("/v1/leads/w1@acme.cn").json()["fields"]["name"] == "王芳 👩🏽‍💼 ẞ"


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        (b"", "bad-json", 1, 1),
        (b"{", "bad-json", 1, 2),
        (b'{"type": "x",\n "lead": {,}}', "bad-json", 2, 11),
        ('[1,\n 2, "王芳" x]'.encode(), "bad-json", 2, 10),
        (b'{"a": NaN}', "bad-json", 1, 7),
        (b'{"a": 1} {"b": 2}', "bad-json", 1, 10),
        (b'{"a":\n "\xff"}', "bad-encoding", 2, 3),
        ("{}".encode("utf-16"), "bad-encoding", 1, 1),
        (b'"\x00"', "bad-json", 1, 2),
    ],
)
def test_malformed_json(client: TestClient, body: bytes, code: str, line: int, column: int) -> None:
    """What is no JSON in UTF-8 is a 400 that names the line and column."""
    error = error_of(client.post("/v1/events", content=body), 400)
    assert error["code"] == code
    assert error["details"] == [{"line": line, "column": column}]
    assert f"line {line}, column {column}" in error["message"]
    alive(client)


@pytest.mark.parametrize("depth", [33, 100, 1_000, 10_000, 400_000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("closed", [True, False])
def test_deep_nesting(client: TestClient, depth: int, pair: tuple[str, str], closed: bool) -> None:
    """However deep a body is nested, it is a clear 400 (or 413), and the server lives on."""
    text = pair[0] * depth + ("1" + pair[1] * depth if closed else "")
    answer = client.post("/v1/events", content=text.encode())
    if len(text) > 1_000_000:
        assert error_of(answer, 413)["code"] == "too-large"
    else:
        assert error_of(answer, 400)["code"] in {"too-deep", *(() if closed else ("bad-json",))}
    alive(client)


def test_just_deep_enough_is_the_doors_affair(client: TestClient) -> None:
    """32 levels are read; that they mean nothing is said by the door."""
    error_of(client.post("/v1/events", content=b"[" * 32 + b"]" * 32), 422)


def test_too_large(client: TestClient) -> None:
    """A body over 1 MB is a 413, whether announced or streamed in pieces."""
    big = json.dumps({**form(), "properties": {"form": "x" * 1_000_000}}).encode()
    assert error_of(client.post("/v1/events", content=big), 413)["code"] == "too-large"

    def pieces() -> Any:
        for start in range(0, len(big), 65_536):
            yield big[start : start + 65_536]

    assert error_of(client.post("/v1/events", content=pieces()), 413)["code"] == "too-large"
    alive(client)


def test_too_many(client: TestClient) -> None:
    """1,000 events fit in a request, 1,001 don't."""
    events = [{"type": "chat_started", "lead": {"email": f"a{i}@b.cn"}} for i in range(1_001)]
    assert error_of(client.post("/v1/events", json=events), 413)["code"] == "too-many-events"
    assert client.post("/v1/events", json=events[1:]).json()["accepted"] == 1_000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_content_type_does_not_matter(client: TestClient, kind: str) -> None:
    """JSON is JSON whatever it is called; a byte order mark before it does no harm."""
    body = b"\xef\xbb\xbf" + json.dumps(form()).encode()
    assert (
        client.post("/v1/events", content=body, headers={"content-type": kind}).status_code == 200
    )


def test_overloaded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the writer can't follow, a request is answered 429 with the time to come again."""
    monkeypatch.setattr(Inbox, "put", lambda self, items: False)
    for body in (form(1), [form(1), form(2)]):
        answer = client.post("/v1/events", json=body)
        assert error_of(answer, 429)["code"] == "overloaded"
        assert int(answer.headers["retry-after"]) >= 1


def test_stopped(client: TestClient, tmp_path: Path) -> None:
    """While the server goes down, events are refused with 503 and may be sent again."""
    client.app.state.services.runtime._inbox.close()  # type: ignore[attr-defined]
    answer = client.post("/v1/events", json=form())
    assert error_of(answer, 503)["code"] == "stopped"
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, "not null"),
        ([[]], "not a list"),
        ({"type": 5}, "a number is not a known event type"),
        ({"type": "page_viewed", "lead": "w@acme.cn"}, 'lead is an object, not "w@acme.cn"'),
    ],
)
def test_what_is_no_event_is_called_as_json_calls_it(
    client: TestClient, event: Any, said: str
) -> None:
    """Senders in any language read the answer: it says null and a list, not NoneType."""
    answer = client.post("/v1/events", content=json.dumps(event))
    assert answer.status_code == 422
    assert said in answer.text.replace('\\"', '"')
