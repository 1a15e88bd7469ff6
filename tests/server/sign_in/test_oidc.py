from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from engine.server.auth import Access
from engine.server.console.entering import FLOW_COOKIE
from engine.server.sign_in.oidc import ANEW_S
from engine.server.sign_in.sessions import COOKIE
from engine.server.sign_in.vouching import NotVouched
from engine.testing import Peer
from tests.server.console.visiting import HTML, look
from tests.server.sign_in.house import ADMIN, BEARER, deeds, is_in
from tests.server.sign_in.providers import CLIENT, SECRET, OpenIdProvider
from tests.serving import SERVER, form, served, wait_for, write_config

URL = "https://leads.example.cn"
BACK = f"{URL}/console/sign-in/oidc/back"
SETTINGS = """
sign_in:
  oidc:
    url: {url}
    issuer: "{issuer}"
    client_id: {client}
    client_secret: "${{OIDC_SECRET:-{secret}}}"
    label: 公司统一登录
    allow_private: {private}
    grants:
      - {{when: {{groups: [leadrules-admins]}}, role: admin}}
      - {{when: {{groups: [sales]}}, role: sales, member_claim: email}}
"""


def write(folder: Path, issuer: str, private: str = "true", url: str = URL) -> Path:
    """Write the company's configuration with this provider."""
    text = SETTINGS.format(url=url, issuer=issuer, client=CLIENT, secret=SECRET, private=private)
    return write_config(folder, server=SERVER.format(port=9, notify="log") + text)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, OpenIdProvider]]:
    """Serve beside a provider that does as the tests say; one lead is Li Na's, one is not."""
    folder = tmp_path_factory.mktemp("oidc")
    with Peer() as peer:
        provider = OpenIdProvider(peer.url)
        peer.handler = provider.answer
        config = write(folder / "config", peer.url)
        with served(config, folder / "leads.db", Access.token(ADMIN)) as client:
            client.post("/v1/events", json=form(1, company="金泰阀门"), headers=BEARER)
            client.post("/v1/events", json=form(2), headers=BEARER)
            yield client, provider


@pytest.fixture
def pair(house: tuple[TestClient, OpenIdProvider]) -> tuple[TestClient, OpenIdProvider]:
    """Visit with a new browser, the provider as it was in the beginning and not yet asked."""
    client, provider = house
    client.cookies.clear()
    for openid in client.app.state.desk._providers.values():  # type: ignore[attr-defined]
        openid._keys, openid._looked_at, openid._clock = None, -math.inf, time.monotonic
    provider.claims, provider.token = {}, None
    provider.userinfo = {"sub": "7", "groups": ["sales"]}
    return house


def begin(client: TestClient, back: str = "/console/leads") -> str:
    """Press the button; returns where the browser is sent."""
    answer = client.get("/console/sign-in/oidc", params={"back": back}, headers=HTML)
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    return str(answer.headers["location"])


def come_back(client: TestClient, answer: dict[str, str]) -> Response:
    """Come back from the provider, as its redirect has the browser do."""
    return client.get("/console/sign-in/oidc/back", params=answer, headers=HTML)


def refused(client: TestClient, answer: Response, says: str) -> None:
    """Nobody was signed in, and the page says why and offers another try."""
    assert answer.status_code == 422
    assert says in answer.text
    assert COOKIE not in client.cookies
    assert not is_in(client)


def test_a_person_signs_in(pair: tuple[TestClient, OpenIdProvider]) -> None:
    """Whom the provider vouches for sees what the grant says, where they wanted to go."""
    client, provider = pair
    assert "公司统一登录" in look(client, "/console/sign-in").text
    address = begin(client)
    asked = dict(parse_qsl(urlsplit(address).query))
    assert address.startswith(f"{provider.url}/auth?theme=x&")
    assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT, BACK)
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    answer = come_back(client, provider.allow(address))
    assert answer.status_code == 200
    assert 'content="0; url=/console/leads"' in answer.text
    assert FLOW_COOKIE not in client.cookies
    page = look(client, "/console/leads")
    assert "金泰阀门" in page.text
    assert "w2@acme.cn" not in page.text
    assert "oidc:Li.Na@example.com" in look(client, "/console/account").text
    assert deeds(client, 1)[0] == ("oidc:Li.Na@example.com", "GET /console/sign-in/{how}/back", 200)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another-sign-in"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": 4_000_000_000, "exp": 4_000_000_300},
        {"sub": None},
    ],
)
def test_a_bad_token_signs_nobody_in(
    pair: tuple[TestClient, OpenIdProvider], claims: dict[str, Any]
) -> None:
    """An ID token of another sign-in, client, issuer or time is refused."""
    client, provider = pair
    provider.claims = claims
    answer = come_back(client, provider.allow(begin(client)))
    refused(client, answer, "没有通过身份验证")
    assert deeds(client, 1)[0] == ("", "GET /console/sign-in/{how}/back", 422)


