"""Labels in two languages: pages, answers, forms, files and the terminal have the reader's."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.cli.main import run
from engine.reports.index import REPORTS
from tests.server.console.visiting import look
from tests.serving import SERVER, form, served, wait_for, write_config

CATALOG = """
fields:
  plan: {type: enum, values: {now: {zh: 本季度, en: This quarter}, later: 以后}, label: {zh: 采购计划, en: Plan}}
  floor: {type: string, label: 楼层}
"""
SCORING = """
models:
  default:
    dimensions: {fit: {label: {zh: 属性, en: Who}}}
    rules:
      - {id: asked, label: {zh: 提交了表单, en: Asked by a form}, dimension: fit,
         event: form_submitted, points: 30, repeat: each}
    label: {zh: 主模型, en: Main model}
    grades:
      - {grade: A, from: 60, label: {zh: 重点跟进, en: Call first}}
      - {grade: C, from: 0, label: {zh: 慢慢培育, en: Warm up}}
"""
LIFECYCLE = """
stages:
  - {id: new, label: {zh: 新线索, en: Fresh}}
  - {id: won, label: {zh: 赢单, en: Closed won}, final: true}
  - {id: lost, label: 输单, final: true}
"""
ROUTING = """
teams: {east: {label: {zh: 华东, en: Team East}, members: [{id: li.na, name: 李娜}]}}
rules:
  - {id: vip, label: {zh: 大客户直达, en: Key accounts}, when: {lead.company: 华信重工},
     assign: {team: east}}
  - {id: rest, label: {zh: 其余入池, en: All the rest}, assign: {pool: public}}
sla:
  - {id: quick, label: {zh: 当天响应, en: Same day}, accept: 2h, first_contact: 1d}
pools:
  public:
    label: {zh: 公海池, en: Open pool}
    recycle: [{id: stale, label: {zh: 久未跟进, en: Gone cold}, idle: 9d}]
"""
JOURNEYS = """
journeys:
  - {id: route, label: {zh: 分流, en: Way in}, enter: {event: form_submitted},
     steps: [{id: assign, route: {}}, {id: later, wait: {until: 9d}}]}
"""
INTAKE = """
rules:
  - {id: rivals, label: {zh: 竞争对手, en: Competitors}, when: {lead.company: 对手公司},
     do: quarantine, reason: 同行来访}
  - {id: tests, label: {zh: 内部测试, en: Our own tests}, when: {lead.company: 测试公司},
     do: reject, reason: 测试数据}
"""
FORMS = """
channels:
  form:
    forms:
      ask: {title: {zh: 询价, en: Ask us}, fields: [{name: email}, {name: plan}, {name: floor}]}
"""


# Of grades, the model, routes, the SLA and the recycle rule.
C, MODEL, VIP, REST, SLA, STALE = NAMES = (
    ("慢慢培育", "Warm up"), ("主模型", "Main model"), ("大客户直达", "Key accounts"),
    ("其余入池", "All the rest"), ("当天响应", "Same day"), ("久未跟进", "Gone cold"),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with labels in both languages, and one in Chinese only."""
    return write_config(
        tmp_path_factory.mktemp("labels") / "config",
        catalog=CATALOG,
        scoring=SCORING,
        lifecycle=LIFECYCLE,
        routing=ROUTING,
        journeys=JOURNEYS,
        intake=INTAKE,
        server=SERVER.format(port=9, notify="log") + FORMS,
    )


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    """Serve it with a lead in the pool."""
    with served(folder, folder.parent / "leads.db", reports=REPORTS) as client:
        client.post("/v1/events", json=form(1, plan="now", floor="三楼")).raise_for_status()
        for n, company in ((2, "华信重工"), (3, "对手公司"), (4, "测试公司")):
            client.post("/v1/events", json=form(n, company=company))
        wait_for(lambda: client.get("/v1/leads/w1@acme.cn").json()["pool"])
        wait_for(lambda: client.get("/v1/leads/w2@acme.cn").json().get("owner"))
        yield client


def got(client: TestClient, path: str, language: str, **query: str) -> Any:
    """Return what the API answers to somebody of that language."""
    answer = client.get(path, params=query, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("language", "pool", "rule", "journey", "stage"),
    [
        ("zh-CN,zh;q=0.9", "公海池", "提交了表单", "分流", "赢单"),
        ("en-GB", "Open pool", "Asked by a form", "Way in", "Closed won"),
        ("fr", "公海池", "提交了表单", "分流", "赢单"),
    ],
)
def test_the_api(
    client: TestClient, language: str, pool: str, rule: str, journey: str, stage: str
) -> None:
    """Answers have labels as texts, in the language that the request accepts, else Chinese."""
    assert got(client, "/v1/pools", language)["items"][0]["label"] == pool
    assert got(client, "/v1/pools/public", language)["label"] == pool
    why = got(client, "/v1/leads/w1@acme.cn/explain", language, rule="asked")
    assert [line["label"] for line in why["score"]["ledger"]] == [rule]
    assert why["rule"]["label"] == rule
    assert why["journeys"][0]["label"] == journey
    assert got(client, "/v1/reports/funnel", language)["stages"][1]["label"] == stage


