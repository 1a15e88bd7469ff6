from __future__ import annotations

import asyncio
import base64
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.server.auth import TOKEN_VARIABLE, Access, configure, is_loopback
from tests.server.test_events import error_of
from tests.serving import form, served, start_runtime

TOKEN = "s3cret-token"
PROTECTED = ["/v1/leads", "/v1/tasks", "/v1/deliveries", "/metrics", "/openapi.json", "/-/plugins"]


@pytest.fixture
def guarded(config: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Serve with a token."""
    with served(config, tmp_path / "leads.db", Access.token(TOKEN)) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """Return the header of a program."""
    return {"Authorization": f"Bearer {token}"}


def basic(token: str) -> dict[str, str]:
    """Return the header of a browser that was given a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"me:{token}".encode()).decode()}


@pytest.mark.parametrize("path", PROTECTED)
def test_token_is_needed(guarded: TestClient, path: str) -> None:
    """Nothing is shown without the token, or with a wrong one."""
    for headers in ({}, bearer("wrong"), bearer(""), basic(TOKEN), {"Authorization": TOKEN}):
        answer = guarded.get(path, headers=headers)
        assert error_of(answer, 401)["code"] == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.get(path, headers=bearer(TOKEN)).status_code == 200


def test_events_need_the_token(guarded: TestClient) -> None:
    """Events come in with the token only."""
    assert guarded.post("/v1/events", json=form()).status_code == 401
    assert guarded.post("/-/reload").status_code == 401
    assert guarded.post("/v1/events", json=form(), headers=bearer(TOKEN)).status_code == 200


def test_what_is_free(guarded: TestClient) -> None:
    """Probes and channels need no token: machines and strangers have none."""
    assert guarded.get("/-/healthy").status_code == 200
    assert guarded.get("/-/ready").status_code == 200
    assert guarded.post("/channels/form/contact", data={"email": "a@b.cn"}).status_code == 202
    assert guarded.post("/channels/../v1/events", json=form()).status_code == 401


def test_browser_may_look_only(guarded: TestClient) -> None:
    """A browser gets the console for the token as password, and can change nothing by it."""
    answer = guarded.get("/console/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert guarded.get("/console/", headers=basic("wrong")).status_code == 401
    assert guarded.get("/console/", headers={"Authorization": "Basic %%%"}).status_code == 401
    assert guarded.get("/console/", headers=basic(TOKEN)).status_code == 200
    assert guarded.post("/v1/events", json=form(), headers=basic(TOKEN)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_open_means_this_machine(client: TestClient, headers: dict[str, str], status: int) -> None:
    """Without a token, a page from elsewhere can't use a browser of this machine."""
    answer = client.post("/v1/events", json=form(), headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert TOKEN_VARIABLE in error_of(answer, 403)["message"]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *[("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True)],
        *[("0.0.0.0", False), ("192.168.1.5", False), ("::", False), ("example.com", False)],
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    """Only addresses of this machine count as its own."""
    assert is_loopback(host) is loopback


def test_token_is_made_once(config: Path, tmp_path: Path) -> None:
    """For an address that others reach a token is made, shown once, and kept as a hash."""
    database = tmp_path / "leads.db"

    async def story() -> None:
        runtime = start_runtime(config, database)
        try:
            assert await configure(runtime, "127.0.0.1", {}) == (Access.open(), None)
            access, made = await configure(runtime, "0.0.0.0", {})
            assert made is not None
            assert access == Access.token(made)
            assert await configure(runtime, "0.0.0.0", {}) == (access, None)
            assert await configure(runtime, "127.0.0.1", {}) == (access, None)
            given = await configure(runtime, "0.0.0.0", {TOKEN_VARIABLE: TOKEN})
            assert given == (Access.token(TOKEN), None)
        finally:
            await runtime.stop()
        dump = "\n".join(sqlite3.connect(database).iterdump())
        assert made not in dump

    asyncio.run(story())
