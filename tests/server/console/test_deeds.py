from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from engine.server.auth import Access
from engine.server.console.leads import cell
from tests.server.console.visiting import HTML, Page, look, send
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
    assert "来自 人工操作" in again.text
    assert timeline(office, "note_added")["by"] == "li.na"
    assert "备注已保存" not in look(office, LEAD).text


def test_a_lead_at_its_end_is_in_no_pool(office: TestClient) -> None:
    """Lists and counts leave such a lead out of its pool, and so does its own page."""
    assert "在公海池" in look(office, "/console/lead/w2@acme.cn", **BEARER).text
    body = {"to": "lost", "reason": "价格"}
    office.post("/v1/leads/w2@acme.cn/stage", json=body, headers=BEARER)
    page = look(office, "/console/lead/w2@acme.cn", **BEARER)
    assert "没有负责人" in page.text
    assert "在公海池" not in page.text


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


@pytest.mark.parametrize("role", ["read", "sales", "ops"])
def test_no_link_leads_to_a_refusal(office: TestClient, role: str) -> None:
    """Where somebody may not look, no page of theirs has a link to it."""
    enter(office, role)
    start = "/console/day" if role == "sales" else "/console/"
    pages, todo = set[str](), [start, LEAD]
    while todo:
        path = todo.pop()
        pages.add(path)
        answer = office.get(path, headers=HTML)
        assert answer.status_code != 403, path
        if answer.headers.get("content-type", "").startswith("text/html"):
            links = (g["href"] for tag, g in Page(answer.text).elements if tag == "a")
            inside = {urljoin(path, each).partition("#")[0] for each in links}
            todo += {p for p in inside if p.startswith("/console/")} - pages - {*todo}
    assert len(pages) > 10


MANY = {
    "assign": {"assign.owner": "li.na"},
    "stage": {"stage.to": "contacted"},
    "tag": {"tag.tags": "重点客户， 展会"},
    "untag": {"untag.tags": "展会"},
    "task": {"task.title": "发报价单", "task.due": "2031-03-02T09:00"},
    "release": {"release.pool": "public", "release.reason": "不在我的区域"},
}


def ticked(page: Page) -> list[str]:
    """Return the leads that can be ticked on a page."""
    return [given["value"] for _, given in page.elements if given.get("name") == "lead"]


def many(client: TestClient, verb: str, ids: list[str], **fields: str) -> str:
    """Do something to ticked leads; return what the next page says."""
    answer = send(client, look(client, "/console/leads"), "/many", verb=verb, lead=ids, **fields)
    assert answer.status_code == 200
    return Page(answer.text).text


def test_many_are_done_the_same_to(office: TestClient) -> None:
    """Given away, moved, tagged, given a to-do and given back: each ticked lead is."""
    enter(office, "ops")
    page = look(office, "/console/leads")
    ids = ticked(page)
    verbs = [g["value"] for t, g in page.elements if t == "option" and g["value"] in MANY]
    assert (len(ids), verbs) == (2, list(MANY))
    for verb, fields in MANY.items():
        assert "2 条已完成，0 条没有成功" in many(office, verb, ids, **fields), verb
        found = [lead(office, id) for id in ids]
        if verb == "assign":
            assert {each["owner"] for each in found} == {"li.na"}
        if verb == "stage":
            assert {each["stage"] for each in found} == {"contacted"}
        if verb == "tag":
            assert [each["tags"] for each in found] == [["重点客户", "展会"]] * 2
    assert {(each["owner"], each["pool"]) for each in found} == {(None, "public")}
    assert [each["tags"] for each in found] == [["重点客户"]] * 2
    assert "重点客户" in look(office, LEAD).text
    tasks = office.get("/v1/tasks", headers=BEARER).json()["items"]
    made = [(t["lead"], t["due"]) for t in tasks if t["title"] == "发报价单"]
    assert sorted(made) == sorted((id, "2031-03-02T01:00:00Z") for id in ids)


def test_each_refusal_is_told(office: TestClient) -> None:
    """What is refused to one lead is done to the others; each is told with its reason."""
    enter(office, "ops")
    ids = ticked(look(office, "/console/leads"))
    text = many(office, "release", [*ids, "nobody@acme.cn"], **MANY["release"])
    assert "1 条已完成，2 条没有成功" in text
    assert "赵六 没有成功 线索没有负责人" in text
    assert "没有线索 nobody@acme.cn" in text
    assert lead(office)["owner"] is None
    many(office, "assign", ids, **MANY["assign"])
    text = many(office, "stage", ids, **{"stage.to": "lost"})
    assert "0 条已完成，2 条没有成功" in text
    assert text.count("改到阶段 lost 要写原因") == 2
    done = many(office, "stage", ids, **{"stage.to": "lost", "stage.reason": "价格"})
    assert "2 条已完成" in done
    for verb in MANY:
        assert "没有勾选线索" in many(office, verb, [])
        assert "2 条没有成功" in many(office, verb, ids), verb
    assert "没有勾选" not in many(office, "tag", ids, **{"tag.tags": "，"})
    answer = send(office, look(office, "/console/leads"), "/many", verb="forget", lead=ids)
    assert answer.status_code == 404
    crowd = [f"x{n}" for n in range(201)]
    answer = send(office, look(office, "/console/leads"), "/many", verb="tag", lead=crowd)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        ("/console/leads/many", {"lead": "w1@acme.cn", "verb": "tag", "tag": "x"}, 422),
        ("/console/leads/many", {"verb": "tag", "tag": "x", "tag.tags": "x"}, 422),
        ("/console/leads/many", {"verb.x": "tag"}, 404),
        (f"{LEAD}/task", {"due.x": "2031-03-02T09:00"}, 303),
        ("/console/users", {"name": "x", "password.x": "y"}, 303),
    ],
)
def test_no_form_is_our_fault(
    office: TestClient, path: str, said: dict[str, str], status: int
) -> None:
    """Text where parts are expected, and parts where text is, are told to whoever sent them."""
    assert office.post(path, data=said, headers=BEARER | HTML).status_code == status


def test_the_audit_has_each_lead(office: TestClient) -> None:
    """Each of many leads has its own line in the audit, and what names none has no lead."""
    enter(office, "sales")
    page = look(office, "/console/leads")
    verbs = [g["value"] for t, g in page.elements if t == "option" and g["value"] in MANY]
    assert "assign" not in verbs  # who leads nobody gives nothing away
    (id,) = ticked(page)
    many(office, "tag", [id, "nobody@acme.cn"], **MANY["tag"])
    many(office, "assign", [id], **{"assign.pool": "public"})
    items = office.get("/v1/audit?who=sales", headers=BEARER).json()["items"]
    told = [(item["action"], item["lead"], item["status"]) for item in items][:2]
    assert told == [
        ("POST /v1/leads/{id}/assign", None, 403),
        ("POST /v1/leads/{id}/tags", id, 200),
    ]


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
    assert "/console/reports" in links
    for path in ("/console/rules", "/console/audit", "/console/deliveries", "/console/people"):
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
    (row,) = csv.DictReader(io.StringIO(only.removeprefix("\ufeff")))
    assert (row["公海"], row["阶段"]) == ("公海池", "培育中")


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
