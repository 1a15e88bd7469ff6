"""What templates can say, what they cannot do, and what that costs."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.host.rendering import Rendered, Renderer
from engine.host.templates.press import Press, PressBusy
from engine.host.templates.typesetting import MAX_CHARACTERS, BadTemplate
from engine.language.load import load_folder
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from tests.serving import wait_for, write_config

FACTS = {
    "lead.name": "<b>王芳</b>",
    "lead.email": "wang@acme.cn",
    "lead.email.domain": "acme.cn",
    "lead.tags": ["a"],
    "score.default.total": 85,
    "score.default.fit": 10,
    "grade": "A",
    "owner": "li.na",
}


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    """Return a press that loses its patience early."""
    press = Press(patience_s=4.0)
    yield press
    press.close()


class Shop:
    """A company whose messages and templates are written one by one."""

    def __init__(self, folder: Path, press: Press) -> None:
        self.folder = folder
        self.press = press

    def renderer(self, message: str = "text: x", **templates: str) -> Renderer:
        """Return the renderer; a template ``a__en_html`` is ``a.en.html``."""
        messages = f"messages:\n  m:\n    action: email\n    {message}\n"
        write_config(self.folder, messages=messages, journeys="journeys: []\n")
        (self.folder / "templates").mkdir(exist_ok=True)
        for name, text in templates.items():
            path = self.folder / "templates" / re.sub("__?", ".", name)
            path.write_text(text, encoding="utf-8")
        loaded = load_folder(self.folder)
        assert loaded.definitions is not None, loaded.diagnostics
        return Renderer(Ruleset(loaded.definitions), self.press)

    def render(
        self, message: str, facts: dict[str, Any] | None = None, params: dict[str, Any] | None = None,
        language: str | None = None, **templates: str,
    ) -> Rendered:  # fmt: skip
        """Render the message for a lead, the usual one without ``facts``."""
        renderer = self.renderer(message, **templates)
        lead = Lead("lead-1", 0, 0, facts=FACTS if facts is None else facts)
        message_ = renderer.ruleset.definitions.messages["m"]
        return renderer.render(message_, params or {}, lead, language)

    def text(self, template: str, facts: dict[str, Any] | None = None) -> str | None:
        """Render a template as plain text."""
        return self.render("template: a.txt", facts, a_txt=template).text


@pytest.fixture
def shop(tmp_path: Path, press: Press) -> Shop:
    """Return an empty company."""
    return Shop(tmp_path / "config", press)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ lead.name }}", "<b>王芳</b>"),
        ("{{ lead.id }}", "lead-1"),
        ("{{ lead.email }} at {{ lead.email.domain }}", "wang@acme.cn at acme.cn"),
        ("{{ lead.company | default('贵公司') }}", "贵公司"),
        ("{{ lead.email.kind | default('?') }}", "?"),
        ("{{ score.total }} {{ score.fit }} {{ score.default.total }} {{ grade }}", "85 10 85 A"),
        ("{{ owner }} {{ owner.id }} {{ owner.email }}", "李娜 li.na li.na@example.com"),
        ("{% if 'a' in lead.tags %}yes{% endif %}", "yes"),
        ("{{ 2 * 3 }} {{ 7 % 4 }} {{ 1 + 1 }} {{ '王' + '芳' }}", "6 3 2 王芳"),
        ("{% macro hi(n) %}{{ n }}好{% endmacro %}{{ hi('您') }}", "您好"),
        ("{{ message.id }}", "m"),
    ],
)
def test_what_templates_can_say(shop: Shop, template: str, text: str) -> None:
    """A template names the lead's fields, scores and owner as conditions do."""
    assert shop.text(template) == text


def test_values_are_escaped_in_html_only(shop: Shop) -> None:
    """What a lead typed is text, never markup; the markup of the template stays."""
    rendered = shop.render("template: a.html", a_html="<p>{{ lead.name }}</p>")
    assert rendered.html == "<p>&lt;b&gt;王芳&lt;/b&gt;</p>"
    assert rendered.text == "<b>王芳</b>\n"


