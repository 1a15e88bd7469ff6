from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from engine.server.auth import Access
from engine.server.console.leads import cell
from tests.server.console.visiting import HTML, look, send
from tests.server.test_roles import SECRETS, tokens_yaml
from tests.serving import form, served, wait_for, write_config

LEAD = "/console/lead/w1@acme.cn"
ADMIN = "the-administrators-own-token"
BEARER = {"Authorization": f"Bearer {ADMIN}"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[TestClient]:
    """Serve with tokens: a lead of Li Na's with a to-do, and one in the public pool."""
    config = write_config(tmp_path / "config", server=tokens_yaml())
    with served(config, tmp_path / "leads.db", Access.token(ADMIN), reports=REPORTS) as client:
        client.post("/v1/events", json=form(1, company="金泰阀门"), headers=BEARER)
        client.post("/v1/events", json=form(2, name="赵六"), headers=BEARER)
        wait_for(lambda: client.get("/v1/tasks", headers=BEARER).json()["items"])
        yield client


def enter(client: TestClient, role: str) -> None:
    """Sign in with a role's token."""
    page = look(client, "/console/sign-in")
    assert send(client, page, "/sign-in", token=SECRETS[role]).status_code == 303


def lead(client: TestClient, name: str = "w1@acme.cn") -> dict[str, object]:
    """Return a lead as the API shows it."""
    found: dict[str, object] = client.get(f"/v1/leads/{name}", headers=BEARER).json()
    return found


def timeline(client: TestClient, type: str) -> dict[str, object]:
    """Return the newest item of a kind in the lead's timeline."""
    items = client.get("/v1/leads/w1@acme.cn/timeline", headers=BEARER).json()["items"]
    found: dict[str, object] = next(item for item in items if item["type"] == type)
    return found


def test_a_note_is_written(office: TestClient) -> None:
    """A salesperson's note is theirs, stands in the timeline, and the page says it was saved."""
    enter(office, "sales")
    page = look(office, LEAD)
    answer = send(office, page, "/note", text="客户周五再联系 <b>")
    assert answer.status_code == 303
    again = look(office, answer.headers["location"])
    assert "备注已保存" in again.text
    assert "客户周五再联系 <b>" in again.text
    assert timeline(office, "note_added")["by"] == "li.na"
    assert "备注已保存" not in look(office, LEAD).text


def test_the_stage_is_moved_or_why_not(office: TestClient) -> None:
    """Only moves that the lifecycle allows are offered; an older page's is refused with why."""
    enter(office, "sales")
    page = look(office, LEAD)
    send(office, page, "/stage", to="contacted")
    assert lead(office)["stage"] == "contacted"
    before = look(office, LEAD)
    assert ("option", {"value": "won"}) in before.elements
    assert ("option", {"value": "contacted"}) not in before.elements
    send(office, before, "/stage", to="won")
    assert not any(action.endswith("/stage") for action, _ in look(office, LEAD).forms)
    back = send(office, before, "/stage", to="new").headers["location"]
    assert "没有成功" in look(office, back).text
    assert lead(office)["stage"] == "won"


def test_a_contact_a_task_and_a_grade(office: TestClient) -> None:
    """A call is logged, a to-do made in the reader's zone, and a grade set with its reason."""
    enter(office, "sales")
    send(
        office,
        look(office, LEAD),
        "/follow-up",
        type="call_logged",
        **{"properties.summary": "已接通"},
    )
    assert timeline(office, "call_logged")["properties"] == {"summary": "已接通"}
    send(office, look(office, LEAD), "/task", title="发报价单", due="2031-03-02T09:00")
    task = next(
        t
        for t in office.get("/v1/tasks", headers=BEARER).json()["items"]
        if t["title"] == "发报价单"
    )
    assert task["due"] == "2031-03-02T01:00:00Z"
    assert task["owner"] == "li.na"
    send(office, look(office, LEAD), "/grade", grade="A", reason="老板朋友")
    assert lead(office)["grade"] == "A"


def test_a_lead_is_claimed_and_given_back(office: TestClient) -> None:
    """A lead of the pool is claimed from my day, and given back with a reason."""
    enter(office, "sales")
    day = look(office, "/console/day")
    assert "赵六" in day.text
    answer = send(office, day, "/claim")
    assert lead(office, "w2@acme.cn")["owner"] == "li.na"
    assert "已领取" in look(office, answer.headers["location"]).text
    page = look(office, "/console/lead/w2@acme.cn")
    send(office, page, "/release", reason="不在我的区域")
    assert lead(office, "w2@acme.cn")["owner"] is None


def test_a_task_is_done(office: TestClient) -> None:
    """A to-do of my day is put off, then ticked off and gone."""
    enter(office, "sales")
    day = look(office, "/console/day")
    assert "回访" in day.text
    send(office, day, "/snooze", until="2031-03-02T09:00")
    send(office, look(office, "/console/day"), "/complete")
    assert "回访" not in look(office, "/console/day").text


def test_many_are_given_away(office: TestClient) -> None:
    """Ticked leads go to whom one chose; with none ticked the page says why nothing happened."""
    enter(office, "ops")
    page = look(office, "/console/leads")
    ids = [e[1]["value"] for e in page.elements if e[1].get("name") == "lead"]
    answer = send(office, page, "/give", owner="li.na", lead=ids)
    assert "已批量分配" in look(office, answer.headers["location"]).text
    assert {lead(office, name)["owner"] for name in ("w1@acme.cn", "w2@acme.cn")} == {"li.na"}
    answer = send(office, look(office, "/console/leads"), "/give", owner="li.na")
    assert "没有成功" in look(office, answer.headers["location"]).text


def test_salespeople_see_their_own_only(office: TestClient, tmp_path: Path) -> None:
    """Somebody else's lead is none for a salesperson: not in the list, the CSV, nor by address."""
    enter(office, "ops")
    page = look(office, "/console/lead/w2@acme.cn")
    send(office, page, "/assign", owner="li.na")
    office.cookies.clear()
    text = tokens_yaml().replace("member: li.na", "member: zhang.wei")
    (tmp_path / "config" / "server.yaml").write_text(text, "utf-8")
    office.post("/-/reload", headers=BEARER)
    enter(office, "sales")
    look(office, LEAD, 404)
    assert "金泰阀门" not in look(office, "/console/leads").text
    assert "金泰阀门" not in office.get("/console/leads.csv").text
    look(office, "/console/leads?owner=li.na", 403)
    look(office, "/console/day?member=li.na", 403)


def test_roles_see_what_they_may(office: TestClient) -> None:
    """Pages that a role may not use are neither in its menu nor answered; viewers get no buttons."""
    enter(office, "sales")
    page = look(office, "/console/day")
    links = {e[1].get("href") for e in page.elements}
    assert "/console/rules" not in links
    for path in ("/console/rules", "/console/audit", "/console/deliveries", "/console/reports"):
        look(office, path, 403)
    assert office.get("/console/", headers=HTML).headers["location"] == "/console/day"
    office.cookies.clear()
    enter(office, "read")
    page = look(office, LEAD)
    assert not [action for action, _ in page.forms if "/lead/" in action or "/task/" in action]
    _, hidden = page.forms[0]
    answer = office.post(f"{LEAD}/note", data={**hidden, "text": "x"}, headers=HTML)
    assert answer.status_code == 403
    assert "您的角色" in answer.text


def test_what_is_done_is_in_the_audit_once(office: TestClient) -> None:
    """A button leaves one line in the audit, that of the route which did it."""
    enter(office, "sales")
    send(office, look(office, LEAD), "/note", text="一次")
    items = office.get("/v1/audit?who=sales", headers=BEARER).json()["items"]
    actions = [item["action"] for item in items]
    assert actions == ["POST /v1/leads/{id}/note", "POST /console/sign-in"]


def test_the_csv_is_what_the_filters_leave(office: TestClient) -> None:
    """The CSV has the leads of the page, in a form that a spreadsheet reads as UTF-8."""
    office.post("/v1/events", json=form(3, name="=HYPERLINK(1)", company="@SUM(1)"), headers=BEARER)
    enter(office, "ops")
    text = office.get("/console/leads.csv").text
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == 3
    evil = next(row for row in rows if "HYPERLINK" in row["姓名"])
    assert (evil["姓名"], evil["公司"]) == ("'=HYPERLINK(1)", "'@SUM(1)")
    only = office.get("/console/leads.csv?pool=public").text
    assert "赵六" in only
    assert "金泰阀门" not in only


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", " =1", "\u200b=1", "＝1", "\u202e=1"],
)
def test_no_cell_is_a_formula(text: str) -> None:
    """Whatever a spreadsheet might calculate is text, hidden characters before it or not."""
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["金泰阀门", "-12.5", 42, "a=b", ""])
def test_other_cells_are_as_they_are(value: object) -> None:
    """Numbers and plain text stay as they are."""
    assert cell(value) == str(value)
