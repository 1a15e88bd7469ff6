"""Names with commas, semicolons and quotes: the lists behind figures are as long as they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from tests.server.console.visiting import look
from tests.serving import form, served, wait_for, write_config

# What is put behind each name. JSON is YAML, so it is written into the files as JSON.
ODD = """,甲;"乙'&="""


def odd(name: str) -> str:
    """Return a name that any grammar of marks would cut into pieces."""
    return name + ODD


STAGES = [
    {"id": odd("新")},
    {"id": odd("认可"), "event": "call_logged"},
    {"id": odd("输单"), "event": "opportunity_lost", "final": True},
]
TREE = {
    odd("线下"): {"origin": "internal", "free": True, "kinds": {odd("展会"): {"names": ["广交会"]}}}
}
TEAMS = {"east": {"members": [{"id": odd(id), "name": id} for id in ("li.na", "王伟")]}}
ROUTES = [
    {"id": "east", "when": {"lead.company": {"exists": True}}, "assign": {"team": "east"}},
    {"id": "rest", "assign": {"pool": "public"}},
]
JOURNEY = {
    "id": odd("培育"),
    "enter": {"event": "form_submitted"},
    "steps": [
        {"id": "assign", "route": {}},
        {"id": odd("回访"), "task": {"title": "回访", "to": "owner", "due": "2d"}},
    ],
}
# Of the lead with this number; the same message from a journey and by hand counts each lead once.
LETTERS = (
    ("email_sent", 1, {"message": odd("欢迎"), "journey": odd("培育"), "step": odd("回访")}),
    ("email_sent", 1, {"message": odd("欢迎")}),
    ("email_sent", 2, {"message": odd("欢迎")}),
    ("email_opened", 2, {"message": odd("欢迎")}),
    ("email_sent", 3, {"message": "欢迎"}),
)
LIST = "/console/leads?"
REPORTED = ("sources", "channels", "stages", "people", "nurture", "scores")
WHOSE: tuple[dict[str, str], ...] = ({}, {"team": "east"}, {"owner": odd("王伟")})


def configuration() -> dict[str, str]:
    """Return the files of a company in which everything is called oddly."""
    files: dict[str, dict[str, Any]] = {
        "lifecycle": {"stages": STAGES},
        "catalog": {"sources": TREE},
        "routing": {"teams": TEAMS, "rules": ROUTES, "pools": {"public": {}}},
        "journeys": {"journeys": [JOURNEY]},
        "messages": {
            "messages": {odd("欢迎"): {"action": "email", "subject": "您好", "text": "您好"}}
        },
        "reports": {"stages": {"mql": odd("认可"), "lost": odd("输单")}, "stuck_after": "1s"},
    }
    return {name: json.dumps(data, ensure_ascii=False) for name, data in files.items()}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve it with eight leads: two in each stage but one, two without an owner."""
    folder: Path = tmp_path_factory.mktemp("odd")
    config = write_config(folder / "config", **configuration())
    with served(config, folder / "leads.db", reports=REPORTS) as client:

        def say(type: str, number: int, **more: Any) -> None:
            event = {"type": type, "lead": {"email": f"w{number}@acme.cn"}, **more}
            answer = client.post("/v1/events", json=event)
            assert answer.status_code == 200, answer.text

        for n in range(1, 9):
            company = {"company": f"金泰阀门{n}"} if n < 7 else {}
            source = {"name": "广交会" if n % 2 else "无人知晓"}
            client.post("/v1/events", json=form(n, source=source, **company)).raise_for_status()
        for n in range(1, 5):
            say("call_logged", n)
        for n in (1, 2, 8):
            say("opportunity_lost", n, properties={"reason": odd("价格")})
        for type, n, told in LETTERS:
            say(type, n, properties=told)
        wait_for(lambda: len(client.get("/v1/tasks").json()["items"]) >= 6)
        yield client


def listed(company: TestClient, query: str) -> int:
    """Return how many leads a query lists."""
    answer = company.get(f"/v1/leads?{query}")
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"])


def figures(report: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Yield each count of a report that opens: where it stands, what it is, and its query."""
    for each in report["figures"]:
        if each["kind"] == "count" and each["leads"] is not None:
            yield each["key"], each["value"], each["leads"]
    for table in report["tables"]:
        counts = [column["key"] for column in table["columns"] if column["kind"] == "count"]
        for row in table["rows"]:
            for key in counts:
                if key in row["leads"]:
                    yield f"{table['key']}.{key}", row["cells"][key], row["leads"][key]


@pytest.mark.parametrize("whose", range(len(WHOSE)))
@pytest.mark.parametrize("cohort", ["created", "event"])
@pytest.mark.parametrize("name", REPORTED)
def test_a_list_is_as_long_as_its_figure(
    company: TestClient, name: str, cohort: str, whose: int
) -> None:
    """Whatever stages, people, places, messages and journeys are called, figures open right."""
    asked = {"period": "all", "cohort": cohort, **WHOSE[whose]}
    found = list(figures(company.get(f"/v1/reports/{name}", params=asked).json()))
    assert found
    for place, value, query in found:
        assert listed(company, query) == value, (place, query)


def test_the_console_opens_them_too(company: TestClient) -> None:
    """So do the funnel's stages, and the leads of a pool without those that are done with."""
    stages = company.get("/v1/reports/funnel").json()["stages"]
    page = look(company, "/console/reports/funnel")
    links = [e[1]["href"] for e in page.elements if e[1].get("href", "").startswith(LIST)]
    for stage, address in zip(stages, links, strict=False):
        assert listed(company, address.removeprefix(LIST)) == stage["reached"], address
    page = look(company, "/console/routing")
    (pool,) = [e[1]["href"] for e in page.elements if "pool=" in e[1].get("href", "")]
    held = look(company, pool).elements
    leads = {e[1]["href"] for e in held if e[1].get("href", "").startswith("/console/lead/")}
    assert len(leads) == company.get("/v1/pools/public").json()["leads"] == 1


def test_what_is_listed_has_odd_names(company: TestClient) -> None:
    """The figures are of those names, so that their lists say something."""
    rows = company.get("/v1/reports/nurture?period=all").json()["tables"][0]["rows"]
    sent = {row["cells"]["message"]: row["cells"]["sent"] for row in rows}
    assert sent == {odd("欢迎"): 2, "欢迎": 1}
    people = company.get("/v1/reports/people?period=all").json()["tables"][0]["rows"]
    assert {row["cells"]["owner"] for row in people} == {odd("li.na"), odd("王伟")}
    stages = company.get("/v1/reports/stages?period=all").json()["tables"][0]["rows"]
    assert [row["cells"]["reached"] for row in stages] == [8, 5, 3]
    places = company.get("/v1/reports/channels?period=all").json()["tables"][0]["rows"]
    assert {row["cells"]["kind"]: row["cells"]["leads"] for row in places} == {
        odd("展会"): 4,
        None: 4,
    }
