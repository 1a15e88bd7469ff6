from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from engine.host.plugins import Plugins
from engine.plugin import Enricher, LeadView, hookimpl
from engine.store import narrowing
from tests.server.test_events import error_of
from tests.serving import form, served, wait_for, write_config


@pytest.fixture
def lead(client: TestClient) -> str:
    """Capture one lead; return its id."""
    event = form(company="阀门厂", phone="13800138000", user_id="u/1")
    id: str = client.post("/v1/events", json=event).json()["results"][0]["lead"]
    return id


@pytest.mark.parametrize(
    "name", ["w1@acme.cn", "W1@ACME.CN", "+8613800138000", "13800138000", "u/1"]
)
def test_a_lead_by_any_name(client: TestClient, lead: str, name: str) -> None:
    """A lead is found by its id and by each of its identities, slashes and all."""
    found = client.get(f"/v1/leads/{quote(name)}").json()
    assert found["id"] == client.get(f"/v1/leads/{lead}").json()["id"] == lead
    assert found["fields"]["company"] == "阀门厂"
    assert found["scores"]["default"] == {"fit": 40, "total": 40}


@pytest.mark.parametrize("what", ["", "/timeline", "/explain"])
def test_no_such_lead(client: TestClient, what: str) -> None:
    """What is not there is a 404 that names it."""
    error = error_of(client.get(f"/v1/leads/nobody@b.cn{what}"), 404)
    assert error["code"] == "not-found"
    assert "nobody@b.cn" in error["message"]


