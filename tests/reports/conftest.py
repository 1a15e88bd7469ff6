"""A company's leads as reports see them: part of the shipped world, with all that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from engine.language.instants import parse_instant
from engine.machines.merging import MERGED
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from engine.reports.index import REPORTS
from engine.store.exporting import KINDS, Filter, export
from engine.store.reading import Reader
from examples.leadforge.stream import read, shifted

ROOT = Path(__file__).parents[2]
NOW = 1_795_200_000_000  # a little after the last event
LEADS = 300
REPORTS_YAML = """
zone: Asia/Shanghai
stuck_after: 20d
costs:
  - {source: 百度SEM, from: 2026-07-01, to: 2026-09-30, amount: 98765.4}
  - {source: 官网表单, per_lead: 12.5}
  - {source: 知乎白皮书, per_lead: 150, from: 2026-07-25, to: 2026-07-31}
  - {source: 官网表单, campaign: 2026秋季, from: 2026-07-26, to: 2026-08-04, amount: 777.77}
  - {from: 2026-08-01, to: 2026-12-31, amount: 50000}
goals:
  - {id: more, label: 转化率提升 20%, measure: won, from: 2026-09-01, to: 2026-09-30, change: 0.2}
  - {id: many, measure: leads, from: 2026-07-20, to: 2026-08-20, target: 250}
  - {id: less, measure: cycle_days, from: 2026-09-01, to: 2026-10-31, change_by: -2}
  - {id: dear, measure: cac, from: 2026-08-01, to: 2026-12-31, target: 900}
  - {id: rate, measure: mql_to_sql, from: 2026-08-01, to: 2026-12-31, target: 0.5}
  - {id: sold, measure: revenue, from: 2026-07-01, to: 2026-12-31, target: 27000000}
  - {id: half, measure: conversion, from: 2026-07-01, to: 2026-12-31, target: 0.25}
"""
JOURNEY = """
journeys:
  - id: subject-test
    enter: {event: webinar_registered}
    steps:
      - id: ab
        split:
          variants: [{name: 短标题, weight: 1, next: short}, {name: 长标题, weight: 1, next: long}]
          holdout: {share: 0.1}
      - {id: short, send: welcome, next: end}
      - {id: long, send: case-study}
