"""The page-view script in a real browser, on a site of its own: Debian's Chromium, by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.plugins.sources import on_a_port, running
from tests.serving import wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]
CHANNELS = """
origins: ["{site}"]
channels:
  tracking:
    pages: {{/pricing: pricing}}
    events: [content_downloaded]
"""
PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>{title}</title>
<script async src="{engine}/channels/tracking/page.js"{consent}></script>
<a href="/about">关于</a></html>"""


class Site:
    """A company's own site, with a strict policy: its pages load and call nothing but the engine."""

    def __init__(self) -> None:
        self.engine = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._page)])

    async def _page(self, request: Request) -> HTMLResponse:
        path = request.url.path
        consent = ' data-consent="required"' if path == "/consent" else ""
        text = PAGE.format(title="价格" + path, engine=self.engine, consent=consent)
        policy = f"default-src 'none'; script-src {self.engine}; connect-src {self.engine}"
        return HTMLResponse(text, headers={"content-security-policy": policy})


class World:
    """Both servers, and what the engine's log has."""

    def __init__(self, site: str, engine: str) -> None:
        self.site, self.engine = site, engine

    def leads(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.engine}/v1/leads?limit=200").json()["items"]
        return found

    def events(self, lead: str, *types: str) -> list[dict[str, Any]]:
        """Return a lead's events, the oldest first; none as long as nobody knows the lead."""
        answer = httpx.get(f"{self.engine}/v1/leads/{lead}/timeline?limit=200").json()
        items = [i for i in answer.get("items", ()) if i["kind"] == "event"]
        return [i for i in items if not types or i["type"] in types][::-1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run a company's site and an engine that listens to it, at two origins."""
    site = Site()
    with running(site.app()) as address:
        folder = tmp_path_factory.mktemp("engine")
        with on_a_port(folder, CHANNELS.format(site=address)) as engine:
            site.engine = engine
            yield World(address, engine)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start the browser once."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody's browser, which notes what its console says and whom it calls."""

    def __init__(self, browser: Any, world: World, **context: Any) -> None:
        self.world = world
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.posted: list[str] = []
        self.page.on("console", lambda m: self.said.append(m.text))
        self.page.on("pageerror", lambda e: self.said.append(str(e)))
        self.page.on("request", lambda r: r.method == "POST" and self.posted.append(r.url))

    def open(self, path: str) -> str | None:
        """Open a page of the site and wait for the script; returns the browser's id."""
        self.page.goto(self.world.site + path, referer="https://www.zhihu.com/")
        wait_for(lambda: self.page.evaluate("'leadrules' in window"), 30)
        id: str | None = self.page.evaluate("leadrules.id()")
        return id

    def settle(self) -> None:
        """Let the page do what it has put off."""
        self.page.evaluate("new Promise(done => setTimeout(done))")


@pytest.fixture
def visitor(chromium: Any, world: World) -> Iterator[Visitor]:
    """Return a new browser."""
    visitor = Visitor(chromium, world)
    yield visitor
    visitor.context.close()


def test_a_visit(visitor: Visitor, world: World) -> None:
    """Page views reach the log with campaign and referrer, without cookies, under a strict policy."""
    id = visitor.open("/pricing?utm_source=zhihu")
    assert id
    (viewed,) = wait_for(lambda: world.events(id, "page_viewed"), 30)
    assert viewed["properties"] == {
        "url": f"{world.site}/pricing?utm_source=zhihu",
        "page": "pricing",
        "title": "价格/pricing",
        "referrer": "https://www.zhihu.com/",
    }
    assert visitor.open("/about") == id, "it is remembered"
    wait_for(lambda: len(world.events(id, "page_viewed")) == 2, 30)
    assert visitor.context.cookies() == []
    assert visitor.said == []


def test_time_on_a_page(visitor: Visitor, world: World) -> None:
    """Who leaves a page tells how long it was looked at, though the page is gone by then."""
    id = visitor.open("/pricing")
    wait_for(lambda: visitor.page.evaluate("performance.now()") > 1_500, 30)
    visitor.page.click("a")
    assert id
    (left,) = wait_for(lambda: world.events(id, "page_left"), 30)
    assert left["properties"]["page"] == "pricing"
    assert left["properties"]["duration"] >= 1


def test_pages_that_a_page_makes(visitor: Visitor, world: World) -> None:
    """A push to the history and a step back are page views; a push to the same address is none."""
    id = visitor.open("/app")
    for path in ("/pricing", "/pricing"):
        visitor.page.evaluate(f"history.pushState({{}}, '', '{path}')")
        visitor.settle()
    visitor.page.evaluate("history.go(-2)")
    assert id
    pages = wait_for(lambda: len(found := world.events(id, "page_viewed")) == 3 and found, 30)
    assert sorted(e["properties"]["page"] for e in pages) == ["/app", "/app", "pricing"]
    inner = next(e for e in pages if e["properties"]["page"] == "pricing")
    assert inner["properties"]["referrer"] == f"{world.site}/app"
    assert visitor.said == []


def test_who_identifies_joins_his_history(visitor: Visitor, world: World) -> None:
    """What an unknown browser did is the lead's, who is one; what he downloads then, too."""
    id = visitor.open("/pricing")
    wait_for(lambda: id and world.events(id, "page_viewed"), 30)
    before = len(world.leads())
    visitor.page.evaluate("leadrules.identify({email: 'wang@acme.cn', name: '王芳'})")
    wait_for(lambda: world.events("wang@acme.cn", "identified"), 30)
    visitor.page.evaluate("leadrules.track('content_downloaded', {kind: '白皮书'})")
    (download,) = wait_for(lambda: world.events("wang@acme.cn", "content_downloaded"), 30)
    assert download["properties"]["kind"] == "白皮书"
    assert len(world.events("wang@acme.cn", "page_viewed")) == 1
    assert len(world.leads()) == before


def test_another_device_is_the_same_lead(chromium: Any, world: World) -> None:
    """Two browsers of one person are one lead once both have said who they are."""
    ids = []
    for _ in range(2):
        visitor = Visitor(chromium, world)
        id = visitor.open("/pricing")
        ids.append(id)
        wait_for(lambda id=id: world.events(id, "page_viewed"), 30)
        visitor.page.evaluate("leadrules.identify({email: 'li@acme.cn'})")
        wait_for(lambda id=id: world.events(id, "identified"), 30)
        visitor.context.close()
    assert ids[0] != ids[1]
    assert len(world.events("li@acme.cn", "page_viewed")) == 2


@pytest.mark.parametrize(
    "asks",
    [
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})",
        "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})",
    ],
)
def test_who_asks_not_to_be_tracked(visitor: Visitor, asks: str) -> None:
    """Nothing is stored and nothing sent, whatever the page calls."""
    visitor.context.add_init_script(asks)
    assert visitor.open("/pricing") is None
    visitor.page.evaluate("leadrules.consent(true)")
    visitor.page.evaluate("leadrules.identify({email: 'nobody@acme.cn'})")
    visitor.page.evaluate("history.pushState({}, '', '/x')")
    visitor.settle()
    assert visitor.page.evaluate("localStorage.getItem('leadrules')") is None
    assert visitor.posted == []