def test_pages(client: TestClient) -> None:
    """Following `next` gives every lead once."""
    # Nothing is sent to these, so that no receipt moves them while we turn pages.
    events = [{"type": "chat_started", "lead": {"email": f"w{i}@acme.cn"}} for i in range(7)]
    client.post("/v1/events", json=events)
    seen: list[str] = []
    url: str | None = "/v1/leads?limit=3"
    while url:
        page = client.get(url).json()
        seen += [item["id"] for item in page["items"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == 7


def test_search_and_filters(client: TestClient, lead: str) -> None:
    """Leads are searched by text and filtered by what they are; nothing means "has none"."""
    client.post("/v1/events", json=form(2, name="李雷"))

    def names(query: str) -> list[str]:
        return [item["fields"]["name"] for item in client.get(f"/v1/leads?{query}").json()["items"]]

    assert names("q=阀门") == ["王芳"]
    assert names("owner=li.na") == ["王芳"]
    assert names("owner=") == ["李雷"]
    assert names("pool=public") == ["李雷"]
    assert sorted(names("grade=C")) == ["李雷", "王芳"]
    assert names("grade=C&q=李") == ["李雷"]


@pytest.mark.parametrize(
    ("query", "code", "word"),
    [
        ("limit=0", "bad-limit", "1 to 200"),
        ("limit=201", "bad-limit", "1 to 200"),
        ("limit=x", "bad-limit", "x"),
        ("limit=٣", "bad-limit", ""),
        ("cursor=nonsense", "bad-cursor", "nonsense"),
        ("ower=li.na", "unknown-parameter", "owner"),
    ],
)
def test_bad_queries(client: TestClient, query: str, code: str, word: str) -> None:
    """A parameter that is not understood is refused, not silently without effect."""
    error = error_of(client.get(f"/v1/leads?{query}"), 400)
    assert error["code"] == code
    assert word in error["message"]


def test_search_by_two_characters_and_orders(client: TestClient) -> None:
    """Two characters find a company, last digits a number; every order has pages of its own."""
    for n, company in enumerate(("金泰阀门厂", "华瑞机械", "金泰精密")):
        event = form(n, company=company, phone=f"1380013800{n}")
        assert client.post("/v1/events", json=event).json()["accepted"] == 1
    found = lambda query: [  # noqa: E731
        item["fields"]["company"] for item in client.get(f"/v1/leads?{query}").json()["items"]
    ]
    assert found("q=金泰") == ["金泰精密", "金泰阀门厂"]
    assert found("q=泰阀") == found("q=8000") == found("q=138-0013-8000") == ["金泰阀门厂"]
    assert found("q=华瑞 阀门") == []
    for sort in ("updated", "created", "score"):
        whole = found(f"sort={sort}")
        page = client.get(f"/v1/leads?sort={sort}&limit=2").json()
        rest = client.get(page["next"]).json()
        assert [i["fields"]["company"] for i in (*page["items"], *rest["items"])] == whole
        assert rest["next"] is None
    error = error_of(client.get("/v1/leads?sort=scor"), 400)
    assert error["code"] == "bad-sort"
    assert '"score"' in error["message"]


def test_timeline(client: TestClient, lead: str) -> None:
    """A timeline has everything that happened, newest first, by the client's own ids."""
    items: list[dict[str, Any]] = []
    url: str | None = f"/v1/leads/{lead}/timeline?limit=3"
    while url:
        page = client.get(url).json()
        items += page["items"]
        url = page["next"]
    kinds = {item["kind"] for item in items}
    assert kinds >= {"event", "score", "happening", "task", "delivery"}
    assert "form-1" in [item["id"] for item in items if item["kind"] == "event"]
    assert [i["at"] for i in items] == sorted((i["at"] for i in items), reverse=True)


def test_explanation(client: TestClient, lead: str) -> None:
    """The ledger's points add up to the score, and the owner has a rule and the others tried."""
    found = client.get(f"/v1/leads/{lead}/explain").json()
    score = found["score"]
    assert score["total"] == sum(line["points"] for line in score["ledger"]) == 40
    line = next(line for line in score["ledger"] if line["rule"] == "asked")
    assert line["event"] == "form-1"
    assert "scoring.yaml:" in line["source"]
    assert line["ruleset"] == found["ruleset"]
    assert found["owner"]["owner"] == "li.na"
    assert found["owner"]["rule"] == "all"
    assert found["owner"]["considered"] == [{"member": "li.na", "team": "east", "why_not": None}]
    assert found["grade"]["next"] == {"grade": "A", "label": None, "missing": 20}
    assert found["stage"]["stage"] == "assigned"
    (journey,) = found["journeys"]
    assert (journey["journey"], journey["step"]) == ("welcome", "opened")
    assert [d["timer"] for d in found["deadlines"]] == ["journey:welcome"]


def test_people(client: TestClient, lead: str) -> None:
    """What salespeople do are events with their name on them."""
    assert client.post(f"/v1/leads/{lead}/accept", json={"by": "li.na"}).status_code == 200
    assert client.post(f"/v1/leads/{lead}/note", json={"text": "想要报价"}).status_code == 200
    moved = client.post(f"/v1/leads/{lead}/stage", json={"to": "lost", "reason": "价格"})
    assert moved.json()["stage"] == "lost"
    events = client.get(f"/v1/leads/{lead}/timeline").json()["items"]
    by = {i["type"]: i["by"] for i in events if i["kind"] == "event" and i["channel"] == "people"}
    assert by == {"lead_accepted": "li.na", "note_added": "admin", "stage_changed": "admin"}


def test_tags(client: TestClient, lead: str) -> None:
    """Tags are added and taken away at once, without the space that was typed around them."""
    path = f"/v1/leads/{lead}/tags"
    assert client.post(path, json={"add": [" 重点客户 ", "展会"]}).status_code == 200
    said = {"add": ["老客户", "重点客户"], "remove": ["展会"], "by": "li.na"}
    assert client.post(path, json=said).status_code == 200
    assert client.get(f"/v1/leads/{lead}").json()["tags"] == ["重点客户", "老客户"]
    (latest, *_) = client.get(f"/v1/leads/{lead}/timeline").json()["items"]
    assert (latest["type"], latest["by"]) == ("tags_changed", "li.na")


def test_accept_without_a_body(client: TestClient, lead: str) -> None:
    """A verb that needs nothing takes nothing."""
    assert client.post(f"/v1/leads/{lead}/accept").status_code == 200


def test_repeated_click(client: TestClient, lead: str) -> None:
    """A click with an id counts once, however often it is sent."""
    for _ in range(2):
        answer = client.post(f"/v1/leads/{lead}/note", json={"id": "n1", "text": "x"})
        assert answer.json()["id"] == "n1"
    items = client.get(f"/v1/leads/{lead}/timeline").json()["items"]
    assert [i["id"] for i in items].count("n1") == 1


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("stage", {"to": "wonn"}, 422, "unknown-stage"),
        ("stage", {}, 422, "unknown-stage"),
        ("stage", {"to": ["won"]}, 422, "unknown-stage"),
        ("stage", {"to": "lost"}, 409, "refused"),
        ("stage", {"to": "lost", "resaon": "x"}, 422, "unknown-key"),
        ("note", {}, 422, "bad-value"),
        ("note", {"text": 5}, 422, "bad-value"),
        ("note", {"text": " \u3000\n"}, 422, "bad-value"),
        ("note", [], 422, "bad-value"),
        ("tags", {}, 422, "bad-value"),
        ("tags", {"add": "重点客户"}, 422, "bad-value"),
        ("tags", {"add": []}, 422, "bad-value"),
        ("tags", {"add": ["重点客户", " "]}, 422, "bad-value"),
        ("tags", {"remove": ["长" * 101]}, 422, "bad-value"),
        ("accept", {"by": 5}, 422, "bad-value"),
        ("accept", {"id": "receipt:x"}, 422, "bad-id"),
    ],
)
def test_refused_verbs(
    client: TestClient, lead: str, verb: str, body: Any, status: int, code: str
) -> None:
    """A verb that is wrong or not allowed says why, and the lead stays as it is."""
    error = error_of(client.post(f"/v1/leads/{lead}/{verb}", json=body), status)
    assert error["code"] == code
    assert client.get(f"/v1/leads/{lead}").json()["stage"] == "assigned"


