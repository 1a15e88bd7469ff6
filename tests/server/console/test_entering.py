from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from engine.server.auth import Access, digest_of
from engine.server.sign_in.sessions import COOKIE
from tests.server.console.visiting import HTML, Page, look, send
from tests.server.test_roles import SECRETS, tokens_yaml
from tests.serving import form, served, write_config

ADMIN = "the-administrators-own-token"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    """Serve with a token for each role, and one lead that is Li Na's."""
    config = write_config(tmp_path / "config", server=tokens_yaml())
    with served(config, tmp_path / "leads.db", Access.token(ADMIN), reports=REPORTS) as client:
        bearer = {"Authorization": f"Bearer {ADMIN}"}
        client.post("/v1/events", json=form(1, company="金泰阀门"), headers=bearer)
        yield client


def enter(client: TestClient, token: str, back: str = "/console/") -> None:
    """Sign in as a person does."""
    answer = send(client, look(client, back, 401), "/sign-in", token=token)
    assert (answer.status_code, answer.headers["location"]) == (303, back)


def test_a_browser_is_asked_to_sign_in(guarded: TestClient) -> None:
    """A page without a session is the sign-in, not the browser's own window; programs get JSON."""
    page = guarded.get("/console/leads?stage=won", headers=HTML)
    assert page.status_code == 401
    assert page.headers["www-authenticate"] == "Bearer"
    assert 'value="/console/leads?stage=won"' in page.text
    assert guarded.get("/console/leads").json()["error"]["code"] == "unauthorized"


