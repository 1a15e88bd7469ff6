"""Signing in with a real browser: a password by the keyboard alone, and by a provider elsewhere."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from engine.testing import Peer, PeerAnswer, Seen
from tests.server.console.axe import axe_core, offences
from tests.server.console.test_browser import (
    CHROMIUM,
    ROOT,
    WIDTHS,
    Visit,
    chromium,  # noqa: F401 - a fixture
)
from tests.server.sign_in.house import ADMIN, BEARER, FIRST, OWN
from tests.server.sign_in.providers import OpenIdProvider
from tests.server.sign_in.test_oidc import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


class ElsewhereProvider(OpenIdProvider):
    """Says yes by itself, as a provider does at which one is signed in already."""

    def answer(self, seen: Seen) -> PeerAnswer:
        if seen.path != "/auth":
            return super().answer(seen)
        back = self.allow(f"{self.url}/auth?{urlencode(seen.query)}")
        return PeerAnswer(303, "", {"location": f"{seen.query['redirect_uri']}?{urlencode(back)}"})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a real server with two accounts and a provider on another site; yields its address."""
    folder = tmp_path_factory.mktemp("site")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Peer() as peer:
        # Another name is another site to the browser, which then sends no strict cookies along.
        provider = ElsewhereProvider(peer.url.replace("127.0.0.1", "localhost"))
        peer.handler = provider.answer
        address = f"http://127.0.0.1:{port}"
        config = write(folder / "config", provider.url, url=address)
        command = [sys.executable, "-m", "engine.cli", "serve", "--config", str(config)]
        command += ["--db", str(folder / "leads.db"), "--port", str(port)]
        environ = {**os.environ, "LEADRULES_TOKEN": ADMIN}
        server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environ)
        assert server.stderr is not None
        try:
            next(line for line in server.stderr if "listens at" in line)
            for name in ("chef", "neu"):
                data = {"name": name, "password": FIRST, "role": "admin"}
                made = httpx.post(f"{address}/v1/users", json=data, headers=BEARER)
                made.raise_for_status()
            yield address
        finally:
            server.terminate()
            server.wait(30)
            server.stderr.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_fits_and_is_quiet(
    chromium: Any,  # noqa: F811
    site: str,
    language: str,
    width: str,
    theme: str,
) -> None:
    """The sign-in and its other ways fit every window, say no error, and axe finds nothing serious."""
    visit = Visit(chromium, site, language, width)
    visit.context.add_cookies([{"name": "leadrules_theme", "value": theme, "url": site}])
    page = visit.open("/console/sign-in")
    page.click("summary")
    assert page.is_visible("input[name=token]")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert not re.search(r"\b(?:sign|password|account)\.[a-z_]+\b", page.inner_text("body"))
    assert offences(page, axe_core()) == []
    assert visit.bad == []
    visit.context.close()


def test_by_the_keyboard_alone(chromium: Any, site: str) -> None:  # noqa: F811
    """A first password, one's own, then out of all browsers, without touching the mouse."""
    visit = Visit(chromium, site, width="phone")
    page = visit.open("/console/sign-in")
    assert page.evaluate("document.activeElement.name") == "name"
    for typed in ("neu", FIRST):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=again]")
    assert page.input_value("input[name=name]") == "neu"
    page.focus("input[name=password]")
    for typed in (FIRST, OWN, OWN):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/console/")
    page = visit.open("/console/account")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.focus("button[name=everywhere]")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/console/sign-in")
    page.goto(f"{site}/console/account")
    assert page.is_visible("input[name=password]")
    # Chromium writes each 401 into its console, and nothing else was there.
    assert [text for text in visit.bad if "401" not in text] == []
    visit.context.close()


def test_by_a_provider_on_another_site(chromium: Any, site: str) -> None:  # noqa: F811
    """The button leads there and back to the page one wanted, though the cookie is strict."""
    visit = Visit(chromium, site)
    page = visit.open("/console/leads?stage=won")
    page.click("text=公司统一登录")
    page.wait_for_selector("header nav")
    assert page.url == f"{site}/console/leads?stage=won"
    elsewhere = [each for each in visit.bad if each.startswith("http")]
    assert {urlsplit(each).path for each in elsewhere} == {"/auth"}
    assert dict(parse_qsl(urlsplit(elsewhere[0]).query))["code_challenge_method"] == "S256"
    visit.context.close()
