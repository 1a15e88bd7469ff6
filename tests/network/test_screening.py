"""Screening: the verdict on one event as it enters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language import definitions
from engine.language.diagnostic import Source
from engine.language.intake import Bots, Intake, ListFile, ScreenRule
from engine.network.condition import ConditionCompiler
from engine.network.lists import Networks, Words
from engine.network.screening import Entering, Screen

PLACE = Source("intake.yaml", 1, 1)


def listed(
    name: str, kind: str, *entries: str, fields: tuple[str, ...] = ("lead.need", "event.*")
) -> ListFile:
    """A list of these entries."""
    return ListFile(
        name=name, kind=kind, file="x", entries={e: e for e in entries}, fields=fields, source=PLACE
    )


def rule(id: str, do: str, fact: str, *events: str, operand: Any = True) -> ScreenRule:
    """A rule on one fact that must be equal to the operand."""
    when = definitions.Test(fact=fact, op="eq", operand=operand, family="boolean", source=PLACE)
    return ScreenRule(
        id=id,
        events=events,
        where=None,
        when=when,
        do=do,
        reason=f"因为 {id}",
        flag=id,
        source=PLACE,
    )


def screen(*rules: ScreenRule, lists: tuple[ListFile, ...] = (), **more: Any) -> Screen:
    """A screen of these rules and lists."""
    intake = Intake(rules=rules, lists={each.name: each for each in lists}, **more)
    return Screen(intake, ConditionCompiler({}))


def entering(
    lead: dict[str, Any] | None = None, type: str = "form_submitted", **more: Any
) -> Entering:
    """An event that brings these fields."""
    return Entering(type, lead or {}, more.pop("properties", {}), more.pop("client", {}), **more)


def test_flags_gather_and_the_first_other_rule_decides() -> None:
    """Flag goes on; the first reject or quarantine ends it, and what stands below is not asked."""
    found = screen(
        rule("a", "flag", "lead.x"), rule("b", "flag", "lead.y"), rule("c", "flag", "lead.x"),
        rule("q", "quarantine", "lead.x"), rule("r", "reject", "lead.x"), rule("d", "flag", "lead.x"),
    ).judge(entering({"x": True}), 0)  # fmt: skip
    assert found == {
        "reasons": {"a": "因为 a", "c": "因为 c"}, "flags": ["a", "c"],
        "rule": "q", "do": "quarantine", "reason": "因为 q",
    }  # fmt: skip
    assert screen(rule("a", "flag", "lead.x")).judge(entering(), 0) == {}


def test_a_rule_hears_its_events_only_and_colleagues_only_when_it_says_so() -> None:
    """What a colleague notes is not screened by a rule for everything that comes in."""
    made = screen(rule("all", "reject", "lead.x"), rule("calls", "flag", "lead.x", "call_logged"))
    assert made.judge(entering({"x": True}), 0)["rule"] == "all"
    assert made.judge(entering({"x": True}, "call_logged", by="li.na"), 0)["flags"] == ["calls"]
    assert made.judge(entering({"x": True}, "note_added", by="li.na"), 0) == {}


def test_what_of_a_list_matched_is_recorded() -> None:
    """The entries that led to a verdict are told as the list writes them."""
    words = listed("spam", "words", "代开发票", "发票")
    made = screen(rule("r", "reject", "listed.spam"), lists=(words,))
    assert made.judge(entering({"need": "可代 开＊发票"}), 0)["matched"] == {
        "spam": ["代开发票", "发票"]
    }
    assert made.judge(entering(properties={"text": "发票"}), 0)["matched"] == {"spam": ["发票"]}
    assert made.judge(entering({"need": "报价", "name": "发票"}), 0) == {}


@pytest.mark.parametrize(
    ("kind", "entry", "lead", "client", "hit"),
    [
        ("people", "+8613800138000", {"phone": "+8613800138000"}, {}, True),
        ("people", "wang@acme.cn", {"email": "wang@acme.cn"}, {}, True),
        ("people", "王芳,金泰阀门", {"name": "王 芳", "company": "金泰阀门"}, {}, True),
        ("people", "王芳,金泰阀门", {"name": "王芳", "company": "别家"}, {}, False),
        ("people", "王芳,金泰阀门", {"name": "王芳"}, {}, False),
        ("domains", "rival.cn", {"email.domain": "mail.rival.cn"}, {}, True),
        ("domains", "rival.cn", {"email.domain": "notrival.cn"}, {}, False),
        ("domains", "rival.cn", {}, {}, False),
        ("addresses", "192.0.2.0/24", {}, {"ip": "192.0.2.9"}, True),
        ("addresses", "192.0.2.0/24", {}, {"ip": "::ffff:192.0.2.9"}, True),
        ("addresses", "2001:db8::/32", {}, {"ip": "2001:db8::1"}, True),
        ("addresses", "192.0.2.0/24", {}, {"ip": "192.0.3.9"}, False),
        ("addresses", "192.0.2.0/24", {}, {"ip": "nowhere"}, False),
        ("addresses", "192.0.2.0/24", {}, {}, False),
        ("agents", "barracuda", {}, {"agent": "Mozilla/5.0 (BarracudaCentral)"}, True),
        ("agents", "barracuda", {}, {"agent": "Mozilla/5.0"}, False),
    ],
)  # fmt: skip
def test_each_kind_of_list_looks_where_it_belongs(
    kind: str, entry: str, lead: dict[str, Any], client: dict[str, str], hit: bool
) -> None:
    """People by number, address or name with company; domains with those below; ranges; agents."""
    made = screen(rule("r", "flag", "listed.l"), lists=(listed("l", kind, entry),))
    assert bool(made.judge(entering(lead, client=client), 0)) is hit


def test_words_can_be_looked_for_in_chosen_fields() -> None:
    """`in` narrows the search to fields and properties, and skips what is no text."""
    words = listed("l", "words", "学生", fields=("lead.title", "event.text", "lead.employees"))
    made = screen(rule("r", "flag", "listed.l"), lists=(words,))
    assert made.judge(entering({"title": "大学生"}), 0)
    assert made.judge(entering(properties={"text": "学生"}), 0)
    assert not made.judge(entering({"need": "学生", "employees": 3}), 0)


def test_kinds_of_mail_follow_the_lists() -> None:
    """A list makes a domain free, throw-away, or business, which counts most."""
    lists = (listed("f", "domains", "mail.cn"), listed("b", "domains", "vip.mail.cn"))
    made = screen(lists=lists, mail={"free": ("f",), "disposable": ("gone",), "business": ("b",)})
    assert [made.mail_kind(d) for d in ("mail.cn", "x.mail.cn", "vip.mail.cn", "acme.cn")] == [
        "free", "free", "business", None,
    ]  # fmt: skip


def test_known_scanners_are_told_with_the_entry() -> None:
    """By agent or by address; somebody else is nobody's scanner."""
    lists = (listed("a", "agents", "mimecast"), listed("n", "addresses", "192.0.2.0/24"))
    made = screen(lists=lists, bots=Bots(agents=("a", "gone"), addresses=("n", "gone")))
    assert made.scanner({"agent": "Mimecast/1"}) == 'its user agent has "mimecast" of a'
    assert made.scanner({"ip": "192.0.2.1"}) == "its address is in 192.0.2.0/24 of n"
    assert made.scanner({"ip": "192.0.9.1", "agent": "Mozilla"}) is None


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("av", "please save it", False),
        ("av", "watch AV now", True),
        ("av", "看AV片", True),
        ("360", "13600000", False),
        ("360", "用360的", True),
        ("代开发票", "代—开—发—票", True),
        ("代开发票", "代\u200b开\n发  票", True),
        ("代开发票", "代为开具发票", False),
        ("buy now", "BUY NOW!", True),
    ],
)
def test_words_are_found_as_people_mean_them(word: str, text: str, found: bool) -> None:
    """Chinese words with anything stuck between, Latin ones only whole, width and case aside."""
    assert bool(Words({word: word}).find(text)) is found


@given(
    st.lists(st.text("代开发票诈骗", min_size=1, max_size=3), min_size=1, max_size=6),
    st.text("代开发票诈骗好", max_size=12),
)
def test_no_overlapping_word_is_missed(words: list[str], text: str) -> None:
    """Exactly the words that stand in the text are found, however they overlap."""
    assert set(Words({w: w for w in words}).find(text)) == {w for w in words if w in text}


def test_the_smallest_range_is_named() -> None:
    """Of two ranges that hold an address, the nearer one explains it."""
    assert Networks(["10.0.0.0/8", "10.1.0.0/16"]).find("10.1.2.3") == "10.1.0.0/16"
