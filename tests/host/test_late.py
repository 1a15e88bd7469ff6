"""What is told late, or is history, counts in the figures of the time when it happened."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from engine.language.instants import DAY, parse_instant
from engine.reports.index import REPORTS
from engine.store import checks

LEAD = {"phone": "13800138000", "province": "上海"}


def said(type: str, at: str, **properties: Any) -> dict[str, Any]:
    """Something that happened on a day of 2026, at noon."""
    when = f"2026-{at}T12:00:00+08:00"
    return {"type": type, "at": when, "lead": LEAD, "properties": properties}


def play(folder: Path, *events: dict[str, Any]) -> dict[str, Any]:
    """Take events in, one after another; returns the lead, and figures of reports by month."""

    async def whole() -> dict[str, Any]:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
        assert not runtime.load()
        runtime.start()
        try:
            for event in events:
                (outcome,) = await runtime.submit([event])
                assert outcome.status == "accepted", outcome
            lead = runtime.reader.lead(str(outcome.lead))
            assert lead is not None
            return lead | {month: figures(runtime, month) for month in ("08", "09")}
        finally:
            await runtime.stop()

    return asyncio.run(whole())


def figures(runtime: Runtime, month: str) -> dict[str, Any]:
    """What happened in a month: sales, what they brought, how long they took and whose they are."""
    asked = {"from": f"2026-{month}-01", "to": f"2026-{month}-30", "cohort": "event"}
    now = parse_instant("2026-10-01T00:00:00Z")

    def ask(name: str) -> Any:
        return REPORTS[name](runtime.reader, runtime.ruleset, asked, now)

    found = {each.key: each.value for name in ("sources", "cycle") for each in ask(name).figures}
    deals = {row.cells["owner"]: row.cells["deals"] for row in ask("people").tables[0].rows}
    return {
        "won": found["won"],
        "revenue": found["revenue"],
        "cycle": found["cycle"] and found["cycle"] / DAY,
        "deals": {owner: count for owner, count in deals.items() if count},
    }


NOTHING = {"won": 0, "revenue": 0, "cycle": None, "deals": {}}
AUGUST = {"won": 1, "revenue": 500, "cycle": 17, "deals": {"zhang": 1}}


def test_a_sale_that_is_told_later_counts_where_it_belongs(folder: Path) -> None:
    """Leads won, revenue and sales cycle are of the same month."""
    found = play(
        folder,
        said("form_submitted", "08-10", form="contact"),
        said("lead_assigned", "08-11", owner="zhang"),
        said("call_logged", "08-12", outcome="通"),
        {**said("page_viewed", "09-02", page="home"), "lead": {"phone": "13900139000"}},
        said("opportunity_won", "08-29", amount=500),
    )
    assert found["stage"] == "won"
    assert (found["08"], found["09"]) == (AUGUST, NOTHING)


def test_whose_lead_it_was_is_told_later_too(folder: Path) -> None:
    """A day's work that is synchronised at night counts for who did it; clocks run from then on."""
    found = play(
        folder,
        said("form_submitted", "08-10", form="contact"),
        {**said("page_viewed", "08-30", page="home"), "lead": {"phone": "13900139000"}},
        said("lead_assigned", "08-11", owner="zhang"),
        said("call_logged", "08-12", outcome="通"),
        said("opportunity_won", "08-29", amount=500),
    )
    assert (found["08"], found["09"]) == (AUGUST, NOTHING)
    connection = sqlite3.connect(folder.parent / "leads.db")
    turn = "SELECT owner, took, met, breached FROM assignments"
    assert connection.execute(turn).fetchall() == [("zhang", DAY, 2, 0)]
    connection.close()
    assert [f for f in checks.deep(folder.parent / "leads.db", "default") if f.level != "ok"] == []


def test_history_counts_where_it_belongs(folder: Path) -> None:
    """A deal of another system is won, by whom and when it was; no clock runs for what is past."""
    events = (
        {**said("page_viewed", "09-20", page="home"), "lead": {"phone": "13900139000"}},
        said("form_submitted", "08-10", form="contact"),
        said("lead_assigned", "08-11", owner="zhang"),
        said("call_logged", "08-12", outcome="通"),
        said("opportunity_won", "08-29", amount=500),
    )
    found = play(folder, events[0], *({**each, "history": True} for each in events[1:]))
    assert (found["stage"], found["owner"]) == ("won", "zhang")
    assert (found["08"], found["09"]) == (AUGUST, NOTHING)
    connection = sqlite3.connect(folder.parent / "leads.db")
    for table in ("clocks", "deliveries", "tasks", "enrolments"):
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == [], table
    connection.close()


def test_history_moves_nothing_back(folder: Path) -> None:
    """What is older than the lead's owner and stage is no news of them, in whatever order it came."""
    found = play(
        folder,
        said("form_submitted", "08-10", form="contact"),
        said("lead_assigned", "08-20", owner="wang"),
        said("call_logged", "08-20", outcome="通"),
        {**said("lead_assigned", "08-11", owner="zhang"), "history": True},
        {**said("opportunity_lost", "08-12", reason="价格"), "history": True},
        {**said("stage_changed", "08-13", to="invalid", reason="无"), "history": True},
        {**said("opportunity_opened", "08-21", amount=1), "history": True},
        {**said("lead_assigned", "08-22", owner="zhang"), "history": True},
    )
    assert (found["stage"], found["owner"]) == ("qualified", "zhang")


@pytest.mark.parametrize(("day", "owner"), [("09-09", "zhang"), ("09-10", None)])
def test_history_is_neglected_from_when_it_is_told(
    folder: Path, day: str, owner: str | None
) -> None:
    """Leads of another system do not fall into the pool on the day on which they come."""
    routing = folder / "routing.yaml"
    idle = "pools: {public: {recycle: [{id: idle, idle: 10d, calendar: always}]}}"
    rules = routing.read_text("utf-8").replace("pools: {public: {}}", idle)
    routing.write_text(rules, "utf-8")
    other = {"lead": {"phone": "13900139000"}}
    found = play(
        folder,
        {**said("page_viewed", "08-31", page="home"), **other},
        {**said("form_submitted", "03-01", form="contact"), "history": True},
        {**said("lead_assigned", "03-02", owner="zhang"), "history": True},
        {**said("page_viewed", day, page="home"), **other},
        {**said("note_added", "03-03", text="1"), "history": True},
    )
    assert found["owner"] == owner