@pytest.mark.parametrize("kind", ["none", "HS256", "stranger", "nonsense", "cut"])
def test_a_badly_signed_token_signs_nobody_in(
    pair: tuple[TestClient, OpenIdProvider], kind: str
) -> None:
    """Unsigned, signed with the shared secret, by a stranger's key, or broken: refused."""
    client, provider = pair
    address = begin(client)
    nonce = dict(parse_qsl(urlsplit(address).query))["nonce"]
    good = provider.signed(nonce)
    claims = jwt.decode(good, options={"verify_signature": False})
    stranger = OpenIdProvider(provider.url)
    provider.token = {
        "none": jwt.encode(claims, "", "none"),
        "HS256": jwt.encode(claims, SECRET * 4, "HS256", headers={"kid": provider.id}),
        "stranger": jwt.encode(claims, stranger.key, "RS256", headers={"kid": provider.id}),
        "nonsense": "x.y.z",
        "cut": good[:-4],
    }[kind]
    refused(client, come_back(client, provider.allow(address)), "没有通过身份验证")


def test_an_answer_counts_once_and_here(pair: tuple[TestClient, OpenIdProvider]) -> None:
    """A state that was used, made up, or begun in another browser is refused."""
    client, provider = pair
    answer = provider.allow(begin(client))
    kept = str(client.cookies.get(FLOW_COOKIE))
    other = dict(answer)
    assert come_back(client, answer).status_code == 200
    client.cookies.clear()
    client.cookies.set(FLOW_COOKIE, kept)
    refused(client, come_back(client, {**other, "code": "code-x"}), "已过期")
    client.cookies.clear()
    mine = provider.allow(begin(client))
    refused(client, come_back(client, {**mine, "state": "0" * 64}), "已过期")
    client.cookies.clear()
    refused(client, come_back(client, mine), "已过期")
    refused(client, come_back(client, {}), "已过期")


def test_a_no_is_a_no(pair: tuple[TestClient, OpenIdProvider]) -> None:
    """Who declines at the provider, or comes from another one, is not signed in."""
    client, provider = pair
    for wrong in ({"error": "access_denied"}, {"iss": "https://evil.example"}):
        client.cookies.clear()
        answer = {**provider.allow(begin(client)), **wrong}
        refused(client, come_back(client, answer), "没有通过身份验证")


def test_keys_change(pair: tuple[TestClient, OpenIdProvider]) -> None:
    """A token by a key that came yesterday is good, of another kind too; the old key is not."""
    client, provider = pair
    assert come_back(client, provider.allow(begin(client))).status_code == 200
    client.cookies.clear()
    provider.rotate("two", curve=True)
    assert come_back(client, provider.allow(begin(client))).status_code == 200
    client.cookies.clear()
    provider.id = "three"  # a key that is not known is not looked for at every token
    openid = client.app.state.desk.provider("oidc")  # type: ignore[attr-defined]
    now = openid._clock()
    openid._clock = lambda: now
    before = provider.asked.count("/jwks")
    openid._looked_at = now
    for _ in range(3):
        refused(client, come_back(client, provider.allow(begin(client))), "没有通过身份验证")
    assert provider.asked.count("/jwks") == before
    now += ANEW_S
    assert come_back(client, provider.allow(begin(client))).status_code == 200
    assert provider.asked.count("/jwks") == before + 1
    provider.id = "two"


