from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.language.serving import ROLES
from engine.reports.index import REPORTS
from engine.server.auth import Access
from engine.server.roles import GRANTS, SCOPES
from engine.server.tokens import digest_of
from tests.server.test_events import error_of
from tests.serving import SERVER, form, served, wait_for, write_config

SECRETS = {role: f"{role}-token-of-the-tests-0123456789" for role in ROLES}
# What each role may call, written down once more: by route, not by scope.
EVERYBODY = {*ROLES, "nobody"}
TABLE: dict[str, set[str]] = {
    "GET /-/healthy": EVERYBODY,
    "GET /-/ready": EVERYBODY,
    "GET /console/static/{name}": EVERYBODY,
    "GET /console/sign-in/{how}": EVERYBODY,
    "GET /console/sign-in/{how}/back": EVERYBODY,
    "POST /console/password": EVERYBODY,
    "GET /console/account": set(ROLES),
    "POST /console/users": {"admin"},
    "POST /console/users/{name}/{verb}": {"admin"},
    "GET /v1/users": {"admin"},
    "POST /v1/users": {"admin"},
    "POST /v1/users/{name}": {"admin"},
    "POST /v1/users/{name}/sign-out": {"admin"},
    "GET /console/sign-in": EVERYBODY,
    "POST /console/sign-in": EVERYBODY,
    "POST /console/sign-out": EVERYBODY,
    "POST /console/settings": EVERYBODY,
    "GET /": {"read", "sales", "ops", "admin"},
    "GET /console/": {"read", "sales", "ops", "admin"},
    "GET /console/leads": {"read", "sales", "ops", "admin"},
    "GET /console/leads.csv": {"read", "sales", "ops", "admin"},
    "GET /console/lead/{id}": {"read", "sales", "ops", "admin"},
    "GET /console/live": {"read", "sales", "ops", "admin"},
    "GET /console/reports": {"read", "sales", "ops", "admin"},
    "GET /console/reports/{name}": {"read", "sales", "ops", "admin"},
    "GET /console/reports/{name}.csv": {"read", "sales", "ops", "admin"},
    "GET /console/reports/{name}.pdf": {"read", "sales", "ops", "admin"},
    "GET /console/day": {"sales", "ops", "admin"},
    "POST /console/leads/many": {"sales", "ops", "admin"},
    "POST /console/lead/{id}/{verb}": {"sales", "ops", "admin"},
    "POST /console/task/{id}/{verb}": {"sales", "ops", "admin"},
    "GET /console/audit": {"admin"},
    "POST /channels/form/{form}": EVERYBODY,
    "GET /channels/tracking/open/{token}": EVERYBODY,
    "GET /channels/tracking/page.js": EVERYBODY,
    "POST /channels/tracking/page": EVERYBODY,
    "GET /channels/tracking/click/{token}": EVERYBODY,
    # Whoever reports to a channel signs it or knows its secret; no token is asked for.
    **dict.fromkeys(
        (
            "GET /channels/form/{form}",
            "GET /channels/form/{form}/code.png",
            "GET /channels/form/{form}/code.svg",
            "GET /channels/form/{form}/thanks",
            "GET /channels/linkedin_leads",
            "GET /channels/meta_leads",
            "GET /channels/wechat_oa/{account}",
            "GET /channels/wecom/{app}",
            "OPTIONS /channels/webhook/{source}",
            "POST /channels/email_events/mailgun",
            "POST /channels/email_events/sendgrid",
            "POST /channels/forms_cn/jiandaoyun",
            "POST /channels/forms_cn/jinshuju/{secret}",
            "POST /channels/forms_cn/wjx/{secret}",
            "POST /channels/hubspot",
            "POST /channels/jotform/{secret}",
            "POST /channels/linkedin_leads",
            "POST /channels/meta_leads",
            "POST /channels/segment/v1/{call}",
            "POST /channels/segment/{call}",
            "POST /channels/sms_receipts/aliyun/{secret}",
            "POST /channels/sms_receipts/tencent/{secret}",
            "POST /channels/tally",
            "POST /channels/typeform",
            "POST /channels/webhook/{source}",
            "POST /channels/wechat_oa/{account}",
            "POST /channels/wecom/{app}",
            "POST /v1/a",
            "POST /v1/alias",
            "POST /v1/b",
            "POST /v1/batch",
            "POST /v1/g",
            "POST /v1/group",
            "POST /v1/i",
            "POST /v1/identify",
            "POST /v1/p",
            "POST /v1/page",
            "POST /v1/s",
            "POST /v1/screen",
            "POST /v1/t",
            "POST /v1/track",
        ),
        EVERYBODY,
    ),
    "GET /unsubscribe/{token}": EVERYBODY,
    "POST /unsubscribe/{token}": EVERYBODY,
    "GET /openapi.json": set(ROLES),
    "POST /v1/events": {"ingest", "ops", "admin"},
    "GET /v1/leads": {"read", "sales", "ops", "admin"},
    "GET /v1/leads/{id}": {"read", "sales", "ops", "admin"},
    "GET /v1/leads/{id}/timeline": {"read", "sales", "ops", "admin"},
    "GET /v1/leads/{id}/explain": {"read", "sales", "ops", "admin"},
    "GET /v1/leads/{id}/opportunities": {"read", "sales", "ops", "admin"},
    "GET /v1/leads/{id}/enrichments": {"read", "sales", "ops", "admin"},
    "GET /v1/leads/{id}/colleagues": {"read", "sales", "ops", "admin"},
    "GET /v1/leads/{id}/merges": {"read", "sales", "ops", "admin"},
    "POST /v1/leads/{id}/merge": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/unmerge": {"sales", "ops", "admin"},
    "GET /v1/tasks": {"read", "sales", "ops", "admin"},
    "GET /v1/inbox": {"read", "sales", "ops", "admin"},
    "POST /v1/inbox/read": {"sales", "ops", "admin"},
    "POST /v1/inbox/{id}/read": {"sales", "ops", "admin"},
    "GET /console/bell": {"sales", "ops", "admin"},
    "POST /console/inbox/read": {"sales", "ops", "admin"},
    "POST /console/inbox/{id}/read": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/accept": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/note": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/stage": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/claim": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/release": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/decline": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/follow-up": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/grade": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/tags": {"sales", "ops", "admin"},
    "POST /v1/leads/{id}/assign": {"sales", "ops", "admin"},
    "POST /v1/leads/assign": {"sales", "ops", "admin"},
    "GET /v1/reports": {"read", "sales", "ops", "admin"},
    "GET /v1/reports/{name}": {"read", "sales", "ops", "admin"},
    "GET /v1/pools": {"read", "sales", "ops", "admin"},
    "GET /v1/pools/{name}": {"read", "sales", "ops", "admin"},
    "POST /v1/tasks": {"sales", "ops", "admin"},
    "POST /v1/tasks/{id}/snooze": {"sales", "ops", "admin"},
    "POST /v1/tasks/{id}/complete": {"sales", "ops", "admin"},
    "GET /v1/audit": {"admin"},
    "POST /v1/leads/{id}/forget": {"admin"},
    **dict.fromkeys(  # noqa: RUF024 - nobody changes them
        (
            "GET /console/journeys",
            "GET /console/journeys/{name}",
            "GET /console/experiments",
            "GET /console/routing",
            "GET /console/people",
            "GET /console/deliveries",
            "GET /console/rules",
            "GET /console/rules/compare",
            "GET /console/rules/{name}",
            "GET /metrics",
            "GET /-/status",
            "GET /-/plugins",
            "GET /v1/deliveries",
            "GET /v1/quarantine",
            "GET /v1/rejected",
        ),
        {"read", "ops", "admin"},
    ),
    **dict.fromkeys(  # noqa: RUF024 - nobody changes them
        (
            "POST /-/reload",
            "POST /console/rules/reload",
            "POST /console/deliveries/{id}/retry",
            "POST /v1/deliveries/retry",
            "POST /v1/deliveries/{id}/retry",
            "POST /v1/quarantine/{id}/release",
            "POST /v1/quarantine/{id}/reject",
        ),
        {"ops", "admin"},
    ),
}