@pytest.mark.parametrize(("language", "journey"), [("zh", "分流"), ("en", "Way in")])
def test_the_timeline(client: TestClient, language: str, journey: str) -> None:
    """What happened on a journey names it, and says which id that is; a step, what it does."""
    text = look(client, "/console/lead/w1@acme.cn", **{"Accept-Language": language}).text
    assert f"{journey} (route)" in text
    assert {"zh": "动作: 分配", "en": "does: Route"}[language] in text
    assert {"zh": "阶段变化: – → 新线索", "en": "Stage: – → Fresh"}[language] in text


@pytest.mark.parametrize(("language", "clock"), [("zh", "接单: "), ("en", "Accept: ")])
def test_clocks_start_at_instants(client: TestClient, language: str, clock: str) -> None:
    """When clocks run out is an instant, in the API and on the page."""
    items = client.get("/v1/leads/w2@acme.cn/timeline").json()["items"]
    started = next(each for each in items if each["type"] == "sla_started")
    assert sorted(started["data"]["due"]) == ["accept", "first_contact"]
    assert all(
        due.startswith("20") and due.endswith("Z") for due in started["data"]["due"].values()
    )
    text = look(client, "/console/lead/w2@acme.cn", **{"Accept-Language": language}).text
    assert clock in re.sub("<[^>]*>", "", text)


@pytest.mark.parametrize(
    ("language", "said", "unsaid"),
    [
        ("zh", ("新线索", "采购计划", "本季度", "提交了表单", "分流", "公海池", "楼层"), ("Fresh", "Plan")),
        ("en", ("Fresh", "Plan", "This quarter", "Asked by a form", "Way in", "Open pool", "Floor"),
         ("新线索", "采购计划", "本季度", "公海池", "楼层")),
    ],
)  # fmt: skip
def test_a_leads_page(
    client: TestClient, language: str, said: tuple[str, ...], unsaid: tuple[str, ...]
) -> None:
    """Stage, fields, values, rules, journeys, pool: in the reader's words, an id where none are."""
    text = look(client, "/console/lead/w1@acme.cn", **{"Accept-Language": language}).text
    assert [word for word in said if word not in text] == []
    assert [word for word in unsaid if word in text] == []


@pytest.mark.parametrize(
    "path",
    ["/console/", "/console/leads", "/console/day?member=li.na", "/console/routing",
     "/console/journeys", "/console/rules", "/console/people", "/console/reports/stages"],
)  # fmt: skip
def test_no_page_has_the_other_language(client: TestClient, path: str) -> None:
    """What has a label in both languages is nowhere called by the other one."""
    chinese = {"新线索", "赢单", "华东", "公海池", "分流", "提交了表单"}
    english = {"Fresh", "Closed won", "Team East", "Open pool", "Way in", "Asked by a form"}
    if path != "/console/routing":  # which has rules as they were written
        chinese |= {zh for zh, _ in NAMES}
        english |= {en for _, en in NAMES}
    for language, others, own in (("en", chinese, english), ("zh", english, chinese)):
        text = look(client, path, **{"Accept-Language": language}).text
        assert [word for word in others if word in text] == []
        assert [word for word in own if word in text] != []


@pytest.mark.parametrize(("language", "stage"), [("zh", "赢单"), ("en", "Closed won")])
def test_files_of_reports(client: TestClient, language: str, stage: str) -> None:
    """Spreadsheets and pages have names for ids, once, in the language asked for."""
    asked = {"period": "all", "lang": language}
    text = client.get("/v1/reports/stages", params={**asked, "format": "csv"}).text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row[0] for row in rows if row].count(stage) == 1
    assert "won" not in {cell for row in rows for cell in row}
    page = client.get("/v1/reports/stages", params={**asked, "format": "html"}).text
    assert f">{stage}<" in page


def test_programs_keep_the_ids(client: TestClient) -> None:
    """In JSON cells have ids, and ``names`` what people call them."""
    made = got(client, "/v1/reports/stages", "zh", period="all")
    row = next(r for r in made["tables"][0]["rows"] if r["cells"]["stage"] == "won")
    assert row["names"] == {"stage": "赢单"}
    assert "label" not in {column["key"] for column in made["tables"][0]["columns"]}


