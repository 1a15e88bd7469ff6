"""The console in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import compile_path

from engine.reports.index import REPORTS
from engine.server.console import ENDPOINTS
from engine.server.console.words import catalogues
from tests.server.console.axe import axe_core, offences
from tests.server.console.test_pages import NASTY, PAGES, SPLIT
from tests.serving import form, write_config

ROOT = Path(__file__).parents[3]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS = {"desktop": (1360, 850), "phone": (375, 812)}

VISITS = ("/", *PAGES, "/console/reports", *(f"/console/reports/{name}" for name in REPORTS))
# A piece of a page that my day fetches, and ways to other sites: test_sign_in_browser goes there.
NO_VISIT = {"/console/bell", "/console/sign-in/{how}", "/console/sign-in/{how}/back"}
KEYS = {key for words in catalogues().values() for key in words.texts}
DRAWN = """[...document.querySelectorAll("[data-series], [data-graph]")]
    .every(box => box.querySelector("canvas"))"""
READ = """[document.body.innerText, ...[...document.querySelectorAll(
    "details, [title], [aria-label], [placeholder]")].flatMap(each => [each.textContent,
    each.title, each.ariaLabel, each.placeholder])].join(" ")"""

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a real server with a few leads; yields its address."""
    folder = tmp_path_factory.mktemp("site")
    config = write_config(folder / "config", journeys=SPLIT)
    command = [sys.executable, "-m", "engine.cli", "serve", "--config", str(config)]
    command += ["--db", str(folder / "leads.db"), "--port", "0"]
    environ = {k: v for k, v in os.environ.items() if k != "LEADRULES_TOKEN"}
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environ)
    assert server.stderr is not None
    try:
        said = next(line for line in server.stderr if "listens at" in line)
        address = said.split()[-1].rstrip("/")
        for n, name in enumerate(("王芳", NASTY, "李强"), 1):
            lead = form(n, name=name, company=f"金泰阀门{n}")
            httpx.post(f"{address}/v1/events", json=lead).raise_for_status()
        yield address
    finally:
        server.terminate()
        server.wait(30)
        server.stderr.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start the browser once."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A browser window on the site, which notes whatever should not happen."""

    def __init__(
        self, browser: Any, site: str, language: str = "zh", width: str = "desktop"
    ) -> None:
        wide, high = WIDTHS[width]
        self.site = site
        self.context = browser.new_context(
            viewport={"width": wide, "height": high},
            locale="zh-CN" if language == "zh" else "en-US",
        )
        self.page = self.context.new_page()
        self.bad: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.bad.append(str(error)))
        self.page.on("dialog", lambda dialog: self.bad.append(dialog.message))
        self.page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.bad.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.site, "data:")):
            self.bad.append(request.url)

    def open(self, path: str) -> Any:
        """Open a page and let its drawings finish."""
        self.page.goto(self.site + path, wait_until="load")
        self.page.wait_for_function(DRAWN)
        return self.page


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_fits_and_is_quiet(chromium: Any, site: str, language: str, width: str) -> None:
    """No page is too wide, says an error, asks another host, or has an empty chart or a bare key."""
    visit = Visit(chromium, site, language, width)
    for path in VISITS:
        page = visit.open(path)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{path} is {over} px too wide"
        assert KEYS.isdisjoint(re.findall(r"[a-z_]+(?:\.[\w-]+)+", page.evaluate(READ))), path
        assert visit.bad == [], path
    visit.context.close()


def test_no_page_is_left_out() -> None:
    """Each page of the console's own table of routes is visited above."""
    pages = [e.path for e in ENDPOINTS if e.method == "GET" and e.media == "text/html"]
    patterns = {path: compile_path(path)[0] for path in pages}
    plain = [visit.partition("?")[0] for visit in VISITS]
    visited = {next(path for path in pages if patterns[path].match(visit)) for visit in plain}
    assert set(pages) - visited == NO_VISIT


@pytest.mark.parametrize(("language", "theme"), [("zh", "light"), ("en", "dark")])
def test_axe_finds_nothing_serious(chromium: Any, site: str, language: str, theme: str) -> None:
    """axe-core finds no serious or critical offence against WCAG 2.1 AA on any page."""
    script = axe_core()
    visit = Visit(chromium, site, language)
    visit.context.add_cookies([{"name": "leadrules_theme", "value": theme, "url": site}])
    for path in VISITS:
        assert offences(visit.open(path), script) == [], path
    visit.context.close()


def test_search_as_one_types(chromium: Any, site: str) -> None:
    """Typing narrows the list without a button, and the address is one to share."""
    visit = Visit(chromium, site)
    page = visit.open("/console/leads")
    page.keyboard.press("/")
    page.keyboard.type("李强")
    page.wait_for_url(re.compile("q="))
    page.wait_for_function("document.querySelectorAll('#found tbody tr').length == 1")
    assert "李强" in page.inner_text("#found")
    assert "王芳" not in page.inner_text("#found")
    assert "q=" in page.get_attribute("#csv", "href")
    page.reload()
    assert page.input_value("#q") == "李强"
    assert visit.bad == []
    visit.context.close()


def test_a_note_by_buttons(chromium: Any, site: str) -> None:
    """A salesperson opens a lead, writes a note, and reads it in the timeline."""
    visit = Visit(chromium, site, width="phone")
    page = visit.open("/console/lead/w1@acme.cn")
    page.click("summary:has-text('写备注')")
    page.fill("textarea[name=text]", "周五回电 <img src=x>")
    page.locator("details[open] button.main").click()
    page.wait_for_selector("[role=status]")
    assert "备注已保存" in page.inner_text("[role=status]")
    assert "周五回电 <img src=x>" in page.inner_text("#timeline")
    assert visit.bad == []
    visit.context.close()


def test_a_page_follows_what_happens(chromium: Any, site: str) -> None:
    """A lead that comes in while the overview is open appears there by itself."""
    visit = Visit(chromium, site)
    page = visit.open("/console/")
    assert "周杰" not in page.inner_text("main")
    page.wait_for_timeout(1_500)  # it listens, and has heard how things stand
    lead = form(9, name="周杰", company="新来的公司")
    httpx.post(f"{site}/v1/events", json=lead).raise_for_status()
    page.wait_for_selector("text=周杰", timeout=20_000)
    assert page.query_selector("#trend canvas") is not None
    assert visit.bad == []
    visit.context.close()


def test_the_keyboard_reaches_everything(chromium: Any, site: str) -> None:
    """The first key leads past the menu, and each stop is seen."""
    visit = Visit(chromium, site)
    page = visit.open("/console/leads")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    for _ in range(6):
        page.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(style) != "none"
    visit.context.close()
