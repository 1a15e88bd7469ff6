"""Every button of importance, pressed in a real browser, and what the API says came of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server.console.test_browser import (
    CHROMIUM,
    ROOT,
    Visit,
    chromium,  # noqa: F401 - a fixture
)
from tests.server.test_roles import SECRETS, tokens_yaml
from tests.serving import ROUTING, SERVER, Mailbox, form, mail_server, wait_for, write_config

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]

ADMIN = "the-administrators-own-token"
BEARER = {"Authorization": f"Bearer {ADMIN}"}
WITH_CLOCKS = f"{ROUTING}\nsla:\n  - {{id: first, accept: 1h, first_contact: 1d}}\n"


class Office:
    """A running server, its mailbox, and the API to look behind the pages."""

    def __init__(self, api: httpx.Client, mailbox: Mailbox) -> None:
        self.site, self.mailbox = str(api.base_url).rstrip("/"), mailbox
        self._api = api

    def ask(self, path: str) -> Any:
        """Return what a route of the API answers."""
        return self._api.get(path).raise_for_status().json()

    def lead(self, n: int, **fields: str) -> str:
        """Send the lead number ``n`` in; return its page."""
        lead = form(n, **fields)
        self._api.post("/v1/events", json=lead).raise_for_status()
        return f"/console/lead/w{n}@acme.cn"

    def state(self, n: int) -> Any:
        """Return the lead number ``n``."""
        return self.ask(f"/v1/leads/w{n}@acme.cn")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Run a real server that asks for tokens, beside a mail server on loopback."""
    folder, mailbox = tmp_path_factory.mktemp("office"), Mailbox()
    with mail_server(mailbox) as smtp:
        server = tokens_yaml().replace(
            SERVER.format(port=9, notify="log"), SERVER.format(port=smtp, notify="log")
        )
        config = write_config(folder / "config", server=server, routing=WITH_CLOCKS)
        command = [sys.executable, "-m", "engine.cli", "serve", "--config", str(config)]
        command += ["--db", str(folder / "leads.db"), "--port", "0"]
        environ = {**os.environ, "LEADRULES_TOKEN": ADMIN}
        run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environ)
        assert run.stderr is not None
        try:
            said = next(line for line in run.stderr if "listens at" in line)
            with httpx.Client(base_url=said.split()[-1], headers=BEARER) as api:
                yield Office(api, mailbox)
        finally:
            run.terminate()
            run.wait(30)
            run.stderr.close()


def enter(browser: Any, office: Office, role: str, **look: str) -> Visit:
    """Sign in with a role's token by typing it and pressing the button."""
    visit = Visit(browser, office.site, **look)
    page = visit.open("/console/sign-in")
    page.fill("input[name=token]", SECRETS[role])
    page.click("button.main")
    page.wait_for_selector("#main")
    return visit


def press(page: Any, selector: str, said: str) -> None:
    """Press what is seen of a selector, and read what the next page says about it."""
    page.locator(f"{selector} >> visible=true").first.click()
    page.wait_for_selector(f"[role=status]:has-text('{said}')")


def act(page: Any, verb: str, said: str, **fields: str) -> None:
    """Open one of a lead's buttons, fill in its form, and save."""
    form = f"form[action$='/{verb}']"
    page.locator(f"details.menu:has({form}) > summary >> visible=true").first.click()
    for name, value in fields.items():
        field = page.locator(f"{form} [name='{name}'] >> visible=true").first
        is_choice = field.evaluate("each => each.tagName") == "SELECT"
        (field.select_option if is_choice else field.fill)(value)
    press(page, f"{form} button", said)


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_a_leads_own_buttons(chromium: Any, office: Office, width: str) -> None:  # noqa: F811
    """Accept, log, note, to-do, stage, grade and give back do to the lead what they say."""
    n = 10 if width == "desktop" else 11
    path = office.lead(n, company=f"金泰阀门{n}")
    wait_for(lambda: office.state(n)["owner"])
    visit = enter(chromium, office, "sales", width=width)
    page = visit.open(path)
    press(page, "form[action$='/accept'] button", "已接单")
    assert not page.is_visible("form[action$='/accept'] button")
    act(page, "follow-up", "跟进已记录", **{"properties.summary": "已接通"})
    act(page, "note", "备注已保存", text="周五回电")
    act(page, "task", "待办已创建", title="发报价单", due="2031-03-02T09:00")
    act(page, "stage", "阶段已更新", to="qualified")
    act(page, "grade", "等级已调整", grade="A", reason="老客户介绍")
    assert "周五回电" in page.inner_text("#timeline")
    found = office.state(n)
    assert (found["stage"], found["grade"], found["owner"]) == ("qualified", "A", "li.na")
    tasks = office.ask("/v1/tasks")["items"]
    assert [t["title"] for t in tasks if t["lead"] == found["id"]].count("发报价单") == 1
    act(page, "release", "已退回公海", reason="不在我的区域")
    assert office.state(n)["owner"] is None
    assert visit.bad == []
    visit.context.close()


