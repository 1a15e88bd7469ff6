"""A server with accounts, as people who sign in see it."""

from __future__ import annotations

from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from tests.server.console.visiting import HTML, Page, look, send

ADMIN = "the-administrators-own-token"
BEARER = {"Authorization": f"Bearer {ADMIN}"}
FIRST = "初始密码-请尽快修改"
OWN = "春江潮水连海平 2026"


def make(client: TestClient, name: str, **more: Any) -> Response:
    """Make an account as an administrator."""
    data = {"name": name, "password": FIRST, "role": "ops", **more}
    return client.post("/v1/users", json=data, headers=BEARER)


def sign_in(client: TestClient, name: str, password: str) -> Response:
    """Fill in the form of the sign-in."""
    page = look(client, "/console/sign-in")
    return send(client, page, "/sign-in", name=name, password=password)


def change(client: TestClient, page: Page, **fields: str) -> Response:
    """Fill in the form for a new password."""
    return send(client, page, "/password", **fields)


def settle(client: TestClient, name: str, own: str = OWN) -> None:
    """Sign in for the first time, and set a password of one's own."""
    first = sign_in(client, name, FIRST)
    assert first.status_code == 200, first.text
    fields = {"name": name, "password": FIRST, "new": own, "again": own}
    answer = change(client, Page(first.text), **fields)
    assert answer.status_code == 303, answer.text


def is_in(client: TestClient) -> bool:
    """Whether this browser is signed in."""
    return client.get("/console/leads", headers=HTML).status_code == 200


def deeds(client: TestClient, limit: int = 20) -> list[tuple[str, str, int]]:
    """Return the audit, newest first: who, action, status."""
    items = client.get(f"/v1/audit?limit={limit}", headers=BEARER).json()["items"]
    return [(each["who"], each["action"], each["status"]) for each in items]
