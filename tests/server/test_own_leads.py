"""Salespeople: their own leads and their own pools, by every route that their role reaches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from engine.server.auth import Access
from engine.server.console.deeds import VERBS
from engine.server.roles import GRANTS
from engine.server.tokens import digest_of
from tests.server.console.visiting import look
from tests.server.test_roles import routes
from tests.serving import SERVER, served, write_config

# Li Na works in the east and leads a third team, so that being no supervisor is never why she is
# refused; 西部池 is the west's alone.
ROUTING = """
teams:
  east: {supervisor: zhou.jie, members: [{id: li.na, name: 李娜}]}
  west: {supervisor: wu.min, members: [{id: sun.qiang, name: 孙强}]}
  north: {supervisor: li.na, members: [{id: he.xin, name: 何欣}]}
rules:
  - {id: west, when: {lead.city: 成都}, assign: {team: west}}
  - {id: pool, when: {lead.city: 重庆}, assign: {pool: western}}
  - {id: east, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools:
  public: {label: 公海池}
  western: {label: 西部池, teams: [west]}
"""
JOURNEYS = """
journeys:
  - id: route
    enter: {event: form_submitted}
    steps:
      - {id: assign, route: {}}
      - {id: call, task: {title: "回访 {{ lead.name }}", to: owner, due: 2d}}
"""
TAG: Final = "重点客户"
# All of one company, so that colleagues and company names lead from one to another.
LEADS: Final = {
    "own": {"name": "王芳", "email": "own@acme.cn", "city": "上海", "tags": [TAG]},
    "others": {"name": "欧阳秘", "email": "others@acme.cn", "city": "成都", "tags": [TAG]},
    "pooled": {"name": "司徒密", "email": "pooled@acme.cn", "city": "重庆", "tags": [TAG]},
}
FOREIGN: Final = ("others", "pooled")
OPS = {"Authorization": "Bearer the-administrators-own-token"}
SALES = {"Authorization": "Bearer li-na-token-of-the-tests-0123456789"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# Of each route by which a salesperson names a lead: what else a good request of it has. "LEAD"
# stands for the lead's id; the routes of to-dos get the id of one of its to-dos.
NAMED: Final[dict[str, dict[str, Any]]] = {
    **{
        f"GET /v1/leads/{{id}}{rest}": {}
        for rest in (
            *("", "/timeline", "/explain", "/opportunities", "/enrichments", "/colleagues"),
            "/merges",
        )
    },
    "GET /console/lead/{id}": {},
    "POST /v1/leads/{id}/accept": {},
    "POST /v1/leads/{id}/note": {"text": "已电话联系"},
    "POST /v1/leads/{id}/stage": {"to": "contacted"},
    "POST /v1/leads/{id}/claim": {},
    "POST /v1/leads/{id}/release": {"reason": "换人"},
    "POST /v1/leads/{id}/decline": {"reason": "太忙"},
    "POST /v1/leads/{id}/follow-up": {"type": "call_logged", "properties": {"outcome": "接通"}},
    "POST /v1/leads/{id}/grade": {"grade": "A", "reason": "熟客"},
    "POST /v1/leads/{id}/assign": {"owner": "he.xin"},
    "POST /v1/leads/{id}/merge": {"with": "own@acme.cn", "reason": "同一人"},
    "POST /v1/leads/{id}/unmerge": {"lead": "own@acme.cn", "reason": "不是同一人"},
    "POST /v1/leads/assign": {"leads": ["LEAD"], "owner": "he.xin"},
    "POST /v1/tasks": {"lead": "LEAD", "title": "回访"},
    "POST /v1/tasks/{id}/snooze": {"until": "2036-03-02T09:00:00+08:00"},
    "POST /v1/tasks/{id}/complete": {},
    "POST /console/lead/{id}/{verb}": {},
    "POST /console/task/{id}/{verb}": {},
    "POST /v1/leads/{id}/tags": {"add": ["重点客户"]},
    "POST /console/leads/many": {"lead": "LEAD", "verb": "assign", "assign.owner": "he.xin"},
}
# The others, and how a salesperson could ask them for more than is theirs.
LISTS: Final[dict[str, tuple[str, ...]]] = {
    "GET /v1/leads": (
        *("", "?q=acme", "?q=others@acme.cn", "?q=欧阳秘", "?owner=", "?owner=sun.qiang"),
        *(
            "?pool=western",
            "?pool=public",
            "?team=west",
            "?stage=new",
            "?pool=&owner=",
            "?limit=200",
        ),
        *('?owners=["sun.qiang"]', '?owners=["sun.qiang"]&owner=&pool=western'),
        *('?given_to=["sun.qiang"]', '?given_to=["sun.qiang","he.xin"]&turn=contacted'),
        *('?answered_by=["sun.qiang"]', '?todo_of=["sun.qiang"]', '?sold_by=["sun.qiang"]'),
        *("?tag=重点客户", "?tag=重点客户&owner=sun.qiang", "?tag=重点客户&pool=western"),
        *("?fired=form", "?routed_by=west", "?sla=follow", "?touched="),
        *("?placed_at=", '?short_of=["won"]', "?called_before=won"),
        '?letter=[["email_sent","a",null,null]]',
    ),
    "GET /v1/tasks": ("", "?owner=sun.qiang", "?lead=LEAD", "?owner="),
    "GET /v1/pools": ("",),
    "GET /v1/pools/{name}": ("western", "public", "western?member=sun.qiang"),
    "GET /v1/reports": ("",),
    "GET /v1/reports/{name}": tuple(
        name + query
        for name in REPORTS
        for query in ("", "?owner=sun.qiang", "?team=west", "?format=csv", "?format=html")
    ),
    "GET /console/reports": ("",),
    "GET /console/reports/{name}": tuple(
        name + query for name in REPORTS for query in ("", "?owner=sun.qiang", "?team=west")
    ),
    "GET /console/reports/{name}.csv": tuple(f"{name}.csv?period=all" for name in REPORTS),
    "GET /console/reports/{name}.pdf": ("sources.pdf?period=all", "funnel.pdf"),
    "GET /console/leads": (
        *("", "?q=acme", "?owner=-", "?owner=sun.qiang", "?pool=western", '?owners=["sun.qiang"]'),
        *("?tag=重点客户", "?tag=重点客户&owner=sun.qiang"),
    ),
    "GET /console/leads.csv": ("", "?q=acme", "?owner=-", "?owner=sun.qiang", "?pool=western"),
    "GET /console/day": ("", "?member=sun.qiang"),
    "GET /console/": ("",),
    "GET /": ("",),
    "GET /console/live": ("",),
    "GET /console/bell": ("",),
    "GET /v1/inbox": ("", "?person=sun.qiang", "?unread=true"),
}
# Reports about everybody's leads.
OF_ALL: Final = {"funnel", "rules", "goals"}
# What is about no lead: the API's description, one's account, and what of one's own inbox was read.
OF_NO_LEAD: Final = {
    *("GET /openapi.json", "GET /console/account", "POST /v1/inbox/read"),
    *("POST /v1/inbox/{id}/read", "POST /console/inbox/read", "POST /console/inbox/{id}/read"),
}


def tokens() -> str:
    """Return server.yaml with Li Na's token, by hash."""
    digest = digest_of(SALES["Authorization"].removeprefix("Bearer "))
    entry = f"{{role: sales, member: li.na, secrets: [{{sha256: {digest}}}]}}"
    return SERVER.format(port=9, notify="log") + f"tokens:\n  li-na: {entry}\n"


class Company:
    """A server, and the ids of its leads and of one to-do of each."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.leads: dict[str, str] = {}
        self.tasks: dict[str, str] = {}
        for name, fields in LEADS.items():
            event = {
                "type": "form_submitted",
                "lead": {**fields, "company": "金泰阀门", "source": {"name": "官网"}},
                "properties": {"form": "contact"},
            }
            answer = client.post("/v1/events", json=event, headers=OPS).json()
            self.leads[name] = answer["results"][0]["lead"]
            given = {"lead": self.leads[name], "title": f"联系{fields['name']}"}
            self.tasks[name] = client.post("/v1/tasks", json=given, headers=OPS).json()["id"]

    def everything(self, name: str) -> list[Any]:
        """Return all that there is about a lead, as an administrator sees it."""
        id = self.leads[name]
        paths = (f"/v1/leads/{id}", f"/v1/leads/{id}/timeline?limit=200", f"/v1/tasks?lead={id}")
        return [self.client.get(path, headers=OPS).json() for path in paths]

    def ask(self, route: str, name: str, named: str, **params: str) -> Any:
        """Ask a route about a lead as Li Na, in the way that the table says."""
        method, _, path = route.partition(" ")
        id = self.tasks[name] if "/task" in path and "{id}" in path else named
        for key, value in {"id": id, **params}.items():
            path = path.replace(f"{{{key}}}", value)
        data = {
            k: [named] if v == ["LEAD"] else named if v == "LEAD" else v
            for k, v in NAMED[route].items()
        }
        if "/console/" in path and method == "POST":
            return self.client.post(path, data=data, headers=SALES)
        return self.client.request(
            method, path, json=data if method == "POST" else None, headers=SALES
        )


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Serve three leads: Li Na's own, a colleague's, and one in a pool that is not hers."""
    folder = tmp_path_factory.mktemp("own")
    config = write_config(folder / "config", routing=ROUTING, journeys=JOURNEYS, server=tokens())
    access = Access.token("the-administrators-own-token")
    with served(config, folder / "leads.db", access, reports=REPORTS) as client:
        yield Company(client)


def secrets(company: Company, name: str) -> list[str]:
    """Return what gives away that a lead is there."""
    return [company.leads[name], LEADS[name]["name"], LEADS[name]["email"]]


def test_every_route_of_salespeople_is_judged(company: Company) -> None:
    """A route that salespeople reach is in one of the tables above; a new one fails here."""
    reached = {
        route
        for route, endpoint in routes(company.client).items()
        if endpoint.needs in GRANTS["sales"] - {"free"}
    }
    assert reached == {*NAMED, *LISTS, *OF_NO_LEAD}


def test_the_requests_are_good(company: Company) -> None:
    """Each of these requests is one that does something with a lead of one's own."""
    reads = [route for route in NAMED if route.startswith("GET")]
    for route in reads:
        assert company.ask(route, "own", company.leads["own"]).status_code == 200, route
    for route in ("note", "accept", "follow-up", "grade", "stage"):
        answer = company.ask(f"POST /v1/leads/{{id}}/{route}", "own", company.leads["own"])
        assert answer.status_code == 200, (route, answer.text)
    assert company.ask("POST /v1/tasks", "own", company.leads["own"]).status_code == 200


@pytest.mark.parametrize("by", ["id", "email"])
@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("route", NAMED)
def test_nobody_elses_lead_is_there(company: Company, route: str, name: str, by: str) -> None:
    """Of a colleague's lead, and one in a pool of others, nothing is told and nothing is changed."""
    named = company.leads[name] if by == "id" else LEADS[name]["email"]
    before = company.everything(name)
    verbs = VERBS if route.endswith("/lead/{id}/{verb}") else ("complete", "snooze")
    for verb in verbs if "{verb}" in route else ("",):
        answer = company.ask(route, name, named, verb=verb)
        if "/console/" in route and route.startswith("POST"):
            # Back to the page, which says why not, or a page that says so of each lead.
            assert answer.status_code == (200 if route.endswith("/many") else 303)
        else:
            nobody = company.ask(route, name, "nobody@acme.cn", verb=verb)
            assert answer.status_code == (404 if "/task" in route else nobody.status_code)
            assert answer.status_code in {404, 422}
        told = answer.text.replace(named, "").replace(company.tasks[name], "")
        assert not [secret for secret in secrets(company, name) if secret in told]
    assert company.everything(name) == before


def test_a_lead_is_merged_with_nobody_elses(company: Company) -> None:
    """Neither side of a merge is a lead that is not one's own."""
    for name in FOREIGN:
        before = company.everything(name)
        path = f"/v1/leads/{company.leads['own']}/merge"
        data = {"with": company.leads[name], "reason": "同一人"}
        assert company.client.post(path, json=data, headers=SALES).status_code == 404
        assert company.everything(name) == before


@pytest.mark.parametrize("route", LISTS)
def test_lists_hold_nobody_elses_leads(company: Company, route: str) -> None:
    """No search, export, report, page or stream tells of them, whatever it is asked."""
    path = route.removeprefix("GET ")
    for asked in LISTS[route]:
        for name in FOREIGN:
            filled = asked.replace("LEAD", company.leads[name])
            url = path.partition("{name}")[0] + filled
            answer = company.client.get(url, headers=SALES, follow_redirects=True)
            assert answer.status_code in {200, 403, 404}, (url, answer.text)
            told = answer.text.replace(filled, "").replace("others@acme.cn", "", filled.count("o@"))
            found = [secret for secret in secrets(company, name) if secret in told]
            assert answer.status_code != 200 or not found, (url, found)


def test_lists_hold_ones_own(company: Company) -> None:
    """The same lists do tell of one's own lead, so that their silence says something."""
    for path in ("/v1/leads?q=acme", "/console/leads", "/console/leads.csv", "/console/day"):
        assert "王芳" in company.client.get(path, headers=SALES).text, path
    items = company.client.get("/v1/tasks", headers=SALES).json()["items"]
    assert {item["lead"] for item in items} == {company.leads["own"]}


def test_of_several_people_one_sees_ones_own(company: Company) -> None:
    """A list of people finds the leads of those among them whose leads one may see, or none."""
    for people, expected in (
        (["sun.qiang", "li.na"], {company.leads["own"]}),
        (["sun.qiang"], set()),
        ([], set()),
    ):
        asked = {"owners": json.dumps(people)}
        items = company.client.get("/v1/leads", params=asked, headers=SALES).json()["items"]
        assert {item["id"] for item in items} == expected, people


def test_reports_are_of_ones_own_leads(company: Company) -> None:
    """The console gives Li Na the reports of the API about hers and her team's, with their files."""
    first = company.client.get("/console/reports", headers=SALES).headers["location"]
    page = look(company.client, f"{first}?period=all", **SALES)
    links = {given.get("href", "") for _, given in page.elements}
    offered = {link.rpartition("/")[2] for link in links if re.fullmatch(r".*/reports/\w+", link)}
    assert offered == set(REPORTS) - OF_ALL
    assert "/console/reports" in links  # its place in the menu
    chosen = {given["value"] for tag, given in page.elements if tag == "option"}
    assert {"li.na", "he.xin"} <= chosen
    assert not {"sun.qiang", "west"} & chosen
    for name in OF_ALL:
        look(company.client, f"/console/reports/{name}", 403, **SALES)
        assert company.client.get(f"/console/reports/{name}.csv", headers=SALES).status_code == 403
    listed = company.client.get("/v1/reports", headers=SALES).json()["items"]
    assert {each["report"] for each in listed} == offered
    api = company.client.get("/v1/reports/sources?period=all&format=csv", headers=SALES)
    sheet = company.client.get("/console/reports/sources.csv?period=all", headers=SALES)
    assert sheet.text == api.text
    whole = company.client.get("/v1/reports/sources?period=all&format=csv", headers=OPS)
    assert sheet.text != whole.text


@pytest.mark.parametrize("name", [name for name in REPORTS if name not in OF_ALL])
def test_links_of_ones_reports_open(company: Company, name: str) -> None:
    """Whatever a salesperson's report opens into is a list that they may see."""
    page = look(company.client, f"/console/reports/{name}?period=all", **SALES)
    links = {given.get("href", "") for tag, given in page.elements if tag == "a"}
    behind = sorted(link for link in links if link.startswith("/console/lead"))
    assert len(behind) > 1 or name not in {"sources", "stages", "people", "weekly"}
    for link in behind:
        look(company.client, link, **SALES)
