"""GET /v1/leads/{id}/explain with a rule, a why-not and an instant."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.test_events import error_of
from tests.serving import form, wait_for

EXPLAIN = "/v1/leads/w1@acme.cn/explain"


@pytest.fixture
def lead(client: TestClient) -> str:
    """Capture one lead without a company; nobody has it, so nobody can be told. Its id."""
    answer = client.post("/v1/events", json=form()).json()
    wait_for(lambda: client.get("/v1/deliveries?status=failed").json()["items"])
    id: str = answer["results"][0]["lead"]
    return id


def asked(client: TestClient, **query: str) -> Any:
    """Return a good answer."""
    answer = client.get(EXPLAIN, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_rule_is_explained_with_its_tree(client: TestClient, lead: str) -> None:
    """A rule's answer has its condition with what is wanted and what there is, and its place."""
    found = asked(client, rule="has-company")
    assert found["lead"] == lead
    assert "at" not in found
    rule = found["rule"]
    assert (rule["kind"], rule["name"]) == ("rule", "rule:default.fit.has-company")
    assert (rule["active"], rule["effect"]) == (False, "it has given no points")
    assert rule["conditions"] == [
        {
            "role": "when",
            "tree": {
                "kind": "test",
                "text": "lead.company: {exists: true}",
                "holds": False,
                "source": "config/scoring.yaml:6:73",
                "field": "lead.company",
                "operator": "exists",
                "wanted": "true",
                "actual": None,
            },
        }
    ]
    assert rule["wakes"] == [
        {"role": "when", "events": [], "fields": ["lead.company"], "clock": [], "note": ""}
    ]


def test_why_not_says_what_stands_in_the_way(client: TestClient, lead: str) -> None:
    """A route that did not decide says so, and shows its false condition."""
    found = asked(client, why_not="all", rule="asked")
    assert {o["code"] for o in found["why_not"]["obstacles"]} == {"tried", "condition"}
    assert found["rule"]["effect"] == "it gives +30 points"
    assert [(e["event"], e["outcome"]) for e in found["rule"]["events"]] == [
        ("form-1", "+30 points")
    ]


def test_as_of_an_instant(client: TestClient, lead: str) -> None:
    """As of an instant the answer has the score, the ledger and the rule of then."""
    before = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(0.01)
    note = {"type": "note_added", "lead": {"email": "w1@acme.cn", "company": "阀门厂"}}
    client.post("/v1/events", json=note)
    now, then = asked(client, rule="has-company"), asked(client, rule="has-company", at=before)
    assert (now["score"]["total"], then["score"]["total"]) == (40, 30)
    assert (now["rule"]["active"], then["rule"]["active"]) == (True, False)
    assert then["other_rules"] == 0
    lines = [line for line in now["score"]["ledger"] if line["event"] == "form-1"]
    assert then["score"]["ledger"] == lines
    present = asked(client, at=datetime.now(UTC).isoformat(timespec="milliseconds"))
    told = {"at", "other_rules"}
    assert {k: v for k, v in present.items() if k not in told} == client.get(EXPLAIN).json()


@pytest.mark.parametrize(
    ("query", "status", "code", "word"),
    [
        ("rule=asket", 404, "not-found", 'did you mean "asked"'),
        ("why_not=nothing-like-it", 404, "not-found", "nothing-like-it"),
        ("at=yesterday", 400, "bad-time", "RFC 3339"),
        ("at=2026-03-02T09:00:00", 400, "bad-time", "no time zone"),
        ("at=2001-01-01T00:00:00Z", 400, "bad-time", "was not there yet"),
        ("rul=asked", 400, "unknown-parameter", 'did you mean "rule"'),
    ],
)
def test_bad_questions(
    client: TestClient, lead: str, query: str, status: int, code: str, word: str
) -> None:
    """What cannot be answered is refused with the nearest good question."""
    error = error_of(client.get(f"{EXPLAIN}?{query}"), status)
    assert error["code"] == code
    assert word in error["message"]


def test_a_late_lead_was_not_there_before_it_came(client: TestClient) -> None:
    """A late event makes a lead of the past, of which nobody knew before: the answer says when."""
    event = {"id": "late", "type": "form_submitted", "at": "2026-03-02T09:00:00+08:00"}
    client.post("/v1/events", json={**event, "lead": {"email": "late@acme.cn"}})
    answer = client.get("/v1/leads/late@acme.cn/explain?at=2026-04-01T00:00:00Z")
    message = error_of(answer, 400)["message"]
    assert "was not there yet at 2026-04-01" in message
    came = datetime.fromisoformat(message.rpartition(" ")[2])
    assert abs(came - datetime.now(UTC)) < timedelta(minutes=5)
