"""What is said of a mistake, in words for people who write rules and no programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.language.load import load_folder

BASE = Path(__file__).parents[1] / "broken" / "_base"


def said(folder: Path, right: str, wrong: str, file: str = "scoring") -> list[tuple[str, str]]:
    """Put ``wrong`` in the place of ``right``; return each finding's (message, way out)."""
    shutil.copytree(BASE, folder)
    path = folder / f"{file}.yaml"
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), "utf-8")
    return [(d.message, d.hint or "") for d in load_folder(folder).diagnostics]


FIRST = "  - id: expo"


@pytest.mark.parametrize(
    ("right", "wrong", "message", "hint"),
    [
        (FIRST, "\t- id: expo", "a tab stands here, and YAML indents with spaces", "replace the tab with spaces"),
        ("    when: {lead.source", "    when： {lead.source", '"when： {lead.source" is not known here', 'the colon "：" is a full-width one; write ":" and a blank'),
        ("team: east, strategy: round_robin}", "team: east, strategy： by: x: round_robin}", "not YAML: a", '"：" is a full-width sign; if it is not part of a text, write ":" and a blank'),
        ("{team: east, strategy: round_robin}", "{team: east， strategy: round_robin}", "not YAML: a bracket is not closed", '"，" is a full-width sign; if it is not part of a text, write "," and a blank'),
        ("{team: east, strategy: round_robin}", "{team: east, strategy: round_robin｝", "not YAML: a bracket is not closed", '"｝" is a full-width sign; if it is not part of a text, write "}"'),
        ("round_robin}", "round_robin", "not YAML: a bracket is not closed", "close the [ or { that is open, or add the comma that is missing"),
        ("label: 华东区销售", "label: 华东区: 销售 # 见：说明", "not YAML: a colon stands where no key can be", "check how this line and the one above it are indented; a text with a colon in it stands in quotes"),
        ("label: 华东区销售", "label: @华东区", '"@" cannot begin a value', "put the whole value in quotes"),
        ("{label: 公海池}", "{label: '公海池}", "not YAML: a quote is not closed", "end the text with the quote that began it"),
        (FIRST, " - id: expo\n   assign: {pool: public}\n  - id: expo", "not YAML: the indentation does not fit the lines above", "line it up with its neighbours, by spaces"),
        ("  - id: by-city", "  by-city\n  - id: by-city", "not YAML: a key has no colon", "write KEY: value, with a blank behind the colon"),
        ("pools:\n", "pools\n", "not YAML: a key has no colon", "write KEY: value, with a blank behind the colon"),
        ("label: 华东区销售", 'label: "\\q"', "not YAML: found unknown escape character", "look at this line and the one above it: indentation, quotes, colons"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_yaml_is_explained(
    tmp_path: Path, right: str, wrong: str, message: str, hint: str
) -> None:
    """What the parser complains of is told in plain words; signs of a Chinese keyboard too."""
    [found] = said(tmp_path / "config", right, wrong, "routing")
    assert found[0].startswith(message)
    assert found[1] == hint


@pytest.mark.parametrize(
    ("right", "wrong", "meant"),
    [
        ("{at_least: director}", "{gte: director}", "at_least"),
        ("{at_least: director}", '{"<=": director}', "at_most"),
        ("{at_least: director}", "{at_lest: director}", "at_least"),
        ("{lead.title_level: {at_least: director}}", "{lead.employees: {at_least: 500}}", "gte"),
        ("{lead.title_level: {at_least: director}}", '{lead.employees: {">": 500}}', "gt"),
        ("{lead.title_level: {at_least: director}}", "{lead.birthday: {gt: 1990-01-01}}", "after"),
        (
            "{lead.title_level: {at_least: director}}",
            "{lead.company: {includes: 阀门}}",
            "contains",
        ),
        ("{lead.title_level: {at_least: director}}", "{lead.company: {LIKE: 阀门}}", "contains"),
        ("{lead.title_level: {at_least: director}}", "{tags: {contains: 待培育}}", "includes"),
        ("{lead.title_level: {at_least: director}}", "{lead.company: {regex: 阀}}", "matches"),
    ],
)
def test_an_operator_of_another_type_gives_the_one_that_fits(
    tmp_path: Path, right: str, wrong: str, meant: str
) -> None:
    """Not the most similar word alone: what does the same on a fact of this type."""
    [(message, hint)] = said(tmp_path / "config", right, wrong)
    assert message.endswith(f'; did you mean "{meant}"?')
    assert meant in hint.removeprefix("it takes ").split(", ")


def test_an_operator_that_is_like_none_gives_the_list(tmp_path: Path) -> None:
    """Once, in the order of the documentation."""
    right, wrong = "{lead.title_level: {at_least: director}}", "{lead.company: {等于: 阀门}}"
    assert said(tmp_path / "config", right, wrong) == [
        (
            '"等于" is not an operator of lead.company, which is of type string',
            "it takes eq, ne, in, not_in, starts_with, ends_with, contains, contains_any, matches, "
            "exists",
        )
    ]


def test_a_number_with_commas_is_seen(tmp_path: Path) -> None:
    """What YAML makes of 500,000 in a map is a key that nobody wrote."""
    right, wrong = "{lead.title_level: {at_least: director}}", "{lead.amount: {gt: 500,000}}"
    [(message, hint)] = said(tmp_path / "config", right, wrong)
    assert message.startswith('"000" is not an operator of lead.amount')
    assert hint == "a number has no commas: write 500000"


def test_a_sum_of_nothing_asks_of_what(tmp_path: Path) -> None:
    """The key is missing; its value is not shown as if it were one."""
    right = "{lead.title_level: {at_least: director}}"
    wrong = "{sum: {event: order_placed, within: 30d, gte: 3}}"
    [(message, hint)] = said(tmp_path / "config", right, wrong)
    assert message == "of: which number of the events is meant?"
    assert "amount" in hint


def test_a_crossing_is_no_operator_of_an_event(tmp_path: Path) -> None:
    """An event's property was nothing before, so it cannot rise to anything."""
    wrong = "where: {duration: {rises_to: 60}}"
    [(message, hint)] = said(tmp_path / "config", "where: {page: pricing}", wrong)
    assert message.startswith('"rises_to" is not an operator of event.duration')
    assert hint == "it takes eq, ne, in, not_in, gt, gte, lt, lte, between, exists"


@pytest.mark.parametrize(
    ("right", "wrong", "hint"),
    [
        ("points: 15", 'points: "15"', "write 15 without quotes"),
        ("points: 15", "points: 18:00", "write a number or a map. A number, or {field, times} (分值)."),
        ("{lead.title_level: {at_least: director}}", "lead.city = 上海", "write a map. A condition such as {lead.city: 上海}; every entry must hold."),
        ("{lead.title_level: {at_least: director}}", "{lead.amount: {gt: 50万}}", "write digits alone, such as 500000"),
        ("{lead.title_level: {at_least: director}}", "{lead.employees: {in: [很多]}}", "write digits alone in a list, such as 500000"),
        ("per: 1d", "per: 18:00", "write it thus: A duration such as 30d, 24h, 10m."),
    ],
)  # fmt: skip
def test_a_value_of_another_form_gets_an_example(
    tmp_path: Path, right: str, wrong: str, hint: str
) -> None:
    """One finding, whose way out shows what to write."""
    [found] = said(tmp_path / "config", right, wrong)
    assert found[1] == hint


def test_a_word_that_is_like_none_of_a_few_is_not_told_twice(tmp_path: Path) -> None:
    """The choices stand in the message; with a near one, that is named."""
    folder = tmp_path / "config"
    [(message, hint)] = said(folder, "do: recycle", "do: 回收", "routing")
    assert message == '"回收" is none of remind, escalate, recycle'
    assert hint == "write one of these"
    [(message, hint)] = said(tmp_path / "other", "do: recycle", "do: recycled", "routing")
    assert message.endswith('; did you mean "recycle"?')


def test_a_misspelt_dimension_gives_the_nearest_score(tmp_path: Path) -> None:
    """What stands behind `score.` is a dimension of the model, or its total."""
    folder = tmp_path / "config"
    [(message, _)] = said(folder, "{grade: A}", "{score.behaviour: {gte: 3}}", "routing")
    assert message == '"score.behaviour" is not a known field; did you mean "score.behavior"?'
