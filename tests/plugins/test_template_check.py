"""What `validate` finds in templates before anybody gets a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.host.templates.check import check_templates
from engine.language.diagnostic import Diagnostic
from engine.language.load import load_folder
from tests.serving import write_config

MESSAGES = "messages:\n  m:\n    action: email\n    template: a.html\n"


def findings(folder: Path, messages: str = MESSAGES, **templates: str) -> list[Diagnostic]:
    """Return what is found in a configuration with these templates."""
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    for name, text in templates.items():
        (folder / "templates" / name.replace("_", ".")).write_text(text, encoding="utf-8")
    write_config(folder, messages=messages, journeys="journeys: []\n")
    loaded = load_folder(folder)
    assert loaded.definitions is not None, loaded.diagnostics
    return check_templates(loaded.definitions, loaded.sources)


def places(found: list[Diagnostic]) -> list[str]:
    """Return each finding as file:line:column code."""
    return [f"{Path(d.source.file).name}:{d.source.line}:{d.source.column} {d.code}" for d in found]


@pytest.mark.parametrize(
    ("template", "place", "words"),
    [
        ("<p>\n{{ lead.nmae }}", "a.html:2:4 unknown-template-field", 'did you mean "lead.name"?'),
        ("您好 {{ lead.nmae | default('x') }}", "a.html:1:7 unknown-template-field", "lead.name"),
        ("{% if lead.comany is defined %}{% endif %}", "a.html:1:7 unknown-template-field", "lead.company"),
        ("{{ lead['nmae'] }}", "a.html:1:1 unknown-template-field", "lead.name"),
        ("{{ laed.name }}", "a.html:1:4 unknown-template-field", 'did you mean "lead"?'),
        ("{{ owner.nmae }}", "a.html:1:4 unknown-template-field", 'did you mean "owner.name"?'),
        ("{{ score.fitt }}", "a.html:1:4 unknown-template-field", 'did you mean "score.fit"?'),
        ("{{ lead.email.domian }}", "a.html:1:4 unknown-template-field", "lead.email.domain"),
        ("{% set l = lead %}\n{{ l.nmae }}", "a.html:2:4 unknown-template-field", "lead.name"),
        ("{% with l = lead.email %}{{ l.domian }}{% endwith %}", "a.html:1:29 unknown-template-field", "domain"),
        ("{% macro f(x) %}{{ lead.nmae }}{{ x.y }}{% endmacro %}", "a.html:1:20 unknown-template-field", "lead.name"),
        ("{% for t in lead.tgas %}{{ t.x }}{% endfor %}", "a.html:1:13 unknown-template-field", "lead.tags"),
        ("{% for t in lead.tags %}{{ loop.index }}{% endfor %}\n{{ t }}", "a.html:2:4 unknown-template-field", '"t"'),
        ("{{ lead.name | uper }}", "a.html:1:16 unknown-filter", 'did you mean "upper"?'),
        ("{% if lead.name is strng %}{% endif %}", "a.html:1:20 unknown-test", 'did you mean "string"?'),
        ("{% include 'foter.html' %}", "a.html:1:13 unknown-template", "there is no template"),
        ("<p>\n\n{{ lead.name", "a.html:3:1 template-syntax", "unexpected end"),
        ("{% fro x in y %}", "a.html:1:1 template-syntax", "unknown tag"),
    ],
)  # fmt: skip
def test_what_a_template_gets_wrong(tmp_path: Path, template: str, place: str, words: str) -> None:
    """One finding, at its line and column, with the nearest right name."""
    found = findings(tmp_path / "config", a_html=template)
    assert places(found) == [place]
    assert words in found[0].message
    assert found[0].hint


@pytest.mark.parametrize(
    "template",
    [
        "{{ lead.name }} {{ lead.email.domain }} {{ lead.consent.marketing }} {{ lead.id }}",
        "{{ lead.name.upper() }} {{ lead.tags[0] }} {{ lead.source.utm_source }}",
        "{{ owner }} {{ owner.name }} {{ score.total }} {{ score.default.fit }} {{ grade }}",
        "{{ stage }} {{ team }} {{ pool }} {{ unsubscribe_url }} {{ message.label }}",
        "{% for k, v in lead.items() %}{{ loop.index }}{{ k }}{{ v.x }}{% else %}-{% endfor %}",
        "{% set a, b = 1, 2 %}{{ a + b }}{% set c %}x{% endset %}{{ c }}",
        "{% set n = namespace(x=1) %}{% set n.x = 2 %}{{ n.x }}",
        "{% macro f(x, y=1) %}{{ x }}{{ y }}{{ varargs }}{% endmacro %}{{ f(lead.name) }}",
        "{% macro g() %}{{ caller(1) }}{% endmacro %}{% call(i) g() %}{{ i }}{% endcall %}",
        "{% for i in range(3) if i is odd %}{{ i }}{% endfor %}{{ 'x' ~ dict(a=1).a }}",
        "{% include 'part.html' %}{% include 'no.html' ignore missing %}",
        "{% import 'part.html' as p %}{{ p.anything }}{% from 'part.html' import x as y %}{{ y }}",
        "{% extends 'part.html' %}{% block b %}{{ super() }}{{ self.b }}{% endblock %}",
        "{% raw %}{{ lead.nmae }}{% endraw %}{# {{ lead.nmae }} #}",
        "{% filter upper %}{{ lead.name }}{% endfilter %}",
    ],
)
def test_what_a_template_gets_right(tmp_path: Path, template: str) -> None:
    """Whatever a template makes itself is known from there on, and nothing is found."""
    assert (
        findings(tmp_path / "config", a_html=template, part_html="{% block b %}{% endblock %}")
        == []
    )


def test_the_second_of_two_in_one_line_has_its_own_column(tmp_path: Path) -> None:
    """Both are found, each where it stands."""
    found = findings(tmp_path / "config", a_html="{{ lead.nmae }}{{ lead.nmae }}")
    assert places(found) == [
        "a.html:1:4 unknown-template-field",
        "a.html:1:19 unknown-template-field",
    ]


def test_what_is_included_is_checked_where_it_stands(tmp_path: Path) -> None:
    """With the names of the template that includes it, and once."""
    found = findings(
        tmp_path / "config",
        a_html="{% set x = 1 %}{% include 'part.html' %}{% include 'part.html' %}",
        part_html="{{ x }}\n{{ lead.nmae }}{% include 'a.html' %}",
    )
    assert places(found) == ["part.html:2:4 unknown-template-field"]


def test_texts_in_yaml_are_checked_where_they_stand(tmp_path: Path) -> None:
    """In one line, in a block, in a parameter, and in each language."""
    messages = (
        "messages:\n  m:\n    action: email\n"
        '    subject: {zh: "您好 {{ lead.nmae }}", en: Hi}\n'
        "    text: |\n      {{ lead.name }}：\n      欢迎 {{ lead.comany }}\n"
        '    with: {list: ["{{ lead.phon }}"]}\n'
    )
    found = findings(tmp_path / "config", messages)
    assert sorted(places(found)) == [
        "messages.yaml:2:3 unknown-template-field",
        "messages.yaml:4:26 unknown-template-field",
        "messages.yaml:7:13 unknown-template-field",
    ]


def test_a_missing_language_is_a_warning(tmp_path: Path) -> None:
    """Of what is written in some languages; what is written once is for everybody."""
    messages = (
        "messages:\n"
        "  m: {action: email, template: a.html, subject: {zh: 欢迎, en: Welcome}}\n"
        "  n: {action: email, text: {zh: 您好, en: Hello, ja: こんにちは}}\n"
        "  o: {action: email, text: 您好}\n"
    )
    found = findings(tmp_path / "config", messages, a_html="您好", a_en_html="Hello")
    assert {d.severity for d in found} == {"warning"}
    assert [d.message for d in found] == [
        'the message "m" has no subject in "ja", as others have; its readers get "subject.zh"',
        'the message "m" has no html in "ja", as others have; its readers get "a.html"',
    ]
