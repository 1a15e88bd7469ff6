"""Numbers that open: behind each number of a page are as many leads as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.server.console.test_pages import SPLIT
from tests.server.console.visiting import HTML, look
from tests.serving import ROUTING, form, served, wait_for, write_config

# A journey that some leave, one that nobody enters, and a clock that runs.
JOURNEYS = f"""{SPLIT}
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
)
NUMBER = re.compile(r"[\d,]+")


class Numbers(HTMLParser):
    """Collects the numbers that lead to lists of leads, as (address, number)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []
        self._address = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            href = dict(attrs).get("href") or ""
            self._address = href if href.startswith("/console/leads?") else ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._address = ""

    def handle_data(self, data: str) -> None:
        if self._address and (number := NUMBER.search(data)):
            self.found.append((self._address, int(number[0].replace(",", ""))))
            self._address = ""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve a company in which leads wait at both arms of a split, and some have gone on."""
    folder: Path = tmp_path_factory.mktemp("behind")
    config = write_config(folder / "config", journeys=JOURNEYS, routing=ROUTING + SLA)
    with served(config, folder / "leads.db") as client:
        for n in range(1, 13):
            client.post("/v1/events", json=form(n, company=f"金泰阀门{n}", name=f"王芳{n}"))
        for n in range(1, 13, 3):
            opened = {"type": "email_opened", "lead": {"email": f"w{n}@acme.cn"}}
            client.post("/v1/events", json=opened).raise_for_status()
        wait_for(lambda: client.get("/v1/tasks").json()["items"])
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_as_many_leads_are_behind_a_number_as_it_says(company: TestClient, path: str) -> None:
    """Each number that opens a list of leads opens one of that length."""
    found = Numbers(company.get(path, headers=HTML).text).found
    assert found, path
    for address, number in found:
        rows = look(company, address).elements
        leads = {e[1]["href"] for e in rows if e[1].get("href", "").startswith("/console/lead/")}
        assert len(leads) == number, (path, address)


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
    auto = "auto_winner: {metric: form_submitted, min_sample: 500}"
    split = JOURNEYS.replace("        split:\n", f"        split:\n          {auto}\n", 1)
    config = write_config(tmp_path / "config", journeys=split)
    with served(config, tmp_path / "leads.db") as client:
        client.post("/v1/events", json=form(1, company="金泰阀门"))
        page = look(client, "/console/experiments").text
        assert "需要 500 条" in page
        assert "提交表单" in page
        assert "has 0 leads of" not in page
        english = look(client, "/console/experiments", **{"Accept-Language": "en"}).text
        assert "leads of 500" in english
