"""A small configuration, and a world of events that touches all of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

SCORING = """
models:
  default:
    dimensions: {fit: {}, behaviour: {}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 20}
      - {id: business, dimension: fit, when: {lead.email.kind: business}, points: 5}
      - {id: pricing, dimension: behaviour, event: page_viewed, where: {page: pricing}, points: 15, repeat: {at_most: 2, per: 7d}, expires: 20d}
      - {id: download, dimension: behaviour, event: content_downloaded, points: 10.5, repeat: each}
      - {id: busy, dimension: behaviour, when: {count: {event: any, within: 3d, gte: 3}}, points: 7}
      - {id: idle, dimension: behaviour, when: {absent: {event: any, for: 30d}}, points: -10, repeat: each}
    grades: [{grade: A, from: 50}, {grade: B, from: 20}, {grade: C, from: 0}]
"""
ROUTING = """
teams:
  east:
    supervisor: boss
    members: [{id: zhang, name: 张}, {id: wang, name: 王}]
rules:
  - {id: east, when: {lead.province: 上海}, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
sla:
  - {id: quick, accept: 1h, first_contact: 2d, calendar: always, on_breach: [{after: 3d, do: recycle, to: public}]}
pools: {public: {}}
"""
JOURNEYS = """
journeys:
  - id: hand-over
    enter: {when: {grade: A}}
    steps:
      - {id: assign, route: {}}
      - {id: call, task: {title: 请致电, to: owner, due: 4h}}
      - {id: pause, wait: {until: 2d, since: enter}}
      - {id: mark, set: {tags: {add: [warm]}}}
  - id: welcome
    enter: {event: form_submitted}
    steps:
      - {id: opened, wait: {event: page_viewed, within: 1d}, then: end, else: chase}
      - {id: chase, task: {title: 未浏览, to: marketing, due: 1d}}
"""
START = datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration folder with rules of every kind that the host has to do with."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "scoring.yaml").write_text(SCORING, encoding="utf-8")
    (folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (folder / "journeys.yaml").write_text(JOURNEYS, encoding="utf-8")
    return folder


@pytest.fixture
def stream() -> list[dict[str, Any]]:
    """Two months of 600 events of 40 leads, some of them late or sent twice."""
    chance = random.Random(7)
    events = []
    at = START
    for number in range(600):
        at += timedelta(minutes=chance.randrange(1, 300))
        late = timedelta(days=chance.choice([0, 0, 0, 0, 2]))
        events.append(one_event(chance, number, at - late))
    for _ in range(20):
        events.insert(chance.randrange(300, 600), events[chance.randrange(300)])
    return events


def one_event(chance: random.Random, number: int, at: datetime) -> dict[str, Any]:
    """One event of somebody."""
    who = chance.randrange(40)
    lead: dict[str, Any] = {"user_id": f"u{who}"}
    if chance.random() < 0.3:
        lead |= {
            "email": f"lead{who}@{chance.choice(['acme.cn', 'qq.com'])}",
            "industry": chance.choice(["制造业", "金融业"]),
            "province": chance.choice(["上海", "北京"]),
        }
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("page_viewed", {"page": chance.choice(["pricing", "home"])}),
        ("content_downloaded", {"kind": "whitepaper"}),
        ("form_submitted", {"form": "contact"}),
        ("call_logged", {"outcome": "connected"}),
        ("lead_accepted", {}),
    ]
    kind, properties = chance.choices(kinds, [5, 3, 1, 0.3, 0.3])[0]
    return {
        "id": f"e{number}",
        "type": kind,
        "at": at.isoformat(),
        "lead": lead,
        "properties": properties,
    }
