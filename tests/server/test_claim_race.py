"""64 people claim from one pool at once, from a server that really runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from engine.host.plugins import Plugins
from engine.host.verifying import verify
from engine.language.load import load_folder
from engine.machines.people.claiming import book_of
from engine.network.ruleset import Ruleset
from engine.store.reading import Reader
from tests.server.test_process import Served, post, server
from tests.serving import form, write_config

CLIENTS = 64
LEADS = 400
PER_DAY = 5
MEMBERS = [f"销售{n:02d}" for n in range(CLIENTS)]
ROUTING = f"""
teams:
  east: {{members: [{", ".join(f"{{id: {m}, capacity: 4}}" for m in MEMBERS[:32])}]}}
  west: {{members: [{", ".join(f"{{id: {m}}}" for m in MEMBERS[32:])}]}}
rules: [{{id: rest, assign: {{pool: public}}}}]
pools: {{public: {{label: 公海池, claim: {{per_day: {PER_DAY}, previous_owner_after: 7d}}}}}}
"""
JOURNEYS = """
journeys:
  - {id: route, enter: {event: form_submitted}, steps: [{id: assign, route: {}}]}
"""


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[tuple[Served, Path, Path]]:
    """Run a server whose pool has leads for everybody, and more."""
    config = write_config(tmp_path / "config", routing=ROUTING, journeys=JOURNEYS)
    database = tmp_path / "leads.db"
    with server(config, database) as served:
        assert served.url is not None
        post(served.url, *(form(n) for n in range(LEADS)))
        yield served, config, database


async def _everybody(url: str) -> dict[str, list[int]]:
    """Let each client claim leads in an order of its own; return the statuses by member."""
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    statuses: dict[str, list[int]] = {member: [] for member in MEMBERS}
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        claim = "/v1/leads/w{}@acme.cn/claim"

        async def one(member: str) -> None:
            # All begin with the same lead, then each goes its own way.
            order = [0, *Random(member).sample(range(1, LEADS), 9)]
            for number in order:
                answer = await client.post(claim.format(number), json={"by": member})
                statuses[member].append(answer.status_code)

        await asyncio.gather(*map(one, MEMBERS))
    return statuses


def test_64_claim_at_once(crowd: tuple[Served, Path, Path]) -> None:
    """Each lead has one owner, who was told so; nobody has more than the limits; replay agrees."""
    served, config, database = crowd
    assert served.url is not None
    statuses = asyncio.run(_everybody(served.url))
    assert {status for each in statuses.values() for status in each} == {200, 409}
    assert sum(each[0] == 200 for each in statuses.values()) == 1  # of those who wanted lead 0
    plugins = Plugins(entry_points=False)
    loaded = load_folder(config, extensions=plugins.extensions, strategies=plugins.strategies)
    definitions = loaded.definitions
    assert definitions is not None
    reader = Reader(database)
    try:
        leads = reader.leads(limit=LEADS).items
        owned = Counter(lead["owner"] for lead in leads if lead["owner"])
        assert owned == Counter({m: n for m, each in statuses.items() if (n := each.count(200))})
        assert max(owned[m] for m in MEMBERS[:32]) == 4  # their capacity
        assert max(owned[m] for m in MEMBERS[32:]) == PER_DAY
        assert all((lead["owner"] is None) == (lead["pool"] == "public") for lead in leads)
        books = reader.teams().books
        assert {m: n for m, (_, n) in books[book_of("public")].days.items()} == owned
        assert {**books["east"].loads, **books["west"].loads} == owned
        answers = Counter(
            (entry.event.type, entry.lead)
            for entry in reader.log()
            if entry.event.type in ("lead_assigned", "claim_refused")
            and ":claim:" in entry.event.id
        )
        granted = [n for (kind, _), n in answers.items() if kind == "lead_assigned"]
        assert granted == [1] * len(granted)
        assert len(granted) == sum(owned.values())
        refused = sum(n for (kind, _), n in answers.items() if kind == "claim_refused")
        assert refused == sum(each.count(409) for each in statuses.values())
    finally:
        reader.close()
    ruleset = Ruleset(definitions)
    assert {checked.verdict for checked in verify(database, {}, ruleset)} == {"same"}
