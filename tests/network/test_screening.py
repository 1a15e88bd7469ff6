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
    dotted = listed("l", "words", "学生", fields=("lead.source.name",))
    made = screen(rule("r", "flag", "listed.l"), lists=(dotted,))
    assert made.judge(entering({"source.name": "大学生"}), 0)


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


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("av", "av", True),
        ("av", "avx", False),
        ("av", "xav", False),
        ("av", "av1", False),
        ("av", "avx片", False),
        ("av", "av-x", True),
        ("av", "x-av", True),
        ("av", "片av片", True),
        ("3d", "3d打印", True),
        ("打印", "3D打印x", True),
        ("发票a", "发票ab", False),
        ("a发票", "ba发票", False),
        ("ＡＶ", "AV", False),
        ("av", "ＡＶ", True),
        ("发-票", "发票", True),
        ("发票", "发a票", False),
        ("buy-now", "buynow", False),
    ],
)
def test_a_latin_word_does_not_begin_or_end_within_another(
    word: str, text: str, found: bool
) -> None:
    """Only letters and digits of the Latin kind join; entries are kept folded already."""
    assert bool(Words({word: word}).find(text)) is found


def test_words_are_told_as_they_are_written_in_the_order_of_the_text() -> None:
    """The list's own spelling, each once, wherever and however often it stands."""
    words = Words({"发票": "发 票", "代开": "代开", "开发": "开发"})
    assert words.find("发票，代开发票") == ["发 票", "代开", "开发"]
    assert words.find("报价") == []


def test_texts_of_the_event_are_all_looked_at_and_numbers_are_not() -> None:
    """`event.*` is every text of it, wherever it stands among what is no text."""
    words = listed("l", "words", "学生", "老师", fields=("lead.need", "event.*", "lead.title"))
    made = screen(rule("r", "flag", "listed.l"), lists=(words,))
    found = made.judge(entering({"title": "学生", "need": 7}, properties={"a": 5, "b": "老师"}), 0)
    assert found["matched"] == {"l": ["老师", "学生"]}


def test_at_most_five_entries_are_shown_each_once() -> None:
    """A text full of them is told by its first few."""
    entries = ["甲", "乙", "丙", "丁", "戊", "己"]
    made = screen(rule("r", "flag", "listed.l"), lists=(listed("l", "words", *entries),))
    found = made.judge(entering(properties={"a": "甲甲乙", "b": "甲丙丁戊己"}), 0)
    assert found["matched"] == {"l": ["甲", "乙", "丙", "丁", "戊"]}


def test_people_are_told_by_each_of_their_marks() -> None:
    """Number, address and name with company are looked up, whichever of them there are."""
    people = listed("l", "people", "+8613800138000", "wang@acme.cn", "王芳,金泰阀门")
    made = screen(rule("r", "flag", "listed.l"), lists=(people,))
    lead = {
        "phone": "+8613800138000",
        "email": "wang@acme.cn",
        "name": "王芳",
        "company": "金泰阀门",
    }
    assert made.judge(entering(lead), 0)["matched"] == {
        "l": ["+8613800138000", "wang@acme.cn", "王芳,金泰阀门"]
    }
    assert not made.judge(entering({"company": "金泰阀门", "name": 5}), 0)
    assert not made.judge(entering({"name": "王芳", "company": 5}), 0)
    assert not made.judge(entering({"phone": "+8613900139000"}), 0)


def test_a_domain_is_told_by_the_nearest_above_it() -> None:
    """Its own entry counts before that of the domain it belongs to."""
    domains = listed("l", "domains", "cn", "rival.cn")
    made = screen(rule("r", "flag", "listed.l"), lists=(domains,))
    for domain, entry in (
        ("mail.rival.cn", "rival.cn"),
        ("acme.cn", "cn"),
        ("rival.cn", "rival.cn"),
    ):
        assert made.judge(entering({"email.domain": domain}), 0)["matched"] == {"l": [entry]}


@pytest.mark.parametrize(
    ("ranges", "address", "found"),
    [
        (["10.0.0.0/8"], "10.255.255.255", "10.0.0.0/8"),
        (["10.0.0.0/8"], "11.0.0.0", None),
        (["10.0.0.1"], "10.0.0.1", "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.2", None),
        (["2001:db8::/32", "10.0.0.0/8"], "10.1.1.1", "10.0.0.0/8"),
        (["2001:db8::/32", "10.0.0.0/8"], "2001:db8::5", "2001:db8::/32"),
        (["::a00:1"], "10.0.0.1", None),
        (["10.0.0.1"], "::a00:1", None),
        (["10.0.0.0/8", "10.2.0.0/16", "10.1.0.0/16"], "10.2.0.1", "10.2.0.0/16"),
        (["10.0.0.0/8", "192.168.0.0/16"], "192.168.3.3", "192.168.0.0/16"),
        (["10.1.0.0/16", "10.2.0.0/16"], "10.1.0.1", "10.1.0.0/16"),
        ([], "10.1.0.1", None),
    ],
)
def test_an_address_is_found_in_the_ranges_of_its_family(
    ranges: list[str], address: str, found: str | None
) -> None:
    """To the last address of a range and not beyond; the smallest range that holds it."""
    assert Networks(ranges).find(address) == found


