"""Leads that turn out to be one: tests and simulations do with them what a running server does."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.host.clock import StreamClock
from engine.host.door import Door
from engine.host.runtime import Runtime
from engine.host.visit import Arrival, Visit
from engine.language.diagnostic import Diagnostics
from engine.machines.balance import sums
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.coverage import measure
from engine.workbench.runner import Result, run_case
from engine.workbench.simulate import simulate
from engine.workbench.timeline import as_text
from engine.workbench.world import World
from tests.host.conftest import JOURNEYS, ROUTING, SCORING

SPRING = datetime(2026, 3, 2, 1, tzinfo=UTC)
KINDS = [
    ("page_viewed", {"page": "pricing"}),
    ("content_downloaded", {"kind": "whitepaper"}),
    ("form_submitted", {"form": "contact"}),
    ("call_logged", {"outcome": "connected"}),
]


def stream(seed: int) -> list[dict[str, Any]]:
    """Sixty events of a few people, who change browsers and share some, in random order."""
    chance = random.Random(seed)
    at, events = SPRING, []
    for number in range(60):
        at += timedelta(hours=chance.randrange(1, 60))
        who = chance.randrange(4)
        lead: dict[str, Any] = {"anonymous_id": f"browser-{chance.randrange(6)}"}
        if chance.random() < 0.35:
            lead["email"] = f"wang{who}@jintai-famen.cn"
        if chance.random() < 0.25:
            lead["phone"] = f"1380013800{who}"
        if chance.random() < 0.2:
            lead |= {"industry": "制造业", "province": "上海"}
        kind, properties = chance.choice(KINDS)
        events.append(
            {
                "id": f"e{number}",
                "type": kind,
                "at": at.isoformat(),
                "lead": lead,
                "properties": properties,
            }
        )
    return events


def live(folder: Path, events: list[dict[str, Any]]) -> dict[frozenset[Any], Any]:
    """Return how the leads of a real database stand after the events, each by its identities."""

    async def whole() -> dict[frozenset[Any], Any]:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
        assert not [d for d in runtime.load() if d.severity == "error"]
        runtime.start()
        try:
            for each in events:
                (outcome,) = await runtime.submit([each])
                assert outcome.status == "accepted"

            def rows(connection: Any) -> tuple[list[Any], list[Any], list[Any]]:
                return (
                    connection.execute("SELECT lead, kind, value FROM identities").fetchall(),
                    connection.execute(
                        "SELECT lead, model, dimension, rule, sum(points) FROM ledger"
                        " GROUP BY 1, 2, 3, 4"
                    ).fetchall(),
                    connection.execute("SELECT id FROM leads").fetchall(),
                )

            identities, ledger, leads = await runtime.write(rows)
            found = {}
            for (id,) in leads:
                lead = runtime.reader.state(id)
                assert lead is not None
                names = frozenset((kind, value) for of, kind, value in identities if of == id)
                points = {tuple(row[1:4]): row[4] for row in ledger if row[0] == id and row[4]}
                found[names] = (standing(lead), points)
            return found
        finally:
            await runtime.stop()

    return asyncio.run(whole())


def played(ruleset: Ruleset, events: list[dict[str, Any]]) -> tuple[World, dict[Any, Any]]:
    """Return the world after the same events, and how its leads stand."""
    door = Door(ruleset.catalogue, ruleset.definitions.identities, ruleset.screen)
    world: World | None = None
    for each in events:
        instant = int(datetime.fromisoformat(each["at"]).timestamp() * 1_000)
        arrival = door.read(each, Visit(instant, instant, "api"))
        assert isinstance(arrival, Arrival)
        world = world or World(ruleset, instant)
        world.advance(instant)
        world.take(arrival.event, arrival.identities)
    assert world is not None
    found = {}
    for id, lead in world.leads.items():
        names = frozenset(name for name, of in world.known.items() if of == id)
        lines = [
            line for m in world.log if world.present(m.lead) == id for line in m.decision.ledger
        ]
        points = {key: given for key, given in sums(lines).items() if given}
        found[names] = (standing(lead), points)
    return world, found


def standing(lead: Lead) -> dict[str, Any]:
    """Return a lead's state, without what only names it."""
    text = msgspec.json.encode(msgspec.structs.replace(lead, id="", assignment=None)).decode()
    # A journey that the merge itself began names it by the absorbed lead.
    state: dict[str, Any] = msgspec.json.decode(re.sub(r"merged:[^:]+:", "merged:", text))
    return state


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_a_server_does(tmp_path: Path, seed: int) -> None:
    """After the same events a world has the leads of a real database, merged and kept apart alike:
    state, points by rule, deadlines, journeys, owners, to the last value.
    """
    folder = tmp_path / "config"
    folder.mkdir()
    for name, text in (("scoring", SCORING), ("routing", ROUTING), ("journeys", JOURNEYS)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    events = stream(seed)
    runtime = Runtime(folder, Path(), environ={})
    runtime.load()
    world, found = played(runtime.ruleset, events)
    assert sum(m.event.type == "lead_merged" for m in world.log) >= 1
    assert found == live(folder, events)


CASE = """
start: 2026-03-02T09:00:00+08:00
lead: {anonymous_id: browser-1}
cases:
  - name: what a browser did counts for the person
    events:
      - {at: 0d, event: page_viewed, page: pricing}
      - {at: 1d, event: content_downloaded, kind: whitepaper, lead: {anonymous_id: browser-2, email: wang@jintai-famen.cn}}
      - {at: 2d, event: form_submitted, form: contact, lead: {email: wang@jintai-famen.cn}}
    expect:
      - {at: 0d, score.total: 15, tasks: []}
      - {at: 2d, score.total: 37.5, fired: [pricing, download, business, busy]}
      - {at: 3d, tasks: [{title: 未浏览}]}
"""


def run(rules: Callable[..., Ruleset], text: str) -> tuple[Ruleset, Result]:
    """Run one case of the small company's rules."""
    ruleset = rules(scoring=SCORING, routing=ROUTING, journeys=JOURNEYS)
    found = Diagnostics()
    (case,) = read_cases(text.encode(), "x.test.yaml", ruleset, found)
    assert not found.items, found.items
    return ruleset, run_case(ruleset, case)


def test_a_case_whose_events_show_two_leads_to_be_one(rules: Callable[..., Ruleset]) -> None:
    """The lead of a case is what became of it: points of both count, once each, and what either
    fired is told; coverage takes it for shown.
    """
    ruleset, result = run(rules, CASE)
    assert result.failures == ()
    assert result.asked[-1].leads == {"lead-1", "lead-2"}
    missing = {(point.rule, point.aspect) for point in measure(ruleset, [result]).missing}
    assert ("idle", "fired") in missing
    assert not missing & {(id, "fired") for id in ("pricing", "download", "business", "busy")}


def test_a_simulation_tells_of_a_merge(rules: Callable[..., Ruleset]) -> None:
    """The timeline says which lead went into which and why, and ends with the one lead."""
    ruleset = rules(scoring=SCORING, routing=ROUTING, journeys=JOURNEYS)
    door = Door(ruleset.catalogue, ruleset.definitions.identities, ruleset.screen)
    start = int(SPRING.timestamp() * 1_000)
    arrivals = []
    for number, lead in enumerate(
        (
            {"anonymous_id": "b1"},
            {"anonymous_id": "b2", "email": "wang@jintai-famen.cn"},
            {"anonymous_id": "b1", "email": "wang@jintai-famen.cn"},
        )
    ):
        raw = {
            "id": f"e{number}",
            "type": "page_viewed",
            "lead": lead,
            "properties": {"page": "pricing"},
        }
        read = door.read(raw, Visit(start, start, "api"))
        assert isinstance(read, Arrival)
        arrivals.append(read)
    simulation = simulate(ruleset, arrivals, start, start)
    assert [lead.id for lead in simulation.leads] == ["lead-2"]
    text = "\n".join(as_text(ruleset, simulation))
    assert "lead_merged" in text
    assert "absorbed lead-1" in text
    assert "e2 names both by anonymous_id, email" in text