def test_a_token_opens_a_session(guarded: TestClient) -> None:
    """Signing in leads back to where one was going; the cookie is out of reach of scripts."""
    answer = send(guarded, look(guarded, "/console/leads", 401), "/sign-in", token=ADMIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/leads")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert ADMIN not in cookie
    assert "金泰阀门" in look(guarded, "/console/leads").text


def test_a_wrong_token_opens_nothing(guarded: TestClient) -> None:
    """A wrong token is refused on the same page, and leads nowhere else."""
    page = look(guarded, "/console/", 401)
    answer = send(guarded, page, "/sign-in", token="wrong", back="https://evil.example/")
    assert answer.status_code == 422
    assert "令牌无效" in answer.text
    assert "evil" not in answer.text
    assert COOKIE not in guarded.cookies


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/console/\\evil", ""])
def test_signing_in_never_leads_away(guarded: TestClient, back: str) -> None:
    """Wherever a link said to go afterwards, the browser stays in the console."""
    answer = send(guarded, look(guarded, "/console/", 401), "/sign-in", token=ADMIN, back=back)
    assert answer.headers["location"] == "/console/"


@pytest.mark.parametrize(
    ("stood", "back"),
    [
        ("{here}/console/leads?stage=new", "/console/leads?stage=new"),
        ("{here}/v1/leads", "/console/"),
        ("https://evil.example/console/leads", "/console/"),
        ("", "/console/"),
    ],
)
def test_a_form_without_a_session_leads_back_to_its_page(
    guarded: TestClient, stood: str, back: str
) -> None:
    """Who signs in after pressing a button is on the page of the button, not at its address."""
    headers = {**HTML, "Referer": stood.format(here=str(guarded.base_url).rstrip("/"))}
    answer = guarded.post("/console/lead/w1@acme.cn/note", data={"text": "x"}, headers=headers)
    assert answer.status_code == 401
    sent = send(guarded, Page(answer.text), "/sign-in", token=ADMIN)
    assert sent.headers["location"] == back


def test_a_session_opens_pages_only(guarded: TestClient) -> None:
    """The cookie is worth nothing at the API, which other sites' pages could reach."""
    enter(guarded, ADMIN)
    assert guarded.get("/v1/leads").status_code == 401
    assert guarded.post("/-/reload").status_code == 401


def test_signing_out_ends_it(guarded: TestClient) -> None:
    """After signing out the pages are closed again."""
    enter(guarded, ADMIN)
    send(guarded, look(guarded, "/console/"), "/sign-out")
    look(guarded, "/console/", 401)


def test_a_session_ends_with_its_token(tmp_path: Path) -> None:
    """A token that is revoked closes the sessions that it opened."""
    config = write_config(tmp_path / "config", server=tokens_yaml())
    with served(config, tmp_path / "leads.db", Access.token(ADMIN)) as client:
        enter(client, SECRETS["ops"])
        look(client, "/console/")
        revoked = tokens_yaml().replace("  ops: {role: ops", "  ops: {role: read")
        (config / "server.yaml").write_text(revoked.split("tokens:")[0], "utf-8")
        bearer = {"Authorization": f"Bearer {ADMIN}"}
        assert client.post("/-/reload", headers=bearer).status_code == 200
        look(client, "/console/", 401)


def test_a_session_outlives_a_restart(tmp_path: Path) -> None:
    """Whoever was signed in before the server was started anew is so afterwards."""
    config, database = write_config(tmp_path / "config"), tmp_path / "leads.db"
    with served(config, database, Access.token(ADMIN)) as client:
        enter(client, ADMIN)
        kept = dict(client.cookies)
    with served(config, database, Access.token(ADMIN)) as client:
        client.cookies.update(kept)
        look(client, "/console/")


def test_nobody_makes_a_session(guarded: TestClient) -> None:
    """A cookie that is cut short, made up, or a hash that somebody has read, opens nothing."""
    enter(guarded, ADMIN)
    good = str(guarded.cookies.get(COOKIE))
    key = hashlib.sha256(good.encode()).hexdigest()
    guarded.cookies.clear()
    for cookie in (good[:-2], key, digest_of(ADMIN).hex(), "x", '"', ""):
        guarded.cookies.set(COOKIE, cookie)
        look(guarded, "/console/", 401)
    guarded.cookies.set(COOKIE, good)
    look(guarded, "/console/")


def test_forms_need_their_proof(guarded: TestClient) -> None:
    """A form that another site made the browser send does nothing, whichever it is."""
    enter(guarded, ADMIN)
    page = look(guarded, "/console/rules")
    lead = guarded.get("/console/lead/w1@acme.cn", headers=HTML)
    paths = [action for action, _ in page.forms if action.startswith("/console/")]
    paths += ["/console/lead/w1@acme.cn/note", "/console/leads/many", "/console/task/x/complete"]
    for path in {*paths, "/console/sign-in"}:
        for proof in ({}, {"proof": "0" * 40}, {"proof": "中"}):
            answer = guarded.post(path, data={"text": "假的", **proof})
            assert answer.status_code == 400, path
            assert answer.json()["error"]["code"] == "forged"
    assert "假的" not in guarded.get("/console/lead/w1@acme.cn", headers=HTML).text
    assert lead.status_code == 200


def test_another_site_is_refused_whatever_it_knows(guarded: TestClient) -> None:
    """Where the browser itself says that the form comes from elsewhere, proof does not help."""
    enter(guarded, ADMIN)
    action, hidden = next(f for f in look(guarded, "/console/rules").forms if "reload" in f[0])
    answer = guarded.post(action, data=hidden, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.json()["error"]["code"] == "forged"


def test_each_session_has_its_own_proof(guarded: TestClient) -> None:
    """What one browser's forms carry is worth nothing in another's."""
    enter(guarded, ADMIN)
    _, hidden = next(f for f in look(guarded, "/console/rules").forms if "reload" in f[0])
    guarded.cookies.clear()
    enter(guarded, SECRETS["ops"])
    assert guarded.post("/console/rules/reload", data=hidden).status_code == 400


def test_language_and_theme_are_kept(client: TestClient) -> None:
    """Who chooses English and dark gets both, on the page where they were chosen."""
    page = look(client, "/console/leads?sort=score", **{"Accept-Language": "zh-CN"})
    answer = send(client, page, "/settings", language="en", theme="dark")
    assert answer.headers["location"] == "/console/leads?sort=score"
    again = look(client, "/console/leads", **{"Accept-Language": "zh-CN"})
    assert ("html", {"lang": "en", "data-theme": "dark"}) in again.elements
    assert "Leads" in again.text
