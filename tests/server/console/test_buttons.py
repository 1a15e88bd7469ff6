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

from tests.server.console.axe import axe_core, offences
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
    """Assign, try a delivery again, and load the rules anew."""
    office.mailbox.answers.append("554 5.7.1 not today")
    path = office.lead(30, name="孙七")
    wait_for(lambda: office.ask("/v1/deliveries?status=failed&connection=email")["items"])
    visit = enter(chromium, office, "ops")
    page = visit.open(path)
    act(page, "assign", "已分配", owner="li.na")
    assert office.state(30)["owner"] == "li.na"
    page = visit.open("/console/deliveries?status=failed&connection=email")
    press(page, "form[action$='/retry'] button", "已重新排队")
    wait_for(lambda: any("w30@acme.cn" in m["To"] for m in office.mailbox.messages))
    page = visit.open("/console/rules")
    press(page, "form[action$='/reload'] button", "规则已重新加载")
    assert office.ask("/-/status")["last_reload"]["ok"]
    assert visit.bad == []
    visit.context.close()


# What a sales manager does to many leads, in this order, with what is filled in.
MANY = {
    "assign": {"assign.owner": "li.na"},
    "stage": {"stage.to": "lost", "stage.reason": "价格"},
    "tag": {"tag.tags": "重点客户，展会"},
    "untag": {"untag.tags": "展会"},
    "task": {"task.title": "发报价单", "task.due": "2031-03-02T09:00"},
    "release": {"release.pool": "public", "release.reason": "不在我的区域"},
}


@pytest.mark.parametrize(("width", "language"), [("desktop", "zh"), ("phone", "en")])
def test_the_buttons_of_many(chromium: Any, office: Office, width: str, language: str) -> None:  # noqa: F811
    """All leads of a list are ticked at once, and each thing that can be done is done to them."""
    first = 50 if width == "desktop" else 60
    for n in (first, first + 1):
        office.lead(n, name=f"批量{first}号{n}")
    wait_for(lambda: office.state(first)["pool"] and office.state(first + 1)["pool"])
    said = "2 条已完成，0 条没有成功" if language == "zh" else "2 done, 0 not done"
    visit, script = enter(chromium, office, "ops", width=width, language=language), axe_core()
    for verb, fields in MANY.items():
        page = visit.open(f"/console/leads?q=批量{first}号")
        page.check("[data-ticks]")
        page.select_option("#many select[name=verb]", verb)
        assert page.locator("#many fieldset >> visible=true").count() == 1
        for name, value in fields.items():
            field = page.locator(f"#many [name='{name}']")
            is_choice = field.evaluate("each => each.tagName") == "SELECT"
            (field.select_option if is_choice else field.fill)(value)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{verb}: {over} px too wide"
        press(page, "#many button", said)
        assert offences(page, script) == [], verb
        if verb == "stage":
            assert office.state(first)["stage"] == "lost"
    states = [office.state(n) for n in (first, first + 1)]
    assert [(s["owner"], s["pool"], s["tags"]) for s in states] == [
        (None, "public", ["重点客户"])
    ] * 2
    made = [t["lead"] for t in office.ask("/v1/tasks")["items"] if t["title"] == "发报价单"]
    assert {state["id"] for state in states} <= set(made)
    assert visit.bad == []
    visit.context.close()


def test_many_by_keyboard_and_what_is_refused(chromium: Any, office: Office) -> None:  # noqa: F811
    """By keys alone: tick, choose, type, Enter; what was refused is told, and one comes back."""
    office.lead(70, name="键盘70")
    wait_for(lambda: office.state(70)["pool"])
    visit = enter(chromium, office, "ops")
    page = visit.open("/console/leads?q=键盘70")
    page.focus("input[name=lead]")
    page.keyboard.press("Space")
    page.focus("#many select[name=verb]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "tag.tags"
    page.keyboard.press("Enter")  # nothing is typed yet, so nothing is sent
    page.keyboard.type("熟客")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]:has-text('1 条已完成')")
    assert office.state(70)["tags"] == ["熟客"]
    page.click("a.back")
    page.wait_for_url(re.compile("q="))
    page.check("input[name=lead]")
    page.select_option("#many select[name=verb]", "stage")
    page.select_option("#many [name='stage.to']", "lost")
    press(page, "#many button", "1 条没有成功")
    assert "没有成功" in page.inner_text("tbody")
    assert "要写原因" in page.inner_text("tbody")
    page.click(".side button[name=language]")
    page.wait_for_selector("html[lang=en] h1:has-text('Leads')")
    assert visit.bad == []
    visit.context.close()


def test_a_salespersons_reports(chromium: Any, office: Office) -> None:  # noqa: F811
    """Li Na opens reports from her menu, narrows one, opens its leads, and takes it along."""
    office.lead(40, company="金泰阀门40")
    wait_for(lambda: office.state(40)["owner"] == "li.na")
    visit = enter(chromium, office, "sales", width="phone")
    page = visit.open("/console/day")
    page.click(".top summary")
    page.locator(".top nav a[href='/console/reports']").click()
    page.wait_for_selector("h1:has-text('来源漏斗')")
    assert not page.is_visible(".kinds a[href$='/funnel']")
    page.locator("select[name=period]").select_option("last_30_days")
    page.wait_for_url(re.compile("period=last_30_days"))
    with page.expect_download() as loading:
        page.locator("a[download][href*='.csv']").click()
    assert loading.value.suggested_filename == "sources.csv"
    page.locator("main a[href^='/console/leads?']").first.click()
    page.wait_for_selector("#found")
    assert "金泰阀门40" in page.inner_text("#found")
    assert visit.bad == []
    visit.context.close()


def test_what_was_typed_outlives_the_session(chromium: Any, office: Office) -> None:  # noqa: F811
    """Whose session ends while they write signs in, is on the same page, and has not lost a word."""
    path = office.lead(60, company="金泰阀门60")
    visit = enter(chromium, office, "ops")
    page = visit.open(path)
    page.click("details.menu:has(form[action$='/note']) > summary")
    page.fill("form[action$='/note'] textarea", "客户要三套报价")
    visit.context.clear_cookies()
    page.click("form[action$='/note'] button")
    page.fill("input[name=token]", SECRETS["ops"])
    page.click("button.main")
    page.wait_for_selector("#timeline")
    assert page.url == f"{office.site}{path}"
    assert page.input_value("form[action$='/note'] textarea") == "客户要三套报价"
    press(page, "form[action$='/note'] button", "备注已保存")
    assert page.input_value("form[action$='/note'] textarea") == ""
    visit.context.close()


def test_a_refused_form_keeps_what_was_typed(chromium: Any, office: Office) -> None:  # noqa: F811
    """What is refused stands in its form again, to be put right; only the password does not."""
    visit = enter(chromium, office, "admin")
    page = visit.open("/console/people")
    account = "form[action='/console/users']"
    page.click(f"details:has({account}) > summary")
    page.fill(f"{account} [name=name]", "li na")
    page.fill(f"{account} [name=password]", "correct horse battery")
    page.select_option(f"{account} [name=role]", "ops")
    press(page, f"{account} button", "账号名 li na 只能用")
    assert page.input_value(f"{account} [name=name]") == "li na"
    assert page.input_value(f"{account} [name=role]") == "ops"
    assert page.input_value(f"{account} [name=password]") == ""
    page.reload()
    assert page.input_value(f"{account} [name=name]") == ""
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
