"""``preview``: a message as one lead would get it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.serving import write_config

Command = Callable[..., Ran]
MESSAGES = """
messages:
  welcome:
    action: email
    subject: {zh: "{{ lead.name }}，您好", en: "Hello {{ lead.name }}"}
    template: welcome.html
    attachments: [手册.pdf]
"""
HTML = "<p>{{ lead.company }}：{{ score.total }} 分，{{ owner.name }}</p><img src='cid:logo.png'>"


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A configuration with one message in two languages, a file and an image."""
    folder = write_config(tmp_path / "config", messages=MESSAGES, journeys="journeys: []\n")
    for name, text in {
        "templates/welcome.html": HTML,
        "templates/welcome.en.html": "<p>Hi</p>",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "files").mkdir()
    (folder / "files" / "手册.pdf").write_bytes(b"%PDF")
    (folder / "files" / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "lead.yaml").write_text(
        "{name: 王芳, email: Wang@acme-valves.cn, company: 安美 & 阀门}", encoding="utf-8"
    )
    return folder


def asked(company: Path, *more: str | Path) -> tuple[str | Path, ...]:
    """Return the arguments that all have in common, and more."""
    return (
        "preview",
        "welcome",
        "--lead",
        company.parent / "lead.yaml",
        "--config",
        company,
        "--owner",
        "li.na",
        *more,
    )


def test_text(leadrules: Command, company: Path) -> None:
    """Who gets it, what it is about, what goes along, and the plain text made from HTML."""
    ran = leadrules(*asked(company))
    assert ran.code == 0
    assert ran.out == (
        "To:        wang@acme-valves.cn\n"
        "Subject:   王芳，您好\n"
        "Made from: subject.zh, welcome.html\n"
        "Attached:  手册.pdf (4 bytes)\n"
        "Attached:  logo.png (4 bytes)\n\n"
        "安美 & 阀门：10 分，李娜\n"
    )


def test_another_language(leadrules: Command, company: Path) -> None:
    """`--lang` shows what somebody else would read."""
    ran = leadrules(*asked(company, "--lang", "en-US"))
    assert "Subject:   Hello 王芳\n" in ran.out
    assert ran.out.endswith("\n\nHi\n")


def test_html_with_its_images(leadrules: Command, company: Path) -> None:
    """Escaped as it is sent, into a file that a browser shows whole."""
    file = company.parent / "preview.html"
    ran = leadrules(*asked(company, "--format", "html", "--out", file))
    assert (ran.code, ran.out) == (0, "")
    html = file.read_text("utf-8")
    assert "安美 &amp; 阀门：10 分，李娜" in html
    assert "data:image/png;base64,iVBORw==" in html


def test_json(leadrules: Command, company: Path) -> None:
    """Everything that the action would get."""
    told = json.loads(leadrules(*asked(company, "--format", "json")).out)
    assert told["to"] == "wang@acme-valves.cn"
    assert told["templates"] == {"subject": "subject.zh", "html": "welcome.html"}
    assert [each["name"] for each in told["attachments"]] == ["手册.pdf", "logo.png"]
    assert told["params"]["unsubscribe_url"].startswith("https://")


def test_what_cannot_be_shown(leadrules: Command, company: Path) -> None:
    """A misspelt message, a lead without the field, a broken template: each says why."""
    lead = company.parent / "lead.yaml"
    ran = leadrules("preview", "welcom", "--lead", lead, "--config", company)
    assert ran.code == 2
    assert 'did you mean "welcome"?' in ran.err
    ran = leadrules(*asked(company, "--owner", "li.ma"))
    assert ran.code == 2
    assert 'did you mean "li.na"?' in ran.err
    lead.write_text("{email: a@acme-valves.cn}", encoding="utf-8")
    ran = leadrules(*asked(company))
    assert ran.code == 1
    assert 'message "welcome", subject.zh, line 1' in ran.err
    lead.write_text("{email: [}", encoding="utf-8")
    assert leadrules(*asked(company)).code == 1
    (company / "templates" / "welcome.html").write_text("{{ lead.nmae }}", encoding="utf-8")
    ran = leadrules(*asked(company))
    assert ran.code == 1
    assert "welcome.html:1:4" in ran.out


def test_a_template_without_end_ends(leadrules: Command, company: Path) -> None:
    """As it would when it is sent."""
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    (company / "templates" / "welcome.html").write_text(loop, encoding="utf-8")
    ran = leadrules(*asked(company))
    assert ran.code == 1
    assert "it takes longer than" in ran.err
