"""Reading: lists in pages, records, timelines and figures."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from engine.machines.state import Decision, Delivery, Event, Happening, Lead, LedgerLine, Task
from engine.store.database import Store
from engine.store.pages import BadCursor, Page, to_cursor
from engine.store.reading import Reader
from engine.store.writing import Rows, write_leads

HOUR = 3_600_000


def put(store: Store, *leads: Lead, rows: Rows | None = None) -> None:
    """Write leads, and rows of everything else, in one transaction."""
    rows = rows or Rows()
    with store.transaction() as connection:
        rows.write(connection)
        write_leads(connection, leads, {}, "default", rows.linked)


def lead(id: str, at: int, **facts: Any) -> Lead:
    """A lead changed at ``at`` that knows the given facts."""
    names = {"name": "lead.name", "company": "lead.company", "source": "lead.source.name"}
    return Lead(id, 0, at, facts={names.get(k, k): v for k, v in facts.items()})


def all_pages(read: Any) -> list[Any]:
    """Follow the cursors to the end."""
    found: list[Any] = []
    page: Page = read(None)
    while True:
        found += page.items
        if page.next is None:
            return found
        page = read(page.next)


def test_leads_come_in_pages_latest_first(store: Store, reader: Reader) -> None:
    """Pages of any size give every lead once, those of one instant too."""
    put(store, *(lead(f"l{n:02}", n // 3) for n in range(20)))
    wanted = [f"l{n:02}" for n in sorted(range(20), key=lambda n: (n // 3, n), reverse=True)]
    for limit in (1, 3, 19, 20, 50):
        found = all_pages(lambda cursor, limit=limit: reader.leads(limit=limit, cursor=cursor))
        assert [item["id"] for item in found] == wanted


def test_leads_are_filtered(store: Store, reader: Reader) -> None:
    """Filters combine, and None means that a lead has none."""
    put(
        store,
        lead("a", 1, grade="A", owner="li", stage="mql", team="east", source="展会"),
        lead("b", 2, grade="A", stage="mql", pool="public"),
        lead("c", 3, grade="B", owner="li"),
    )
    ids = lambda **filters: [i["id"] for i in reader.leads(filters=filters).items]  # noqa: E731
    assert ids(grade="A") == ["b", "a"]
    assert ids(grade="A", owner="li") == ids(team="east") == ids(source="展会") == ["a"]
    assert ids(owner=None, stage="mql") == ids(pool="public") == ["b"]


def test_a_lead_record_has_the_apis_shape(store: Store, reader: Reader) -> None:
    """A record has exactly the keys that clients rely on, scores by model, fields by name."""
    facts = {
        "lead.name": "王芳", "lead.tags": ["vip"], "lead.source.name": "展会",
        "score.default.fit": 20, "score.default.total": 20, "score.intent.total": 1.5,
        "grade": "B", "stage": "mql", "owner": "li", "team": "east", "journey.welcome": "x",
    }  # fmt: skip
    put(store, Lead("a", HOUR, 2 * HOUR, facts=facts))
    assert reader.lead("a") == {
        "id": "a",
        "score": 20,
        "scores": {"default": {"fit": 20, "total": 20}, "intent": {"total": 1.5}},
        "grade": "B",
        "stage": "mql",
        "owner": "li",
        "team": "east",
        "pool": None,
        "source": "展会",
        "tags": ["vip"],
        "fields": {"name": "王芳", "source.name": "展会"},
        "consents": {},
        "created_at": "1970-01-01T01:00:00Z",
        "updated_at": "1970-01-01T02:00:00Z",
    }
    assert reader.lead("nobody") is None


def test_a_lead_is_found_by_anything_that_names_it(store: Store, reader: Reader) -> None:
    """Its id, an identity in the form people type it, or the id of one of its events."""
    rows = Rows()
    rows.link((("email", "wang@acme.cn"), ("phone", "+8613800138000"), ("user_id", "U7")), "a")
    rows.log(Event("order-1", "order_placed", 1), "a", 1, "v")
    put(store, lead("a", 1), rows=rows)
    for text in (
        "a",
        "Wang@acme.cn",
        "13800138000",
        "+8613800138000",
        "U7",
        " order-1 ",
        "+86 138-0013-8000",
        "138 0013 8000",
        "１３８００１３８０００",
        "ｗang@acme.cn",
    ):
        assert reader.find(text) == "a"
    assert reader.find("b") is None
    assert reader.find("138 0013 8000", "US") is None


def test_a_timeline_has_everything_newest_first(store: Store, reader: Reader) -> None:
    """What an event did stands above it, an event has the client's id, wakes are left out."""
    rows = Rows()
    event = Event("mine", "form_submitted", 5 * HOUR, {"name": "王"}, {"form": "x"}, by="li")
    rows.log(event, "a", 5 * HOUR, "v")
    rows.log(Event("wake:a:1", "timer_due", 6 * HOUR), "a", 6 * HOUR, "v")
    rows.log(Event("other", "form_submitted", HOUR), "b", HOUR, "v")
    line = LedgerLine(5 * HOUR, "default", "fit", "asked", 10.5, "mine", "scoring.yaml:1:2", "v")
    decision = Decision(
        Lead("a", 0, 0),
        ledger=[line],
        happenings=[Happening(5 * HOUR, "grade", {"to": "B"}), Happening(4 * HOUR, "early")],
        deliveries=[Delivery("k", "a", "email", 5 * HOUR, message="welcome")],
        tasks=[Task("t", "a", "call", 7 * HOUR, due=8 * HOUR)],
    )
    rows.decided(event, decision)
    put(store, lead("a", 1), rows=rows)
    items = reader.timeline("a").items
    assert [(i["kind"], i["id"], i["type"]) for i in items] == [
        ("task", "t", "task"),
        ("delivery", "k", "welcome"),
        ("happening", "happening:1", "grade"),
        ("score", "score:1", "asked"),
        ("event", "mine", "form_submitted"),
        ("happening", "happening:2", "early"),
    ]
    assert items[0]["at"] == "1970-01-01T07:00:00Z"
    assert items[0]["due"] == "1970-01-01T08:00:00Z"
    assert (items[3]["points"], items[3]["source"]) == (10.5, "scoring.yaml:1:2")
    assert (items[4]["lead"], items[4]["properties"]) == ({"name": "王"}, {"form": "x"})
    assert (items[4]["by"], items[4]["history"], items[4]["channel"]) == ("li", False, "api")
    for limit in (1, 2, 5):
        again = all_pages(lambda c, limit=limit: reader.timeline("a", limit, c))
        assert again == items