def test_refusal_names_the_reason(client: TestClient, lead: str) -> None:
    """The lifecycle's own words come back."""
    error = error_of(client.post(f"/v1/leads/{lead}/stage", json={"to": "lost"}), 409)
    assert "requires a reason" in error["message"]


@pytest.mark.parametrize("verb", ["accept", "note", "stage"])
def test_verbs_of_no_lead(client: TestClient, verb: str) -> None:
    """Verbs never make a lead."""
    body = {"accept": {}, "note": {"text": "x"}, "stage": {"to": "won"}}[verb]
    error_of(client.post(f"/v1/leads/nobody/{verb}", json=body), 404)
    assert client.get("/-/status").json()["leads"] == 0


def test_evidence_of_consent(client: TestClient) -> None:
    """A lead shows of each topic the latest word, when, where and by which words it was given."""
    text = "我同意接收产品资讯"
    told = {
        "status": "given",
        "at": "2026-03-02T09:00:00+08:00",
        "source": "官网表单",
        "text": text,
    }
    client.post("/v1/events", json=form(1, consent={"marketing": told, "events": "given"}))
    client.post(
        "/v1/events",
        json=form(1) | {"id": "off", "type": "unsubscribed", "properties": {"topic": "events"}},
    )
    consents = client.get("/v1/leads/w1@acme.cn").json()["consents"]
    assert consents["marketing"] == {
        "status": "given",
        "at": "2026-03-02T01:00:00Z",
        "source": "官网表单",
        "text": text,
        "event": "form-1",
    }
    assert consents["events"] | {"at": ""} == {
        "status": "withdrawn",
        "at": "",
        "source": "api",
        "text": None,
        "event": "off",
    }
    assert client.get("/v1/leads").json()["items"][0]["consents"] == consents


class Registry(Enricher):
    """Knows one company, and breaks at every other one."""

    name = "registry"

    async def enrich(self, lead: LeadView) -> Mapping[str, Any]:
        """Answer of 金泰阀门."""
        if lead.fields["company"] != "金泰阀门":
            raise ValueError("no such company")
        return {"industry": "制造业"}

    @hookimpl
    def register_enrichers(self, register: Callable[[Any], None]) -> None:
        """Register it."""
        register(self)