@pytest.mark.parametrize(
    ("language", "label", "option"), [("zh", "采购计划", "本季度"), ("en", "Plan", "This quarter")]
)
def test_a_hosted_form(client: TestClient, language: str, label: str, option: str) -> None:
    """Its fields and options are called as the catalogue says in the visitor's language."""
    page = look(client, "/channels/form/ask", **{"Accept-Language": language})
    assert label in page.text
    assert option in page.text
    values = {given.get("value") for tag, given in page.elements if tag == "option"}
    assert {"now", "later"} <= values


@pytest.mark.parametrize(
    ("locale", "said"), [("zh_CN.UTF-8", "提交了表单"), ("en_US.UTF-8", "Asked by")]
)
def test_the_terminal(
    client: TestClient,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
    said: str,
) -> None:
    """`explain` speaks as the terminal's locale does."""
    monkeypatch.setenv("LC_ALL", locale)
    database = folder.parent / "leads.db"
    arguments = ["explain", "w1@acme.cn", "--db", str(database), "--config", str(folder)]
    assert run(arguments) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "names", "ids"),
    [
        ("/console/lead/w2@acme.cn", (C, VIP, SLA), ("C", "vip", "quick")),
        ("/console/lead/w1@acme.cn", (C, REST, MODEL), ("C", "rest")),
        ("/console/leads", (C,), ("C",)),
        ("/console/", (SLA,), ("quick",)),
        ("/console/day?member=li.na", (C, SLA), ("quick",)),
        ("/console/routing", (VIP, REST, SLA), ("vip", "rest", "quick")),
        ("/console/rules", (VIP, REST, SLA), ()),
        ("/console/reports/scores?period=all", (C,), ()),
        ("/console/reports/rules?period=all", (VIP, SLA), ()),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_kept_by_its_id(
    client: TestClient,
    path: str,
    names: tuple[tuple[str, str], ...],
    ids: tuple[str, ...],
    language: str,
) -> None:
    """Grades, models, routes and SLAs are called by their labels, their ids are in the titles."""
    page = look(client, path, **{"Accept-Language": language})
    own = [pair[language == "en"] for pair in names]
    assert [word for word in own if word not in page.text] == []
    titles = {given.get("title") for _, given in page.elements}
    assert set(ids) <= titles


@pytest.mark.parametrize(
    ("language", "held", "refused"),
    [("zh", "竞争对手", "内部测试"), ("en", "Competitors", "Our own tests")],
)
def test_what_intake_kept_out(client: TestClient, language: str, held: str, refused: str) -> None:
    """An event that waits or was turned away has the label of the rule beside its id."""
    (waiting,) = got(client, "/v1/quarantine", language)["items"]
    (rejected,) = got(client, "/v1/rejected", language)["items"]
    assert (waiting["rule"], waiting["label"]) == ("rivals", held)
    assert (rejected["rule"], rejected["label"]) == ("tests", refused)


@pytest.mark.parametrize(
    ("language", "grade", "better", "route", "sla"),
    [
        ("zh", "慢慢培育", "重点跟进", "大客户直达", "当天响应"),
        ("en", "Warm up", "Call first", "Key accounts", "Same day"),
    ],
)
def test_an_explanation(
    client: TestClient, language: str, grade: str, better: str, route: str, sla: str
) -> None:
    """Beside the ids of grades, routes, clocks and deadlines stand their labels."""
    why = got(client, "/v1/leads/w2@acme.cn/explain", language)
    assert (why["grade"]["grade"], why["grade"]["label"]) == ("C", grade)
    assert why["grade"]["next"]["label"] == better
    owner = why["owner"]
    assert (owner["rule"], owner["label"], owner["tried"][0]["label"]) == ("vip", route, route)
    assert {(clock["sla"], clock["label"]) for clock in owner["clocks"]} == {("quick", sla)}
    labels = {each["timer"].split(":")[0]: each["label"] for each in why["deadlines"]}
    assert labels["sla"] == sla
    assert labels["recycle"] == STALE[language == "en"]


@pytest.mark.parametrize(("locale", "language"), [("zh_CN.UTF-8", 0), ("en_US.UTF-8", 1)])
def test_the_terminal_names_ids(
    client: TestClient,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
    language: int,
) -> None:
    """`explain` has the labels of the grade, the route, the SLA and the recycle rule by the ids."""
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setenv("COLUMNS", "200")
    database = folder.parent / "leads.db"
    assert run(["explain", "w2@acme.cn", "--db", str(database), "--config", str(folder)]) == 0
    said = capsys.readouterr().out
    assert [pair for pair in (C, VIP, SLA, STALE) if pair[language] not in said] == []
    assert f"vip {VIP[language]}" in said
