"""A database of every age opens, and has what later ones have from the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from engine.machines.state import (
    Assignment,
    Clock,
    Decision,
    Enrolment,
    Event,
    Happening,
    Lead,
    LedgerLine,
)
from engine.store import backfill, checks
from engine.store.database import Store
from engine.store.reading import Reader
from engine.store.schema import migrations

HOUR = 3_600_000
TABLES = (
    *("enrolments", "journey_steps", "assignments", "transitions", "grade_changes", "clocks"),
    *("timers", "searched", "arrivals", "entries", "tags"),
)


def happened(at: int, kind: str, **data: Any) -> Happening:
    """A happening."""
    return Happening(at * HOUR, kind, data)


def story() -> list[tuple[Event, Decision]]:
    """What happened to one lead: stages, grades, a journey begun twice, and two owners."""
    east = Assignment(2 * HOUR, "zhang", "east", None, "east", "", [{"rule": "east"}], [{"m": 1}])
    public = Assignment(4 * HOUR, pool="public", reason="no time")
    first = Enrolment("welcome", HOUR, None, 2 * HOUR, {"hello": HOUR}, 3 * HOUR, "goal", "e1")
    again = Enrolment("welcome", 5 * HOUR, "hello", 5 * HOUR, entered_by="e4")
    ended = Clock("hot", 2 * HOUR, 9 * HOUR, "stopped", 4 * HOUR)
    facts = {"lead.name": "王芳", "lead.company": "金泰阀门", "stage": "new", "grade": "C"}
    facts["lead.tags"] = ["重点客户", '说"急",要快']
    lead = Lead("l1", HOUR, HOUR, facts=facts)
    e1 = Decision(
        Lead("l1", HOUR, HOUR, facts=facts),
        ledger=[LedgerLine(HOUR, "default", "fit", "r", 5, "e1", "s.yaml:1:1", "v1")],
        happenings=[
            happened(1, "stage", to="new", reason="new lead"),
            happened(1, "journey_entered", journey="welcome"),
            happened(1, "journey_step", journey="welcome", step="hello", does="send"),
        ],
    )
    e2 = Decision(
        Lead("l1", HOUR, 2 * HOUR, facts=facts, assignment=east, journeys={}, clocks={}),
        happenings=[
            happened(2, "grade", model="default", **{"from": "C", "to": "B"}, score=20),
            happened(2, "journey_step", journey="welcome", step="pause", does="wait"),
        ],
    )
    e3 = Decision(
        Lead("l1", HOUR, 4 * HOUR, facts=facts, assignment=public, journeys={"welcome": first}),
        happenings=[
            happened(3, "journey_heard", journey="welcome", step="pause", event="email_opened"),
            happened(3, "journey_left", journey="welcome", reason="goal"),
            happened(4, "stage", **{"from": "new", "to": "mql"}, reason="rule", rule="mql"),
        ],
    )
    done = {**facts, "stage": "mql", "pool": "public", "score.default.fit": 5,
            "score.default.total": 5}  # fmt: skip
    e4 = Decision(
        Lead("l1", HOUR, 5 * HOUR, facts=done, assignment=public, journeys={"welcome": again},
             clocks={"accept": ended}, timers={"journey:welcome": 9 * HOUR}),
        happenings=[
            happened(5, "journey_entered", journey="welcome"),
            happened(5, "journey_step", journey="welcome", step="hello", does="send"),
        ],
    )  # fmt: skip
    given = east.__struct_fields__[1:]
    events = [
        Event("e1", "form_submitted", HOUR),
        Event("e2", "lead_assigned", 2 * HOUR, properties={
            k: v for k in given if (v := getattr(east, k))}, channel="engine"),
        Event("e3", "lead_released", 4 * HOUR, properties={
            k: v for k in given if (v := getattr(public, k))}, channel="engine"),
        Event("e4", "page_viewed", 5 * HOUR, by="li"),
    ]  # fmt: skip
    assert lead.id == "l1"
    return list(zip(events, (e1, e2, e3, e4), strict=True))


def old_database(path: Path) -> None:
    """Write the story as the first migration's tables have it, with plain SQL."""
    database = Database(path)
    migrations().apply(database, stop_before="projections")
    assert {table.name for table in database.tables}.isdisjoint(TABLES)
    from engine.store import rows

    for event, decision in story():
        database.execute(
            f"INSERT INTO events ({rows.EVENT_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            rows.event_row(event, "l1", event.at, "v1"),
        )
        for line in decision.ledger:
            database.execute(
                "INSERT INTO ledger VALUES (?,?,?,?,?,?,?,?,?,?)", rows.ledger_row("l1", line)
            )
        for each in decision.happenings:
            database.execute(
                "INSERT INTO happenings VALUES (?,?,?,?,?)",
                rows.happening_row("l1", event.id, each),
            )
    last = story()[-1][1].lead
    database.execute(
        "INSERT INTO leads (id, created_at, updated_at, name, company, score, grade, stage, owner,"
        " team, pool, source, wake_at, state) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        rows.lead_row(last, "default"),
    )
    database.execute("INSERT INTO identities VALUES ('phone', '+8613800138000', 'l1')")
    database.conn.commit()
    database.close()