"""
# After the split and the messages, what comes of them; also from those who were not asked.
ANSWERS = (
    *("email_sent", "email_delivered", "email_opened", "email_clicked", "email_replied"),
    *("unsubscribed", "email_bounced", "email_complained", "email_opened", "email_clicked"),
    *("sms_sent", "sms_delivered", "sms_failed", "sms_replied", "wecom_message_received"),
    "message_blocked",
)
MEMBERS = ("li.na", "chen.jing", "wang.lei")
IDLE = ("marketing", "xu.bo", "zhou.jie")
IDLE_AT = "2026-09-20T10:00:00+08:00"


class World:
    """The database, its rules, and everything that it exports."""

    def __init__(self, database: Path, ruleset: Ruleset, earlier: dict[str, Any]) -> None:
        self.database, self.ruleset = database, ruleset
        self.config = Path(ruleset.definitions.folder)
        self.reader = Reader(database, ruleset.default_model)
        self.exported: dict[str, list[dict[str, Any]]] = {
            kind: list(export(database, kind, Filter(), ruleset.default_model)) for kind in KINDS
        }
        # What those who were forgotten hit counts on, and was exported before; the log before leads
        # were merged.
        self.exported |= {f"{kind} before": rows for kind, rows in earlier.items()}

    def report(self, name: str, **query: str) -> Any:
        """Return a report."""
        return REPORTS[name](self.reader, self.ruleset, query, NOW)


async def _play(config: Path, database: Path) -> tuple[Ruleset, dict[str, Any]]:
    events = shifted(read(), datetime(2026, 11, 20, tzinfo=UTC))
    known = list(dict.fromkeys(e["lead"]["user_id"] for e in events))[:LEADS]
    events = [e for e in events if e["lead"]["user_id"] in set(known)]
    late, events = events[50::97], [e for i, e in enumerate(events) if i < 50 or (i - 50) % 97]
    runtime = Runtime(config, database, StreamClock(), environ={})
    assert not runtime.load()
    runtime.start()
    for start in range(0, len(events), 500):
        await runtime.submit(events[start : start + 500])
    await runtime.submit(late)
    last = events[-1]["at"]
    ids = [runtime.reader.find(name) for name in known]
    model = runtime.ruleset.default_model
    apart = list(export(database, "events", Filter(), model))
    for n, (one, other) in enumerate(zip(ids[0:40:4], ids[2:40:4], strict=True)):
        if one is not None and other is not None:
            said = {"absorbed": other, "reason": "同一个人"}
            merged = Event(f"merge-{n}", MERGED, parse_instant(last), {}, said, "people")
            await runtime.submit_event(merged, one)
    for n, id in enumerate(ids[100:120]):
        for to in ("contacted", "qualified", "proposal", "negotiation", "proposal"):
            said = {"to": to, "reason": "来回"}
            await runtime.submit([_by_hand("stage_changed", id, last, said, f"{n}{to}")])
    await _answered(runtime, [id for id in ids if id is not None], last)
    await _taken_up(runtime, [id for id in ids if id is not None], last)
    earlier = {k: list(export(database, k, Filter(), model)) for k in ("journeys", "events")}
    earlier["apart"] = apart
    for id in (ids[0], ids[50], ids[51], ids[52], ids[60]):
        if id is not None:
            await runtime.forget(id)
    await runtime.keep_hits()
    await runtime.stop()
    return runtime.ruleset, earlier


async def _answered(runtime: Runtime, ids: list[str], last: str) -> None:
    """Let leads get and answer messages, in journeys and outside, once and again, and late."""
    for n, id in enumerate(ids[20:140]):
        at = datetime.fromisoformat(last) - timedelta(days=n, hours=n)
        events = []
        for k in range(n % 6 + 1):
            type = ANSWERS[(n + k) % len(ANSWERS)]
            said = {"message": ("welcome", "case-study")[n % 2]}
            if n % 3:
                said |= {"journey": "subject-test", "step": ("short", "long")[n // 2 % 2]}
            when = (at + timedelta(minutes=40 * k)).isoformat()
            events.append(_by_hand(type, id, when, said, f"{n}-{k}"))
        campaign = {"source": {"utm_campaign": f"2026{'春夏秋冬'[n % 4]}季"}}
        event = _by_hand("form_submitted", id, at.isoformat(), {"form": "contact"}, n)
        await runtime.submit([*events, {**event, "lead": {**event["lead"], **campaign}}])


async def _taken_up(runtime: Runtime, ids: list[str], last: str) -> None:
    """Let salespeople accept, decline and claim leads; some claims are refused."""
    for n, id in enumerate(ids[150:200]):
        to = {"owner": MEMBERS[n % 3], "reason": "手工分配"}
        await runtime.submit([_by_hand("lead_assigned", id, last, to, n)])
        type = "lead_declined" if n % 4 == 1 else "lead_accepted"
        await runtime.submit([{**_by_hand(type, id, last, {}, n), "by": MEMBERS[n % 3]}])
        if n % 5 == 0:
            later = (datetime.fromisoformat(last) + timedelta(hours=2)).isoformat()
            await runtime.submit([_by_hand("lead_released", id, last, {"reason": "放弃"}, n)])
            for member in MEMBERS[1:]:  # the second finds it taken
                claimed = _by_hand("lead_claimed", id, later, {}, f"{n}-{member}")
                await runtime.submit([{**claimed, "by": member}])
    for n, task in enumerate(runtime.reader.tasks(status="open").items[::3]):
        said = {"task": task["id"], "outcome": "已办"}
        await runtime.submit([_by_hand("task_completed", task["lead"], last, said, n)])
    # Releasing a lead counts for nobody: of these, only the second is of a team that gets leads.
    for member, id in zip(IDLE, ids[205:], strict=False):
        released = _by_hand("lead_released", id, IDLE_AT, {"reason": "整理"}, member)
        await runtime.submit([{**released, "by": member}])


def _by_hand(type: str, lead: str | None, at: str, said: dict[str, Any], n: Any) -> dict[str, Any]:
    return {
        "id": f"hand-{type}-{n}-{lead}",
        "type": type,
        "at": at,
        "lead": {"id": lead},
        "by": "li.na",
        "properties": said,
    }


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The first leads of the shipped world; some merged, forgotten, late, or moved to and fro."""
    folder = tmp_path_factory.mktemp("reports")
    config = folder / "config"
    _copy(ROOT / "config", config)
    (config / "reports.yaml").write_text(REPORTS_YAML, encoding="utf-8")
    (config / "journeys").mkdir()
    (config / "journeys" / "subject.yaml").write_text(JOURNEY, encoding="utf-8")
    database = folder / "leads.db"
    found = World(database, *asyncio.run(_play(config, database)))
    yield found
    found.reader.close()


def _copy(source: Path, target: Path) -> None:
    import shutil

    shutil.copytree(source, target, ignore=shutil.ignore_patterns("tests"))
