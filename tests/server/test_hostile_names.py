"""Leads with names that would do harm: in mails, lists, files and on paper they are names only."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from tests.serving import Mailbox, form, mail_server, served, wait_for, write_config

SCRIPT = "<script>alert(1)</script>"
# Markup, formulas in both widths, templates, the terminal's markup, and what is not seen.
NAMES = (SCRIPT, "=1+1", "＝1+1", "{{ 7 * 7 }}王芳", "[/red]王芳", "\u202e王\u200b芳\u2066")
UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
JOURNEYS = """
journeys:
  - id: welcome
    enter: {event: form_submitted}
    steps: [{id: hello, send: hello}]
"""
MESSAGES = """
messages:
  hello:
    action: email
    subject: "{{ lead.name }}，欢迎"
    template: hello.html
    text: "{{ lead.name }}，您好"
"""
LIFECYCLE = """
stages: [{id: new, label: 新}, {id: lost, label: 输单, event: opportunity_lost, final: true}]
"""


@pytest.fixture(scope="module")
def mailbox() -> Mailbox:
    """What the mail server took."""
    return Mailbox()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[TestClient]:
    """Serve a company whose leads have such names, companies, sources and reasons."""
    folder: Path = tmp_path_factory.mktemp("names")
    with mail_server(mailbox) as port:
        config = write_config(
            folder / "config", port, journeys=JOURNEYS, messages=MESSAGES, lifecycle=LIFECYCLE
        )
        (config / "templates").mkdir()
        (config / "templates/hello.html").write_text("<p>{{ lead.name }}，您好</p>", "utf-8")
        with served(config, folder / "leads.db", reports=REPORTS) as client:
            for n, name in enumerate(NAMES, 1):
                given = form(n, name=name, company=name, source={"name": name})
                client.post("/v1/events", json=given).raise_for_status()
                lost = {"type": "opportunity_lost", "lead": given["lead"]}
                lost |= {"properties": {"reason": name}}
                client.post("/v1/events", json=lost).raise_for_status()
            wait_for(lambda: len(mailbox.messages) == len(NAMES))
            yield client


def names_of(client: TestClient) -> list[str]:
    """Return the names as they are kept."""
    items = client.get("/v1/leads", params={"limit": "50"}).json()["items"]
    return [each["fields"]["name"] for each in items]


def test_nothing_unseen_is_kept(client: TestClient) -> None:
    """What turns the writing round or is not seen is gone, and the rest of each name is there."""
    kept = names_of(client)
    assert not [name for name in kept if UNSEEN.search(name)]
    assert set(kept) == {UNSEEN.sub("", name) for name in NAMES}


def test_a_mail_has_the_name_as_text(client: TestClient, mailbox: Mailbox) -> None:
    """Subject and text have it as it is, HTML has it escaped; no template runs, no line is added."""
    kept, told = set(names_of(client)), set()
    for message in mailbox.messages:
        subject = str(message["Subject"])
        assert subject.endswith("，欢迎")
        told.add(subject.removesuffix("，欢迎"))
        html, text = message.get_body(("html",)), message.get_body(("plain",))
        assert html is not None
        assert text is not None
        assert "<script" not in html.get_content()
        assert text.get_content().strip() == f"{subject.removesuffix('，欢迎')}，您好"
    assert told == kept


def test_the_list_as_csv(client: TestClient) -> None:
    """No cell of the exported list is a formula, and each name is in it."""
    text = client.get("/console/leads.csv").text.removeprefix("\ufeff")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "＝", "@", "\t"))]
    assert set(names_of(client)) <= {cell.removeprefix("'") for cell in cells}


@pytest.mark.parametrize("name", ["sources", "losses", "funnel", "attribution", "weekly"])
def test_reports_in_every_form(client: TestClient, name: str) -> None:
    """Neither spreadsheet nor page nor console has more of a name than its text."""
    path, asked = f"/v1/reports/{name}", {"period": "all", "lang": "en"}
    table = client.get(path, params={**asked, "format": "csv"}).text.removeprefix("\ufeff")
    cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "＝", "@", "\t"))]
    for page in (
        client.get(path, params={**asked, "format": "html"}).text,
        client.get(f"/console/reports/{name}", params={"period": "all"}).text,
    ):
        assert SCRIPT not in page
        assert not UNSEEN.search(page)
        if name in ("sources", "losses"):
            assert "&lt;script&gt;" in page
            assert "{{ 7 * 7 }}" in page


def test_a_report_on_paper(client: TestClient, tmp_path: Path) -> None:
    """The PDF has the names as text, and nothing in it that would run."""
    pytest.importorskip("weasyprint")
    answer = client.get("/v1/reports/losses", params={"period": "all", "format": "pdf"})
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert not re.search(rb"/(?:JavaScript|JS|OpenAction|Launch|URI)\b", answer.content)
