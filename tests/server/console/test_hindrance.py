"""Deliveries that nobody can get: the page says why, and what to do instead of trying again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.server.console.visiting import look
from tests.serving import Mailbox, form, mail_server, served, wait_for, write_config

ROUTING = """
teams: {east: {members: [{id: li.na, name: 李娜%s}]}}
rules:
  - {id: all, when: {lead.name: {exists: true}}, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
"""
JOURNEYS = """
journeys:
  - id: tell
    enter: {event: form_submitted}
    steps:
      - {id: assign, route: {}}
      - {id: tell, do: email, with: {to: owner, title: 新线索, text: 请跟进}}
      - {id: hello, send: hello}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the configuration goes."""
    return tmp_path / "config"


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    """Serve a company with a salesperson without a mailbox and a lead without an address."""
    with mail_server(Mailbox()) as port:
        config = write_config(folder, port, routing=ROUTING % "", journeys=JOURNEYS)
        with served(config, folder.parent / "leads.db") as client:
            lead = {"phone": "13800138000", "name": "王芳"}
            client.post("/v1/events", json={**form(1), "lead": lead}).raise_for_status()
            wait_for(lambda: len(client.get("/v1/deliveries?status=failed").json()["items"]) == 1)
            yield client


def retries(client: TestClient) -> int:
    """Return how many deliveries of the page can be tried again."""
    page = look(client, "/console/deliveries")
    return len(
        [given for tag, given in page.elements if given.get("action", "").endswith("/retry")]
    )


def test_a_person_without_an_address(client: TestClient, folder: Path) -> None:
    """The page names the person and the file; once the address is there, it can be tried again."""
    for language, said in (
        ("zh", "李娜 在 routing.yaml 里没有邮箱"),
        ("en", "李娜 has no address"),
    ):
        text = look(client, "/console/deliveries", **{"Accept-Language": language}).text
        assert said in text
    assert "no e-mail address" not in look(client, "/console/deliveries").text
    assert retries(client) == 0
    write_config(folder, routing=ROUTING % ", email: li.na@example.com", journeys=JOURNEYS)
    assert client.post("/-/reload").status_code == 200
    assert retries(client) == 1
