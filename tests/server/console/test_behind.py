"""Numbers that open: behind each number of a page are as many leads as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from tests.server.console.test_pages import SPLIT
from tests.server.console.visiting import HTML, look
from tests.serving import ROUTING, form, served, wait_for, write_config

# A split that soon decides by itself, a journey that some leave, one that nobody enters, and a
# clock that runs.
AUTO = "{metric: form_submitted, within: 1s, min_sample: 500}"
JOURNEYS = f"""{SPLIT.replace("split:", f"split:{chr(10)}          auto_winner: {AUTO}")}
  - id: big
    label: 大客户
    enter: {{when: {{lead.company: 不存在的公司}}}}
    reentry: {{after: 30d}}
    exit: {{when: {{lead.city: 上海}}}}
    steps:
      - {{id: ask, task: {{title: 拜访, to: owner}}}}
"""
SLA = """
sla:
  - {id: follow, accept: 1h}
"""
PAGES = (
    *("/console/", "/console/journeys", "/console/journeys/welcome", "/console/experiments"),
    *("/console/people", "/console/rules", "/console/routing"),
    *(f"/console/reports/{name}" for name in ("sources", "nurture", "people", "cycle", "funnel")),
)
# Numbers that are of no leads: tiles that count rules.
CLOSED = {"触发过"}
NUMBER = re.compile(r"[\d,]+")


class Numbers(HTMLParser):
    """Collects the numbers that lead to lists of leads, as (address, number).

    ``closed`` are those of tables and tiles that lead nowhere, by what stands above them; not
    in rows that lead to the one lead that they are about.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []
        self.closed: set[str] = set()
        self._address: str | None = None
        self._called = ""  # in a cell or a tile
        self._heads: list[str] = []
        self._cell = 0
        self._in_row: set[str] = set()
        self._in_tile = self._in_head = self._of_lead = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self._address = given.get("href") or ""
            self._of_lead |= self._address.startswith("/console/lead/")
        if (given.get("class") or "").split()[:1] == ["tile"]:
            self._in_tile, self._called = True, ""
        if tag == "table":
            self._heads = []
        if tag == "th":
            self._in_head = True
            self._heads.append("")
        if tag == "tr":
            self._cell, self._in_row, self._of_lead = -1, set(), False
        if tag == "td":
            self._cell += 1
            if "number" in (given.get("class") or "").split():
                head = self._heads[self._cell] if self._heads else "-"
                self._called = given.get("data-label") or head

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._address = None
        if tag == "th":
            self._in_head = False
        if tag == "tr" and not self._of_lead:
            self.closed |= self._in_row
        if tag in ("td", "b"):
            self._called, self._in_tile = "", False

    def handle_data(self, data: str) -> None:
        number = NUMBER.search(data)
        if self._in_head:
            self._heads[-1] += data
        elif self._in_tile and not self._called:
            self._called = data
        elif self._address is None:
            if self._called and number and number[0] != "0":
                (self.closed if self._in_tile else self._in_row).add(self._called)
        elif number and self._address.startswith("/console/leads?"):
            if not set("%.¥").intersection(data):  # counts alone are as many as the leads
                self.found.append((self._address, int(number[0].replace(",", ""))))
            self._address = ""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve a company in which leads wait at both arms of a split, and some have gone on."""
    folder: Path = tmp_path_factory.mktemp("behind")
    config = write_config(folder / "config", journeys=JOURNEYS, routing=ROUTING + SLA)
    with served(config, folder / "leads.db", reports=REPORTS) as client:
        for n in range(1, 13):
            client.post("/v1/events", json=form(n, company=f"金泰阀门{n}", name=f"王芳{n}"))
        for n in range(1, 13, 3):
            opened = {"type": "email_opened", "lead": {"email": f"w{n}@acme.cn"}}
            client.post("/v1/events", json=opened).raise_for_status()
        wait_for(lambda: client.get("/v1/tasks").json()["items"])
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_as_many_leads_are_behind_a_number_as_it_says(company: TestClient, path: str) -> None:
    """Each number opens something, and one that opens a list of leads one of that length."""
    numbers = Numbers(company.get(path, headers=HTML).text)
    assert numbers.found, path
    assert numbers.closed <= CLOSED, path
    for address, number in numbers.found:
        rows = look(company, address).elements
        leads = {e[1]["href"] for e in rows if e[1].get("href", "").startswith("/console/lead/")}
        assert len(leads) == number, (path, address)


def test_whoever_is_done_with_is_nobodys_load(tmp_path: Path) -> None:
    """Leads at a final stage are not behind the number of those that somebody has."""
    stages = "stages: [{id: new}, {id: lost, final: true}]\n"
    config = write_config(tmp_path / "config", routing=ROUTING, lifecycle=stages)
    with served(config, tmp_path / "leads.db") as client:
        for n in range(1, 4):
            client.post("/v1/events", json=form(n, company=f"金泰阀门{n}"))
        wait_for(lambda: len(client.get("/v1/leads?owner=li.na").json()["items"]) == 3)
        client.post("/v1/leads/w1@acme.cn/stage", json={"to": "lost"}).raise_for_status()
        for path in ("/console/people", "/console/routing"):
            numbers = Numbers(client.get(path, headers=HTML).text).found
            (address,) = {address for address, number in numbers if number == 2}
            found = look(client, address).elements
            leads = {e[1]["href"] for e in found if "/console/lead/" in e[1].get("href", "")}
            assert len(leads) == 2


def test_those_who_are_forgotten_are_in_the_total_and_in_its_parts(tmp_path: Path) -> None:
    """The overview's stages are together what stands above them."""
    stages = "stages: [{id: new}, {id: lost, final: true}]\n"
    config = write_config(tmp_path / "config", lifecycle=stages)
    with served(config, tmp_path / "leads.db") as client:
        for n in range(1, 4):
            client.post("/v1/events", json=form(n))
        client.post("/v1/leads/w1@acme.cn/forget").raise_for_status()
        page = client.get("/console/", headers=HTML).text
        assert dict(Numbers(page).found)["/console/leads?stage=new"] == 3
        assert 'href="/console/leads"><span>线索总数</span><b>3</b>' in page


