"""intake.yaml: what it declares, and every reason why it may not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.language import contacts
from engine.language.diagnostic import Diagnostics
from engine.language.instants import SECOND
from engine.language.intake import SEARCHED, Bots
from engine.language.lists import MAX_BYTES, read_entries, read_text
from engine.language.load import Loaded, load_folder

BASE = Path(__file__).parents[1] / "broken" / "_base"
WHOLE = """
identity: {keys: [phone, email]}
normalise: {region: US, keep_raw: false}
lists:
  spam_words: lists/spam.txt
  needs: {file: lists/spam.txt, in: [lead.need, event.*]}
  people: {file: lists/people.txt, kind: people}
  rivals: {file: lists/rivals.txt, kind: domains}
  networks: {file: lists/networks.txt, kind: addresses}
  agents: {file: lists/agents.txt, kind: agents}
mail: {free: rivals, business: [rivals]}
rules:
  - {id: spam, event: form_submitted, where: {form: contact}, when: {listed.spam_words: true}, do: reject, reason: 垃圾}
  - {id: rival, when: {any: [{listed.rivals: true}, {not: {lead.phone.valid: true}}]}, do: flag, reason: 对手, flag: 对手}
  - {id: same, when: {lead.name: {eq: {field: lead.company}}}, do: quarantine, reason: 怪}
