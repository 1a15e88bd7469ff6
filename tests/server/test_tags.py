"""Leads found by tag, through all that adds tags and takes them away."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from engine.store import checks
from tests.server.console.visiting import Page, look
from tests.serving import form, served

ODD: Final = ("重点客户", "展会, 华东；二期", "说\"急\"、'快'", "a&b=c/d?#%", "-1")


def tag(client: TestClient, lead: str, **changes: list[str]) -> None:
    """Add tags to a lead, or remove them."""
    assert client.post(f"/v1/leads/{lead}/tags", json=changes).status_code == 200


def made(client: TestClient, count: int) -> list[str]:
    """Make leads and return their ids."""
    found = client.post("/v1/events", json=[form(n) for n in range(count)]).json()["results"]
    return [each["lead"] for each in found]


def having(client: TestClient, tag: str, **more: Any) -> list[str]:
    """Return the ids of all leads that are found by a tag, page by page."""
    found, page = [], client.get("/v1/leads", params={"tag": tag, "limit": 2, **more}).json()
    while True:
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return found
        page = client.get(page["next"]).json()


@pytest.mark.parametrize("named", ODD)
def test_leads_are_found_by_any_tag(client: TestClient, named: str) -> None:
    """Commas, quotes and what addresses are made of are part of a tag; parts of it find nothing."""
    leads = made(client, 6)
    for lead in leads[1:]:
        tag(client, lead, add=[named, "别的"])
    for sort in ("updated", "created", "score"):
        assert sorted(having(client, named, sort=sort)) == sorted(leads[1:])
    assert having(client, "") == leads[:1]
    assert having(client, named[:1]) == []
    assert having(client, named, q="w3@acme.cn") == [leads[3]]
    assert having(client, named, pool="没有") == []


def test_a_tag_that_is_taken_away_finds_no_more(client: TestClient) -> None:
    """Only the removed tag goes; one that is put on twice is there once."""
    one, two = made(client, 2)
    for lead in (one, two):
        tag(client, lead, add=["VIP", "展会"])
        tag(client, lead, add=["VIP"])
    tag(client, one, remove=["VIP"])
    assert having(client, "VIP") == [two]
    assert sorted(having(client, "展会")) == sorted([one, two])
    tag(client, one, remove=["展会"])
    assert having(client, "") == [one]


def test_a_merge_unites_tags_and_parting_gives_them_back(config: Path, tmp_path: Path) -> None:
    """The absorbed lead is found by none, the survivor by both; parted, each by its own again."""
    database = tmp_path / "leads.db"
    with served(config, database) as client:
        one, two = made(client, 2)
        tag(client, one, add=["老客户"])
        tag(client, two, add=["展会"])
        said = {"with": two, "reason": "同一个人"}
        assert client.post(f"/v1/leads/{one}/merge", json=said).status_code == 200
        assert (having(client, "老客户"), having(client, "展会")) == ([one], [one])
        assert sound(database)
        said = {"lead": two, "reason": "两个人"}
        assert client.post(f"/v1/leads/{one}/unmerge", json=said).status_code == 200
        assert (having(client, "老客户"), having(client, "展会")) == ([one], [two])
        assert sound(database)


@pytest.mark.parametrize("merged", [False, True])
def test_who_is_forgotten_leaves_no_tag(config: Path, tmp_path: Path, merged: bool) -> None:
    """Neither a row of theirs nor the word itself, whichever of two merged leads it was on."""
    database = tmp_path / "leads.db"
    with served(config, database) as client:
        one, two, other = made(client, 3)
        tag(client, one, add=["对价格敏感"])
        tag(client, two, add=["对价格敏感"])
        tag(client, other, add=["老客户"])
        if merged:
            said = {"with": two, "reason": "同一个人"}
            assert client.post(f"/v1/leads/{one}/merge", json=said).status_code == 200
        for lead in (one,) if merged else (one, two):
            assert client.post(f"/v1/leads/{lead}/forget").status_code == 200
        assert rows(database) == [("老客户", other)]
        assert sound(database)


def test_a_tag_that_the_lead_has_not_is_found_by_doctor(config: Path, tmp_path: Path) -> None:
    """The deep check counts tags again, and names the leads with too many or too few."""
    database = tmp_path / "leads.db"
    with served(config, database) as client:
        one, two, three = made(client, 3)
        tag(client, one, add=["VIP"])
        tag(client, three, add=["VIP"])
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE tags SET lead = ? WHERE lead = ?", (two, one))
    (bad,) = [each for each in checks.deep(database, "default") if each.level != "ok"]
    assert (bad.check, sorted(bad.examples)) == ("tags", sorted([one, two]))


@pytest.mark.parametrize("named", ODD)
def test_the_console_filters_by_tag(client: TestClient, named: str) -> None:
    """Each tag of a lead leads to the list of those that have it; the field keeps what is typed."""
    one, two = made(client, 2)
    tag(client, one, add=[named])
    (link,) = links(look(client, f"/console/lead/{one}"))
    found = look(client, link)
    assert f"/console/lead/{one}" in found.source
    assert f"/console/lead/{two}" not in found.source
    assert links(found) == [link]
    inputs = [given for name, given in found.elements if name == "input"]
    assert [each["value"] for each in inputs if each.get("name") == "tag"] == [named]


def links(page: Page) -> list[str]:
    """Return where the tags of a page lead to."""
    found = [given.get("href", "") for name, given in page.elements if name == "a"]
    return [href for href in found if href.startswith("/console/leads?tag=")]


def rows(database: Path) -> list[tuple[str, str]]:
    """Return the rows of the table of tags."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute("SELECT tag, lead FROM tags ORDER BY tag").fetchall()
    finally:
        connection.close()


def sound(database: Path) -> bool:
    """Whether every deep check is content."""
    return all(each.level == "ok" for each in checks.deep(database, "default"))