def test_consent(visitor: Visitor, world: World) -> None:
    """Before consent nothing; with it the view that is open, at the next visit too; then no more."""
    assert visitor.open("/consent") is None
    assert visitor.page.evaluate("localStorage.length") == 0
    assert visitor.posted == []
    visitor.page.evaluate("leadrules.consent(true)")
    id = visitor.page.evaluate("leadrules.id()")
    wait_for(lambda: len(world.events(id, "page_viewed")) == 1, 30)
    assert visitor.open("/consent") == id
    wait_for(lambda: len(world.events(id, "page_viewed")) == 2, 30)
    visitor.page.evaluate("leadrules.consent(false)")
    sent = len(visitor.posted)
    assert visitor.page.evaluate("leadrules.id()") is None
    assert visitor.page.evaluate("localStorage.length") == 0
    visitor.page.evaluate("leadrules.track('content_downloaded')")
    visitor.settle()
    assert len(visitor.posted) == sent


def test_a_browser_that_stores_nothing(visitor: Visitor, world: World) -> None:
    """It is known for as long as the page lives, and nothing breaks."""
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})"
    visitor.context.add_init_script(refuse)
    id = visitor.open("/pricing")
    wait_for(lambda: id and world.events(id, "page_viewed"), 30)
    visitor.page.evaluate("history.pushState({}, '', '/x')")
    wait_for(lambda: id and len(world.events(id, "page_viewed")) == 2, 30)
    assert visitor.said == []


def test_a_site_that_is_not_admitted(chromium: Any, world: World) -> None:
    """The script on another origin, such as the same site by another name, leaves nothing."""
    before = len(world.leads())
    visitor = Visitor(chromium, World(world.site.replace("127.0.0.1", "localhost"), world.engine))
    with visitor.page.expect_event("requestfailed", timeout=60_000) as refused:
        visitor.open("/pricing")
    assert refused.value.method == "POST"
    assert len(world.leads()) == before
    visitor.context.close()
