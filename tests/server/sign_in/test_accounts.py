from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.server.auth import Access
from engine.server.console.entering import DEVICE_COOKIE
from engine.server.problems import Problem
from engine.server.sign_in.attempts import FREE
from engine.server.sign_in.passwords import check
from engine.server.sign_in.sessions import COOKIE
from tests.server.console.visiting import HTML, Page, look
from tests.server.sign_in.house import (
    ADMIN,
    BEARER,
    FIRST,
    OWN,
    change,
    deeds,
    is_in,
    make,
    settle,
    sign_in,
)
from tests.server.test_events import error_of
from tests.serving import served, write_config


def test_the_first_sign_in_asks_for_a_password_of_ones_own(client: TestClient) -> None:
    """An administrator's password opens no page until its owner has set another one."""
    made = make(client, "one").json()
    assert (made["name"], made["must_change"], made["sessions"]) == ("one", True, 0)
    first = sign_in(client, "One ", FIRST)
    assert first.status_code == 200
    assert "请先换成您自己的" in first.text
    assert COOKIE not in client.cookies
    assert not is_in(client)
    fields = {"name": "one", "password": FIRST, "new": OWN, "again": OWN}
    answer = change(client, Page(first.text), **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert is_in(client)
    assert sign_in(client, "one", FIRST).status_code == 422
    assert sign_in(client, "one", OWN).status_code == 303


def test_the_audit_tells_of_every_sign_in(client: TestClient) -> None:
    """Making, entering, failing and changing are written down, with whose account it is."""
    make(client, "two")
    sign_in(client, "two", "falsch-falsch")
    sign_in(client, "mein-passwort-im-falschen-feld", "x" * 12)
    settle(client, "two")
    client.post("/v1/users/two", json={"disabled": True}, headers=BEARER)
    assert deeds(client, 5) == [
        ("admin", "POST /v1/users/{name} two", 200),
        ("two", "POST /console/password", 303),
        ("", "POST /console/sign-in", 422),
        ("two", "POST /console/sign-in", 422),
        ("admin", "POST /v1/users two", 200),
    ]
    assert "feld" not in str(deeds(client))
    client.cookies.clear()
    assert client.get("/console/audit", headers={**BEARER, **HTML}).status_code == 200


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("九个字符的密码啊啊", "short-password"),
        ("长" * 201, "long-password"),
        ("1234567890", "common-password"),
        ("password123", "common-password"),
        ("woaini1314520", "common-password"),
        ("aaaaaaaaaaaa", "common-password"),
        ("Li.na@LI.NA1", "common-password"),
    ],
)
def test_weak_passwords_are_refused(password: str, code: str) -> None:
    """A password that is short, endless, common, or little more than the name won't do."""
    with pytest.raises(Problem) as refused:
        check(password, "li.na", "")
    assert refused.value.code == code


def test_nobody_sets_a_weak_password(client: TestClient) -> None:
    """Administrators and owners are refused alike, on the page in the reader's language."""
    assert error_of(make(client, "three", password="password123"), 422)["code"] == "common-password"
    make(client, "three")
    first = Page(sign_in(client, "three", FIRST).text)
    fields = {"name": "three", "password": FIRST, "new": "1234567890", "again": "1234567890"}
    answer = change(client, first, **fields)
    assert answer.status_code == 422
    assert "这个密码太常见" in answer.text
    assert not is_in(client)


@pytest.mark.parametrize(
    "password", ["Kiefern rauschen leise", "床前明月光疑是地上霜", "  a-b-c-d-e-f-z  "]
)
def test_no_rules_of_composition(client: TestClient, password: str) -> None:
    """A long password without capitals, digits or signs is good; spaces count as typed."""
    name = f"four.{password.strip()[0]}"
    make(client, name)
    settle(client, name, own=password)
    client.cookies.clear()
    assert sign_in(client, name, password).status_code == 303
    assert sign_in(client, name, password.strip() + "!").status_code == 422


def test_a_password_is_the_same_from_every_keyboard(client: TestClient) -> None:
    """Full-width letters and composed accents are the password typed another way (NFKC)."""
    make(client, "five")
    settle(client, "five", own="Ａｌｐｅｎ－Café am Fluß")
    assert sign_in(client, "ＦＩＶＥ", "Alpen-Cafe\u0301 am Fluß").status_code == 303