def test_subject_is_one_line(shop: Shop) -> None:
    """A line break in a field can't start a second header."""
    facts = {"lead.name": "a\r\nBcc: b@c.cn"}
    assert shop.render('subject: "Hi {{ lead.name }}"\n    text: x', facts).subject == (
        "Hi a Bcc: b@c.cn"
    )


def test_lead_without_owner(shop: Shop) -> None:
    """The default of a missing owner works for his name, too."""
    assert shop.text("{{ owner | default('我们') }}{{ owner.name | default('!') }}", {}) == "我们!"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("\n{{ lead.company }}", "a.txt, line 2: 'dict object' has no attribute 'company'"),
        ("{{ lead.nmae }}", "nmae"),
        ("{{ nobody }}", "nobody"),
        ("{{ lead.__class__ }}", ""),
        ("{{ ''.__class__.__mro__ }}", ""),
        ("{{ lead.tags.append('x') }}", ""),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% include 'x' %}", 'there is no template "x"'),
        ("好\n{{ lead.name", "a.txt, line 2: unexpected end of template"),
        ("{{ lead.name | uper }}", "line 1: No filter named 'uper'"),
        ("{{ 'a' * 10**9 }}", "** is not allowed"),
        ("{{ 10**10**8 }}", "** is not allowed"),
        ("{{ 1 << 10000000000 }}", ""),
        ("a\n{{ 'a' * 1000000000 }}", "line 2: * is for numbers"),
        ("{{ '%1000000000d' % 1 }}", "% is for numbers"),
        ("{% for i in range(1000000000) %}x{% endfor %}", "Range too big"),
        ("{% for i in range(90000) %}\n{% for j in range(90000) %}x{% endfor %}{% endfor %}", "line 2: it is longer than 500,000 characters"),
        ("{% for i in range(90000) %}\n{% for j in range(90000) %}{% endfor %}{% endfor %}", "line 2: it takes longer than"),
        ("a\n{{ 'x' | center(1000000000) }}", "line 2: it needs more memory"),
        ("a\n{{ '{:>1000000000}'.format(1) }}", "line 2: it needs more memory"),
        ("{% set n = namespace(s='0123456789') %}\n{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}", "line 2: it needs more memory"),
        ("{% macro f(n) %}\n{{ f(n) }}{% endmacro %}{{ f(1) }}", "line 2: macros or includes call themselves"),
        ("a\n{% include 'a.txt' %}", "line 2: macros or includes call themselves"),
        ("{{ lipsum(n=10000000) }}", "line 1: it takes longer than"),
        # One call into C, which nothing in Python can interrupt.
        ("a\n\n{{ ('a '|center(9000000)).rfind('a'|center(4000000)) }}", "line 3: it takes longer than 4 s"),
    ],
)  # fmt: skip
def test_what_templates_cannot_do(shop: Shop, template: str, words: str) -> None:
    """Each ends soon in one kind of error, which names message, template and line."""
    began = time.monotonic()
    with pytest.raises(BadTemplate) as caught:
        shop.text(template)
    assert time.monotonic() - began < 15
    assert str(caught.value).startswith('message "m", a.txt')
    assert words in str(caught.value)


def test_a_template_costs_nothing_while_it_is_compiled(shop: Shop) -> None:
    """Constants are not worked out where a template is only read."""
    renderer = shop.renderer("template: a.txt", a_txt="{{ 'x' | center(10000000000) }}")
    assert renderer._here._plain.get_template("a.txt").name == "a.txt"


