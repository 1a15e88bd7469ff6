"""Leads that turn out to be one: merged by rule or by a person, parted again, nothing lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.outcome import Outcome
from engine.host.runtime import Runtime
from engine.host.verifying import verify
from engine.language.load import load_folder
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from engine.store import checks
from tests.host.conftest import one_event

Use = Callable[[Runtime], Awaitable[Any]]
MINUTE = 60_000


def run(folder: Path, use: Use) -> Any:
    """Run a server's engine on the folder, then check every lead against its log and its rows."""

    async def whole() -> Any:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
        assert not [d for d in runtime.load() if d.severity == "error"]
        runtime.start()
        try:
            return await use(runtime)
        finally:
            await runtime.stop()

    result = asyncio.run(whole())
    sound(folder)
    return result


def sound(folder: Path) -> None:
    """Every lead is what its log says, and every score the sum of its ledger."""
    loaded = load_folder(folder)
    assert loaded.definitions is not None
    ruleset = Ruleset(loaded.definitions)
    database = folder.parent / "leads.db"
    wrong = [c for c in verify(database, {}, ruleset) if c.verdict != "same"]
    assert not wrong
    found = checks.deep(database, ruleset.default_model)
    assert not [f for f in found if f.level == "error"]


def event(id: str, kind: str, minute: int, lead: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """Something that happens ``minute`` minutes after 9:00."""
    at = f"2026-03-02T{9 + minute // 60:02}:{minute % 60:02}:00+08:00"
    return {"id": id, "type": kind, "at": at, "lead": lead, "properties": properties}


def of(runtime: Runtime, lead: str | None) -> dict[str, Any]:
    """A lead as the API shows it."""
    found = runtime.reader.lead(lead or "")
    assert found is not None
    return found


PHONE = {"phone": "13800138000", "name": "王芳", "industry": "制造业"}
MAIL = {"email": "wang@acme.cn", "company": "金泰阀门"}


async def two(runtime: Runtime) -> tuple[str, str]:
    """Two leads: one by telephone, a later one by e-mail that looked at prices twice."""
    outcomes = await runtime.submit(
        [
            event("p1", "form_submitted", 0, PHONE, form="contact"),
            event("m1", "page_viewed", 10, MAIL, page="pricing"),
            event("m2", "page_viewed", 20, MAIL, page="pricing"),
        ]
    )
    assert [o.status for o in outcomes] == ["accepted"] * 3
    return str(outcomes[0].lead), str(outcomes[1].lead)


async def join(runtime: Runtime, minute: int = 60) -> Outcome:
    """An event that names both."""
    both = {"phone": PHONE["phone"], "email": MAIL["email"]}
    (outcome,) = await runtime.submit([event("both", "chat_started", minute, both)])
    return outcome


def test_an_event_that_names_two_leads_makes_them_one(folder: Path) -> None:
    """Fields, history and points of both are the older one's; the other id leads there."""

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        before = of(runtime, older)["score"] + of(runtime, younger)["score"]
        outcome = await join(runtime)
        assert outcome.lead == older
        lead = of(runtime, older)
        assert lead["fields"]["company"] == "金泰阀门"
        assert lead["fields"]["name"] == "王芳"
        assert lead["score"] >= before
        assert runtime.reader.lead(younger) is None
        assert runtime.reader.find(younger) == older
        assert runtime.reader.find("wang@acme.cn") == older
        items = runtime.reader.timeline(older).items
        assert {"p1", "m1", "m2", "both"} <= {i["id"] for i in items}
        (merge,) = [i for i in items if i["type"] == "lead_merged"]
        assert merge["properties"]["absorbed"] == younger
        points = [line["points"] for line in runtime.reader.ledger(older)]
        assert sum(points) == lead["score"]

    run(folder, use)
