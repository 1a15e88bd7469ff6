from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import argon2
import pytest
from starlette.testclient import TestClient

from engine.errors import Refused
from engine.host.runtime import Runtime
from engine.language.instants import HOUR, MINUTE
from engine.server.auth import Access, digest_of
from engine.server.problems import Problem
from engine.server.sign_in.attempts import MOST_KEYS, Attempts
from engine.server.sign_in.desk import Desk
from engine.server.sign_in.passwords import Hasher
from engine.server.sign_in.people import PASSWORD
from engine.server.sign_in.sessions import COOKIE
from tests.server.console.visiting import HTML, look, send
from tests.server.sign_in.house import ADMIN, BEARER, FIRST, OWN, is_in, make, settle, sign_in
from tests.serving import SERVER, served, start_runtime, write_config

CHEAP = {"passes": 1, "kib": 64}


def test_a_new_session_takes_the_old_ones_place(client: TestClient) -> None:
    """Whoever signs in again has another cookie, and the one before is worth nothing."""
    make(client, "neu")
    settle(client, "neu")
    old = str(client.cookies.get(COOKIE))
    sign_in(client, "neu", OWN)
    assert client.cookies.get(COOKIE) != old
    client.cookies.clear()
    client.cookies.set(COOKIE, old)
    assert not is_in(client)


@pytest.mark.parametrize("how", ["token", "password"])
def test_signing_out_everywhere(client: TestClient, how: str) -> None:
    """Signing out closes this browser, signing out everywhere all of the same person's."""
    if how == "password":
        make(client, "weg")
        settle(client, "weg")

    def enter() -> dict[str, str]:
        client.cookies.clear()
        if how == "password":
            sign_in(client, "weg", OWN)
        else:
            send(client, look(client, "/console/sign-in"), "/sign-in", token=ADMIN)
        assert is_in(client)
        return dict(client.cookies)

    one, two = enter(), enter()
    send(client, look(client, "/console/account"), "/sign-out")
    client.cookies.clear()
    client.cookies.update(one)
    assert is_in(client)
    third = enter()
    assert third[COOKIE] != two[COOKIE]
    send(client, look(client, "/console/account"), "/sign-out", everywhere="1")
    for cookies in (one, third):
        client.cookies.clear()
        client.cookies.update(cookies)
        assert not is_in(client)


def test_cookies_are_for_this_site_alone(tmp_path: Path) -> None:
    """They are HttpOnly and strict, and Secure where the browser speaks HTTPS, told by a proxy too."""
    server = SERVER.format(port=9, notify="log") + "proxies: [10.0.0.0/8]\n"
    config = write_config(tmp_path / "config", server=server)
    with served(config, tmp_path / "leads.db", Access.token(ADMIN)) as client:

        def cookie(peer: str, **headers: str) -> str:
            client.cookies.clear()
            client._transport.client = (peer, 5000)  # type: ignore[attr-defined]
            _, hidden = look(client, "/console/sign-in").forms[0]
            data = {**hidden, "token": ADMIN}
            answer = client.post("/console/sign-in", data=data, headers={**HTML, **headers})
            return str(answer.headers["set-cookie"])

        plain = cookie("10.0.0.9")
        assert "HttpOnly" in plain
        assert "SameSite=strict" in plain
        assert "Max-Age=43200" in plain
        assert "Secure" not in plain
        https = {"X-Forwarded-Proto": "https"}
        assert "Secure" in cookie("10.0.0.9", **https)
        assert "Secure" not in cookie("192.0.2.7", **https)


def at_desk(
    tmp_path: Path, visit: Callable[[Desk, list[int]], Awaitable[None]], **more: Any
) -> None:
    """Run a visit at a front desk whose clock is a list with one instant."""
    now = [1_800_000_000_000]

    async def run() -> None:
        config = write_config(tmp_path / "config", **more)
        runtime: Runtime = start_runtime(config, tmp_path / "leads.db")
        desk = Desk(runtime, lambda: now[0], Hasher(**CHEAP))
        try:
            await desk.keep()
            await visit(desk, now)
            await desk.stop()
        finally:
            await runtime.stop()

    asyncio.run(run())


def test_sessions_end_by_themselves(tmp_path: Path) -> None:
    """A session ends when nobody used it for `idle`, and `lasts` after it began however used."""
    access = Access.token(ADMIN)

    async def visit(desk: Desk, now: list[int]) -> None:
        opened = await desk.by_token(digest_of(ADMIN), access, "192.0.2.1")
        idle = await desk.by_token(digest_of(ADMIN), access, "192.0.2.1")
        assert opened is not None
        assert idle is not None
        for _ in range(5):
            now[0] += 50 * MINUTE
            assert desk.who(opened[0], access) == opened[1]
        assert desk.who(idle[0], access) is None
        await desk.sessions.tend()
        await desk.keep()  # as a restart would
        now[0] += 49 * MINUTE
        assert desk.who(opened[0], access) == opened[1]
        assert desk.sessions.whose("token", digest_of(ADMIN).hex()) == [
            desk.sessions.of(opened[0]).key  # type: ignore[union-attr]
        ]
        now[0] += 2 * MINUTE
        assert desk.who(opened[0], access) is None

    server = SERVER.format(port=9, notify="log") + "sign_in: {idle: 1h, lasts: 5h}\n"
    at_desk(tmp_path, visit, server=server)


