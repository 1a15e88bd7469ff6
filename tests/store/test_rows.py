"""Rows: what is stored comes back as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.machines.directory import Identity
from engine.machines.state import Decision, Delivery, Event, Lead, Task, TeamBook
from engine.store import lookup
from engine.store.database import Store
from engine.store.reading import Reader
from engine.store.rows import lead_row
from engine.store.writing import Rows, write_leads, write_teams

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUE = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | st.lists(TEXT, max_size=3)
VALUES = st.dictionaries(TEXT, VALUE, max_size=5)
LEAD_COLUMNS = """id, created_at, updated_at, name, company, score, grade, stage, owner, team, pool,
    source, wake_at, state"""


def test_an_event_comes_back_from_the_log(store: Store, reader: Reader) -> None:
    """Every field of every event survives the log, in the order of logging."""
    kept: list[Event] = []

    @given(TEXT, st.integers(-(2**61), 2**61), VALUES, VALUES, st.booleans(), st.none() | TEXT)
    def keep(kind: str, at: int, lead: Any, properties: Any, flag: bool, by: str | None) -> None:
        event = Event(f"e{len(kept)}", kind, at, lead, properties, "api", flag, by, not flag)
        rows = Rows()
        rows.log(event, "l1", 7, "v1")
        with store.transaction() as connection:
            rows.write(connection)
        kept.append(event)

    keep()
    found = list(reader.log())
    assert [each.event for each in found] == kept
    assert {(each.lead, each.decided_at, each.ruleset) for each in found} == {("l1", 7, "v1")}
    assert [each.event for each in reader.log(after=found[2].seq)] == kept[3:]


def test_a_lead_comes_back_whole(store: Store, reader: Reader) -> None:
    """A lead's state survives, whether it is written whole or only what most events change."""
    lead = Lead("l1", 1, 2, facts={"lead.name": "王", "score.default.total": 1.5}, timers={"t": 9})
    with store.transaction() as connection:
        write_leads(connection, [lead], {}, "default")
    assert reader.state("l1") == lead
    later = Lead("l1", 1, 3, facts={**lead.facts, "score.default.total": 3}, timers={"t": 12})
    with store.transaction() as connection:
        write_leads(connection, [later], {"l1": lead}, "default")
        assert lookup.wakes(connection, 13) == [(12, "l1")]
        assert lookup.wakes(connection, 12) == []
    assert reader.state("l1") == later
    owned = Lead("l1", 1, 4, facts={**later.facts, "owner": "li"})
    with store.transaction() as connection:
        write_leads(connection, [owned], {"l1": later}, "default")
    assert reader.state("l1") == owned
    assert reader.leads(filters={"owner": "li"}).items[0]["score"] == 3


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "lead.name": st.sampled_from(["王芳", "李雷"]),
        "lead.company": st.just("金泰阀门"),
        "lead.source.name": st.sampled_from(["baidu", "expo"]),
        "score.default.total": st.integers(0, 3),
        "score.other.total": st.integers(4, 7),
        **{name: st.sampled_from("AB") for name in ("grade", "stage", "owner", "team", "pool")},
    },
)
TIMERS = st.dictionaries(st.sampled_from("xy"), st.integers(1, 3), max_size=2)


def test_columns_say_what_the_state_says(store: Store) -> None:
    """Whatever changes from one event to the next, all columns are those of the latest state,
    also by another default model once other rules decide.
    """
    number = iter(range(10_000))

    @settings(max_examples=50, deadline=None)  # each state is committed
    @given(st.lists(st.tuples(FACTS, TIMERS, st.integers(1, 2), st.sampled_from("vw"))))
    def follow(states: list[tuple[dict[str, Any], dict[str, int], int, str]]) -> None:
        id = f"l{next(number)}"
        stored: dict[str, Lead] = {}
        for at, (facts, timers, created, rules) in enumerate(states):
            model = {"v": "default", "w": "other"}[rules]
            lead = Lead(id, created, at, facts=facts, timers=timers, ruleset=rules)
            with store.transaction() as connection:
                write_leads(connection, [lead], stored, model)
            stored = {id: lead}
            found = store.connection.execute(
                f"SELECT {LEAD_COLUMNS} FROM leads WHERE id = ?", (id,)
            )
            assert found.fetchone() == lead_row(lead, model)

    follow()


def test_teams_come_back(store: Store, reader: Reader) -> None:
    """What a team's rotation stands at survives."""
    book = TeamBook(loads={"li": 2})
    with store.transaction() as connection:
        write_teams(connection, {"east": book})
    assert reader.teams().books == {"east": book}


def test_lookups_find_what_is_known_and_nothing_else(store: Store) -> None:
    """Ids, identities and leads are looked up in bulk; unknown ones are left out."""
    identities: tuple[Identity, ...] = (("email", "a@b.cn"), ("phone", "+861"))
    rows = Rows()
    rows.log(Event("e1", "page_viewed", 5), "l1", 6, "v")
    rows.link(identities, "l1")
    with store.transaction() as connection:
        rows.write(connection)
        write_leads(connection, [Lead("l1", 1, 2, facts={"grade": "A"})], {}, "default")
    c = store.connection
    assert lookup.seen(c, ["e1", "e2"]) == {"e1": lookup.Seen("l1", None, "A", None, None)}
    assert lookup.known(c, [*identities, ("email", "+861")]) == dict.fromkeys(identities, "l1")
    assert set(lookup.leads(c, ["l1", "l2"])) == {"l1"}
    assert lookup.is_logged(c, "e1")
    assert not lookup.is_logged(c, "e2")
    assert lookup.last_decided_at(c) == 6


def test_a_repeated_decision_repeats_no_delivery_and_no_task(store: Store, reader: Reader) -> None:
    """Keys are kept: the first delivery and the first task of a key count."""
    for text in ("first", "second"):
        rows = Rows()
        delivery = Delivery("k", "l1", "email", 5, message=text)
        decision = Decision(
            Lead("l1", 1, 2), deliveries=[delivery], tasks=[Task("t", "l1", text, 5)]
        )
        rows.decided(Event("e", "page_viewed", 5), decision)
        with store.transaction() as connection:
            rows.write(connection)
    assert [d["message"] for d in reader.deliveries().items] == ["first"]
    assert [t["title"] for t in reader.tasks().items] == ["first"]
