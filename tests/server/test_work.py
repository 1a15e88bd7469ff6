from __future__ import annotations

from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.server.test_events import error_of
from tests.serving import form, wait_for


def test_to_dos(client: TestClient) -> None:
    """A to-do is listed with its owner, completed once, and then listed as done."""
    client.post("/v1/events", json=form(company="阀门厂"))
    (task,) = client.get("/v1/tasks?owner=li.na&status=open").json()["items"]
    assert (task["title"], task["owner"]) == ("回访", "li.na")

    url = f"/v1/tasks/{quote(task['id'])}/complete"
    done = client.post(url, json={"outcome": "约了周五", "by": "li.na"}).json()
    assert (done["status"], done["outcome"]) == ("done", "约了周五")
    assert client.post(url, json={"outcome": "再来一次"}).json() == done
    assert client.get("/v1/tasks?status=open").json()["items"] == []
    assert client.get("/v1/tasks?status=done").json()["items"] == [done]
    items = client.get(f"/v1/leads/{task['lead']}/timeline").json()["items"]
    assert [i["by"] for i in items if i["type"] == "task_completed"] == ["li.na"]


def test_no_such_task(client: TestClient) -> None:
    """A task that is not there is a 404."""
    error_of(client.post("/v1/tasks/nope/complete", json={}), 404)


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/deliveries"])
def test_misspelt_status(client: TestClient, path: str) -> None:
    """A status that does not exist is refused with the nearest one."""
    error = error_of(client.get(f"{path}?status=opne"), 400)
    assert error["code"] == "bad-status"


def test_outbox(client: TestClient) -> None:
    """The outbox shows what was sent to whom, and what became of it."""
    client.post("/v1/events", json=form(company="阀门厂"))
    wait_for(lambda: client.get("/v1/deliveries?status=delivered").json()["items"])
    (note,) = client.get("/v1/deliveries?status=delivered").json()["items"]
    assert (note["connection"], note["audience"], note["to"]) == ("notify", "owner", "li.na")
    assert len(client.get("/v1/deliveries").json()["items"]) == 2


def test_a_todo_is_for_somebody_who_is_there(client: TestClient) -> None:
    """Nobody would see what was given to a misspelt name; a supervisor may be in no team."""
    client.post("/v1/events", json=form())
    todo = {"lead": "w1@acme.cn", "title": "寄样品", "owner": "li.nna"}
    error = error_of(client.post("/v1/tasks", json=todo), 422)
    assert (error["code"], 'did you mean "li.na"' in error["message"]) == ("unknown-member", True)
    assert client.post("/v1/tasks", json={**todo, "owner": "li.na"}).status_code == 200


def test_funnel(client: TestClient) -> None:
    """The report counts each lead in every stage it has reached."""
    client.post("/v1/events", json=[form(1, company="阀门厂"), form(2)])
    report = client.get("/v1/reports/funnel").json()
    stages = {line["stage"]: line for line in report["stages"]}
    assert report["leads"] == 2
    assert stages["new"]["reached"] == 2
    assert (stages["assigned"]["reached"], stages["assigned"]["now"]) == (1, 1)


@pytest.mark.parametrize("query", ["period=last_week", "owner=li.na", "compare=previous"])
def test_the_funnel_takes_no_period(client: TestClient, query: str) -> None:
    """It counts all leads there are: asked for some of them, it says which report does that."""
    error = error_of(client.get(f"/v1/reports/funnel?{query}"), 400)
    assert error["code"] == "bad-parameter"
    assert "stages" in error["message"]
    assert client.get("/v1/reports/funnel?format=csv&lang=en").status_code == 200


def test_no_such_report(client: TestClient) -> None:
    """A misspelt report is a 404 that names the nearest one."""
    error = error_of(client.get("/v1/reports/funel"), 404)
    assert "funnel" in error["message"]