def test_a_slow_message_never_takes_every_process(shop: Shop) -> None:
    """Once it has been too slow it goes one at a time; others are set meanwhile."""
    loop = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}"
    messages = 'template: a.txt\n  fine: {action: email, text: "您好{{ grade }}"}\n  x:\n    action: email\n    text: y'
    renderer = shop.renderer(messages, a_txt=loop)
    lead = Lead("lead-1", 0, 0, facts=FACTS)
    slow, fine = (renderer.ruleset.definitions.messages[name] for name in ("m", "fine"))
    with pytest.raises(BadTemplate):
        renderer.render(slow, {}, lead)
    refused: list[Exception] = []

    def try_slow() -> None:
        try:
            renderer.render(slow, {}, lead)
        except (BadTemplate, PressBusy) as error:
            refused.append(error)

    threads = [threading.Thread(target=try_slow) for _ in range(4)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    assert [renderer.render(fine, {}, lead).text for _ in range(20)] == ["您好A"] * 20
    assert time.monotonic() - began < 4
    for thread in threads:
        thread.join()
    assert sorted(type(each).__name__ for each in refused) == ["BadTemplate", *["PressBusy"] * 3]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_process_that_is_killed_costs_nothing(shop: Shop, press: Press) -> None:
    """Whoever ends it from outside, the message at hand is set by the next one."""
    assert shop.text("{{ grade }}") == "A"
    for pid in press.pids:
        os.kill(pid, signal.SIGKILL)
    assert shop.text("{{ grade }}{{ grade }}") == "AA"


def test_processes_end_with_their_press(shop: Shop) -> None:
    """Nothing is left running, and what is asked afterwards is refused."""
    shop.press = Press()
    renderer = shop.renderer('text: "{{ message.id }}"')
    lead, message = Lead("lead-1", 0, 0), renderer.ruleset.definitions.messages["m"]
    assert renderer.render(message, {}, lead).text == "m"
    (pid,) = shop.press.pids
    shop.press.close()
    with pytest.raises(OSError, match="closed"):
        renderer.render(message, {}, lead)
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_parameters_of_a_step(shop: Shop) -> None:
    """Texts anywhere in a step's parameters are templates; its title is the subject."""
    params = {
        "title": "新线索 {{ grade }}",
        "text": "{{ score.total }}",
        "deep": [{"x": "{{ grade }}"}],
        "n": 1,
    }
    rendered = shop.renderer().render(None, params, Lead("lead-1", 0, 0, facts=FACTS))
    assert (rendered.subject, rendered.text) == ("新线索 A", "85")
    assert rendered.params == {"title": "新线索 A", "text": "85", "deep": [{"x": "A"}], "n": 1}


def test_parameters_of_a_message(shop: Shop) -> None:
    """`with` in messages.yaml is for the action; a step's own parameters come before it."""
    message = 'text: x\n    with: {sign: 安美, params: {name: "{{ grade }}"}, n: 1}'
    rendered = shop.render(message, params={"n": 2, "unsubscribe_url": "https://acme.cn/u/1"})
    assert rendered.params == {
        "sign": "安美", "params": {"name": "A"}, "n": 2, "unsubscribe_url": "https://acme.cn/u/1",
    }  # fmt: skip


def test_unsubscribe_url_is_a_variable(shop: Shop) -> None:
    """A template places the address that its delivery carries."""
    html = '<a href="{{ unsubscribe_url }}">退订</a>'
    params = {"unsubscribe_url": "https://acme.cn/u/1?a=1&b=2"}
    rendered = shop.render("template: a.html", params=params, a_html=html)
    assert rendered.html == '<a href="https://acme.cn/u/1?a=1&amp;b=2">退订</a>'
    assert rendered.text == "退订 (https://acme.cn/u/1?a=1&b=2)\n"


@pytest.mark.parametrize(
    ("language", "html", "text", "subject"),
    [
        ("en", "<p>Hello</p>", "Hi", "Welcome"),
        ("en-GB", "<p>Hello</p>", "Hi", "Welcome"),
        ("zh-Hant-TW", "<p>您好（繁）</p>", "您好文", "欢迎"),
        ("zh_CN", "<p>您好</p>", "您好文", "欢迎"),
        ("de", "<p>您好</p>", "您好文", "欢迎"),
        (None, "<p>您好</p>", "您好文", "欢迎"),
    ],
)
def test_each_language_has_its_template(
    shop: Shop, language: str | None, html: str, text: str, subject: str
) -> None:
    """The lead's own language, the same without its region, then what is for everybody."""
    rendered = shop.render(
        "template: a.html\n    subject: {zh: 欢迎, en: Welcome}",
        {"lead.language": language} if language else {},
        a__html="<p>您好</p>",
        a__en__html="<p>Hello</p>",
        **{"a__zh-Hant__html": "<p>您好（繁）</p>"},
        a__txt="您好文",
        a__en__txt="Hi",
    )
    assert (rendered.html, rendered.text, rendered.subject) == (html, text, subject)


def test_a_template_may_be_there_in_languages_only(shop: Shop) -> None:
    """Then leads without a language, or with another one, get that of the message, else zh."""
    templates = {"a__en__html": "<p>Hello</p>", "a__zh__html": "<p>您好</p>"}
    assert shop.render("template: a.html", {}, **templates).html == "<p>您好</p>"
    assert shop.render("template: a.html\n    language: en", {}).html == "<p>Hello</p>"
    assert shop.render("template: a.html", {}, language="en").html == "<p>Hello</p>"


def test_mjml_becomes_html_for_mail_programs(shop: Shop) -> None:
    """After the template is filled in, so that loops may stand around sections."""
    mjml = (
        "<mjml><mj-body>{% for each in lead.tags %}<mj-section><mj-column>"
        "<mj-text>{{ lead.name }} {{ each }}</mj-text></mj-column></mj-section>{% endfor %}"
        "</mj-body></mjml>"
    )
    rendered = shop.render("template: a.mjml", a_mjml=mjml)
    assert rendered.html is not None
    assert "<table" in rendered.html
    assert "&lt;b&gt;王芳&lt;/b&gt; a" in rendered.html
    assert rendered.text == "<b>王芳</b> a\n"
    with pytest.raises(BadTemplate, match=r"a\.mjml is no MJML"):
        shop.render("template: a.mjml", a_mjml="<mjml><mj-body><mj-text>x</mj-body></mjml>")


def test_styles_are_written_into_elements(shop: Shop) -> None:
    """Mail programs drop style sheets; what media queries say stays in one."""
    html = (
        "<style>p {color: red} @media (max-width: 9px) {p {color: blue}}</style>"
        "<p>{{ lead.name }}</p>"
    )
    made = shop.render("template: a.html", a_html=html).html
    assert made is not None
    assert '<p style="color: red;">&lt;b&gt;王芳&lt;/b&gt;</p>' in made
    assert "@media" in made
    assert "color: red}" not in made


def test_files_and_images_go_along(shop: Shop) -> None:
    """Attachments by name, and each image that the HTML shows once."""
    files = shop.folder / "files" / "图"
    files.mkdir(parents=True)
    (files / "logo.png").write_bytes(b"\x89PNG")
    (shop.folder / "files" / "手册.pdf").write_bytes(b"%PDF")
    html = '<img src="cid:图/logo.png"><img src="cid:图/logo.png">'
    made = shop.render("template: a.html\n    attachments: [手册.pdf]", a_html=html)
    assert [(a.name, a.media_type, a.content, a.cid) for a in made.attachments] == [
        ("手册.pdf", "application/pdf", b"%PDF", None),
        ("logo.png", "image/png", b"\x89PNG", "图/logo.png"),
    ]
    with pytest.raises(BadTemplate, match=r'there is no image "\.\./x\.png"'):
        shop.render("template: a.html", a_html='<img src="cid:../x.png">')


def test_markdown_is_a_form_of_its_own(shop: Shop) -> None:
    """Chats get Markdown as it is written, without HTML's escapes."""
    assert shop.render('markdown: "**您好** {{ lead.name }}"').markdown == "**您好** <b>王芳</b>"


def test_a_text_of_the_largest_size_is_let_through(shop: Shop) -> None:
    """The bound itself is allowed; one character more is not."""
    block = "x" * 1_000
    template = "{% for i in range(" + str(MAX_CHARACTERS // 1_000) + ") %}" + block + "{% endfor %}"
    assert len(shop.text(template) or "") == MAX_CHARACTERS
    with pytest.raises(BadTemplate, match="longer than"):
        shop.text(template + "y")