def test_the_ledger_is_in_the_order_of_its_writing(store: Store, reader: Reader) -> None:
    """Lines come as they were written, with all that explains them."""
    rows = Rows()
    lines = [
        LedgerLine(at, "default", "fit", f"r{at}", at, "e", "s.yaml:1:1", "v", "expired" * (at % 2))
        for at in (3, 1, 2)
    ]
    rows.decided(Event("e", "x", 1), Decision(Lead("a", 0, 0), ledger=lines))
    put(store, rows=rows)
    found = reader.ledger("a")
    assert [(f["rule"], f["points"], f["reason"]) for f in found] == [
        ("r3", 3, "expired"),
        ("r1", 1, "expired"),
        ("r2", 2, ""),
    ]
    assert set(found[0]) == {
        *("at", "model", "dimension", "rule", "points", "event", "source", "ruleset", "reason"),
    }


def test_tasks_come_most_urgent_first_for_whoever_has_the_lead(
    store: Store, reader: Reader
) -> None:
    """A task without an owner is its lead's owner's; those without a date come last."""
    rows = Rows()
    tasks = [
        Task("t1", "a", "late", 1, due=9),
        Task("t2", "a", "soon", 1, owner="zhang", due=3),
        Task("t3", "a", "whenever", 1),
        Task("t4", "b", "nobody's", 1, due=5),
    ]
    rows.decided(Event("e", "x", 1), Decision(Lead("a", 0, 0), tasks=tasks))
    done = Event("e2", "task_completed", 7, properties={"task": "t4", "outcome": "ok"})
    rows.log(done, "b", 7, "v")
    put(store, lead("a", 1, owner="li", name="王"), lead("b", 1), rows=rows)
    titles = lambda **filters: [t["title"] for t in reader.tasks(**filters).items]  # noqa: E731
    assert titles() == ["soon", "nobody's", "late", "whenever"]
    assert titles(owner="li") == ["late", "whenever"]
    assert titles(status="done") == titles(lead="b") == ["nobody's"]
    assert titles(owner="zhang", status="open") == ["soon"]
    pages = all_pages(lambda cursor: reader.tasks(limit=1, cursor=cursor))
    assert [t["id"] for t in pages] == ["t2", "t4", "t1", "t3"]
    assert pages[2]["name"] == "王"


def test_figures_count_leads_by_stage_and_source(store: Store, reader: Reader) -> None:
    """Each stage has the number of its leads, and each source that has leads is there once."""
    put(
        store,
        lead("a", 1, stage="new", source="展会"),
        lead("b", 1, stage="new", source="展会"),
        lead("c", 1, stage="won"),
    )
    assert reader.boards().stages() == {"new": 2, "won": 1}
    assert reader.boards().sources() == ["展会"]
    counts = reader.counts()
    assert (counts["events"], counts["leads"], counts["open_tasks"]) == (0, 3, 0)


@pytest.mark.parametrize(
    "cursor", ["nonsense!", "é", "W10", to_cursor("a", "b"), to_cursor(1), to_cursor(2**70, "a")]
)
def test_a_foreign_cursor_is_refused(store: Store, reader: Reader, cursor: str) -> None:
    """Whatever somebody makes up as a cursor is an error with a way out."""
    with pytest.raises(BadCursor, match="start again without one"):
        reader.leads(cursor=cursor)


def test_any_thread_may_read(store: Store, reader: Reader) -> None:
    """Each thread gets a connection of its own, and all see the latest commit."""
    put(store, lead("a", 1))
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(reader.lead("a"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    assert all(item["id"] == "a" for item in found)