def test_a_step_shows_who_went_which_way(company: TestClient) -> None:
    """On each way of the graph stand how many leads went it, and which share of the step's."""
    page = look(company, "/console/journeys/welcome")
    graph = next(e[1]["data-graph"] for e in page.elements if "data-graph" in e[1])
    assert '"label": "12 \\u00b7 100%"' in graph
    arms = re.findall(r'"ways:(?:call|opened)".*?"label": "(?:\\u7532|\\u4e59) (\d+) ', graph)
    assert len(arms) == 2
    assert sum(map(int, arms)) == 12


def test_why_a_lead_is_not_in_a_journey(company: TestClient) -> None:
    """Asked for a lead by name, a journey says which of its conditions do not hold and why."""
    page = look(company, "/console/journeys/big?lead=王芳3").text
    assert "线索从未进入过" in page
    assert "条件不成立" in page
    assert "不存在的公司" in page
    assert "金泰阀门3" in page
    english = look(company, "/console/journeys/big?lead=w3@acme.cn", **{"Accept-Language": "en"})
    assert "the lead has never been in it" in english.text
    assert "没有找到这条线索" in look(company, "/console/journeys/big?lead=无此人").text
    lead = look(company, "/console/lead/w3@acme.cn")
    asked = [e[1].get("href", "") for e in lead.elements]
    assert any(re.fullmatch(r"/console/journeys/big\?lead=[\w-]+#why", href) for href in asked)


def test_rules_say_what_is_wrong_with_the_files(tmp_path: Path) -> None:
    """After a failed reload the page of the rules has each finding with its place and the way out."""
    config = write_config(tmp_path / "config")
    with served(config, tmp_path / "leads.db") as client:
        assert "没有问题" in look(client, "/console/rules?check=1").text
        text = (config / "scoring.yaml").read_text(encoding="utf-8")
        (config / "scoring.yaml").write_text(text.replace("lead.company", "lead.compony"))
        assert client.post("/-/reload").status_code == 422
        page = look(client, "/console/rules").text
        assert "scoring.yaml:6:" in page
        assert "unknown-field" in page
        assert "lead.compony" in page


def test_an_undecided_experiment_says_so_in_the_readers_language(tmp_path: Path) -> None:
    """The metric has its name, and why nobody has won is said in Chinese."""
    config = write_config(tmp_path / "config", journeys=JOURNEYS)
    with served(config, tmp_path / "leads.db") as client:
        client.post("/v1/events", json=form(1, company="金泰阀门"))
        page = look(client, "/console/experiments").text
        assert "需要 500 条" in page
        assert "提交表单" in page
        assert "has 0 leads of" not in page
        english = look(client, "/console/experiments", **{"Accept-Language": "en"}).text
        assert "leads of 500" in english