bots: {events: email_opened, within: never, links: {at_least: 4, within: 3s}, agents: agents, addresses: [networks]}
enrich: [{plugin: firm, on: [company], overwrite: [industry], timeout: 3s}, {plugin: other, on: [phone]}]
"""
LISTS = {
    "spam.txt": "# 词\n诈骗 # 常见\n\n  代开 发票\n诈骗\n",
    "people.txt": "13800138000\n+1 650 253 0000\nＷａｎｇ＠acme.cn\n张 三，某某 公司\n",
    "rivals.txt": "Rival.example\n*.例子.公司\n@third.example\n",
    "networks.txt": "192.0.2.7\n192.0.3.0/24\n2001:db8::/32\n",
    "agents.txt": "Barracuda\n",
}


def loaded(folder: Path, intake: str, **lists: str | bytes) -> Loaded:
    """Load the sound base with this intake.yaml and these lists."""
    shutil.copytree(BASE, folder)
    (folder / "intake.yaml").write_text(intake, encoding="utf-8")
    (folder / "lists").mkdir()
    for name, text in (LISTS | {f"{n}.txt": t for n, t in lists.items()}).items():
        raw = text if isinstance(text, bytes) else text.encode()
        (folder / "lists" / name).write_bytes(raw)
    return load_folder(folder)


def findings(tmp_path: Path, intake: str, **lists: str | bytes) -> list[str]:
    """The findings of such a configuration: `file:line:column code`."""
    found = loaded(tmp_path / "config", intake, **lists)
    assert all(d.hint for d in found.diagnostics)
    return [
        f"{Path(d.source.file).name}:{d.source.line}:{d.source.column} {d.code}"
        for d in found.diagnostics
    ]


def test_everything_is_read(tmp_path: Path) -> None:
    """Every key of intake.yaml arrives, typed, lists with their entries as stored and as written."""
    definitions = loaded(tmp_path / "config", WHOLE, people=LISTS["people.txt"][12:]).definitions
    assert definitions is not None
    intake = definitions.intake
    assert definitions.identities == intake.identities == ("phone", "email")
    assert (intake.region, intake.keep_raw) == ("US", False)
    assert intake.lists["spam_words"].entries == {"诈骗": "诈骗", "代开 发票": "代开 发票"}
    assert intake.lists["spam_words"].fields == SEARCHED
    assert intake.lists["needs"].fields == ("lead.need", "event.*")
    assert intake.lists["people"].entries == {
        "+16502530000": "+1 650 253 0000",
        "wang@acme.cn": "Ｗａｎｇ＠acme.cn",
        "张三,某某公司": "张 三，某某 公司",
    }
    assert list(intake.lists["rivals"].entries) == ["rival.example", "例子.公司", "third.example"]
    assert list(intake.lists["networks"].entries) == [
        "192.0.2.7/32",
        "192.0.3.0/24",
        "2001:db8::/32",
    ]
    assert intake.mail == {"free": ("rivals",), "business": ("rivals",)}
    assert [(r.id, r.do, r.flag) for r in intake.rules] == [
        ("spam", "reject", "spam"), ("rival", "flag", "对手"), ("same", "quarantine", "same"),
    ]  # fmt: skip
    assert intake.bots == Bots(
        events=("email_opened",), within=0, links=4, span=3 * SECOND,
        agents=("agents",), addresses=("networks",),
    )  # fmt: skip
    assert [(e.plugin, e.on, e.overwrite, e.timeout) for e in intake.enrichments] == [
        ("firm", ("company",), ("industry",), 3_000), ("other", ("phone",), (), 10_000),
    ]  # fmt: skip


def test_without_a_file_there_is_a_working_default(tmp_path: Path) -> None:
    """No intake.yaml: the usual identities, scanners by their haste, nobody screened."""
    found = load_folder(BASE).definitions
    assert found is not None
    assert (found.intake.rules, found.intake.bots, found.intake.region) == ((), Bots(), "CN")


def test_what_is_not_said_of_scanners_stays_as_it_is(tmp_path: Path) -> None:
    """`bots` with one key changes that one; a duration too long is refused at its place."""
    found = loaded(tmp_path / "config", "bots: {links: {at_least: 9, within: 1s}}\n").definitions
    assert found is not None
    assert found.intake.bots == Bots(links=9, span=SECOND)
    said = findings(tmp_path / "other", "bots: {within: 9999999w}\n")
    assert said == ["intake.yaml:1:16 duration"]


def test_lists_belong_to_the_version_and_their_comments_do_not(tmp_path: Path) -> None:
    """Another entry is another ruleset; another comment is not."""
    versions = [
        loaded(tmp_path / str(n), "lists: {a: lists/a.txt}\n", a=text).definitions
        for n, text in enumerate(["词\n", "# 说明\n词 # 常见\n", "词\n字\n"])
    ]
    first, same, other = [d.version for d in versions if d is not None]
    assert first == same != other


def test_a_misspelt_file_gives_the_nearest_one(tmp_path: Path) -> None:
    """A slip in the folder or in the name is met with the file that is there."""
    for number, wrong in enumerate(("lsits/words.txt", "lists/wrods.txt")):
        found = loaded(tmp_path / str(number), f"lists: {{a: {wrong}}}\n", words="词\n").diagnostics
        assert [each.code for each in found] == ["missing-list"]
        assert found[0].message.endswith('; did you mean "lists/words.txt"?')


@pytest.mark.parametrize(
    ("intake", "expected"),
    [
        ("lists: {a: lists/none.txt}", ["intake.yaml:1:12 missing-list"]),
        ("lists: {a: {file: ../a.txt}}", ["intake.yaml:1:19 list-outside"]),
        ("lists: {a: /etc/passwd}", ["intake.yaml:1:12 list-outside"]),
        ("lists: {a: {file: lists/a.txt, kind: agents, in: [lead.name]}}", ["intake.yaml:1:50 list-kind"]),
        ("lists: {a: {file: lists/a.txt, in: [lead.employees, lead.nam]}}", ["intake.yaml:1:37 unknown-field", "intake.yaml:1:53 unknown-field"]),
        ("mail: {free: nobody}", ["intake.yaml:1:14 unknown-list"]),
        ("lists: {a: lists/a.txt}\nmail: {free: [a]}", ["intake.yaml:2:15 list-kind"]),
        ("rules: [{id: r, when: {listed.none: true}, do: flag, reason: x}]", ["intake.yaml:1:24 unknown-field"]),
        ("rules: [{id: r, when: {score.total: {gt: 3}}, do: flag, reason: x}]", ["intake.yaml:1:23 not-at-intake"]),
        ("rules: [{id: r, when: {lead.employees: {rises_to: 3}}, do: flag, reason: x}]", ["intake.yaml:1:23 not-at-intake"]),
        ("rules: [{id: r, when: {count: {event: any, gte: 3}}, do: flag, reason: x}]", ["intake.yaml:1:23 not-at-intake"]),
        ("rules: [{id: r, when: {all: [{absent: {event: any, for: 1d}}]}, do: flag, reason: x}]", ["intake.yaml:1:23 not-at-intake"]),
        ("rules: [{id: r, when: {lead.employees: {gt: {field: score.total}}}, do: flag, reason: x}]", ["intake.yaml:1:23 not-at-intake"]),
        ("rules: [{id: r, when: {time: {days: [mon]}}, do: reject, reason: x, flag: y}]", ["intake.yaml:1:75 flag-without-flag"]),
        ("rules: [{id: r, do: flag, reason: x}, {id: r, do: flag, reason: x}]", ["intake.yaml:1:44 duplicate-id"]),
        ("bots: {within: soon}", ["intake.yaml:1:16 duration"]),
        ("enrich: [{plugin: p, on: [compny]}]", ["intake.yaml:1:27 unknown-field"]),
        ("lists: 3", ["intake.yaml:1:8 type"]),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(tmp_path: Path, intake: str, expected: list[str]) -> None:
    """Whatever is wrong in intake.yaml is said where it stands, and nothing else is."""
    assert findings(tmp_path, f"{intake}\n", a="词\n") == expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("words", "好\n  ！！\n" + "长" * 201 + "\n", ["a.txt:2:3 bad-entry", "a.txt:3:1 bad-entry"]),
        ("people", "12345\na@b@c\n张三\n张三,\n", [f"a.txt:{n}:1 bad-entry" for n in (1, 2, 3, 4)]),
        ("domains", "not a domain\n.\n", ["a.txt:1:1 bad-entry", "a.txt:2:1 bad-entry"]),
        ("domains", "a@b.cn\n", ["a.txt:1:1 bad-entry"]),
        ("addresses", "192.0.2.1/24\nlocalhost\n", ["a.txt:1:1 bad-entry", "a.txt:2:1 bad-entry"]),
        ("words", b"\xef\xbb\xbfok\n\xb4\xfa\n", ["a.txt:2:1 encoding"]),
    ],
)  # fmt: skip
def test_bad_entries_are_named_by_their_line(
    tmp_path: Path, kind: str, text: str | bytes, expected: list[str]
) -> None:
    """Who edits a list is told the line of each entry that is none."""
    assert (
        findings(tmp_path, f"lists: {{a: {{file: lists/a.txt, kind: {kind}}}}}\n", a=text)
        == expected
    )


def test_a_list_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    """A folder and a huge file are findings, not tracebacks."""
    found = Diagnostics()
    assert read_text(tmp_path, "here", found) is None
    huge = tmp_path / "huge.txt"
    huge.write_bytes(b"x" * (MAX_BYTES + 1))
    assert read_text(huge, "huge.txt", found) is None
    assert [d.code for d in found.items] == ["unreadable", "too-large"]


def test_an_entry_twice_counts_once() -> None:
    """The first way of writing it is the one that is shown."""
    found = Diagnostics()
    assert read_entries("words", "ＡＢＣ\nabc\n", "a", "CN", found) == {"abc": "ＡＢＣ"}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (" 王\u200b芳\ufeff ", "王芳"),
        ("王\u0007芳\u202e", "王芳"),
        ("王\t芳\r\n先生", "王 芳 先生"),
        ("王\u200d芳", "王芳"),
        ("👩\u200d💻 王芳", "👩\u200d💻 王芳"),
        ("Jose\u0301", "José"),
        ("a\x00b", "a\x00b"),
    ],
)
def test_what_nobody_sees_is_taken_out(text: str, stored: str) -> None:
    """Zero-width, control and direction marks go, an emoji's joiner stays, NUL is left to refuse."""
    assert contacts.clean(text) == stored


