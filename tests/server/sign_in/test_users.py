from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.console.visiting import HTML, look, send
from tests.server.sign_in.house import ADMIN, BEARER, FIRST, OWN, is_in, make, settle, sign_in
from tests.server.test_events import error_of
from tests.serving import served, write_config


def account(client: TestClient, name: str) -> dict[str, Any]:
    """Return an account as administrators see it."""
    items = client.get("/v1/users", headers=BEARER).json()["items"]
    found: dict[str, Any] = next(each for each in items if each["name"] == name)
    return found


@pytest.mark.parametrize(
    "what", [{"password": "另一个初始密码在这里"}, {"role": "read"}, {"disabled": True}]
)
def test_a_change_ends_the_sessions(client: TestClient, what: dict[str, object]) -> None:
    """Another password, role or a disabled account closes the pages that were open."""
    name = f"change.{next(iter(what))}"
    make(client, name)
    settle(client, name)
    assert is_in(client)
    changed = client.post(f"/v1/users/{name}", json=what, headers=BEARER).json()
    assert changed["sessions"] == 0
    assert not is_in(client)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"name": "a b"}, "bad-value"),
        ({"name": "../x"}, "bad-value"),
        ({"name": "x" * 81}, "bad-value"),
        ({"name": ""}, "bad-value"),
        ({"role": "boss"}, "bad-value"),
        ({"role": "sales"}, "bad-value"),
        ({"role": "ops", "member": "li.na"}, "bad-value"),
        ({"role": "sales", "member": "li.nna"}, "bad-value"),
        ({"password": None}, "bad-value"),
        ({"member": 5}, "bad-value"),
        ({"pasword": "x"}, "unknown-key"),
    ],
)
def test_bad_accounts_are_refused(client: TestClient, data: dict[str, object], code: str) -> None:
    """An account has a plain name, a known role, and for sales a member of a team."""
    before = client.get("/v1/users", headers=BEARER).json()
    answer = make(client, **{"name": "neu", **data})  # type: ignore[arg-type]
    assert error_of(answer, 422)["code"] == code
    assert client.get("/v1/users", headers=BEARER).json() == before


def test_bad_changes_are_refused(client: TestClient) -> None:
    """A change says something, names a role with its member, and is about somebody."""
    make(client, "fest")
    for bad in ({}, {"member": "li.na"}, {"role": "sales"}, {"role": 1}, {"disabled": "ja"}):
        answer = client.post("/v1/users/fest", json=bad, headers=BEARER)
        assert error_of(answer, 422)["code"] == "bad-value"
    unknown = client.post("/v1/users/festt", json={"disabled": True}, headers=BEARER)
    assert "fest" in error_of(unknown, 404)["message"]


def test_a_name_is_given_once(client: TestClient) -> None:
    """Capitals and widths make no other name, and the administrator's own is taken."""
    assert make(client, "Wáng").status_code == 200
    for taken in ("wÁNG", "ＷÁNG", "admin", "Admin"):
        assert error_of(make(client, taken), 409)["code"] == "refused"


def test_signed_out_by_an_administrator(client: TestClient) -> None:
    """Signing somebody out closes all their browsers, and the account stays good."""
    make(client, "raus")
    settle(client, "raus")
    answer = client.post("/v1/users/raus/sign-out", json={}, headers=BEARER)
    assert answer.json() == {"ended": 1}
    assert not is_in(client)
    assert sign_in(client, "raus", OWN).status_code == 303
    unknown = client.post("/v1/users/niemand/sign-out", json={}, headers=BEARER)
    assert error_of(unknown, 404)["code"] == "not-found"


def test_administrators_work_on_the_page(client: TestClient) -> None:
    """The page makes accounts, changes roles, sets passwords, disables and enables."""
    send(client, look(client, "/console/", 401), "/sign-in", token=ADMIN)
    own = dict(client.cookies)
    spaced = "  mit Leerzeichen drum  "
    page = look(client, "/console/people")
    send(client, page, "/users", name="小王", password=spaced, role="read", member="")
    assert "账号已建立" in look(client, "/console/people").text
    client.cookies.clear()
    assert "请先换成您自己的" in sign_in(client, "小王", spaced).text
    client.cookies.clear()
    client.cookies.update(own)
    page, path = look(client, "/console/people"), "/%E5%B0%8F%E7%8E%8B"
    send(client, page, f"{path}/role", role="sales", member="li.na")
    assert (account(client, "小王")["role"], account(client, "小王")["member"]) == (
        "sales",
        "li.na",
    )
    send(client, page, f"{path}/disable")
    assert account(client, "小王")["disabled"] is True
    send(client, look(client, "/console/people"), f"{path}/enable")
    assert account(client, "小王")["disabled"] is False
    send(client, page, f"{path}/password", password="1234567890")
    assert "太常见" in look(client, "/console/people").text
    hidden = page.forms[-1][1]
    assert client.post(f"/console/users{path}/dance", data=hidden, headers=HTML).status_code == 404


def test_the_first_account_closes_an_open_server(tmp_path: Path) -> None:
    """Without tokens the first account must be an administrator's; then all sign in, and the
    administrator can't take away their own rights.
    """
    config = write_config(tmp_path / "config")
    with served(config, tmp_path / "leads.db") as client:
        first = {"name": "chef", "password": FIRST, "role": "ops"}
        assert error_of(client.post("/v1/users", json=first), 409)["code"] == "refused"
        assert client.post("/v1/users", json={**first, "role": "admin"}).status_code == 200
        assert client.get("/v1/leads").status_code == 401
        look(client, "/console/", 401)
        settle(client, "chef")
        page = look(client, "/console/people")
        _, hidden = next(each for each in page.forms if each[0].endswith("/chef/password"))
        for verb in ("disable", "role"):
            client.post(f"/console/users/chef/{verb}", data={**hidden, "role": "read"})
            assert "不能取消自己的权限" in look(client, "/console/people").text
        assert is_in(client)