def new_database(path: Path) -> None:
    """Write the same story with today's commit path."""
    from engine.store.writing import Rows, write_leads

    store = Store(path)
    written = Rows()
    before = None
    for event, decision in story():
        written.log(event, "l1", event.at, "v1")
        written.decided(event, decision, before)
        before = decision.lead
    written.link((("phone", "+8613800138000"),), "l1")
    with store.transaction() as connection:
        written.write(connection)
        write_leads(connection, [story()[-1][1].lead], {}, "default", written.linked)
    store.close()


def content(path: Path, table: str) -> list[tuple[Any, ...]]:
    """All rows of a table."""
    store = Store(path)
    try:
        return store.connection.execute(f"SELECT * FROM {table}").fetchall()
    finally:
        store.close()


@pytest.mark.parametrize("table", TABLES)
def test_an_old_database_gets_what_a_new_one_has(tmp_path: Path, table: str) -> None:
    """Each table that came later is filled from states, log and happenings as if always there."""
    old_database(tmp_path / "old.db")
    new_database(tmp_path / "new.db")
    found = content(tmp_path / "old.db", table)
    assert found
    if table == "clocks":  # the running one was known to the state only while it ran
        assert set(found) <= set(content(tmp_path / "new.db", table))
    else:
        assert found == content(tmp_path / "new.db", table)


def test_a_migrated_database_is_well(tmp_path: Path) -> None:
    """After the migration every deep check is content, and the lead is found by its number."""
    old_database(tmp_path / "old.db")
    Store(tmp_path / "old.db").close()
    bad = [f for f in checks.deep(tmp_path / "old.db", "default") if f.level != "ok"]
    assert bad == []
    reader = Reader(tmp_path / "old.db")
    assert [i["id"] for i in reader.leads(text="8000").items] == ["l1"]
    assert [i["id"] for i in reader.leads(text="泰阀").items] == ["l1"]
    reader.close()


def test_an_assignment_that_says_what_did_not_happen_is_found(tmp_path: Path) -> None:
    """The deep check counts clocks, calls and claims again, and names the lead."""
    new_database(tmp_path / "new.db")
    store = Store(tmp_path / "new.db")
    store.connection.execute("UPDATE assignments SET met = met + 1 WHERE owner IS NOT NULL")
    store.close()
    bad = [f for f in checks.deep(tmp_path / "new.db", "default") if f.level != "ok"]
    assert [(f.check, f.examples) for f in bad] == [("figures", ("l1",))]


