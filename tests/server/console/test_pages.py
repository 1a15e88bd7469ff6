from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from tests.server.console.visiting import Page, look
from tests.serving import SCORING, form, served, wait_for, write_config

NASTY = "<script>alert(1)</script>"
# Right-to-left override, zero-width space and joiner.
HIDDEN = "\u202e王\u200b芳\u200d"
SPLIT = """
journeys:
  - id: welcome
    label: 欢迎
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: assign, route: {}}
      - id: ways
        split:
          variants: [{name: 甲, weight: 1, next: call}, {name: 乙, weight: 1, next: opened}]
      - {id: call, task: {title: 回访, to: owner, due: 2d}}
      - {id: opened, wait: {event: email_opened, within: 7d}, then: end, else: end}
"""
PAGES = {
    "/console/": "概览|Overview",
    "/console/day": "我的一天|My day",
    "/console/day?member=li.na": "我的一天|My day",
    "/console/leads": "线索|Leads",
    "/console/leads?q=王芳": "线索|Leads",
    "/console/leads?stage=assigned&owner=-&sort=score": "线索|Leads",
    "/console/lead/w1@acme.cn": "得分构成|What the score is made of",
    "/console/journeys": "培育旅程|Journeys",
    "/console/journeys/welcome": "流程图|The way",
    "/console/journeys/welcome?step=call": "流程图|The way",
    "/console/experiments": "实验|Experiments",
    "/console/reports/funnel": "报表|Reports",
    "/console/routing": "规则顺序|Rules in order",
    "/console/routing?company=金泰阀门&try=1": "只是推演|Nothing is stored",
    "/console/people": "人员与令牌|People and tokens",
    "/console/deliveries": "消息投递|Deliveries",
    "/console/deliveries?status=dead": "消息投递|Deliveries",
    "/console/rules": "每条规则|Every rule",
    "/console/rules?never=1": "每条规则|Every rule",
    "/console/rules/compare": "版本对比|Compare versions",
    "/console/rules/scoring.yaml": "scoring.yaml",
    "/console/rules/default/lifecycle.yaml": "default/lifecycle.yaml",
    "/console/audit": "审计日志|Audit log",
    "/console/account": "登录|Sessions",
    "/console/sign-in": "登录|Sign in",
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve a company with leads whose names would do harm, a split and a to-do."""
    folder: Path = tmp_path_factory.mktemp("console")
    config = write_config(folder / "config", journeys=SPLIT)
    with served(config, folder / "leads.db", reports=REPORTS) as client:
        names = ("王芳", NASTY, HIDDEN, "=1+1", '"><img src=x onerror=alert(1)>')
        for n, name in enumerate(names, 1):
            client.post("/v1/events", json=form(n, name=name, company=f"金泰阀门{n}"))
        client.post("/v1/leads/w1@acme.cn/note", json={"text": f"备注 {NASTY}"})
        wait_for(lambda: client.get("/v1/tasks").json()["items"])
        yield client


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_in_both_languages(company: TestClient, path: str, language: str) -> None:
    """Each page answers in the language asked for, with its own words and no key for a word."""
    page = look(company, path, **{"Accept-Language": language})
    zh, _, en = PAGES[path].partition("|")
    assert (zh if language == "zh" else en or zh) in page.text
    assert not re.search(
        r"\b(?:menu|col|overview|happening|act|said|day|status)\.[a-z_]{3,}\b", page.text
    )


@pytest.mark.parametrize("path", PAGES)
def test_nothing_runs_and_nothing_comes_from_elsewhere(company: TestClient, path: str) -> None:
    """No inline script, style or handler; files from this host only; a policy that says so."""
    answer = company.get(path, headers={"Accept": "text/html"})
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    page = Page(answer.text)
    for tag, given in page.elements:
        assert not [name for name in given if name.startswith("on") or name == "style"]
        assert tag not in {"style", "iframe", "object", "base"}
        for name in ("src", "href", "action"):
            assert not re.match(r"\s*(?:https?:|//|javascript:)", given.get(name, "")), given
        if tag == "script":
            assert given["src"].startswith("/console/static/")
        assert (tag, given.get("src")) != ("img", "x")
    assert NASTY not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole(company: TestClient, path: str) -> None:
    """A page has one main heading, a language, unique ids, and a name for every field."""
    page = look(company, path)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("main") == 1
    assert tags.count("h1") == (0 if "sign-in" in path else 1)
    ids = [given["id"] for _, given in page.elements if given.get("id")]
    assert len(ids) == len(set(ids))
    for place, (tag, given) in enumerate(page.elements):
        is_field = tag in {"input", "select", "textarea"} and "hidden" not in given
        if is_field and given.get("type") != "hidden":
            inside = any(t == "label" for t, _ in page.elements[max(0, place - 2) : place])
            assert inside or given.get("aria-label") or given.get("type") == "hidden", given


def test_names_that_hide_stand_alone(company: TestClient) -> None:
    """A name that turns the writing direction round turns nothing but itself round."""
    text = company.get("/console/leads", headers={"Accept": "text/html"}).text
    name = company.get("/v1/leads/w3@acme.cn").json()["fields"]["name"]
    assert {"王", "芳"} <= set(name)
    assert f"<bdi>{name}</bdi>" in text


def test_pages_that_are_not_there(company: TestClient) -> None:
    """What does not exist says so as a page to a browser, and as JSON to a program."""
    for path in ("/console/nope", "/console/lead/nobody", "/console/journeys/nope"):
        page = look(company, path, 404)
        assert "找不到" in page.text
        assert company.get(path).json()["error"]["code"] == "not-found"
    for path in ("/console/reports/nope", "/console/rules/..%2F..%2Fsecret", "/console/static/x"):
        assert company.get(path).status_code == 404


def test_a_bad_filter_says_so(company: TestClient) -> None:
    """An order or status that nobody knows is refused as a page."""
    look(company, "/console/leads?sort=nope", 400)
    look(company, "/console/deliveries?status=nope", 400)
    look(company, "/console/leads?cursor=nope", 400)


def test_an_empty_server_explains_itself(client: TestClient) -> None:
    """A server without leads says how to send the first one, and no page fails for want of data."""
    assert "POST /v1/events" in look(client, "/console/").text
    for path in PAGES:
        if "w1@" not in path:
            look(client, path)


def test_home_leads_to_the_console(client: TestClient) -> None:
    """A browser that asks for nothing in particular gets the console."""
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")


def test_the_overview_counts(company: TestClient) -> None:
    """The figures of the overview are those of the API, and open into the leads behind them."""
    page = look(company, "/console/")
    leads = company.get("/v1/leads").json()["items"]
    assert f"线索总数 {len(leads)}" in page.text
    for stage in {lead["stage"] for lead in leads}:
        assert any(e[1].get("href") == f"/console/leads?stage={stage}" for e in page.elements)
        rows = look(company, f"/console/leads?stage={stage}")
        links = [e for e in rows.elements if e[1].get("href", "").startswith("/console/lead/")]
        assert len(links) == sum(lead["stage"] == stage for lead in leads)


def test_the_journey_counts(company: TestClient) -> None:
    """A journey's graph has each step with how many wait there, and names them below."""
    page = look(company, "/console/journeys/welcome")
    graph = next(e[1]["data-graph"] for e in page.elements if "data-graph" in e[1])
    for step in ("assign", "ways", "call", "opened", "end"):
        assert f'"id": "{step}"' in graph
    assert '"waiting": 5' in graph
    assert "金泰阀门1" in page.text


def test_what_if(company: TestClient) -> None:
    """The form of routing says who would get a lead and by which rule, and stores nothing."""
    before = len(company.get("/v1/leads").json()["items"])
    assert "会分配给 李娜（east）" in look(company, "/console/routing?company=新公司&try=1").text
    assert "会进入 public" in look(company, "/console/routing?try=1").text
    assert len(company.get("/v1/leads").json()["items"]) == before


WHAT_IF = """
teams:
  east: {members: [{id: li.na, name: 李娜, cities: [苏州]}]}
  big: {members: [{id: wu.min, name: 吴敏}]}
rules:
  - {id: large, when: {lead.amount: {gt: 500000}}, assign: {team: big, strategy: round_robin}}
  - {id: vip, when: {tags: {includes: VIP}}, assign: {team: big, strategy: round_robin}}
  - {id: place, when: {lead.city: {exists: true}}, assign: {team: east, strategy: territory, by: lead.city}}
  - {id: rest, assign: {pool: public}}
pools: {public: {}}
"""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("city=苏州市", "会分配给 李娜"),
        ("amount=60万", "会分配给 吴敏"),
        ("amount=￥600,000 元", "会分配给 吴敏"),
        ("amount=50万&city=苏州", "会分配给 李娜"),
        ("tags=展会、VIP", "会分配给 吴敏"),
        ("amount=很多", "“很多”不合适"),
        ("amount=nan", "“nan”不合适"),
    ],
)
def test_what_if_reads_as_the_door_does(tmp_path: Path, query: str, said: str) -> None:
    """The answer is what such a lead would get if it came: 苏州市 is 苏州, 60万 is a number."""
    config = write_config(tmp_path / "config", routing=WHAT_IF)
    with served(config, tmp_path / "leads.db") as client:
        page = look(client, f"/console/routing?{query}&try=1")
    assert said in page.text
    typed = query.partition("=")[2].partition("&")[0]
    assert typed in {given.get("value") for tag, given in page.elements if tag == "input"}


