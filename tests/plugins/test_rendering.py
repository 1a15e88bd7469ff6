from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.host.rendering import BadTemplate, Rendered, Renderer
from engine.language.definitions import Message
from engine.language.diagnostic import Source
from engine.language.load import load_folder
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from tests.serving import write_config

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


@pytest.fixture
def renderer(tmp_path: Path) -> Renderer:
    """Return the renderer of the small company."""
    loaded = load_folder(write_config(tmp_path))
    assert loaded.definitions is not None
    return Renderer(Ruleset(loaded.definitions))


def render(renderer: Renderer, facts: dict[str, Any] | None = None, **texts: Any) -> Rendered:
    """Render a message of these texts for a lead."""
    written = {"subject": None, "text": None, "html": None, **texts}
    message = Message(
        id="m", label=None, action="email", topic=None, to=None, stale_after=0,
        source=Source("m.yaml", 1, 1), **written,
    )  # fmt: skip
    lead = Lead("lead-1", 0, 0, facts=FACTS if facts is None else facts)
    return renderer.render(message, {}, lead)


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
        ("{{ 2 * 3 }} {{ 7 % 4 }}", "6 3"),
    ],
)
def test_what_templates_can_say(renderer: Renderer, template: str, text: str) -> None:
    """A template names the lead's fields, scores and owner as conditions do."""
    assert render(renderer, text=template).text == text


def test_values_are_escaped_in_html_only(renderer: Renderer) -> None:
    """What a lead typed is text, never markup; the markup of the template stays."""
    assert render(renderer, html="<p>{{ lead.name }}</p>").html == "<p>&lt;b&gt;王芳&lt;/b&gt;</p>"


def test_subject_is_one_line(renderer: Renderer) -> None:
    """A line break in a field can't start a second header."""
    facts = {"lead.name": "a\r\nBcc: b@c.cn"}
    assert render(renderer, facts, subject="Hi {{ lead.name }}").subject == "Hi a Bcc: b@c.cn"


def test_lead_without_owner(renderer: Renderer) -> None:
    """The default of a missing owner works for his name, too."""
    assert render(renderer, {}, text="{{ owner | default('我们') }}").text == "我们"


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ("{{ lead.company }}", "default"),
        ("{{ lead.nmae }}", "nmae"),
        ("{{ nobody }}", "nobody"),
        ("{{ lead.__class__ }}", ""),
        ("{{ ''.__class__.__mro__ }}", ""),
        ("{{ lead.tags.append('x') }}", ""),
        ("{{ 'a' * 10**9 }}", "not allowed"),
        ("{{ 'a' * 1000000000 }}", "numbers"),
        ("{{ '%1000000000d' % 1 }}", "numbers"),
        ("{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}", "loop"),
        ("{{ lead.name", ""),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% include 'x' %}", ""),
    ],
)
def test_what_templates_cannot_do(renderer: Renderer, template: str, word: str) -> None:
    """A missing value, a way out of the sandbox or too much work ends in one kind of error."""
    with pytest.raises(BadTemplate) as caught:
        render(renderer, text=template)
    assert word in str(caught.value)


def test_parameters_of_a_step(renderer: Renderer) -> None:
    """Texts anywhere in a step's parameters are templates; its title is the subject."""
    params = {
        "title": "新线索 {{ grade }}",
        "text": "{{ score.total }}",
        "deep": [{"x": "{{ grade }}"}],
        "n": 1,
    }
    rendered = renderer.render(None, params, Lead("lead-1", 0, 0, facts=FACTS))
    assert (rendered.subject, rendered.text) == ("新线索 A", "85")
    assert rendered.params == {"title": "新线索 A", "text": "85", "deep": [{"x": "A"}], "n": 1}
