from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from engine.language.sections.catalog import builtin
from engine.server.console.menu import MENU
from engine.server.console.reasons import chinese
from engine.server.console.telling import UNSAID
from engine.server.console.words import LANGUAGES, catalogues

ENGINE = Path(__file__).parents[3] / "engine"
ROOM = ENGINE / "server" / "console"
WORDS = catalogues()
SAID = re.compile(r"""(?<![\w.])(?:t|say|words\.say)\(\s*"([a-z_.\-]+)"\s*[,)]""")
HAPPENS = re.compile(r"""\b(?:happen\(\s*|Happening\([\w.]+, )"(\w+)"[,)]""")
BUILT = re.compile(r"""(?<![\w.])t\(\s*"([a-z_]+\.)" ~""")


def files() -> list[Path]:
    """Return all templates and modules of the room."""
    return sorted([*ROOM.glob("templates/*.html"), *ROOM.glob("*.py")])


def test_both_languages_say_the_same() -> None:
    """Each language has every key that the other has, and says something under it."""
    assert set(WORDS["zh"].texts) == set(WORDS["en"].texts)
    assert [k for words in WORDS.values() for k, v in words.texts.items() if not v.strip()] == []


def test_texts_have_the_same_holes() -> None:
    """What is filled into a text in one language is filled in in the other."""

    def holes(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    zh, en = (WORDS[name].texts for name in LANGUAGES)
    assert {key for key in zh if holes(zh[key]) != holes(en[key])} == set()


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_every_key_is_in_the_catalogues(file: Path) -> None:
    """A page asks for no text that nobody wrote."""
    text = file.read_text("utf-8")
    known = WORDS["zh"].texts
    assert {key for key in SAID.findall(text) if key not in known} == set()
    for prefix in BUILT.findall(text):
        assert any(key.startswith(prefix) for key in known), prefix


def happenings() -> dict[str, set[str]]:
    """Return each kind of happening that the engine writes down, with its details' names."""
    found: dict[str, set[str]] = {}
    for file in (*ENGINE.glob("machines/**/*.py"), *ENGINE.glob("host/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            named = getattr(node.func, "attr", getattr(node.func, "id", ""))
            kinds = {"happen": node.args[:1], "Happening": node.args[1:2]}.get(named, [])
            for kind in kinds:
                if isinstance(kind, ast.Constant):
                    details = (each.arg for each in node.keywords if each.arg)
                    found.setdefault(str(kind.value), set()).update(details)
    return found


def test_everything_that_happens_has_words() -> None:
    """A timeline tells what the engine did in words, not by the engine's names."""
    known = WORDS["zh"].texts
    kinds = happenings()
    assert len(kinds) > 25
    assert [kind for kind in kinds if f"happening.{kind}" not in known] == []
    details = {name for each in kinds.values() for name in each} - UNSAID
    events = builtin().events.values()
    properties = {name for each in events for name in each.properties} - UNSAID
    assert sorted(n for n in details | properties if f"detail.{n}" not in known) == []


def test_the_menu_has_words() -> None:
    """Every group and entry of the menu has its name."""
    known = WORDS["zh"].texts
    names = [group for group, _ in MENU] + [e.name for _, entries in MENU for e in entries]
    assert [name for name in names if f"menu.{name}" not in known] == []


def test_whatever_happens_to_a_lead_has_a_name() -> None:
    """The timeline shows no name of the engine's own."""
    machines = (ROOM.parents[1] / "machines").rglob("*.py")
    found = {kind for file in machines for kind in HAPPENS.findall(file.read_text("utf-8"))}
    assert "message_postponed" in found
    assert {kind for kind in found if f"happening.{kind}" not in WORDS["zh"].texts} == set()


def test_english_has_no_chinese() -> None:
    """The English catalogue is in English."""
    assert [k for k, v in WORDS["en"].texts.items() if re.search(r"[一-鿿]", v)] == []


@pytest.mark.parametrize("file", sorted(ROOM.glob("templates/*.html")), ids=lambda f: f.name)
def test_templates_write_no_words(file: Path) -> None:
    """Chinese stands in the catalogue, not in templates; the page of subscriptions has its own."""
    if file.name == "subscriptions.html":
        return
    text = file.read_text("utf-8").replace('"中文"', "")
    assert re.findall(r"[一-鿿]+", text) == []


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("condition does not hold", "条件不成立"),
        ("territory does not cover 天津", "负责区域不含 天津"),
        (
            "li.na is full: 3 of 3 leads; the lead is new in pool public",
            "li.na 已满：在手 3 条，上限 3 条；刚进入公海 public，还在保护期",
        ),
        ("there is no stage demo any more", "规则里已经没有阶段 demo"),
        ("the SLA is gone", "规则里已经没有这个时限"),
        ("客户出国了", "客户出国了"),
        ("SLA follow-up: not followed up in time", "时限规则 follow-up：没有按时跟进"),
        ("journey sales-ready", "旅程 sales-ready 送去分配"),
        ("recycle idle: nobody followed up", "收回规则 idle：没有人跟进"),
        (
            "at 2026-03-02T01:00:00Z it was not entered: was in it before and reentry is never",
            "2026-03-02T01:00:00Z 没有进入：以前进入过，不允许再次进入",
        ),
        (
            "its condition has held since 2026-03-02T01:00:00Z; it acts when that comes true, once",
            "条件自 2026-03-02T01:00:00Z 起一直成立；只在变为成立的那一刻触发一次",
        ),
        ("the lead stays where it is: lost requires a reason", "改到阶段 lost 要写原因"),
        ("lost requires a reason", "改到阶段 lost 要写原因"),
        ("its address bounced: soft, 3 times", "地址退信：暂时退信 3 次"),
        ("goal: order_placed", "发生 order_placed，达成目标"),
        (
            "event segment:al names both by phone, email",
            "事件 segment:al 同时带有两者的 phone, email",
        ),
        ("each has a phone of its own", "各有各的 phone"),
    ],
)
def test_reasons_are_told_in_chinese(reason: str, said: str) -> None:
    """The engine's own reasons are put into Chinese, and what people wrote stays as it is."""
    assert chinese(reason) == said