def test_rules_that_never_fired(company: TestClient) -> None:
    """A rule that has fired shows its hits, one that never did says so, each with its place."""
    page = look(company, "/console/rules")
    assert "scoring.yaml:7" in page.text or "scoring.yaml:6" in page.text
    never = look(company, "/console/rules?never=1").text
    assert "rest" in never
    assert "has-company" not in never


def test_versions_side_by_side(tmp_path: Path) -> None:
    """Two loaded versions are compared rule by rule, each with the commit that it came from."""
    config = write_config(tmp_path / "config")
    git = ("git", "-C", str(config), "-c", "user.name=t", "-c", "user.email=t@example.com")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "规则")):
        subprocess.run((*git, *command), check=True)
    head = subprocess.run((*git, "rev-parse", "HEAD"), check=True, capture_output=True, text=True)
    commit = head.stdout[:12]
    with served(config, tmp_path / "leads.db") as client:
        before = client.app.state.services.runtime.ruleset.definitions.version  # type: ignore[attr-defined]
        assert "两个版本的含义相同" in look(client, "/console/rules/compare").text
        scoring = config / "scoring.yaml"
        scoring.write_text(SCORING.replace("points: 30", "points: 45"), encoding="utf-8")
        assert client.post("/-/reload").status_code == 200
        page = look(client, "/console/rules/compare").text
        assert "scoring.yaml:7 models.default.rules[asked].points 修改 30 45" in page
        assert f"{commit}+" in page
        back = look(client, f"/console/rules/compare?to={before}").text
        assert "rules[asked].points 修改 45 30" in back
        assert client.get("/console/rules/compare?from=nope").status_code == 404


def test_files_are_kept_by_browsers(company: TestClient) -> None:
    """Scripts and styles are named by what they hold, so that they may be kept for good."""
    import hashlib

    page = look(company, "/console/journeys/welcome")
    paths = [e[1].get("src") or e[1].get("href", "") for e in page.elements]
    found = [path for path in paths if path.startswith("/console/static/")]
    assert len(found) == 3
    for path in found:
        answer = company.get(path)
        assert "immutable" in answer.headers["cache-control"]
        assert hashlib.sha256(answer.content).hexdigest()[:12] in path


def test_news_come_when_there_are_any(company: TestClient) -> None:
    """Who comes new hears at once where things stand; who has seen that hears of the next event."""
    first = company.get("/console/live")
    assert first.headers["content-type"].startswith("text/event-stream")
    assert "event: figures" in first.text
    seen = re.search(r"^id: (\d+)$", first.text, re.MULTILINE)
    assert seen is not None
    company.post("/v1/events", json=form(6, name="赵六", company="新公司"))
    later = company.get("/console/live", headers={"Last-Event-ID": seen[1]})
    assert "event: figures" in later.text
    assert f"id: {seen[1]}\n" not in later.text