def test_assignments_that_merges_wrote_again_are_taken_back(tmp_path: Path) -> None:
    """What a merge had written once more goes; a turn that it had cut off goes on."""
    new_database(tmp_path / "new.db")
    store = Store(tmp_path / "new.db")
    before = store.connection.execute("SELECT * FROM assignments ORDER BY number").fetchall()
    store.connection.execute(
        "INSERT INTO assignments SELECT number + 100, lead, at, 'u', 'lead_unmerged', owner, team,"
        " pool, rule, reason, tried, considered, by, claimed, took, met, breached, first"
        " FROM assignments ORDER BY number DESC LIMIT 1"
    )
    store.connection.execute(
        "INSERT INTO assignments SELECT number + 1, 'l2', at, 'm', 'lead_merged', owner, team,"
        " pool, rule, reason, tried, considered, by, claimed, took, met, breached, first"
        " FROM assignments ORDER BY number DESC LIMIT 1"
    )
    store.connection.execute(
        "INSERT INTO merges (number, absorbed, survivor, at, event, reason, seq, identities,"
        " absorbed_state, survivor_state, undone_at) VALUES (1, 'l1', 'l2', 1, 'm', '', 1, '', '',"
        " '', 2)"
    )
    backfill.moved_turns(store.connection)
    after = store.connection.execute("SELECT * FROM assignments ORDER BY number").fetchall()
    store.close()
    assert [tuple(row) for row in after] == [tuple(row) for row in before]


def test_the_projections_tell_the_story(tmp_path: Path) -> None:
    """Stages with from and to, both enrolments, each step with how it ended, both owners."""
    new_database(tmp_path / "new.db")
    rows = lambda table: content(tmp_path / "new.db", table)  # noqa: E731
    assert [r[2:7] for r in rows("transitions")] == [
        (HOUR, None, "new", "new lead", None),
        (4 * HOUR, "new", "mql", "rule", "mql"),
    ]
    assert [r[1:8] for r in rows("enrolments")] == [
        ("welcome", HOUR, "e1", None, 2 * HOUR, 3 * HOUR, "goal"),
        ("welcome", 5 * HOUR, "e4", "hello", 5 * HOUR, None, None),
    ]
    assert [r[3:] for r in rows("journey_steps")] == [
        ("hello", HOUR, 2 * HOUR, "passed"),
        ("pause", 2 * HOUR, 3 * HOUR, "heard email_opened"),
        ("hello", 5 * HOUR, None, None),
    ]
    assert [r[2:13] for r in rows("assignments")] == [
        (2 * HOUR, "e2", "lead_assigned", "zhang", "east", None, "east", "",
         '[{"rule":"east"}]', '[{"m":1}]', None),
        (4 * HOUR, "e3", "lead_released", None, None, "public", None, "no time", "[]", "[]", None),
    ]  # fmt: skip
    assert [r[3:7] for r in rows("grade_changes")] == [("default", "C", "B", 20.0)]
    assert rows("timers") == [("l1", "journey:welcome", 9 * HOUR)]


def test_a_step_that_lasts_over_transactions_is_closed(store: Store) -> None:
    """A step opened by one commit is closed in place by a later one."""
    from engine.store.writing import Rows

    for event, decision in story():
        written = Rows()
        written.decided(event, decision)
        with store.transaction() as connection:
            written.write(connection)
    found = store.connection.execute("SELECT step, left_at, outcome FROM journey_steps").fetchall()
    assert found == [
        ("hello", 2 * HOUR, "passed"),
        ("pause", 3 * HOUR, "heard email_opened"),
        ("hello", None, None),
    ]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Each step is one transaction: a state that cannot be read stops it, and nothing is half done."""
    path = tmp_path / "old.db"
    old_database(path)
    database = Database(path)
    database.execute("UPDATE leads SET state = 'no json'")
    database.conn.commit()
    with pytest.raises(Exception, match=r"JSON|malformed|invalid"):
        Store(path)
    assert {table.name for table in database.tables}.isdisjoint(TABLES)
    database.close()
