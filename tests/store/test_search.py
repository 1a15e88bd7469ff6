"""Search: leads found by what people type, newest first, in step with every change."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.machines.state import Lead
from engine.store import search
from engine.store.database import Store
from engine.store.pages import BadCursor
from engine.store.reading import Reader
from engine.store.writing import Rows, write_leads

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2, max_size=12)
ANY = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)


def put(
    store: Store, *leads: Lead, stored: Any = None, identities: tuple[tuple[str, str], ...] = ()
) -> None:
    """Write leads; ``identities`` are linked to the first."""
    rows = Rows()
    if identities:
        rows.link(identities, leads[0].id)
    with store.transaction() as connection:
        rows.write(connection)
        write_leads(connection, leads, stored or {}, "default", rows.linked)


def lead(id: str, name: str | None = None, company: str | None = None, **facts: Any) -> Lead:
    """A lead with a name and a company."""
    given = {"lead.name": name, "lead.company": company, **facts}
    return Lead(id, 0, 0, facts={k: v for k, v in given.items() if v is not None})


def ids(reader: Reader, text: str, **more: Any) -> list[str]:
    """The ids of the leads found, in order."""
    return [item["id"] for item in reader.leads(text=text, **more).items]


@pytest.fixture
def acme(store: Store) -> Store:
    """A store with three leads."""
    put(
        store,
        lead("a", "王芳", "苏州金泰阀门有限公司"),
        identities=(("email", "wang.fang@acme-valves.cn"), ("phone", "+8613800138000")),
    )
    put(store, lead("b", "欧阳娜娜", "100%纯净水 ABB中国"))
    put(store, lead("0190a1b2-0000-7000-8000-00000000000c", "Ann O'Hara"))
    return store


def test_any_two_characters_of_a_name_or_company_find_it(acme: Store, reader: Reader) -> None:
    """Each pair of neighbours is found, Latin letters, digits and signs among them."""
    for text in ("王芳", "苏州金泰阀门有限公司"):
        for at in range(len(text) - 1):
            assert ids(reader, text[at : at + 2]) == ["a"], text[at : at + 2]
    for text in ("欧阳娜娜", "100%纯净水", "ABB中国"):
        for at in range(len(text) - 1):
            assert "b" in ids(reader, text[at : at + 2]), text[at : at + 2]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("泰阀门有", ["a"]),  # as many as one likes
        ("金阀", []),  # not neighbours
        ("门苏", []),  # not across the end
        ("芳", ["a"]),  # one character, the last too
        ("王 阀门", ["a"]),  # all words, in any field
        ("王 中国", []),
        ("ａｂｂ", ["b"]),  # full width, any case
        ("0%纯", ["b"]),
        ("%", ["b"]),
        ("_", []),
        ("%x", []),
        ("o'hara", ["0190a1b2-0000-7000-8000-00000000000c"]),
        ('"', []),
        ("*", []),
        ("words : 王", []),
        ("王芳 OR 欧阳", []),  # no language of its own
    ],
)
def test_what_is_typed_is_text(acme: Store, reader: Reader, text: str, found: list[str]) -> None:
    """Signs of SQL and of the index's own language are characters like others."""
    assert ids(reader, text) == found
    assert len(ids(reader, "  ")) == 3, "blank text asks for nothing in particular"


@pytest.mark.parametrize(
    "text",
    ["wang", "WANG.fang", "acme", "valves", "wang.fang@acme-val", "13800138000", "+8613800138000",
     "86 138 0013 8000", "138-0013-8000", "1380", "8000", "138000", "0138000", "（138）0013 8000"],
)  # fmt: skip
def test_addresses_and_numbers_find_their_lead(acme: Store, reader: Reader, text: str) -> None:
    """The beginning of a part of an address, the beginning or the end of a number, however typed."""
    assert ids(reader, text) == ["a"]


def test_what_is_inside_a_number_is_not_its_beginning(acme: Store, reader: Reader) -> None:
    """Digits from the middle of a number find nothing."""
    assert ids(reader, "0013") == []
    assert ids(reader, "138") == ["a"]


def test_a_lead_is_found_by_its_id(acme: Store, reader: Reader) -> None:
    """The whole id, and its first part."""
    whole = "0190a1b2-0000-7000-8000-00000000000c"
    assert ids(reader, whole) == ids(reader, whole[:9]) == ids(reader, whole.upper()) == [whole]
    assert ids(reader, whole[:8]) == [whole]
    assert ids(reader, "0190a1b3-") == ids(reader, "0190a1b3") == []


def test_the_index_follows_every_change(acme: Store, reader: Reader) -> None:
    """A new name replaces the old one, a new identity is found too, what is forgotten is gone."""
    old = lead("a", "王芳", "苏州金泰阀门有限公司")
    new = lead("a", "王芳芳", "上海金泰")
    put(acme, new, stored={"a": old})
    assert ids(reader, "芳芳") == ids(reader, "上海") == ["a"]
    assert ids(reader, "苏州") == []
    assert ids(reader, "13800138000") == ["a"]
    put(acme, new, stored={"a": new}, identities=(("phone", "+8613911112222"),))
    assert ids(reader, "13911112222") == ids(reader, "8000") == ["a"]
    with acme.transaction() as connection:
        search.forget(connection, "a")
    assert ids(reader, "芳芳") == ids(reader, "13911112222") == []


