"""What is told late, or is history, counts in the figures of the time when it happened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from engine.language.instants import DAY, parse_instant
from engine.reports.index import REPORTS

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
