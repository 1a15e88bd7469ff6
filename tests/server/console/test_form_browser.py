"""A hosted form and the page of subscriptions in a real browser, as visitors meet them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.console.axe import axe_core, offences
from tests.server.console.test_browser import CHROMIUM, chromium  # noqa: F401 - a fixture
from tests.server.test_process import server
from tests.serving import SERVER, write_config

FORMS = """
channels:
  form:
    forms:
      ask:
        title: {zh: 预约演示, en: Book a demo}
        intro: {zh: 我们会在一个工作日内回复。, en: We answer within a working day.}
        fields:
          - {name: name, required: true}
          - {name: phone, required: true}
          - {name: title_level}
          - {name: need, long: true}
        consent: [{topic: marketing, label: {zh: 同意接收资料, en: You may send me news}}]
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server with a form; yields its address."""
    folder: Path = tmp_path_factory.mktemp("form")
    settings = SERVER.format(port=9, notify="log") + FORMS
    with server(write_config(folder / "config", server=settings), folder / "l.db") as running:
        assert running.url is not None
        yield running.url


@pytest.mark.parametrize(
    ("locale", "scheme", "width", "said"),
    [("zh-CN", "light", 390, ("姓名", "高管")), ("en-US", "dark", 1280, ("Name", "C level"))],
)
def test_a_form_is_for_everybody(
    chromium: Any,  # noqa: F811
    site: str,
    locale: str,
    scheme: str,
    width: int,
    said: tuple[str, str],
) -> None:
    """It speaks the visitor's language, fits, and axe finds nothing serious, mistakes shown too."""
    script = axe_core()
    context = chromium.new_context(
        locale=locale, color_scheme=scheme, viewport={"width": width, "height": 844}
    )
    page = context.new_page()
    page.goto(f"{site}/channels/form/ask")
    assert [word for word in said if word not in page.inner_text("form")] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert offences(page, script) == []
    page.evaluate("document.querySelector('form').noValidate = true")
    page.fill("input[name=phone]", "12")
    page.click("button")
    page.wait_for_load_state("load")
    assert page.query_selector(".bad, [role=alert]") is not None
    assert offences(page, script) == []
    context.close()