def test_an_event_that_changes_no_text_leaves_the_index_alone(acme: Store) -> None:
    """Most events cost the index nothing."""
    before = acme.connection.execute("SELECT * FROM search_data").fetchall()
    put(acme, lead("b", "欧阳娜娜", "100%纯净水 ABB中国", grade="A"),
        stored={"b": lead("b", "欧阳娜娜", "100%纯净水 ABB中国")})  # fmt: skip
    assert acme.connection.execute("SELECT * FROM search_data").fetchall() == before


def test_found_leads_come_in_pages_newest_first(store: Store, reader: Reader) -> None:
    """Each page continues where the last ended, in every order, with filters, while leads come."""
    for n in range(25):
        put(store, lead(f"l{n:02}", f"王{n}", "金泰阀门", owner=f"o{n % 2}", grade="AB"[n % 2],
                        **{"score.default.total": n % 7}))  # fmt: skip
    wanted = [f"l{n:02}" for n in reversed(range(25))]
    by_score = sorted(wanted, key=lambda id: (int(id[1:]) % 7, id), reverse=True)
    for limit in (1, 4, 25):
        assert all_ids(reader, limit, text="金泰") == wanted
        assert all_ids(reader, limit, text="金泰", sort="score") == by_score
        assert all_ids(reader, limit, sort="score") == by_score
        odd = {"grade": "B"}
        assert all_ids(reader, limit, text="金泰", filters=odd) == wanted[1::2]
        assert all_ids(reader, limit, text="金泰", filters={"owner": "o1"}) == wanted[1::2]
    first = reader.leads(text="金泰", limit=10)
    put(store, lead("new", "李", "金泰阀门"))
    second = reader.leads(text="金泰", limit=10, cursor=first.next)
    assert [i["id"] for i in second.items] == wanted[10:20]


def all_ids(reader: Reader, limit: int, **asked: Any) -> list[str]:
    """Follow the cursors to the end."""
    page = reader.leads(limit=limit, **asked)
    found = page.items
    while page.next:
        page = reader.leads(limit=limit, cursor=page.next, **asked)
        found += page.items
    return [item["id"] for item in found]


def test_a_cursor_is_for_its_own_order(store: Store, reader: Reader) -> None:
    """A cursor of another order, or of another list, is refused."""
    put(store, *(lead(f"l{n}", "王芳") for n in range(3)))
    cursors = {sort: reader.leads(sort=sort, limit=1).next for sort in ("updated", "score")}
    with pytest.raises(BadCursor):
        reader.leads(sort="created", cursor=cursors["updated"])
    with pytest.raises(BadCursor):
        reader.leads(sort="updated", cursor=cursors["score"])
    with pytest.raises(BadCursor):
        reader.leads(text="王芳", cursor=cursors["updated"])


def test_whatever_is_stored_is_found_by_its_neighbours(store: Store, reader: Reader) -> None:
    """For any Chinese name, any pair of neighbours finds it; the index passes its own check."""
    count = iter(range(10_000))

    @given(HAN, st.data())
    def check(name: str, data: st.DataObject) -> None:
        id = f"n{next(count)}"
        put(store, lead(id, name))
        at = data.draw(st.integers(0, len(name) - 2))
        assert id in all_ids(reader, 200, text=name[at : at + 2])

    check()
    store.connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")


@given(ANY)
def test_no_query_is_an_error(text: str) -> None:
    """Whatever is typed, the index understands what is made of it."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE search USING fts5 (words, contacts, tokenize='ascii')")
    asked = search.terms(text)
    if asked is not None and asked.match:
        connection.execute("SELECT * FROM search WHERE search MATCH ?", (asked.match,)).fetchall()
    connection.close()


@given(ANY, ANY, ANY)
def test_a_row_is_checked_as_the_index_finds_it(name: str, company: str, text: str) -> None:
    """Looking through a list and asking the index are one: both find a lead, or neither."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE searched (words, contacts)")
    connection.execute("CREATE VIRTUAL TABLE search USING fts5 (words, contacts, tokenize='ascii')")
    connection.execute("CREATE TABLE identities (kind, value, lead)")
    contact = f"{company}@acme.cn"
    connection.execute("INSERT INTO identities VALUES ('email', ?, 'a')", (contact,))
    ((_, *row),) = search.searched_rows(connection, [lead("a", name, company)])
    for table in ("searched", "search"):
        connection.execute(f"INSERT INTO {table} (words, contacts) VALUES (?, ?)", row)
    for asked in map(search.terms, (text, name[:2], company[1:4], contact[:5])):
        if asked is None or asked.id:
            continue
        found = connection.execute("SELECT 1 FROM search WHERE search MATCH ?", (asked.match,))
        fits, values = asked.checks()
        checked = connection.execute(f"SELECT 1 FROM searched k WHERE {fits}", values)
        assert found.fetchall() == checked.fetchall()
    connection.close()