def test_what_became_of_enrichments(tmp_path: Path) -> None:
    """Each question to an enricher can be read with its outcome, after a merge of both leads."""
    intake = "enrich: [{plugin: registry, on: [company]}]\n"
    config = write_config(tmp_path / "config", intake=intake)
    plugins = Plugins({"registry": Registry()})
    with served(config, tmp_path / "leads.db", plugins=plugins) as client:
        client.post("/v1/events", json=[form(1, company="金泰阀门"), form(2, company="无名公司")])

        def asked(lead: str) -> list[dict[str, Any]]:
            items: list[dict[str, Any]] = client.get(f"/v1/leads/{lead}/enrichments").json()[
                "items"
            ]
            return [each for each in items if each["finished_at"]]

        wait_for(lambda: asked("w1@acme.cn") and asked("w2@acme.cn"))
        (good,), (bad,) = asked("w1@acme.cn"), asked("w2@acme.cn")
        assert (good["plugin"], good["event"], good["status"]) == ("registry", "form-1", "answered")
        assert (bad["status"], bad["reason"]) == ("failed", "it raised ValueError")
        assert bad["attempts"] == 1
        assert client.get("/v1/leads/w1@acme.cn").json()["fields"]["industry"] == "制造业"
        both = {"with": "w2@acme.cn", "reason": "同一个人"}
        assert client.post("/v1/leads/w1@acme.cn/merge", json=both).status_code == 200
        assert {each["event"] for each in asked("w2@acme.cn")} == {"form-1", "form-2"}
        assert client.get("/v1/leads/nobody/enrichments").status_code == 404


@pytest.mark.parametrize(
    "wrong", ["turn=kept", "answer=yes", "did=bounced", "late_at=gestern", "within=7d"]
)
def test_a_filter_with_a_wrong_value_is_refused(client: TestClient, wrong: str) -> None:
    """Who asks is told which value is wrong, instead of getting all leads."""
    answer = client.get(f"/v1/leads?{wrong}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad-parameter"


@pytest.mark.parametrize("name", narrowing.BELONGS)
def test_what_says_more_of_nothing_is_refused(client: TestClient, name: str) -> None:
    """A filter without the one that it belongs to would leave all leads: it says which is missing."""
    values = {"turn": "met", "answer": "accepted", "did": "sent", "had": "[]", "had_mail": "[]"}
    at = "2026-03-01T00:00:00Z"
    value = values.get(name) or ("5" if name == "within" else at if name[-3:] in "from_to" else "x")
    answer = client.get("/v1/leads", params={name: value})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "bad-parameter"
    assert error["message"].startswith(f"{name} only says more of {narrowing.BELONGS[name][0]}")


@pytest.mark.parametrize("name", narrowing.LISTS)
def test_several_are_a_list_in_json(client: TestClient, name: str) -> None:
    """Who writes anything else is told what is expected, with an example."""
    for text in ("li.na,王伟", '"li.na"', '["li.na"', "[1]", '[["email_sent"]]', '["\\ud800"]'):
        answer = client.get("/v1/leads", params={name: text})
        assert answer.status_code == 400, text
        error = answer.json()["error"]
        assert error["code"] == "bad-parameter"
        assert re.match(rf"{name} is a JSON list such as \[.+\], not ", error["message"]), error


@pytest.mark.parametrize("name", narrowing.LISTS)
def test_a_list_may_be_empty_or_long(client: TestClient, name: str) -> None:
    """Neither is an error, but of stages there are 200 at most."""
    named = [f"s{n}" for n in range(1_100)]
    several = [["email_sent", each, None, None] for each in named] if name == "letter" else named
    of_stages = name in ("reached", "short_of")
    for given, status in (([], 200), (several[:200], 200), (several, 400 if of_stages else 200)):
        query = {name: json.dumps(given, ensure_ascii=False)}
        if name in ("had", "had_mail"):
            query |= {"journey": "welcome", "variant": "甲"}
        assert client.get("/v1/leads", params=query).status_code == status, len(given)


def test_every_event_of_a_timeline_has_the_same_keys(client: TestClient) -> None:
    """An event that says nothing of its lead or has no properties says so by empty maps."""
    client.post("/v1/events", json=form())
    client.post("/v1/leads/w1@acme.cn/accept", json={})
    client.post("/v1/events", json={"type": "chat_started", "lead": {"email": "w1@acme.cn"}})
    items = client.get("/v1/leads/w1@acme.cn/timeline?limit=200").json()["items"]
    events = {item["type"]: item for item in items if item["kind"] == "event"}
    assert events["chat_started"]["properties"] == {}
    assert [e["type"] for e in events.values() if not {"lead", "properties"} <= e.keys()] == []
