from __future__ import annotations

import re

from starlette.testclient import TestClient

from tests.serving import form


def test_home_leads_to_the_console(client: TestClient) -> None:
    """A browser that asks for nothing in particular gets the console."""
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")


def test_overview(client: TestClient) -> None:
    """The page shows the funnel and the newest leads with what they are."""
    client.post("/v1/events", json=form(company="阀门厂"))
    page = client.get("/console/")
    assert page.headers["content-type"].startswith("text/html")
    for word in ("王芳", "阀门厂", "li.na", "已分配", "<svg", "<rect"):
        assert word in page.text


def test_empty_overview(client: TestClient) -> None:
    """A server without leads says how to send the first one."""
    assert "POST /v1/events" in client.get("/console/").text


def test_what_leads_typed_is_text(client: TestClient) -> None:
    """A name with markup is shown as it was typed, never run."""
    client.post("/v1/events", json=form(name="<script>alert(1)</script>"))
    text = client.get("/console/").text
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_nothing_from_elsewhere(client: TestClient) -> None:
    """The page loads its own style sheet and nothing from any other host, and has no script."""
    text = client.get("/console/").text
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["/console/static/console.css"]
    assert not re.search(r"<script|style=|\son\w+=|https?://", text)
    style = client.get("/console/static/console.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text
