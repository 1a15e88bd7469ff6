"""Decoded events for a writer, and a writer that takes them batch by batch.

What the programs that measure the host share: people with Chinese names and companies, each with
three identities, whose events run through guide 004's rules.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _stream import stream
from msgspec.structs import replace
from search import leads as people

from engine.host.alarms import Alarms
from engine.host.batching import Batching
from engine.host.cache import LeadCache
from engine.host.clock import Clock, StreamClock
from engine.host.inbox import Inbox, Item, Job
from engine.host.outcome import Outcome
from engine.host.visit import Arrival
from engine.host.work import Memory
from engine.host.writer import Writer
from engine.language.load import load_folder
from engine.machines.directory import Identity
from engine.machines.state import Teams
from engine.network.ruleset import Ruleset
from engine.store.database import Store

GUIDE: Path = Path(__file__).parent / "guide004"


def rules(folder: Path = GUIDE) -> Ruleset:
    """Return the compiled rules of a folder; raises SystemExit where they don't load."""
    loaded = load_folder(folder, {})
    if loaded.definitions is None:
        raise SystemExit(f"{folder} does not load: {loaded.diagnostics}")
    return Ruleset(loaded.definitions)


def arrivals(leads: int, events: int, seed: int = 4) -> list[Arrival]:
    """Return ``events`` decoded events for each of ``leads``, in order of time.

    The first of each lead brings name, company, e-mail and telephone number; all others come
    with the user's id alone, as from a website.
    """
    names: dict[str, tuple[dict[str, object], tuple[Identity, ...]]] = {}
    for number, (lead, identities) in enumerate(people(leads, random.Random(seed))):
        fields = ("name", "company", "email", "phone")
        facts = {name: lead.facts[f"lead.{name}"] for name in fields}
        names[f"lead-{number}"] = facts, identities
    found = []
    for lead, event in stream(leads, events, seed):
        user: tuple[Identity, ...] = (("user_id", lead),)
        facts, identities = names.pop(lead, ({}, ()))
        whole = replace(event, lead={**event.lead, **facts}) if facts else event
        found.append(Arrival(whole, (*user, *identities)))
    return found


class Host:
    """A writer of its own thread on one database, fed from one event loop."""

    def __init__(
        self, store: Store, ruleset: Ruleset, clock: Clock | None = None, dictates: bool = True
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self._inbox = Inbox()
        self.memory = Memory(clock or StreamClock(), LeadCache(), Alarms(), Teams())
        # A batch is to be one transaction, however long it takes.
        batching = Batching(longest=60.0)
        self._writer = Writer(
            store,
            self._inbox,
            self.memory,
            lambda: ruleset,
            batching=batching,
            dictates=dictates,
        )
        self._writer.start()

    def take(self, batch: list[Arrival]) -> list[Outcome]:
        """Have a batch decided and committed; returns when it is durable."""
        return self.loop.run_until_complete(self._take(batch))

    async def _take(self, batch: list[Arrival]) -> list[Outcome]:
        future: asyncio.Future[list[Outcome]] = self.loop.create_future()
        job = Job.to(future, [None] * len(batch), len(batch))
        self._inbox.put([Item(arrival, job, n) for n, arrival in enumerate(batch)])
        return await future

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._inbox.close()
        self._writer.join()
        self.loop.close()


@contextmanager
def hosting(path: Path, ruleset: Ruleset) -> Iterator[Host]:
    """Run a host on a database until the end of the block."""
    store = Store(path)
    host = Host(store, ruleset)
    try:
        yield host
    finally:
        host.close()
        store.close()
