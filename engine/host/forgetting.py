"""Forgetting a person, in the database and in the writer's memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from engine.errors import NotFound
from engine.host.work import Memory
from engine.machines import team
from engine.machines.state import Lead
from engine.store import forgetting, lookup
from engine.store.database import Store
from engine.store.forgetting import Erased
from engine.store.writing import write_teams

Result = tuple[Erased, Lead]


def erase(id: str, now: int) -> Callable[[sqlite3.Connection], Result]:
    """Return what forgets a lead within the writer's transaction; it raises NotFound."""

    def run(connection: sqlite3.Connection) -> Result:
        lead = lookup.leads(connection, [id]).get(id)
        if lead is None:
            raise NotFound(f"there is no lead {id!r}")
        before = lookup.teams(connection)
        after = team.close(before, lead)
        changed = {k: v for k, v in after.books.items() if before.books.get(k) is not v}
        if changed:  # the owner has one open lead less
            write_teams(connection, changed)
        return forgetting.erase(connection, lead, now), lead

    return run


def settle(memory: Memory, store: Store) -> Callable[[Result], None]:
    """Return what makes memory and write-ahead log forget too, after the commit."""

    def run(result: Result) -> None:
        lead = result[1]
        memory.cache.drop(lead.id)
        memory.cache.unlink()  # the same event sent again makes a lead with the same id
        memory.alarms.set(lead.id, None)
        memory.teams = team.close(memory.teams, lead)
        forgetting.checkpoint(store.connection)

    return run
