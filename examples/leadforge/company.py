"""The configuration that the demo runs: the default one, and what the simulated company adds.

Costs, goals and an experiment are a company's own, so the default configuration has none; without
them a demo has no ROI, no progress and no variants to show.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

JOURNEYS = """\
# Two follow-ups of a webinar, tried against each other.
journeys:
  - id: webinar-follow-up
    label: {zh: 研讨会跟进（A/B 测试）, en: Webinar follow-up (A/B test)}
    enter: {event: webinar_registered}
    steps:
      - id: content
        split:
          variants: [{name: 案例, weight: 1, next: case}, {name: 演示, weight: 1, next: demo}]
          auto_winner: {metric: rep_consulted, confidence: 0.95, min_sample: 500, within: 14d}
      - {id: case, send: case-study, next: end}
      - {id: demo, send: product-demo}
"""
REPORTS = """\
# What the company's channels cost, and what it aims at.
zone: Asia/Shanghai
stuck_after: 14d
stages: {{sql: assigned, opportunity: qualified}}
costs:
  - {{source: 百度SEM, from: {first}, to: {last}, amount: 186000}}
  - {{source: 知乎白皮书, from: {first}, to: {last}, amount: 58000}}
  - {{source: 华东区线下展会, from: {first}, to: {last}, amount: 240000}}
  - {{source: 合作伙伴推荐, from: {first}, to: {last}, amount: 95000}}
  - {{source: 官网表单, per_lead: 150}}
  - {{label: 市场部工资, from: {first}, to: {last}, amount: 420000}}
goals:
  - {{id: conversion, label: 线索转化率提升20%, measure: conversion, from: {middle}, to: {last}, change: 0.2}}
  - {{id: cycle, label: 成交周期缩短15天, measure: cycle_days, from: {middle}, to: {last}, change_by: -15}}
"""


def configure(default: Path, folder: Path, today: date, days: int = 120) -> Path:
    """Make a copy of the default configuration with the company's own files, and return it.

    Costs are of the last `days`; goals of the half of them that ends a week from `today`.
    """
    shutil.copytree(default, folder, ignore=shutil.ignore_patterns("tests"))
    (folder / "journeys").mkdir()
    (folder / "journeys" / "webinar.yaml").write_text(JOURNEYS, encoding="utf-8")
    last = today + timedelta(weeks=1)
    text = REPORTS.format(
        first=today - timedelta(days=days), middle=last - timedelta(days=days // 2), last=last
    )
    (folder / "reports.yaml").write_text(text, encoding="utf-8")
    return folder
