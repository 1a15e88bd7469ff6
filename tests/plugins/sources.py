"""What the tests of form, lead and webhook channels share: a server, signatures, a fake service."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from engine.host.plugins import Plugins
from engine.server.app import create_app
from engine.server.auth import Access
from tests.serving import SERVER, served, start_runtime, write_config

SECRET = "只有来源知道的密钥"


def config_with(folder: Path, channels: str, **files: str) -> Path:
    """Write a configuration with settings of channels."""
    server = SERVER.format(port=9, notify="log") + channels
    return write_config(folder / "config", server=server, **files)


@contextmanager
def listening(folder: Path, channels: str, **files: str) -> Iterator[TestClient]:
    """Serve a configuration with channels, in this process."""
    with served(config_with(folder, channels, **files), folder / "leads.db") as client:
        yield client


@contextmanager
def running(app: Starlette) -> Iterator[str]:
    """Run an application on a free port of this machine; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def on_a_port(folder: Path, channels: str, **files: str) -> Iterator[str]:
    """Run a whole server on a port, for clients of other makers; yields its address."""
    config = config_with(folder, channels, **files)
    plugins = Plugins(entry_points=False)
    runtime = start_runtime(config, folder / "leads.db", plugins)
    with running(create_app(runtime, Access.open(), plugins)) as address:
        yield address


class Service:
    """A service on loopback: ``answers`` by path, or a function of the request; asked is kept."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Request] = []
        self.delay_s = 0.0

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer)])

    async def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        await asyncio.sleep(self.delay_s)
        found = self.answers.get(request.url.path, (404, {"error": "not found"}))
        status, body = found(request) if callable(found) else found
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return Response(content, status, media_type="application/json")


def signature(body: bytes, secret: str = SECRET, *before: bytes) -> bytes:
    """Return the HMAC-SHA256 of a body."""
    return hmac.new(secret.encode(), b"".join((*before, body)), hashlib.sha256).digest()


def in_base64(digest: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(digest).decode()


def body_of(data: Any) -> bytes:
    """Return JSON as a source sends it."""
    return json.dumps(data, ensure_ascii=False).encode()


def fields_of(client: TestClient, id: str) -> dict[str, Any]:
    """Return a lead's fields; it must exist."""
    answer = client.get(f"/v1/leads/{id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["fields"]
    return found


def events_of(client: TestClient, id: str, *types: str) -> list[dict[str, Any]]:
    """Return the events on a lead's timeline, the oldest first; of some types."""
    items = client.get(f"/v1/leads/{id}/timeline?limit=200").json()["items"]
    found = [i for i in items if i["kind"] == "event" and (not types or i["type"] in types)]
    return found[::-1]


def leads_of(client: TestClient) -> int:
    """Return how many leads there are."""
    return len(client.get("/v1/leads?limit=200").json()["items"])


Change = Callable[[bytes], bytes]
