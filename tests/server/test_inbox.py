"""The inbox: what a salesperson was told, read and unread, each their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.server.auth import Access
from engine.server.tokens import digest_of
from tests.server.test_events import error_of
from tests.serving import form, served, wait_for, write_config

ROUTING = """
teams:
  east:
    supervisor: zhou
    members: [{id: li.na, name: 李娜}, {id: zhou, name: 周杰}]
  west: {members: [{id: wu, name: 吴敏}]}
rules:
  - {id: all, when: {lead.company: {exists: true}}, assign: {team: east, strategy: designated, member: li.na}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
"""
JOURNEYS = """
journeys:
  - id: welcome
    enter: {event: form_submitted}
    steps:
      - {id: assign, route: {}}
      - {id: tell, do: notify, with: {to: owner, title: "新线索 {{ lead.name }}", text: 请联系}}
"""
ROLES = {
    "li.na": "sales",
    "zhou": "sales",
    "wu": "sales",
    "ops": "ops",
    "read": "read",
    "admin": "admin",
}


def server() -> str:
    """Return server.yaml with a token for everybody."""
    lines = ["connections: {notify: {plugin: log}}", "tokens:"]
    for who, role in ROLES.items():
        member = f"member: {who}, " if role == "sales" else ""
        digest = digest_of(secret(who))
        name = who.replace(".", "-")
        lines.append(f"  {name}: {{role: {role}, {member}secrets: [{{sha256: {digest}}}]}}")
    return "\n".join(lines)


def secret(who: str) -> str:
    """Return somebody's token."""
    return f"{who}-token-of-the-tests-0123456789"


def bearer(who: str) -> dict[str, str]:
    """Return the headers of somebody."""
    return {"Authorization": f"Bearer {secret(who)}"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A company in which Li has got a lead, written down signals, and declined another."""
    config = write_config(
        tmp_path / "config", routing=ROUTING, journeys=JOURNEYS, server=server(), messages="{}"
    )
    with served(config, tmp_path / "leads.db", Access.token("x" * 30)) as made:
        made.headers.update(bearer("ops"))
        for number in (1, 2):
            event = form(number, company="金泰阀门")
            assert made.post("/v1/events", json=event).status_code == 200
        signals = {"outcome": "接通", "signals": ["付款方式"]}
        path = "/v1/leads/w1@acme.cn/follow-up"
        done = made.post(
            path, json={"type": "call_logged", "properties": signals}, headers=bearer("li.na")
        )
        assert done.status_code == 200, done.text
        yield made


def inbox(client: TestClient, who: str, **query: Any) -> dict[str, Any]:
    """Return what somebody's inbox holds."""
    answer = client.get("/v1/inbox", params=query, headers=bearer(who))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_one_was_told(client: TestClient) -> None:
    """Every note is an item, newest first, with the lead, what became of it, and what is unread."""
    wait_for(lambda: all(i["status"] == "delivered" for i in inbox(client, "li.na")["items"]))
    mine = inbox(client, "li.na")
    assert mine["unread"] == 3
    assert [item["kind"] for item in mine["items"]] == ["signal", "journey", "journey"]
    signal, journey = mine["items"][0], mine["items"][1]
    assert signal["title"] == "成交信号 / the customer shows that they may buy: 付款方式"
    assert (signal["name"], signal["company"], signal["read_at"]) == ("王芳", "金泰阀门", None)
    assert journey["title"] == "新线索 王芳"  # in the words that went out
    assert [item["kind"] for item in inbox(client, "zhou")["items"]] == ["signal"]
    assert inbox(client, "wu") == {"items": [], "next": None, "unread": 0}


def test_reading(client: TestClient) -> None:
    """An item is read once and for good; reading all leaves nothing unread."""
    newest = inbox(client, "li.na")["items"][0]
    path = f"/v1/inbox/{newest['id']}/read"
    first = client.post(path, headers=bearer("li.na")).json()
    assert first["id"] == newest["id"]
    assert first["read_at"] is not None
    assert client.post(path, headers=bearer("li.na")).json() == first
    unread = inbox(client, "li.na", unread="true")
    assert (len(unread["items"]), unread["unread"]) == (2, 2)
    assert client.post("/v1/inbox/read", headers=bearer("li.na")).json() == {"read": 2}
    assert inbox(client, "li.na", unread="true") == {"items": [], "next": None, "unread": 0}
    assert len(inbox(client, "li.na")["items"]) == 3
    assert inbox(client, "zhou")["unread"] == 1


def test_pages(client: TestClient) -> None:
    """Pages of one give every item once, and what is told meanwhile does not move them."""
    seen, address = [], "/v1/inbox?limit=1"
    while address:
        found = client.get(address, headers=bearer("li.na")).json()
        seen += [item["id"] for item in found["items"]]
        address = found["next"]
        client.post("/v1/events", json=form(10 + len(seen), company="新公司"))
    assert len(seen) == len(set(seen)) == 3
    answer = client.get("/v1/inbox?cursor=x", headers=bearer("li.na"))
    assert error_of(answer, 400)["code"] == "bad-cursor"


def test_each_sees_their_own(client: TestClient) -> None:
    """A supervisor looks into those of their people and reads none for them; others see nothing."""
    id = inbox(client, "li.na")["items"][0]["id"]
    assert len(inbox(client, "zhou", person="li.na")["items"]) == 3
    for who in ("zhou", "wu"):
        answer = client.post(f"/v1/inbox/{id}/read", headers=bearer(who))
        assert error_of(answer, 404)["code"] == "not-found"
        answer = client.post("/v1/inbox/read", json={"person": "li.na"}, headers=bearer(who))
        assert error_of(answer, 403)["code"] == "forbidden"
    answer = client.get("/v1/inbox?person=li.na", headers=bearer("wu"))
    assert error_of(answer, 403)["code"] == "forbidden"
    assert inbox(client, "li.na")["unread"] == 3
    assert len(inbox(client, "read", person="li.na")["items"]) == 3
    assert error_of(client.get("/v1/inbox", headers=bearer("ops")), 400)["code"] == "bad-value"
    answer = client.post("/v1/inbox/read", json={"person": "li.na"}, headers=bearer("ops"))
    assert answer.json() == {"read": 3}


def test_who_is_forgotten_is_in_no_inbox(client: TestClient) -> None:
    """Forgetting a lead takes what names it out of everybody's inbox, and leaves the rest."""
    assert client.post("/v1/leads/w1@acme.cn/forget", headers=bearer("admin")).status_code == 200
    assert [item["kind"] for item in inbox(client, "li.na")["items"]] == ["journey"]
    assert inbox(client, "li.na")["unread"] == 1
    assert inbox(client, "zhou")["items"] == []


def test_my_day_and_the_bell(client: TestClient) -> None:
    """The pages show what is unread, in both languages, and mark it as read."""
    bell = client.get("/console/bell", headers=bearer("li.na"))
    assert "3 条未读通知" in bell.text
    english = {**bearer("li.na"), "cookie": "leadrules_lang=en"}
    page = client.get("/console/day", headers=english).text
    assert "3 unread" in page
    assert "Mark all as read" in page
    assert "conversion signal" in page
    assert 'hx-get="/console/bell"' in page
    answer = client.post("/console/inbox/read", headers=bearer("li.na"))
    assert (answer.status_code, inbox(client, "li.na")["unread"]) == (303, 0)
    assert "未读" in client.get("/console/bell", headers=bearer("li.na")).text
    over = client.get("/console/day?member=li.na", headers={**english, **bearer("zhou")}).text
    assert "Mark as read" not in over
    id = inbox(client, "zhou")["items"][0]["id"]
    answer = client.post(f"/console/inbox/{id}/read", headers=bearer("zhou"))
    assert (answer.status_code, inbox(client, "zhou")["unread"]) == (303, 0)