def test_a_hash_of_cheaper_days_is_made_anew(tmp_path: Path) -> None:
    """Who signs in after the costs rose has a dearer hash afterwards, and stays signed in elsewhere."""

    async def visit(desk: Desk, now: list[int]) -> None:
        made = await desk.accounts.create("li.na", FIRST, "ops", None)
        cookie = await desk.open_account(made)
        desk.accounts.hasher = Hasher(passes=2, kib=128)
        account = await desk.by_password("li.na", FIRST, "192.0.2.1", None)
        assert account is not None
        assert argon2.extract_parameters(made.hash).memory_cost == 64
        assert argon2.extract_parameters(account.hash).memory_cost == 128
        assert desk.who(cookie, Access.open()) is not None
        await desk.accounts.keep()
        assert desk.accounts.named("li.na") == account

    at_desk(tmp_path, visit)


def test_a_password_changed_meanwhile_opens_nothing(tmp_path: Path) -> None:
    """Between looking at a password and opening the session the account must stay as it was."""

    async def visit(desk: Desk, now: list[int]) -> None:
        await desk.accounts.create("li.na", FIRST, "ops", None)
        seen = await desk.by_password("li.na", FIRST, "192.0.2.1", None)
        assert seen is not None
        now[0] += 1
        await desk.accounts.change("li.na", {"role": "read"})
        with pytest.raises(Refused):
            await desk.open_account(seen)
        with pytest.raises(Refused):
            await desk.accounts.set_own(seen, OWN)
        assert desk.sessions.whose(PASSWORD, "li.na") == []

    at_desk(tmp_path, visit)


def test_everybody_cannot_guess_at_once(tmp_path: Path) -> None:
    """Many guesses at one moment are no more than the few that one has, and none of them is run."""

    async def visit(desk: Desk, now: list[int]) -> None:
        await desk.accounts.create("li.na", FIRST, "ops", None)
        tries = [desk.by_password("li.na", f"{n:012}", f"192.0.2.{n}", None) for n in range(40)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        assert found.count(None) == 5
        assert {each.status for each in found if isinstance(each, Problem)} == {429}

    at_desk(tmp_path, visit)


def test_hashing_is_bounded() -> None:
    """Two hashes are made at a time; who comes while too many wait hears 429 and not a timeout."""

    async def crowd() -> list[Any]:
        hasher = Hasher(**CHEAP)
        return await asyncio.gather(
            *(hasher.verify(None, "x" * 12) for _ in range(60)), return_exceptions=True
        )

    found = asyncio.run(crowd())
    refused = [each for each in found if isinstance(each, Problem)]
    assert len(refused) == 60 - 32
    assert {(each.status, each.headers["Retry-After"]) for each in refused} == {(429, "3")}
    assert found.count(False) == 32


def test_nobodys_hash_costs_as_much() -> None:
    """An unknown name is verified against a hash with the costs of real ones, and never fits."""
    hasher = Hasher(**CHEAP)
    real = asyncio.run(hasher.hash(FIRST))
    assert argon2.extract_parameters(hasher._nobodys) == argon2.extract_parameters(real)
    assert asyncio.run(hasher.verify(None, FIRST)) is False
    assert asyncio.run(hasher.verify(real, FIRST)) is True
    assert asyncio.run(hasher.verify("no hash", FIRST)) is False


def test_waits_double_and_end() -> None:
    """Each failure after the free ones doubles the wait up to the longest; an hour forgets all."""
    now = [0.0]
    attempts = Attempts(3, 30.0, lambda: now[0])
    waits = []
    for _ in range(9):
        while wait := attempts.take("li.na"):
            waits.append(round(wait))
            now[0] += wait
    assert waits == [1, 2, 4, 8, 16, 30]
    assert attempts.take("zhang.wei") == 0.0
    attempts.passed("li.na")
    assert [attempts.take("li.na") for _ in range(3)] == [0.0, 0.0, 0.0]
    now[0] += 3_601
    assert [attempts.take("li.na") for _ in range(3)] == [0.0, 0.0, 0.0]


def test_success_does_not_wash_an_address(tmp_path: Path) -> None:
    """Whoever signs in between guesses at others' passwords has no more guesses for it."""
    now = [0.0]
    attempts = Attempts(4, 300.0, lambda: now[0])
    for _ in range(2):
        attempts.take("10.0.0.1")
        attempts.take("10.0.0.1")
        attempts.taken_back("10.0.0.1")
    assert attempts.take("10.0.0.1") == 0.0
    assert attempts.take("10.0.0.1") == 0.0
    assert attempts.take("10.0.0.1") > 0


def test_guesses_take_bounded_memory() -> None:
    """However many names strangers make up, no more than a bounded number is remembered."""
    attempts = Attempts(1, 30.0, lambda: 0.0)
    attempts.take("first")
    for n in range(MOST_KEYS + 10):
        attempts.take(f"name-{n}")
    assert len(attempts._counts) == MOST_KEYS
    assert attempts.take("first") == 0.0


def test_the_page_offers_what_there_is(client: TestClient) -> None:
    """The token is always offered; name and password once there is an account."""
    make(client, "da")
    page = look(client, "/console/sign-in", **{"Accept-Language": "en"})
    assert {"name", "password", "token"} <= {g.get("name") for _, g in page.elements}
    assert "Sign in with a token" in page.text
    assert client.get("/v1/users", headers=BEARER).status_code == 200


def test_hours_are_the_defaults() -> None:
    """Without a word sessions last twelve hours, and four without use."""
    from engine.language.serving import SignIn

    assert (SignIn().idle, SignIn().lasts) == (4 * HOUR, 12 * HOUR)