def test_an_agent_is_found_whatever_its_case() -> None:
    """The first entry that stands in it is told, as the list writes it."""
    agents = ListFile(
        name="l", kind="agents", file="x", entries={"mimecast": "Mimecast", "bot": "Bot"},
        fields=(), source=PLACE,
    )  # fmt: skip
    made = screen(rule("r", "flag", "listed.l"), lists=(agents,))
    found = made.judge(entering(client={"agent": "a BOT of MIMECAST"}), 0)
    assert found["matched"] == {"l": ["Mimecast"]}
    assert not made.judge(entering(client={}), 0)


def test_a_list_is_told_only_when_it_matched_and_led_to_a_verdict() -> None:
    """Lists that were asked in vain, or for nothing, leave no trace."""
    lists = (listed("a", "words", "学生"), listed("b", "words", "老师"))
    no = rule("n", "flag", "listed.a", operand=False)
    made = screen(no, rule("r", "reject", "listed.b"), lists=lists)
    assert made.judge(entering({"need": "老师"}), 0) == {
        "rule": "r", "do": "reject", "reason": "因为 r", "flags": ["n"],
        "reasons": {"n": "因为 n"}, "matched": {"b": ["老师"]},
    }  # fmt: skip
    assert screen(no, lists=lists).judge(entering({"need": "学生"}), 0) == {}


def test_a_rule_may_look_at_properties_and_at_fields() -> None:
    """`where` is about the event and `when` about the fields it brings; both must hold."""
    where = definitions.Test(
        fact="event.form", op="eq", operand="试用", family="string", source=PLACE
    )
    when = definitions.Test(
        fact="lead.city", op="eq", operand="上海", family="string", source=PLACE
    )
    both = ScreenRule(
        id="r", events=("form_submitted",), where=where, when=when, do="flag", reason="因为",
        flag="f", source=PLACE,
    )  # fmt: skip
    made = screen(both)
    trial, other = {"form": "试用"}, {"form": "报价"}
    assert made.judge(entering({"city": "上海"}, properties=trial), 0)["flags"] == ["f"]
    assert made.judge(entering({"city": "上海"}, properties=other), 0) == {}
    assert made.judge(entering({"city": "南京"}, properties=trial), 0) == {}
    assert made.judge(entering({"city": "上海"}, "chat_started", properties=trial), 0) == {}
    assert made.judge(entering({"city": "上海"}, properties=trial), 0)["flags"] == ["f"]


def test_a_rule_may_look_at_the_clock_and_at_what_is_not_known() -> None:
    """At the door a lead is as old as the event, has no past and no windows."""
    guard = definitions.Guard(
        start=540, end=1080, days=(), calendar=None, zone="Asia/Shanghai", source=PLACE
    )
    silent = definitions.Absence(
        events=("page_viewed",), where=None, span=5, window="w", source=PLACE
    )
    edge = definitions.Test(fact="lead.n", op="rises_to", operand=5, family="number", source=PLACE)

    def asking(when: Any) -> Screen:
        return screen(
            ScreenRule(
                id="r",
                events=(),
                where=None,
                when=when,
                do="flag",
                reason="",
                flag="f",
                source=PLACE,
            )
        )

    nine = 1_772_413_200_000  # 2026-03-02T09:00:00+08:00
    assert asking(guard).judge(entering(), nine)["flags"] == ["f"]
    assert asking(guard).judge(entering(), nine - 1) == {}
    assert asking(silent).judge(entering(), nine) == {}
    assert asking(edge).judge(entering({"n": 9}), nine) == {}
    assert asking(None).judge(entering(), nine)["flags"] == ["f"]


def test_the_same_flag_is_raised_once() -> None:
    """Two rules may raise one flag; it is told once."""
    one, two = rule("a", "flag", "lead.x"), rule("b", "flag", "lead.x")
    same = ScreenRule(
        id="b", events=(), where=None, when=two.when, do="flag", reason="又", flag="a", source=PLACE
    )
    found = screen(one, same).judge(entering({"x": True}), 0)
    assert found["flags"] == ["a"]


def test_kinds_of_mail_are_asked_in_their_order() -> None:
    """Business before disposable before free; a list that is not there says nothing."""
    lists = (listed("a", "domains", "x.cn"), listed("b", "domains", "x.cn", "y.cn"))
    made = screen(lists=lists, mail={"free": ("gone", "b"), "disposable": ("a",)})
    assert [made.mail_kind(d) for d in ("x.cn", "y.cn", "z.cn")] == ["disposable", "free", None]
    assert screen().mail_kind("x.cn") is None


def test_a_list_that_two_rules_name_is_told_once() -> None:
    """Both are judged by the same finding."""
    words = listed("l", "words", "学生")
    made = screen(rule("a", "flag", "listed.l"), rule("b", "reject", "listed.l"), lists=(words,))
    found = made.judge(entering({"need": "学生"}), 0)
    assert (found["flags"], found["rule"], found["matched"]) == (["a"], "b", {"l": ["学生"]})
