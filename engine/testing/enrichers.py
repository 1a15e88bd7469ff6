"""The contract of enrichers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from engine.host.door import Door
from engine.host.visit import Arrival, Visit
from engine.plugin import Enricher, LeadView
from engine.testing.clock import FakeClock
from engine.testing.sound import company, registered

_ID = "0197f3a0-0000-7000-8000-000000000001"


class EnricherContract:
    """What every enricher keeps to. Set ``enricher`` and ``known``: leads that it knows.

    ``known`` and ``unknown`` are fields of leads by name, such as ``{"company": "金泰阀门"}``;
    ``catalogue`` is what the plugin adds to it.
    """

    enricher: Enricher
    known: Sequence[Mapping[str, Any]] = ()
    unknown: Sequence[Mapping[str, Any]] = ({},)
    catalogue: Mapping[str, Any] = {}

    def ask(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what it says of a lead."""
        return asyncio.run(self._ask(fields))

    async def _ask(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        async with asyncio.timeout(30):
            return await self.enricher.enrich(LeadView(_ID, fields))

    def test_it_registers(self) -> None:
        """The engine takes it."""
        assert self.enricher.name in registered("register_enrichers", self.enricher).enrichers

    def test_what_it_knows_are_fields(self) -> None:
        """Of each lead that it knows it says something, and the engine takes it."""
        definitions = company(self.catalogue)
        door = Door(definitions.catalogue, definitions.identities)
        now = FakeClock().now()
        for fields in self.known:
            answer = self.ask(fields)
            assert answer, f"it says nothing of {dict(fields)}"
            raw = {"type": "lead_enriched", "lead": {**answer, "id": _ID}, "properties": {}}
            read = door.read(raw, Visit(now, now, "enrichment", own=True))
            assert isinstance(read, Arrival), read

    def test_what_it_does_not_know_it_leaves_out(self) -> None:
        """Of a lead that it does not know it says nothing, and raises nothing."""
        for fields in self.unknown:
            assert self.ask(fields) == {}
