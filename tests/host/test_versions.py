"""Old journeys and winners of splits outlive reloads and restarts, and replay knows them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine.host.clock import StreamClock
from engine.host.compiling import recorded
from engine.host.experiments import Experimenter
from engine.host.runtime import Runtime
from engine.host.verifying import verify
from engine.language.instants import DAY, format_instant, parse_instant
from engine.store.reading import Reader

START = parse_instant("2026-03-02T09:00:00+08:00")
OLD = """
journeys:
  - id: 培育
    enter: {event: form_submitted}
    steps:
      - {id: one, wait: 2d}
      - {id: fork, branch: [{when: {count: {event: page_viewed, gte: 1}}, next: mark}, {next: end}]}
      - {id: mark, set: {tags: {add: [旧]}}}
"""
NEW = OLD.replace("旧", "新").replace("{event: page_viewed, gte: 1}", "{event: any, gte: 9}")


def event(kind: str, who: str, days: float, **more: Any) -> dict[str, Any]:
    """An event of a lead so many days after START."""
    at = format_instant(START + round(days * DAY))
    return {"type": kind, "at": at, "lead": {"user_id": who}, "id": f"{kind}-{who}-{days}", **more}


def run(folder: Path, use: Callable[[Runtime], Awaitable[Any]]) -> Any:
    """Start a runtime on the folder's database, use it and stop it."""

    async def whole() -> Any:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
        assert not [d for d in runtime.load() if d.severity == "error"]
        runtime.start()
        try:
            return await use(runtime)
        finally:
            await runtime.stop()

    return asyncio.run(whole())


def write(folder: Path, journeys: str) -> None:
    """Edit journeys.yaml."""
    (folder / "journeys.yaml").write_text(journeys, encoding="utf-8")


def tags(folder: Path) -> dict[str, Any]:
    """The tags of each lead by its user id."""
    connection = sqlite3.connect(folder.parent / "leads.db")
    rows = connection.execute("SELECT state ->> '$.facts', id FROM leads").fetchall()
    connection.close()
    found = {}
    for facts, _ in rows:
        all_of_them = json.loads(facts)
        found[all_of_them["lead.user_id"]] = all_of_them.get("lead.tags")
    return found


def verified(folder: Path, before: Runtime | None, after: Runtime) -> set[str]:
    """The verdicts of a replay that has both configurations at hand."""
    database = folder.parent / "leads.db"
    rulesets = [each.ruleset for each in (before, after) if each is not None]
    reader = Reader(database)
    past = recorded(reader, [each.definitions for each in rulesets])
    reader.close()
    known = {each.version: each for each in rulesets} | past
    return {each.verdict for each in verify(database, known, rulesets[-1])}


def loaded(folder: Path) -> Runtime:
    """A runtime that has only read its files."""
    runtime = Runtime(folder, folder.parent / "none.db", StreamClock(), environ={})
    assert not [d for d in runtime.load() if d.severity == "error"]
    return runtime


async def submit(runtime: Runtime, *events: dict[str, Any]) -> None:
    """Take in events that are all accepted."""
    outcomes = await runtime.submit(list(events))
    assert {o.status for o in outcomes} == {"accepted"}, outcomes


def test_a_lead_finishes_the_old_journey_after_a_reload_and_two_restarts(folder: Path) -> None:
    """The definition it entered is in the database, with the windows that it reads."""
    write(folder, OLD)

    async def enter(runtime: Runtime) -> None:
        await submit(runtime, event("form_submitted", "甲", 0))

    async def reload_and_enter(runtime: Runtime) -> None:
        write(folder, NEW)
        assert not runtime.reload()
        assert list(runtime.ruleset.elders)
        await submit(runtime, event("form_submitted", "乙", 0.5))
        await submit(runtime, event("page_viewed", "甲", 1), event("page_viewed", "乙", 1))

    async def go_on(runtime: Runtime) -> None:
        assert [id for id, _ in runtime.ruleset.elders] == ["培育"]
        for who in ("甲", "乙"):
            await submit(runtime, event("note_added", who, 5))

    run(folder, enter)
    before = loaded(folder)
    run(folder, reload_and_enter)
    run(folder, go_on)
    assert tags(folder) == {"甲": ["旧"], "乙": None}
    assert verified(folder, before, loaded(folder)) == {"same"}