def test_whoever_may_not_enter_hears_the_same(client: TestClient) -> None:
    """A wrong password, an unknown name and a disabled account are answered alike."""
    make(client, "six")
    settle(client, "six")
    make(client, "six.b")
    client.post("/v1/users/six.b", json={"disabled": True}, headers=BEARER)
    client.cookies.clear()
    tried = (("six", FIRST), ("王五", OWN), ("six.b", FIRST), ("", ""), ("six", "x" * 900))
    answers = [sign_in(client, name, password) for name, password in tried]
    assert {answer.status_code for answer in answers} == {422}
    texts = {Page(answer.text).text for answer in answers}
    assert len(texts) == 1
    assert "用户名或密码不对" in texts.pop()


def test_guesses_wait_and_the_owner_does_not(client: TestClient) -> None:
    """After failures strangers wait, whether there is such an account or not; its owner does not."""
    make(client, "seven")
    settle(client, "seven")
    device = str(client.cookies.get(DEVICE_COOKIE))
    client.cookies.clear()
    for name in ("seven", "niemand"):
        for _ in range(FREE):
            assert sign_in(client, name, "falsch-falsch").status_code == 422
        late = sign_in(client, name, OWN)
        assert late.status_code == 429
        assert 1 <= int(late.headers["retry-after"]) <= 30
        assert "尝试次数太多" in late.text
    client.cookies.set(DEVICE_COOKIE, device + "x")
    assert sign_in(client, "seven", OWN).status_code == 429
    client.cookies.clear()
    client.cookies.set(DEVICE_COOKIE, device)
    assert sign_in(client, "seven", OWN).status_code == 303


def test_an_owner_changes_the_password(client: TestClient) -> None:
    """It takes the old one and twice the new one; other browsers are signed out, this is not."""
    make(client, "eight")
    settle(client, "eight")
    other = dict(client.cookies)
    client.cookies.clear()
    sign_in(client, "eight", OWN)
    page = look(client, "/console/account")
    assert "<" not in page.text
    assert "登录中的浏览器 2" in page.text
    new = "夜阑卧听风吹雨 1192"
    for fields, says in (
        ({"password": "falsch-falsch", "new": new, "again": new}, "用户名或密码不对"),
        ({"password": OWN, "new": new, "again": f"{new}!"}, "不一样"),
        ({"password": OWN, "new": OWN, "again": OWN}, "不能和原来的一样"),
    ):
        refused = change(client, page, name="eight", **fields)
        assert refused.status_code == 422
        assert says in refused.text
    good = change(client, page, name="eight", password=OWN, new=new, again=new)
    assert good.headers["location"] == "/console/account"
    assert is_in(client)
    client.cookies.clear()
    client.cookies.update(other)
    assert not is_in(client)
    assert sign_in(client, "eight", new).status_code == 303


def test_a_salesperson_sees_their_own(client: TestClient) -> None:
    """An account of the role sales shows its member's leads, and no page for others."""
    made = make(client, "nine", role="sales", member="li.na")
    assert made.json()["member"] == "li.na"
    settle(client, "nine")
    page = look(client, "/console/leads")
    assert "金泰阀门" in page.text
    assert "w2@acme.cn" not in page.text
    assert client.get("/console/people", headers=HTML).status_code == 403
    assert client.get("/v1/leads").status_code == 401


def test_accounts_outlive_a_restart(tmp_path: Path) -> None:
    """Accounts and their sessions are there afterwards, and no file holds a password or a cookie."""
    config, database = write_config(tmp_path / "config"), tmp_path / "leads.db"
    with served(config, database, Access.token(ADMIN)) as client:
        make(client, "li.na")
        settle(client, "li.na")
        kept = dict(client.cookies)
        assert "argon2" not in client.get("/v1/users", headers=BEARER).text
    with served(config, database, Access.token(ADMIN)) as client:
        client.cookies.update(kept)
        assert is_in(client)
        held = b"".join(each.read_bytes() for each in tmp_path.glob("leads.db*"))
        assert b"argon2id" in held
        for secret in (FIRST, OWN, kept[COOKIE]):
            assert secret.encode() not in held
        client.cookies.clear()
        assert sign_in(client, "li.na", OWN).status_code == 303
