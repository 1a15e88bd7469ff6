"""``reports.yaml``: what it says is what reports go by, and a slip costs its own line."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from engine.language.load import Loaded, load_folder
from tests.play import BASE

SAID = """
zone: Asia/Tokyo
currency: JPY
stuck_after: 21d
stages: {mql: qualified}
costs: [{source: 百度推广, amount: 30000, from: 2026-03-01, to: 2026-03-31}]
goals:
  - {id: 转化率, measure: conversion, from: 2026-01-01, to: 2026-03-31, target: 0.08}
  - {id: 周期, measure: cycle_days, from: 2026-01-01, to: 2026-03-32, change_by: -15}
"""


def loaded(folder: Path, text: str) -> Loaded:
    """Return a small configuration with this reports.yaml, as it is read."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "reports.yaml").write_text(text, encoding="utf-8")
    return load_folder(folder)


def test_what_is_said_is_what_reports_go_by(tmp_path: Path) -> None:
    """Zone, currency, stages, costs and goals; what is not said keeps its default."""
    found = loaded(tmp_path, SAID.replace("03-32", "03-30"))
    assert found.diagnostics == []
    assert found.definitions is not None
    reporting = found.definitions.reporting
    assert (reporting.zone, reporting.currency) == ("Asia/Tokyo", "JPY")
    assert reporting.milestones["mql"] == "qualified"
    (cost,) = reporting.costs
    assert (cost.source, cost.amount, cost.first) == ("百度推广", 30_000, date(2026, 3, 1))
    assert [(goal.id, goal.target, goal.change_by) for goal in reporting.goals] == [
        ("转化率", 0.08, None),
        ("周期", None, -15),
    ]


def test_a_goal_without_its_days_is_told_of_and_the_next_one_is_read(tmp_path: Path) -> None:
    """A day that there is not is the one mistake; it stands at its place."""
    found = loaded(tmp_path, SAID + "  - {id: 周期, measure: cycle_days, from: 2026-01-01, to: 2026-02-01, target: 9}\n")  # fmt: skip
    assert [(each.code, each.source.line) for each in found.diagnostics] == [
        ("date", 9),
        ("duplicate-id", 10),
    ]


def test_a_goal_that_ends_before_it_begins_is_told_of(tmp_path: Path) -> None:
    """At the end that comes too early."""
    text = SAID.replace("from: 2026-01-01, to: 2026-03-32", "from: 2026-03-02, to: 2026-03-01")
    (told,) = loaded(tmp_path, text).diagnostics
    assert (told.code, told.source.line) == ("value", 9)
    assert "comes before" in told.message