def test_without_the_library(
    pair: tuple[TestClient, OpenIdProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the extra is not installed the page offers another try, and the log says what to do."""
    client, _ = pair
    desk = client.app.state.desk  # type: ignore[attr-defined]
    monkeypatch.setattr(desk, "_providers", {})
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(NotVouched, match=r"pip install 'leadrules\[oidc\]'"):
        desk.provider("oidc")
    refused(client, client.get("/console/sign-in/oidc", headers=HTML), "登录服务暂时不可用")


@pytest.mark.parametrize(
    ("claims", "userinfo"),
    [
        ({"email": "fremd@example.com"}, {"groups": ["sales"]}),
        ({"email_verified": False}, {"groups": ["sales"]}),
        ({}, {"groups": "salespeople"}),
        ({}, {"groups": [5, None]}),
        ({}, {}),
    ],
)
def test_known_and_still_not_granted(
    pair: tuple[TestClient, OpenIdProvider], claims: dict[str, Any], userinfo: dict[str, Any]
) -> None:
    """Whoever is no member, has an address nobody verified, or is in no group, may not enter."""
    client, provider = pair
    provider.claims, provider.userinfo = claims, {"sub": "7", **userinfo}
    refused(client, come_back(client, provider.allow(begin(client))), "没有使用权限")


def test_anothers_userinfo_is_refused(pair: tuple[TestClient, OpenIdProvider]) -> None:
    """What the provider tells of another subject than the ID token's does not count."""
    client, provider = pair
    provider.userinfo = {"sub": "8", "groups": ["leadrules-admins"]}
    refused(client, come_back(client, provider.allow(begin(client))), "没有通过身份验证")


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/console/\\evil", "/console/\n//x", ""]
)
def test_it_never_leads_away(pair: tuple[TestClient, OpenIdProvider], back: str) -> None:
    """Wherever a link said to go afterwards, the browser stays in the console."""
    client, provider = pair
    answer = come_back(client, provider.allow(begin(client, back)))
    assert "evil" not in answer.text
    assert 'content="0; url=/console/' in answer.text


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": None},
    ],
)
def test_a_strange_document_is_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    """A discovery document of another issuer, or without good addresses, sends nobody anywhere."""
    with Peer() as peer:
        provider = OpenIdProvider(peer.url)
        provider.document, peer.handler = document, provider.answer
        config = write(tmp_path / "config", peer.url)
        with served(config, tmp_path / "leads.db", Access.token(ADMIN)) as client:
            answer = client.get("/console/sign-in/oidc", headers=HTML)
            refused(client, answer, "登录服务暂时不可用")


def test_the_own_network_is_not_asked(tmp_path: Path) -> None:
    """Without allow_private an issuer on this machine is never called."""
    with Peer() as peer:
        config = write(tmp_path / "config", peer.url, private="false")
        with served(config, tmp_path / "leads.db", Access.token(ADMIN)) as client:
            refused(client, client.get("/console/sign-in/oidc", headers=HTML), "登录服务暂时不可用")
        assert peer.seen == []


def test_a_session_ends_with_the_settings(tmp_path: Path) -> None:
    """Who was signed in by a provider is out once its settings change; it closes an open server."""
    with Peer() as peer:
        provider = OpenIdProvider(peer.url)
        peer.handler = provider.answer
        config = write(tmp_path / "config", peer.url)
        provider.userinfo["groups"] = ["leadrules-admins"]
        with served(config, tmp_path / "leads.db") as client:
            assert client.get("/v1/leads").status_code == 401
            assert come_back(client, provider.allow(begin(client))).status_code == 200
            page = look(client, "/console/rules")
            text = (config / "server.yaml").read_text("utf-8")
            (config / "server.yaml").write_text(text.replace("leadrules-admins", "bosse"), "utf-8")
            _, hidden = next(f for f in page.forms if "reload" in f[0])
            assert client.post("/console/rules/reload", data=hidden).status_code == 303
            assert not is_in(client)


def test_a_real_provider(tmp_path: Path) -> None:
    """A person signs in by another implementation of OpenID Connect, from discovery to userinfo."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    issuer = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    process = subprocess.Popen([*command, "true"], stderr=subprocess.DEVNULL, env={**os.environ})
    try:
        document = f"{issuer}/.well-known/openid-configuration"
        wait_for(lambda: answers(document), 60)
        claims = {"email": "li.na@example.com", "groups": ["sales"], "name": "李娜"}
        httpx.put(f"{issuer}/users/7", json=claims).raise_for_status()
        config = write(tmp_path / "config", str(httpx.get(document).json()["issuer"]))
        with served(config, tmp_path / "leads.db", Access.token(ADMIN)) as client:
            yes = httpx.post(begin(client), data={"sub": "7"})
            assert yes.status_code == 302, yes.text
            location = yes.headers["location"]
            assert location.startswith(BACK)
            answer = come_back(client, dict(parse_qsl(urlsplit(location).query)))
            assert answer.status_code == 200, answer.text
            assert is_in(client)
            other = begin(client).replace("nonce=", "nonce=x")
            location = httpx.post(other, data={"sub": "7"}).headers["location"]
            wrong = come_back(client, dict(parse_qsl(urlsplit(location).query)))
            assert wrong.status_code == 422
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
