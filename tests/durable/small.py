"""A small configuration that durable-rules can carry, and its processes found and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCORING = """
models:
  default:
    dimensions: {fit: {max: 60}, behaviour: {}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: [制造业, 金融业]}, points: 20}
      - {id: director, dimension: fit, when: {lead.title_level: {at_least: director}}, points: 20, exclusive: title}
      - {id: manager, dimension: fit, when: {lead.title_level: manager}, points: 10, exclusive: title}
      - {id: valves, dimension: fit, when: {lead.company: {contains_any: [阀门, 管道]}}, points: 5}
      - {id: no-city, dimension: fit, when: {not: {lead.city: {exists: true}}}, points: -3}
      - {id: vip, dimension: fit, when: {lead.tags: {exists: true}}, points: 2}
      - {id: large, dimension: fit, when: {lead.employees: {gte: 500}, lead.amount: {gt: {field: lead.budget}}}, points: 15}
      - {id: pricing, dimension: behaviour, event: page_viewed, where: {page: [pricing, solution]}, points: 15, repeat: {at_most: 1, per: 1d}, expires: 20d}
      - {id: seen, dimension: behaviour, event: [page_viewed, video_watched], when: {lead.industry: 制造业}, points: 1, repeat: each}
      - {id: any, dimension: behaviour, event: any, points: 0.5, repeat: {at_most: 3}}
    grades: [{grade: A, from: 60}, {grade: B, from: 30}, {grade: C, from: -100}]
"""
LIFECYCLE = """
stages:
  - {id: new}
  - {id: mql, when: {score.total: {rises_to: 30}}}
  - {id: lost, requires: [reason], final: true}
"""
ROUTING = """
teams: {east: {members: [{id: zhang.wei, name: 张伟}, {id: li.na, name: 李娜}]}}
rules:
  - {id: hot, when: {lead.city: {exists: true}}, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
"""
JOURNEYS = """
journeys:
  - id: hot
    enter: {when: {grade: [A, B]}}
    steps:
      - {id: mark, set: {tags: {add: [重点]}}}
      - {id: assign, route: {}}
      - {id: call, task: {title: 回访, to: owner, due: 2d}}
"""
CANNOT = """models:
  default:
    dimensions: {d: {}}
    rules:
      - {id: fine, dimension: d, when: {lead.city: 上海}, points: 1}
      - id: opened-three
        dimension: d
        points: 1
        when:
          count: {event: email_opened, within: 30d, gte: 3}
      - {id: 全部, dimension: d, points: 1, when: {lead.company: {matches: '^[一-龥]+$'}}}
      - {id: owned,  dimension: d, points: 1, when: {lead.city: 上海, owner: li.na}}
    grades: [{grade: A, from: 10}, {grade: B, from: 0}]
"""


def write(folder: Path, network: str = "durable", scoring: str = SCORING) -> Path:
    """Write a small configuration on a network."""
    folder.mkdir(exist_ok=True)
    texts = {
        "scoring": scoring,
        "lifecycle": LIFECYCLE,
        "routing": ROUTING,
        "journeys": JOURNEYS,
        "server": f"database: leads.db\nnetwork: {network}\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def visit(number: int, who: int = 1, **lead: Any) -> dict[str, Any]:
    """A view of the pricing page, with what the visitor says of himself."""
    return {
        "id": f"e{number}",
        "type": "page_viewed",
        "lead": {"user_id": f"u{who}", **lead},
        "properties": {"page": "pricing"},
    }


def children(pid: int) -> list[int]:
    """Return the ids of a process's living children that run durable-rules."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
                if int(stat[1]) == pid and stat[0] != "Z" and b"durable_worker" in command:
                    found.append(int(entry.name))
    return found


@contextlib.contextmanager
def nobody_survives(pid: int) -> Iterator[None]:
    """Kill each durable-rules that a process starts, before it can answer."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.001):  # on a busy machine it is late anyway
            for child in children(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        while children(pid):
            time.sleep(0.01)
        yield
    finally:
        over.set()
        killer.join()
