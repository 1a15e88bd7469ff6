"""Leads by what happened with them: each filter finds its own, by an index, few and many alike."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import pytest

from engine.machines.state import Lead
from engine.store import listing, narrowing
from engine.store.database import Store
from engine.store.listing import Wanted, find_leads
from engine.store.writing import write_leads

HOUR: Final = 3_600_000
# What each filter finds of the leads of `played`, in their order.
CASES: Final[tuple[tuple[dict[str, str], str], ...]] = (
    ({"given_to": '["li.na"]'}, "ab"),
    ({"given_to": '["li.na","王伟"]'}, "abc"),
    ({"given_to": '["li.na","王伟"]', "turn": "claimed"}, "b"),
    ({"given_to": '["li.na","王伟"]', "turn": "contacted"}, "ac"),
    ({"given_to": '["li.na","王伟"]', "turn": "met"}, "a"),
    ({"given_to": '["li.na","王伟"]', "turn": "breached"}, "c"),
    ({"given_to": '["li.na"]', "then_from": str(2 * HOUR)}, "b"),
    ({"answered_by": '["li.na"]'}, "ab"),
    ({"answered_by": '["li.na"]', "answer": "accepted"}, "a"),
    ({"answered_by": '["li.na","王伟"]', "answer": "declined"}, "bc"),
    ({"bought": '["order_placed"]'}, "ad"),
    ({"bought": '["order_placed","opportunity_won"]'}, "acd"),
    ({"bought": '["order_placed"]', "then_to": str(9 * HOUR)}, "a"),
    ({"sold_by": '["li.na"]'}, "a"),
    ({"bought": '["order_placed","opportunity_won"]', "sold_by": '["li.na","王伟"]'}, "ac"),
    ({"touched": "百度SEM"}, "a"),
    ({"touched": "email"}, "c"),
    ({"touched": "展会"}, "d"),
    ({"touched": ""}, ""),
    ({"todo_of": '["li.na"]'}, "ab"),
    ({"todo_of": '["li.na"]', "todo": "done"}, "a"),
    ({"todo_of": '["li.na","王伟"]', "late_at": str(20 * HOUR)}, "bc"),
    ({"late_at": str(4 * HOUR)}, "c"),
    ({"todo": "open"}, "bc"),
    ({"fired": "来自展会"}, "ad"),
    ({"fired": "来自展会", "then_to": str(5 * HOUR)}, "a"),
    ({"routed_by": "华东"}, "a"),
    ({"sla": "跟进"}, "ac"),
    ({"letter": '[["email_sent","welcome","j","hello"]]'}, "a"),
    ({"letter": '[["email_sent","welcome","j","hello"],["sms_sent","welcome",null,null]]'}, "ad"),
    ({"letter": '[["email_sent","welcome",null,null]]'}, ""),
    ({"letter": "[]"}, ""),
    ({"moved_from": "new"}, "b"),
    ({"called_before": "won"}, "a"),
    ({"called_before": "won", "entered_from": str(9 * HOUR)}, ""),
    ({"reached": '["new"]', "short_of": '["won"]'}, "bcd"),
    ({"reached": "[]"}, ""),
    ({"reached": '["new"]', "short_of": "[]", "without": "[]"}, "abcd"),
    ({"owners": '["王伟"]'}, "c"),
    ({"owners": "[]"}, ""),
    ({"placed_at": '["online/sem","offline/expo"]'}, "ab"),
    ({"placed_at": '["online/sem"]'}, "a"),
    ({"placed_at": ""}, "cd"),
    ({"journey": "j", "came_to": "s", "variant": "甲", "had": '["form_submitted"]'}, "ab"),
    ({"journey": "j", "came_to": "s", "variant": "甲", "had": '["form_submitted"]',
      "within": str(HOUR)}, "a"),
    ({"journey": "j", "came_to": "s", "variant": "甲", "had_mail": '["email_sent"]'}, "a"),
    ({"journey": "j", "came_to": "s", "variant": "甲", "then_to": str(2 * HOUR)}, "a"),
    ({"journey": "k"}, "abc"),
    ({"journey": "k", "came_to": "hello"}, "ab"),
    ({"journey": "k", "came_to": "hello", "then_from": str(2 * HOUR)}, "b"),
    ({"journey": "k", "left": "completed"}, "b"),
    ({"journey": "k", "left": "completed", "then_from": str(9 * HOUR)}, ""),
    ({"journey": "k", "left": ""}, "ac"),
    ({"journey": "k", "at_step": "hello"}, "a"),
    ({"journey": "k", "at_step": "ask"}, "c"),
    ({"journey": "k", "at_step": "ask", "came_to": "hello"}, ""),
    ({"journey": "k", "came_to": "hello", "left": "completed"}, "b"),
    ({"journey": "k", "came_to": "hello", "left": ""}, "a"),
)  # fmt: skip
ROWS: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "arrivals": tuple(
        {"lead": lead, "created_at": 0, "source": source, "campaign": "", "grade": "", "since": 0,
         "stage": stage, "entered": entered, "placed": placed}
        for lead, source, stage, entered, placed in (
            ("a", "官网", "won", '["new","won"]', "online/sem"),
            ("b", "", "new", '["new"]', "offline/expo"),
            ("c", "官网", "new", '["new"]', ""),
            ("d", "展会", "new", '["new"]', ""),
        )
    ),
    "entries": tuple(
        {"lead": lead, "stage": "won", "at": 8 * HOUR, "source": "", "campaign": "", "placed": "",
         "created_at": 0}
        for lead in "ad"
    ),
    "assignments": tuple(
        {"lead": lead, "at": at * HOUR, "event": f"g{lead}", "type": "lead_assigned",
         "owner": owner, "rule": rule, "reason": "", "tried": "[]", "considered": "[]",
         "claimed": claimed, "took": took, "met": met, "breached": breached}
        for lead, at, owner, rule, claimed, took, met, breached in (
            ("a", 1, "li.na", "华东", 0, HOUR, 1, 0),
            ("b", 3, "li.na", None, 1, None, 0, 0),
            ("c", 2, "王伟", None, 0, 5, 0, 2),
        )
    ),
    "clocks": tuple(
        {"lead": lead, "clock": "accept", "started_at": HOUR, "sla": sla, "due": HOUR,
         "status": "met"}
        for lead, sla in (("a", "跟进"), ("b", "大客户"), ("c", "跟进"))
    ),
    "ledger": tuple(
        {"lead": lead, "at": at * HOUR, "model": model, "dimension": "fit", "rule": rule,
         "points": 5, "source": "", "ruleset": "", "reason": ""}
        for lead, at, model, rule in (
            ("a", 1, "default", "来自展会"), ("b", 1, "default", "form"),
            ("d", 6, "other", "来自展会"),
        )
    ),
    "tasks": tuple(
        {"id": f"t{lead}", "lead": lead, "title": "回访", "owner": owner, "due": due * HOUR,
         "priority": "normal", "status": status, "created_at": HOUR,
         "completed_at": done and done * HOUR}
        for lead, owner, due, status, done in (
            ("a", "li.na", 9, "done", 8), ("b", None, 10, "open", None),
            ("c", "王伟", 3, "open", None),
        )
    ),
    "transitions": (
        {"lead": "a", "at": HOUR, "from": None, "to": "new", "stayed": None},
        {"lead": "b", "at": HOUR, "from": "new", "to": "mql", "stayed": HOUR},
    ),
    "enrolments": tuple(
        {"lead": lead, "journey": "k", "entered_at": HOUR, "entered_by": "e", "step": step,
         "arrived_at": HOUR, "left_at": left_at, "reason": left_at and "completed"}
        for lead, step, left_at in (("a", "hello", None), ("b", None, 5 * HOUR), ("c", "ask", None))
    ),
    "journey_steps": tuple(
        {"lead": lead, "journey": "k", "step": step, "arrived_at": at * HOUR}
        for lead, step, at in (("a", "hello", 1), ("b", "hello", 2), ("c", "ask", 1))
    ),
    "splits": tuple(
        {"journey": "j", "step": "s", "lead": lead, "variant": variant, "at": at * HOUR}
        for lead, variant, at in (("a", "甲", 1), ("b", "甲", 2), ("c", "乙", 1))
    ),
}  # fmt: skip
# (lead, hour, type, by, properties, what it says of the lead)
EVENTS: Final[tuple[tuple[str, int, str, str | None, dict[str, str], dict[str, str]], ...]] = (
    ("a", 1, "form_submitted", None, {}, {"source.name": "百度SEM"}),
    ("a", 2, "lead_accepted", "li.na", {}, {}),
    ("a", 3, "call_logged", "li.na", {}, {}),
    ("a", 3, "email_sent", None, {"message": "welcome", "journey": "j", "step": "hello"}, {}),
    ("a", 8, "order_placed", None, {}, {}),
    ("b", 4, "lead_declined", "li.na", {}, {}),
    ("b", 4, "email_sent", None, {"message": "welcome", "journey": "其他", "step": "hello"}, {}),
    ("b", 5, "form_submitted", None, {}, {}),
    ("c", 3, "lead_declined", "王伟", {}, {}),
    ("c", 4, "email_clicked", None, {"message": "welcome"}, {}),
    ("c", 7, "opportunity_won", None, {}, {}),
    ("c", 8, "form_submitted", None, {}, {"source.name": "微信"}),  # after the sale: no touch
    ("d", 9, "order_placed", None, {}, {}),
    ("d", 9, "sms_sent", None, {"message": "welcome"}, {}),
    ("d", 9, "call_logged", "li.na", {}, {}),  # after it was won
)


@pytest.fixture(autouse=True)
def _by_name(store: Store) -> Iterator[None]:
    """Rows are read by name, as readers do."""
    store.connection.row_factory = sqlite3.Row
    yield
    store.connection.row_factory = None


def _insert(store: Store, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    store.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*row.values()])


@pytest.fixture
def played(store: Store) -> Store:
    """Four leads with whom things happened."""
    owners = {"a": "li.na", "b": "li.na", "c": "王伟", "d": None}
    leads = [
        Lead(id, 0, 0, facts={"owner": owner} if owner else {}) for id, owner in owners.items()
    ]
    with store.transaction() as connection:
        write_leads(connection, leads, {}, "default", [])
        connection.execute("DELETE FROM arrivals")
        for table, rows in ROWS.items():
            for row in rows:
                _insert(store, table, row)
        for n, (lead, at, type, by, properties, said) in enumerate(EVENTS):
            body = json.dumps({"lead": said, "properties": properties}, ensure_ascii=False)
            told = {"id": f"e{n}", "lead": lead, "type": type, "at": at * HOUR, "by": by}
            rest = {"decided_at": 0, "channel": "api", "history": 0, "bot": 0, "ruleset": ""}
            _insert(store, "events", {**told, **rest, "body": body})
    return store


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_filter_finds_those_with_whom_it_happened(
    played: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Neither more nor fewer, whether the leads are looked up or the whole list is walked."""
    monkeypatch.setattr(listing, "_FEW", few)
    for filters, expected in CASES:
        wanted = Wanted(filters={name: value or None for name, value in filters.items()})
        found = find_leads(played.connection, wanted, 100, None)
        assert "".join(sorted(row["id"] for row in found.rows)) == expected, filters