def test_definitions_that_nobody_is_in_are_not_taken_up_again(folder: Path) -> None:
    """Once the last lead has left, the next start forgets the old journey, and so its version."""
    write(folder, OLD)

    async def enter(runtime: Runtime) -> None:
        await submit(runtime, event("form_submitted", "甲", 0), event("note_added", "甲", 9))

    async def nothing(runtime: Runtime) -> None:
        assert runtime.ruleset.elders == {}
        assert runtime.ruleset.version == runtime.ruleset.definitions.version

    run(folder, enter)
    write(folder, NEW)
    run(folder, nothing)


SPLIT = """
journeys:
  - id: 标题测试
    enter: {event: form_submitted}
    steps:
      - id: subject
        split:
          variants: [{name: 案例, next: a}, {name: 证言, next: b}]
          holdout: {share: 0.1}
          auto_winner: {metric: clicked, min_sample: 30, within: 1d}
      - {id: a, set: {tags: {add: [案例]}}, next: end}
      - {id: b, set: {tags: {add: [证言]}}, next: end}
"""


def test_a_split_is_decided_by_what_leads_did_and_replay_knows_it(folder: Path) -> None:
    """All that come later get the winner, over a restart too; every lead replays to the byte."""
    write(folder, SPLIT)
    first = [event("form_submitted", f"p{n}", 0) for n in range(120)]

    async def test(runtime: Runtime) -> None:
        await submit(runtime, *first)
        got = tags(folder)
        assert {tuple(t) if t else None for t in got.values()} == {("案例",), ("证言",), None}
        clicks = [who for who, tag in got.items() if tag == ["案例"]]
        about = {"journey": "标题测试", "message": "welcome"}
        for who in clicks[: len(clicks) // 2]:
            await submit(runtime, event("email_clicked", who, 0.5, properties=about))
        for who in [w for w, tag in got.items() if tag == ["证言"]][:20]:  # of something else
            await submit(runtime, event("email_clicked", who, 0.5, properties={"message": "other"}))
        early = await Experimenter(runtime).look()
        assert [v.winner for v in early.values()] == [None]  # their day is not over yet
        await submit(runtime, event("note_added", "p0", 2))
        verdicts = await Experimenter(runtime).look()
        assert verdicts["标题测试", "subject"].winner == "案例"
        assert runtime.ruleset.winners == {("标题测试", "subject"): "案例"}
        await submit(runtime, *(event("form_submitted", f"q{n}", 3) for n in range(20)))
        assert await Experimenter(runtime).look() == {}

    async def later(runtime: Runtime) -> None:
        await submit(runtime, *(event("form_submitted", f"r{n}", 4) for n in range(20)))

    run(folder, test)
    run(folder, later)
    late = [tag for who, tag in tags(folder).items() if who[0] in "qr"]
    assert all(tag in (["案例"], None) for tag in late)
    assert late.count(["案例"]) > 25
    assert verified(folder, None, loaded(folder)) == {"same"}


def test_a_split_without_auto_winner_forgets_what_was_decided(folder: Path) -> None:
    """Taking the key away is a person's word, too: leads are dealt out by weight again."""
    write(folder, SPLIT)

    async def decide(runtime: Runtime) -> None:
        await runtime.write(
            lambda c: c.execute(
                "INSERT INTO winners VALUES ('标题测试', 'subject', '案例', 0, '{}')"
            )
        )
        runtime.refresh()
        assert runtime.ruleset.winners
        auto = "          auto_winner: {metric: clicked, min_sample: 30, within: 1d}\n"
        write(folder, SPLIT.replace(auto, ""))
        assert not runtime.reload()
        assert runtime.ruleset.winners == {}

    run(folder, decide)