def tokens_yaml() -> str:
    """Return server.yaml with one token for each role, by hash."""
    lines = [SERVER.format(port=9, notify="log"), "tokens:"]
    for role, secret in SECRETS.items():
        member = "member: li.na, " if role == "sales" else ""
        digest = digest_of(secret)
        lines.append(f"  {role}: {{role: {role}, {member}secrets: [{{sha256: {digest}}}]}}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve with a token for each role; two leads, one of them Li Na's."""
    folder = tmp_path_factory.mktemp("roles")
    config = write_config(folder / "config", server=tokens_yaml())
    access = Access.token("the-administrators-own-token")
    with served(config, folder / "leads.db", access, reports=REPORTS) as client:
        client.post("/v1/events", json=form(1, company="金泰阀门"), headers=bearer("admin"))
        client.post("/v1/events", json=form(2), headers=bearer("admin"))
        yield client


def bearer(role: str) -> dict[str, str]:
    """Return the header of a role's holder."""
    return {} if role == "nobody" else {"Authorization": f"Bearer {SECRETS[role]}"}


def routes(client: TestClient) -> dict[str, Any]:
    """Return the routes of the application by method and path."""
    endpoints = client.app.state.endpoints  # type: ignore[attr-defined]
    return {f"{e.method} {re.sub(r':path', '', e.path)}": e for e in endpoints}


def test_the_table_is_whole(guarded: TestClient) -> None:
    """Every route of the server stands in the table of roles."""
    assert set(routes(guarded)) == set(TABLE)


def test_scopes_are_known(guarded: TestClient) -> None:
    """Each route asks for a scope that roles can have, and each role is granted known ones."""
    assert {endpoint.needs for endpoint in routes(guarded).values()} <= set(SCOPES)
    assert set(GRANTS) == set(ROLES)
    assert set().union(*GRANTS.values()) == set(SCOPES)


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
@pytest.mark.parametrize("route", TABLE)
def test_every_route_for_every_role(guarded: TestClient, route: str, role: str) -> None:
    """A role reaches the routes of its row in the table and is refused at all others."""
    method, _, path = route.partition(" ")
    filled = path.replace("{id}", "nobody-has-this").replace("{name}", "sources")
    answer = guarded.request(
        method, filled.replace("{form}", "contact"), json={"x": 1}, headers=bearer(role)
    )
    if role in TABLE[route]:
        refused = answer.status_code in {401, 403}
        # A page's own origin is asked for there, whoever it is that asks.
        assert not refused or answer.json()["error"]["code"] == "wrong-origin"
    else:
        assert answer.status_code == (401 if role == "nobody" else 403)


def test_salespeople_see_their_own(guarded: TestClient) -> None:
    """A salesperson finds their own leads and those without owner, and nobody else's."""
    mine = guarded.get("/v1/leads", headers=bearer("sales")).json()["items"]
    assert [lead["fields"]["email"] for lead in mine] == ["w1@acme.cn"]
    pool = guarded.get("/v1/leads?pool=public", headers=bearer("sales")).json()["items"]
    assert [lead["fields"]["email"] for lead in pool] == ["w2@acme.cn"]
    answer = guarded.get("/v1/leads?owner=zhang.wei", headers=bearer("sales"))
    assert error_of(answer, 403)["code"] == "forbidden"
    assert guarded.get("/v1/tasks", headers=bearer("sales")).json()["items"]
    assert guarded.get("/v1/tasks?owner=zhang.wei", headers=bearer("sales")).status_code == 403


def test_others_leads_are_none(config: Path, tmp_path: Path) -> None:
    """Somebody else's lead is answered like one that does not exist, and can't be touched."""
    text = tokens_yaml().replace("member: li.na", "member: zhang.wei")
    (config / "server.yaml").write_text(text, "utf-8")
    with served(config, tmp_path / "leads.db", Access.token("x" * 30)) as client:
        client.post("/v1/events", json=form(1, company="金泰阀门"), headers=bearer("ops"))
        assert client.get("/v1/leads/w1@acme.cn", headers=bearer("read")).status_code == 200
        other = client.get("/v1/leads/w1@acme.cn", headers=bearer("sales"))
        nobody = client.get("/v1/leads/w9@acme.cn", headers=bearer("sales"))
        assert error_of(other, 404)["code"] == error_of(nobody, 404)["code"] == "not-found"
        note = client.post(
            "/v1/leads/w1@acme.cn/note", json={"text": "我的"}, headers=bearer("sales")
        )
        assert note.status_code == 404
        task = wait_for(lambda: client.get("/v1/tasks", headers=bearer("ops")).json()["items"])[0]
        path = f"/v1/tasks/{task['id']}/complete"
        assert client.post(path, headers=bearer("sales")).status_code == 404


def test_salespeople_act_as_themselves(guarded: TestClient) -> None:
    """What a salesperson does bears their name, and never another's."""
    path = "/v1/leads/w1@acme.cn/note"
    good = guarded.post(path, json={"text": "已电话联系"}, headers=bearer("sales"))
    assert good.status_code == 200
    bad = guarded.post(path, json={"text": "x", "by": "zhang.wei"}, headers=bearer("sales"))
    assert error_of(bad, 403)["code"] == "forbidden"
    items = guarded.get("/v1/leads/w1@acme.cn/timeline", headers=bearer("read")).json()["items"]
    assert next(i for i in items if i["type"] == "note_added")["by"] == "li.na"


def test_ingest_sends_no_deeds_of_people(guarded: TestClient) -> None:
    """A token that may lie in a web page sends behaviour, and cannot win a deal."""
    event = {"type": "opportunity_won", "lead": {"email": "w1@acme.cn"}, "properties": {}}
    answer = guarded.post("/v1/events", json=event, headers=bearer("ingest"))
    assert error_of(answer, 403)["code"] == "forbidden-type"
    answer = guarded.post("/v1/events", json=[form(3), event], headers=bearer("ingest"))
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert answer.json()["results"][1]["error"]["code"] == "forbidden-type"
    answer = guarded.post("/v1/events", json=[event], headers=bearer("ingest"))
    assert error_of(answer, 422)["details"][0]["code"] == "forbidden-type"
    assert guarded.post("/v1/events", json=form(4), headers=bearer("ingest")).status_code == 200


def test_ingest_is_nobody(guarded: TestClient) -> None:
    """Naming a colleague opens no way around the screening of what strangers send."""
    named = form(5, name="代开发票") | {"by": "li.na"}
    answer = guarded.post("/v1/events", json=named, headers=bearer("ingest"))
    assert error_of(answer, 403)["code"] == "forbidden-by"
    others = [form(6) | {"by": "li.na"}, form(7), form(8) | {"by": ""}]
    answer = guarded.post("/v1/events", json=others, headers=bearer("ingest")).json()
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    answer = guarded.post("/v1/events", json=form(9) | {"by": "li.na"}, headers=bearer("ops"))
    assert answer.status_code == 200


def test_the_audit_tells(guarded: TestClient) -> None:
    """What people did is written down with who, route, lead and outcome, refusals too."""
    guarded.post("/v1/leads/w1@acme.cn/accept", headers=bearer("sales"))
    guarded.post("/-/reload", headers={**bearer("read"), "X-Request-Id": "proxy-4711"})
    items = guarded.get("/v1/audit?limit=2", headers=bearer("admin")).json()["items"]
    lead = guarded.get("/v1/leads/w1@acme.cn", headers=bearer("read")).json()["id"]
    refused, accepted = items
    assert (refused["who"], refused["action"], refused["status"]) == ("read", "POST /-/reload", 403)
    assert refused["request"] == "proxy-4711"
    assert accepted["action"] == "POST /v1/leads/{id}/accept"
    assert (accepted["role"], accepted["lead"], accepted["status"]) == ("sales", lead, 200)
    only = guarded.get(f"/v1/audit?lead={lead}&who=sales&limit=1", headers=bearer("admin")).json()
    assert only["items"][0]["lead"] == lead
    older = guarded.get(only["next"], headers=bearer("admin")).json()["items"]
    assert older[0]["at"] <= only["items"][0]["at"]
    assert "acme" not in str(items)
