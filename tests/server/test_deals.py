from __future__ import annotations

from starlette.testclient import TestClient

from tests.server.test_events import error_of
from tests.serving import form


def test_opportunities_are_listed(client: TestClient) -> None:
    """What is logged of a deal is in the lead's record of opportunities, with who and when."""
    client.post("/v1/events", json=form(company="阀门厂"))
    base = "/v1/leads/w1@acme.cn"
    for kind, properties in (
        ("opportunity_opened", {"amount": 80000, "close_on": "2026-12-31"}),
        ("opportunity_changed", {"amount": 95000}),
        ("opportunity_lost", {"reason": "时机"}),
        ("opportunity_opened", {"amount": 120000}),
    ):
        said = {"type": kind, "properties": properties, "by": "li.na"}
        answer = client.post(f"{base}/follow-up", json=said)
        assert answer.status_code == 200, answer.text
    latest, first = client.get(f"{base}/opportunities").json()["items"]
    assert (latest["status"], latest["amount"], latest["closed_at"]) == ("open", 120000, None)
    assert (first["status"], first["amount"], first["reason"]) == ("lost", 95000, "时机")
    assert (first["by"], first["close_on"]) == ("li.na", "2026-12-31")
    assert first["closed_at"] >= first["changed_at"] >= first["opened_at"]
    fields = client.get(base).json()["fields"]
    assert fields["opportunity.amount"] == 120000


def test_opportunities_cannot_be_sent_as_fields(client: TestClient) -> None:
    """The facts of an opportunity come of its events, never of a form."""
    event = {**form(2), "lead": {"email": "w2@acme.cn", "opportunity.amount": 5}}
    assert error_of(client.post("/v1/events", json=event), 422)["code"]
    error_of(client.get("/v1/leads/nobody@acme.cn/opportunities"), 404)