def test_long_text_keeps_its_lines() -> None:
    """A message of several lines stays one."""
    assert contacts.clean("第一行\n第二行\u200b\n", lines=True) == "第一行\n第二行"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("021-6234 5678 转 801", "+862162345678;ext=801"),
        ("０２１－６２３４５６７８分机８０１", "+862162345678;ext=801"),
        ("021-62345678 ext. 801", "+862162345678;ext=801"),
        ("+86（138）0013 8000", "+8613800138000"),
        ("\u202d13800138000\u202c", "+8613800138000"),
    ],
)
def test_numbers_have_one_form(text: str, stored: str) -> None:
    """Extensions stay, for behind one switchboard sit many people; marks of direction go."""
    assert contacts.phone(text) == (stored, True)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("王芳 <Wang@Acme.cn>", "wang@acme.cn"),
        ("mailto:wang@acme.cn", "wang@acme.cn"),
        ("wang@acme。cn；", "wang@acme.cn"),
        ("wang＠acme．cn.", "wang@acme.cn"),
        ("a@xn--fsqu00a.xn--55qx5d", "a@例子.公司"),
    ],
)
def test_addresses_have_one_form(text: str, stored: str) -> None:
    """What people copy along goes; an international domain has one form however written."""
    assert contacts.email(text) == (stored, stored.partition("@")[2])


def test_a_region_decides_what_a_bare_number_means() -> None:
    """The same digits are a number of China, or of the United States."""
    assert contacts.phone("650 253 0000", "US") == ("+16502530000", True)
    assert contacts.phone("650 253 0000")[1] is False