# By which index the leads are looked up of whom few have what is asked for.
INDEXES: Final[dict[str, dict[str, str]]] = {
    "assignments_work": {"given_to": '["li.na","王伟"]', "turn": "breached"},
    "events_answers": {"answered_by": '["li.na"]', "answer": "accepted"},
    "events_sales": {"bought": '["order_placed"]', "sold_by": '["li.na"]', "touched": "展会"},
    "tasks_made": {"todo_of": '["li.na"]', "late_at": "1"},
    "tasks_unowned": {"todo_of": '["li.na"]'},
    "ledger_rule": {"fired": "来自展会"},
    "assignments_rule": {"routed_by": "华东"},
    "clocks_sla": {"sla": "跟进"},
    "events_letters": {
        "letter": '[["email_sent","welcome","j","hello"],["sms_sent","hi",null,null]]'
    },
    "transitions_stays": {"moved_from": "new"},
    "splits_outcomes": {
        "journey": "j",
        "came_to": "s",
        "variant": "甲",
        "had": '["form_submitted"]',
    },
}


@pytest.mark.parametrize("index", INDEXES)
def test_what_few_leads_have_is_looked_up_by_an_index(store: Store, index: str) -> None:
    """No table of what happens is looked through for them."""
    for select, values in narrowing.lookups(INDEXES[index]):
        plan = _plan(store, select, values)
        assert any(f"USING INDEX {index}" in step or f"COVERING INDEX {index}" in step
                   for step in plan), plan  # fmt: skip
        assert not any(step.startswith("SCAN x") for step in plan), plan


@pytest.mark.parametrize("index", INDEXES)
def test_what_many_leads_have_is_looked_up_for_each(store: Store, index: str) -> None:
    """Where the list is walked, only the rows of each lead are looked at."""
    for term, values in narrowing.terms(INDEXES[index]):
        plan = _plan(store, f"SELECT 1 FROM leads l WHERE {term}", values)
        read = [step for step in plan if re.match("(SEARCH|SCAN) x ", step)]
        assert read
        assert all("lead=?" in step for step in read), plan


def _plan(store: Store, statement: str, values: tuple[Any, ...]) -> list[str]:
    found = store.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
    return [row["detail"] for row in found]
