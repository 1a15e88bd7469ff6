from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from engine.host.plugins import Plugins
from engine.plugin import Failed, Result
from tests.plugins.test_delivery import Notes
from tests.plugins.test_registry import registering
from tests.server.test_events import error_of
from tests.serving import form, served, wait_for, write_config


class Refusing(Notes):
    """Refuses everything, until it is told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.behave = self.refuse

    async def refuse(self) -> Result:
        return Failed("号码不存在")


@pytest.fixture
def notes() -> Refusing:
    """Return the provider of the connection notify."""
    return Refusing()


@pytest.fixture
def client(tmp_path: Path, notes: Refusing) -> Iterator[TestClient]:
    """Serve a company whose salespeople's notes are refused."""
    config = write_config(tmp_path / "config", notify="notes")
    plugins = Plugins({"mine": registering(notes)})
    with served(config, tmp_path / "leads.db", plugins=plugins) as client:
        yield client


def listed(client: TestClient, **query: str) -> list[dict[str, Any]]:
    """Return the outbox."""
    items: list[dict[str, Any]] = client.get("/v1/deliveries", params=query).json()["items"]
    return items


def failed(client: TestClient, count: int) -> list[dict[str, Any]]:
    """Send so many forms and return their notes once they have failed."""
    client.post("/v1/events", json=[form(n, company="阀门厂") for n in range(count)])
    return wait_for(
        lambda: (
            len(found := listed(client, status="failed", connection="notify")) == count and found
        )
    )


def test_one_is_tried_again(client: TestClient, notes: Refusing) -> None:
    """Retry gives the delivery, queued again by somebody; it goes out with the same key."""
    (dead,) = failed(client, 1)
    notes.behave = notes.fine
    url = f"/v1/deliveries/{quote(dead['id'])}/retry"
    again = client.post(url, json={"by": "li.na"}).json()
    assert (again["id"], again["retried_by"], again["retries"]) == (dead["id"], "li.na", 1)
    (sent,) = wait_for(lambda: listed(client, status="delivered", connection="notify"))
    assert sent["id"] == dead["id"]
    assert len({each.key for each in notes.seen}) == 1
    refused = error_of(client.post(url, json={}), 409)
    assert "delivered" in refused["message"]
    items = client.get(f"/v1/leads/{dead['lead']}/timeline").json()["items"]
    (said,) = [i for i in items if i["type"] == "delivery_retried"]
    assert said["data"] == {
        "delivery": dead["id"], "by": "li.na", "was": "failed", "reason": "号码不存在",
    }  # fmt: skip


def test_a_whole_connection_is_tried_again(client: TestClient, notes: Refusing) -> None:
    """Everything of a connection that came to nothing goes out again; others stay."""
    failed(client, 3)
    notes.behave = notes.fine
    nothing = client.post("/v1/deliveries/retry", json={"connection": "notify", "status": "dead"})
    assert nothing.json() == {"retried": 0}
    assert client.post("/v1/deliveries/retry", json={"connection": "notify"}).json() == {
        "retried": 3
    }
    sent = wait_for(lambda: len(found := listed(client, status="delivered")) == 3 and found)
    assert {each["retried_by"] for each in sent} == {"admin"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/deliveries/nope/retry", {}, 404),
        ("/v1/deliveries/nope/retry", {"by": 7}, 422),
        ("/v1/deliveries/nope/retry", {"who": "li.na"}, 422),
        ("/v1/deliveries/retry", {}, 422),
        ("/v1/deliveries/retry", {"connection": 7}, 422),
        ("/v1/deliveries/retry", {"connection": "notify", "status": "delivered"}, 422),
    ],
)
def test_what_cannot_be_retried(client: TestClient, path: str, body: Any, status: int) -> None:
    """A delivery that is not there, and a body that says nothing, are refused in words."""
    error_of(client.post(path, json=body), status)


def test_misspelt_status(client: TestClient) -> None:
    """A status that does not exist is refused with the nearest one."""
    error = error_of(client.get("/v1/deliveries?status=expird"), 400)
    assert "expired" in error["message"]


def test_misspelt_connection(client: TestClient) -> None:
    """Looking and trying again name the nearest connection, instead of finding nothing."""
    for answer, status in (
        (client.get("/v1/deliveries?connection=notyfi"), 400),
        (client.post("/v1/deliveries/retry", json={"connection": "notyfi"}), 422),
    ):
        assert 'did you mean "notify"' in error_of(answer, status)["message"]
    assert client.get("/v1/deliveries?connection=email").json()["items"] == []


def test_connections_can_be_watched(client: TestClient) -> None:
    """Status and metrics say how each connection stands, also one that never had to do."""
    failed(client, 1)
    connections = client.get("/-/status").json()["connections"]
    assert connections["notify"]["state"] == "closed"
    assert connections["notify"]["results"] == {"failed": 1}
    assert connections["notify"]["handover_p99"] < 1
    assert connections["email"]["concurrency"] == 5
    text = client.get("/metrics").text
    assert 'leadrules_delivery_results_total{connection="notify",result="failed"} 1' in text
    assert 'leadrules_connection_state{connection="notify",state="closed"} 1' in text
    assert re.search(
        r'leadrules_delivery_handover_seconds\{connection="notify",quantile="0.99"\} 0', text
    )