def test_the_buttons_of_my_day(chromium: Any, office: Office) -> None:  # noqa: F811
    """One claims from the pool, accepts, reads the inbox, puts a to-do off and ticks it off."""
    office.lead(20, name="赵六")
    office.lead(21, company="新来的公司")
    wait_for(lambda: office.state(20)["pool"] and office.state(21)["owner"])
    visit = enter(chromium, office, "sales", width="phone")
    page = visit.open("/console/day")
    ways = "form[action*='w20'], form[action*='" + office.state(20)["id"] + "']"
    press(page, f":is({ways}) button", "已领取")
    assert office.state(20)["owner"] == "li.na"
    press(page, "form[action$='/accept'] button", "已接单")
    wait_for(lambda: office.ask("/v1/tasks?owner=li.na")["items"])
    page = visit.open("/console/day")
    page.wait_for_selector("#inbox form[action$='/read']")
    press(page, "#inbox form:not(.acts) button", "已标为已读")
    act(page, "snooze", "待办已推迟", until="2031-03-02T09:00")
    before = page.locator("form[action$='/complete']").count()
    press(page, "form[action$='/complete'] button", "待办已完成")
    assert page.locator("form[action$='/complete']").count() == before - 1
    press(page, "#inbox form.acts button", "已标为已读")
    assert not page.is_visible("#inbox button")
    assert visit.bad == []
    visit.context.close()


def test_the_buttons_of_operations(chromium: Any, office: Office) -> None:  # noqa: F811
    """Assign, give many away, try a delivery again, and load the rules anew."""
    office.mailbox.answers.append("554 5.7.1 not today")
    path = office.lead(30, name="孙七")
    wait_for(lambda: office.ask("/v1/deliveries?status=failed&connection=email")["items"])
    visit = enter(chromium, office, "ops")
    page = visit.open(path)
    act(page, "assign", "已分配", owner="li.na")
    assert office.state(30)["owner"] == "li.na"
    office.lead(31, name="周八")
    page = visit.open("/console/leads?q=周八")
    page.check("input[name=lead]")
    page.select_option("form[action$='/give'] select[name=owner]", "li.na")
    press(page, "form[action$='/give'] button", "已批量分配")
    assert office.state(31)["owner"] == "li.na"
    page = visit.open("/console/deliveries?status=failed&connection=email")
    press(page, "form[action$='/retry'] button", "已重新排队")
    wait_for(lambda: any("w30@acme.cn" in m["To"] for m in office.mailbox.messages))
    page = visit.open("/console/rules")
    press(page, "form[action$='/reload'] button", "规则已重新加载")
    assert office.ask("/-/status")["last_reload"]["ok"]
    assert visit.bad == []
    visit.context.close()


def test_language_theme_and_the_way_out(chromium: Any, office: Office) -> None:  # noqa: F811
    """The switches turn the page's language and colours round; signing out ends the session."""
    visit = enter(chromium, office, "read")
    page = visit.open("/console/leads")
    page.click(".side button[name=language]")
    page.wait_for_selector("html[lang=en] h1:has-text('Leads')")
    page.click(".side button[name=theme]")
    page.wait_for_selector("html[data-theme=dark]")
    page.click(".side form[action$='/sign-out'] button")
    page.wait_for_url(re.compile("/console/sign-in"))
    assert visit.bad == []
    assert visit.context.request.get(f"{office.site}/console/leads").status == 401
    visit.context.close()
