"""The pages of reports: on paper, opened into leads, narrowed, and without a number out of place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from engine.reports.naming import TOUCHED
from engine.server.console.reports import plot
from engine.server.console.words import catalogues
from engine.store.kinds import TOUCHES
from tests.server.console.visiting import Page, look
from tests.serving import form, served, wait_for, write_config


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve a company with four leads in three stages."""
    folder: Path = tmp_path_factory.mktemp("reports")
    with served(write_config(folder / "config"), folder / "leads.db", reports=REPORTS) as client:
        for n in range(1, 5):
            given = form(n, company=f"金泰阀门{n}", source={"name": "华东区线下展会"})
            client.post("/v1/events", json=given).raise_for_status()
        for n, type in ((1, "opportunity_won"), (2, "opportunity_lost")):
            said = {"type": type, "lead": {"email": f"w{n}@acme.cn"}}
            said |= {"properties": {"amount": 10_000} if n == 1 else {"reason": "价格"}}
            client.post("/v1/events", json=said).raise_for_status()
        wait_for(lambda: client.get("/v1/leads?stage=won").json()["items"])
        yield client


def link(page: Page, text: str) -> str:
    """Return the address of the first link that begins so."""
    return next(g["href"] for tag, g in page.elements if tag == "a" and g["href"].startswith(text))


@pytest.mark.parametrize("name", REPORTS)
def test_each_is_to_be_had_on_paper(client: TestClient, name: str) -> None:
    """The button asks for what the page shows: period, cohort, filters, language; it is a PDF.

    The funnel shows all leads there are, whatever the address asks for.
    """
    pytest.importorskip("weasyprint")
    asked = "period=last_90_days&cohort=event&compare=previous&team=east"
    page = look(client, f"/console/reports/{name}?{asked}", **{"Accept-Language": "en"})
    address = link(page, f"/console/reports/{name}.pdf")
    assert parse_qs(urlsplit(address).query) == ({} if name == "funnel" else parse_qs(asked))
    paper = client.get(address, headers={"Accept-Language": "en"})
    assert paper.headers["content-type"] == "application/pdf"
    assert f'filename="{name}.pdf"' in paper.headers["content-disposition"]
    assert paper.content.startswith(b"%PDF")


def test_without_the_library_there_is_no_button(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing makes PDFs none is offered; the page can still be printed."""
    monkeypatch.setattr("engine.server.console.reports.find_spec", lambda name: None)
    page = look(client, "/console/reports/sources")
    assert not [g for tag, g in page.elements if ".pdf" in g.get("href", "")]
    assert [g for tag, g in page.elements if "data-print" in g]


def test_the_funnel_opens_into_its_leads(client: TestClient) -> None:
    """Behind each stage's figure there are as many leads as it says."""
    stages = client.get("/v1/reports/funnel").json()["stages"]
    page = look(client, "/console/reports/funnel")
    links = [g["href"] for tag, g in page.elements
             if tag == "a" and g["href"].startswith("/console/leads?")]  # fmt: skip
    for stage, address in zip(stages, links, strict=False):
        query = urlsplit(address).query
        behind = client.get(f"/v1/leads?{query}{'&' if query else ''}limit=50").json()["items"]
        assert len(behind) == stage["reached"], stage["stage"]
    assert {stage["reached"] for stage in stages} > {0, 1}


def test_the_review_is_of_last_week(client: TestClient) -> None:
    """Unasked, the weekly review has the week that is over, beside the one before."""
    page = look(client, "/console/reports/weekly")
    chosen = {g["value"] for tag, g in page.elements if tag == "option" and "selected" in g}
    assert {"last_week", "previous"} <= chosen


def test_no_goals_say_how_to_set_one(client: TestClient) -> None:
    """An empty report of goals tells where they are written."""
    assert "reports.yaml" in look(client, "/console/reports/goals").text


def test_a_chart_has_one_scale() -> None:
    """Days and a number of sales are not drawn on one axis; a duration is drawn in days."""
    day = 86_400_000
    lines = [
        {"label": {"zh": "平均销售周期"}, "kind": "duration", "values": [3 * day, None]},
        {"label": {"zh": "计入"}, "kind": "count", "values": [7, 8]},
    ]
    drawn = plot({"x": ["2026-03-02", "2026-03-09"], "lines": lines}, catalogues()["zh"])
    assert drawn["series"] == [{"label": "平均销售周期（天）", "values": [3.0, None]}]


def test_touches_have_names(client: TestClient) -> None:
    """What brought a sale is named in the reader's language, also where it is no source."""
    assert set(TOUCHES.values()) <= TOUCHED.keys()
    lead = {"email": "w1@acme.cn"}
    sold = {"type": "opportunity_won", "lead": lead, "properties": {"amount": 100}}
    client.post("/v1/events", json=[{"type": "chat_started", "lead": lead}, sold])
    for language, name in (("zh", "在线咨询"), ("en", "Chat")):
        page = look(client, "/console/reports/attribution", **{"Accept-Language": language})
        assert name in page.text
        assert name in client.get(f"/v1/reports/attribution?format=csv&lang={language}").text
