"""Merging and parting leads over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.test_events import error_of

PHONE = {"phone": "13800138000", "name": "王芳"}
MAIL = {"email": "wang@acme.cn", "company": "金泰阀门"}


@pytest.fixture
def leads(client: TestClient) -> tuple[str, str]:
    """Two leads, by telephone and by e-mail; return their ids."""
    events = [{"type": "form_submitted", "lead": lead} for lead in (PHONE, MAIL)]
    one, two = client.post("/v1/events", json=events).json()["results"]
    return one["lead"], two["lead"]


def merge(client: TestClient, lead: str, **said: Any) -> Any:
    """Ask for a merge into ``lead``."""
    return client.post(f"/v1/leads/{lead}/merge", json={"reason": "同一个人", **said})


def test_merge_and_part(client: TestClient, leads: tuple[str, str]) -> None:
    """A person merges by any name; the old id answers with the survivor; parting undoes it."""
    one, two = leads
    done = merge(client, one, **{"with": "wang@acme.cn", "by": "li.na"})
    assert done.json()["lead"] == one
    old = client.get(f"/v1/leads/{two}").json()
    assert (old["id"], old["merged_into"]) == (one, one)
    assert old["fields"]["company"] == "金泰阀门"
    assert "merged_into" not in client.get(f"/v1/leads/{one}").json()
    (told,) = client.get(f"/v1/leads/{one}/merges").json()["items"]
    assert (told["lead"], told["by"], told["reason"]) == (two, "li.na", "同一个人")
    said = {"lead": two, "reason": "两个人"}
    assert client.post(f"/v1/leads/{one}/unmerge", json=said).json()["lead"] == one
    parted = client.get(f"/v1/leads/{two}").json()
    assert parted["id"] == two
    assert parted["fields"]["company"] == "金泰阀门"
    assert client.get("/v1/leads/wang@acme.cn").json()["id"] == two
    (told,) = client.get(f"/v1/leads/{one}/merges").json()["items"]
    assert told["undone_at"]


def test_what_is_one_already_is_not_merged(client: TestClient, leads: tuple[str, str]) -> None:
    """Merging a lead with itself, or parting what was never merged, is a 409 that says so."""
    one, two = leads
    assert error_of(merge(client, one, **{"with": "13800138000"}), 409)["code"] == "not-merged"
    said = {"lead": two, "reason": "两个人"}
    error = error_of(client.post(f"/v1/leads/{one}/unmerge", json=said), 409)
    assert two in error["message"]


def test_a_reason_is_asked_for(client: TestClient, leads: tuple[str, str]) -> None:
    """Without a reason, or another lead that exists, nothing is merged."""
    one, two = leads
    answer = client.post(f"/v1/leads/{one}/merge", json={"with": two})
    assert "reason" in error_of(answer, 422)["message"]
    assert "nobody@b.cn" in error_of(merge(client, one, **{"with": "nobody@b.cn"}), 404)["message"]
    assert client.get(f"/v1/leads/{two}").json()["id"] == two


def test_a_merge_sent_twice_counts_once(client: TestClient, leads: tuple[str, str]) -> None:
    """A client's own id makes a repeated request harmless."""
    one, two = leads
    for _ in range(2):
        merge(client, one, **{"with": two, "id": "m-1"})
    assert len(client.get(f"/v1/leads/{one}/merges").json()["items"]) == 1


def test_forgetting_takes_what_was_merged(client: TestClient, leads: tuple[str, str]) -> None:
    """Who is forgotten is forgotten under both ids."""
    one, two = leads
    merge(client, one, **{"with": two})
    assert client.post(f"/v1/leads/{one}/forget", json={}).status_code == 200
    for name in (one, two, "wang@acme.cn", "13800138000"):
        assert client.get(f"/v1/leads/{name}").status_code == 404


def test_leads_of_one_company_are_colleagues(client: TestClient) -> None:
    """A company's name in any form, or its mail domain, links leads; free mail does not."""
    known = [
        {"email": "wang@acme-valves.cn", "company": "金泰阀门（苏州）有限公司"},
        {"phone": "13800138000", "company": "金泰阀门(苏州)"},
        {"email": "li@acme-valves.cn"},
        {"email": "zhao@qq.com", "company": "另一家公司"},
        {"email": "qian@qq.com"},
    ]
    events = [{"type": "chat_started", "lead": lead} for lead in known]
    ids = [r["lead"] for r in client.post("/v1/events", json=events).json()["results"]]
    found = {
        item["id"]: item["by"]
        for item in client.get(f"/v1/leads/{ids[0]}/colleagues").json()["items"]
    }
    assert found == {ids[1]: ["name:金泰阀门苏州"], ids[2]: ["domain:acme-valves.cn"]}
    assert client.get(f"/v1/leads/{ids[4]}/colleagues").json()["items"] == []
    moved = {"type": "chat_started", "lead": {"phone": "13800138000", "company": "别处"}}
    client.post("/v1/events", json=moved)
    assert client.get(f"/v1/leads/{ids[1]}/colleagues").json()["items"] == []
    page = client.get(f"/v1/leads/{ids[2]}/colleagues?limit=1").json()
    assert [item["id"] for item in page["items"]] == [ids[0]]


def test_merged_leads_are_no_colleagues(client: TestClient, leads: tuple[str, str]) -> None:
    """Who is one person is not their own colleague, and is a colleague again when parted."""
    one, two = leads
    client.post(
        "/v1/events",
        json={"type": "chat_started", "lead": {"phone": "13800138000", "company": "金泰阀门"}},
    )
    assert len(client.get(f"/v1/leads/{one}/colleagues").json()["items"]) == 1
    merge(client, one, **{"with": two})
    assert client.get(f"/v1/leads/{one}/colleagues").json()["items"] == []
    client.post(f"/v1/leads/{one}/unmerge", json={"lead": two, "reason": "两个人"})
    assert len(client.get(f"/v1/leads/{one}/colleagues").json()["items"]) == 1
