"""Reading: leads, timelines, to-dos, deliveries and figures, always from the latest commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.language.contacts import HOME
from engine.language.handling import AutoWinner, Journey
from engine.machines.directory import Identity
from engine.machines.sequential import Arm
from engine.machines.state import Happening, Lead, Teams
from engine.store import (
    answers,
    audit,
    companies,
    configurations,
    enrichments,
    experiments,
    holding,
    lookup,
    merges,
    queries,
    retention,
    rows,
    sent,
    shapes,
    snapshots,
    versions,
)
from engine.store.boards import Boards
from engine.store.configurations import Configuration
from engine.store.database import connect_reader
from engine.store.figures import Figures
from engine.store.inbox import Inbox
from engine.store.listing import Wanted, find_leads
from engine.store.logged import Logged
from engine.store.merges import Merged
from engine.store.pages import Page, from_cursor, page
from engine.store.sent import Sent
from engine.store.shapes import Item
from engine.store.snapshots import Snapshot

_NEWEST: Final = (2**63 - 1, 9, 0)
_CHUNK: Final = 1_000
_EVER: Final = (-(2**53), 2**53)


class Reader:
    """Reads one database, from any thread: each has a connection of its own.

    ``model`` is the default scoring model, whose score is the lead's own. Cursors come from
    the ``next`` of the page before; a bad one raises BadCursor. Reading never blocks writing.
    """

    def __init__(self, path: Path, model: str = "default") -> None:
        self.path = path
        self.model = model
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []

    @property
    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = connect_reader(self.path)
            self._all.append(found)
        return found

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._all:
            self._all.pop().close()
        self._own = threading.local()

    # --- leads -------------------------------------------------------------------------------

    def leads(
        self,
        text: str | None = None,
        filters: Mapping[str, str | None] | None = None,
        limit: int = 50,
        cursor: str | None = None,
        sort: str | None = None,
    ) -> Page:
        """Return leads, latest change first; those found by ``text`` newest first.

        ``text`` is looked for in name, company, e-mail, phone and id; ``filters`` by grade,
        stage, owner, team, pool or source, where None means "has none". ``sort`` is updated,
        created or score, each highest first.
        """
        wanted = Wanted(text=text, filters=filters or {}, sort=sort)
        found = find_leads(self._connection, wanted, limit, cursor)
        states = (rows.lead_state(row["state"]) for row in found.rows)
        return Page([shapes.lead_record(state, self.model) for state in states], found.next)

    def lead(self, id: str) -> Item | None:
        """Return a lead's record as the API shows it, None when there is none."""
        lead = self.state(id)
        return shapes.lead_record(lead, self.model) if lead else None

    def state(self, id: str) -> Lead | None:
        """Return a lead's whole state, None when there is none."""
        row = self._connection.execute(queries.STATE, (id,)).fetchone()
        return rows.lead_state(row["state"]) if row else None

    def states(self, ids: Sequence[str]) -> dict[str, Lead]:
        """Return the whole states of those leads that there are, by id.

        The id of a lead that was merged into another stands for that one.
        """
        found = lookup.leads(self._connection, ids)
        for id in ids:
            present = None if id in found else merges.survivor_of(self._connection, id)
            state = self.state(present) if present is not None else None
            if state is not None:
                found[id] = state
        return found

    def find(self, text: str, region: str = HOME) -> str | None:
        """Return the id of the lead that ``text`` means, None when nothing fits.

        A lead's id, any of its identities (an e-mail address in any case, a number of ``region``
        in whatever form), or the id of one of its events.
        """
        row = self._connection.execute(queries.FIND, lookup.named(text, region)).fetchone()
        return row[0] if row else None

    def timeline(self, lead: str, limit: int = 100, cursor: str | None = None) -> Page:
        """Return everything that happened to a lead, newest first.

        Items have at, kind (event, score, happening, task, delivery), id and type; an event's
        id is the client's own.
        """
        after = from_cursor(cursor, (int, int, int)) if cursor else _NEWEST
        found = self._connection.execute(queries.TIMELINE, (lead, *after, limit + 1)).fetchall()
        items = [shapes.timeline_item(row) for row in found]
        return page(found, limit, items, "at", "rank", "line")

    def ledger(self, lead: str) -> list[Item]:
        """Return the lines that make up a lead's scores, in the order they were written."""
        found = self._connection.execute(queries.LEDGER, (lead,))
        return [shapes.ledger_line(row) for row in found]

    def history(self, lead: str) -> Iterator[Logged]:
        """Yield the events of one lead in the order of their decisions."""
        yield from map(rows.logged, self._connection.execute(queries.HISTORY, (lead,)))

    def happenings(self, lead: str) -> list[Happening]:
        """Return what the engine did with a lead or decided, in the order of its doing."""
        found = self._connection.execute(queries.HAPPENINGS, (lead,))
        return [Happening(row["at"], row["kind"], rows.from_json(row["data"])) for row in found]

    # --- work --------------------------------------------------------------------------------

    def tasks(
        self,
        owner: str | None = None,
        status: str | None = None,
        lead: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Return to-dos, the most urgent first; those without a date come last."""
        given = {"t.status": status, "t.lead": lead}
        where = _equal({k: v for k, v in given.items() if v is not None}, tuple(given))
        if owner is not None:
            one = (owner,) if status is None else (owner, status)
            such = "" if status is None else "AND status = ?"
            where.append((queries.TASKS_OF.format(status=such), (*one, *one)))
        if cursor:
            where.append((queries.TASKS_AFTER, from_cursor(cursor, (int, str))))
        found = self._select(queries.TASKS, where, limit)
        return page(found, limit, [shapes.task(row) for row in found], "due_key", "id")

    def task(self, id: str) -> Item | None:
        """Return one to-do, None when there is none."""
        found = self._select(queries.TASKS, [("t.id = ?", (id,))], 1)
        return shapes.task(found[0]) if found else None

    def deliveries(
        self,
        status: str | None = None,
        lead: str | None = None,
        connection: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Return deliveries, newest first."""
        given = {"lead": lead, "connection": connection}
        where = _equal({k: v for k, v in given.items() if v is not None}, tuple(given))
        if status is not None:
            walked = lead is not None or (connection is not None and self._has_many(status))
            where.append(("+status IS ?" if walked else "status IS ?", (status,)))
        if cursor:
            where.append((queries.DELIVERIES_AFTER, from_cursor(cursor, (int,))))
        found = self._select(queries.DELIVERIES, where, limit)
        return page(found, limit, [shapes.delivery(row) for row in found], "line")

    def _has_many(self, status: str) -> bool:
        """Whether so many deliveries have a status that all are sooner walked than looked up."""
        return bool(self._connection.execute(queries.DELIVERIES_MANY, (status,)).fetchone()[0])

    def delivery(self, key: str) -> Item | None:
        """Return one delivery, None when there is none."""
        found = self._select(queries.DELIVERIES, [("key = ?", (key,))], 1)
        return shapes.delivery(found[0]) if found else None

    def sent_by_provider_id(self, connections: Collection[str], id: str) -> Sent | None:
        """Return what a provider calls ``id``, if one of ``connections`` sent it to a lead."""
        return sent.by_provider_id(self._connection, connections, id)

    def newest_sent(
        self, connections: Collection[str], identity: Identity, unnamed: bool = False
    ) -> Sent | None:
        """Return the newest delivery to the lead with an identity; None when nobody has it.

        With ``unnamed`` only deliveries whose provider's id is not known.
        """
        return sent.newest(self._connection, connections, identity, unnamed)

    def teams(self) -> Teams:
        """Return the running state of the teams: loads and turns."""
        return lookup.teams(self._connection)

    def claim_answer(self, lead: str, event: str) -> tuple[str, Item]:
        """Return the type and the properties of the answer to a claim; ("", {}) for none."""
        return answers.claim(self._connection, lead, event)

    def happened(self, lead: str, event: str, kind: str) -> Item | None:
        """Return the details of what an event brought about, None where it did not."""
        return answers.happened(self._connection, lead, event, kind)

    def pools(self, ends: Sequence[str]) -> dict[str, int]:
        """Return how many leads each pool holds, without those in the stages ``ends``."""
        return answers.pools(self._connection, ends)

    # --- intake ------------------------------------------------------------------------------

    def quarantine(self, status: str, limit: int = 100, cursor: str | None = None) -> Page:
        """Return the events that intake held, the newest first."""
        return holding.quarantine(self._connection, status, limit, cursor)

    def rejected(self, limit: int = 100, cursor: str | None = None) -> Page:
        """Return the events that intake rejected, the newest first."""
        return holding.rejected(self._connection, limit, cursor)

    def held_arrivals(self, id: str) -> list[str]:
        """Return an event that waits in quarantine and those behind it, as JSON."""
        return holding.arrivals(self._connection, id)

    def screened(self) -> Item:
        """Return {quarantined, rejected}: how many wait, and how many were turned away."""
        return dict(holding.counts(self._connection))

    def enrichments(self, lead: str) -> list[Item]:
        """Return what enrichers were asked about a lead."""
        return enrichments.of_lead(self._connection, lead)

    # --- figures -----------------------------------------------------------------------------

    def figures(self) -> Figures:
        """Return what reports count, to be used by this thread only."""
        return Figures(self._connection)

    def boards(self) -> Boards:
        """Return what the console's pages count; to be used in this thread."""
        return Boards(self._connection)

    def inbox(self) -> Inbox:
        """Return what salespeople are told; to be used in this thread."""
        return Inbox(self._connection)

    def stage_entries(self) -> list[Item]:
        """Return {source, now, entered, leads}: how many stand in stage ``now`` by which way.

        ``entered`` lists the stages that these leads have ever entered.
        """
        return [
            {"source": o or None, "now": s or None, "entered": rows.from_json(e), "leads": n}
            for o, _, _, s, e, _, n in self.figures().groups(*_EVER)
        ]

    def counts(self) -> Item:
        """Return {events, leads, open_tasks, next_wake (an instant or None), deliveries}.

        ``deliveries`` maps a status to how many have it.
        """
        counts = dict(self._connection.execute(queries.COUNTS).fetchone())
        by_status = self._connection.execute(queries.DELIVERY_COUNTS)
        return {**counts, "deliveries": dict(tuple(row) for row in by_status)}

    def last_decided_at(self) -> int | None:
        """Return the instant of the newest decision, None for an empty log."""
        return lookup.last_decided_at(self._connection)

    def overdue(self, now: int) -> tuple[int, int | None]:
        """Return how many leads were to be woken before ``now``, and since when the first."""
        found = self._connection.execute(queries.OVERDUE, (now,)).fetchone()
        return found[0], found[1]

    def deeds(
        self,
        who: str | None = None,
        lead: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return what people and programs did through the API, newest first."""
        return audit.deeds(self._connection, who, lead, limit, cursor)

    def last_sweep(self) -> Item | None:
        """Return {at, removed} of retention's last pass, None before the first."""
        return retention.last(self._connection)

    def snapshot(self, lead: str) -> Snapshot | None:
        """Return where the replay of a lead begins, None for its first event."""
        return snapshots.snapshot(self._connection, lead)

    def snapshots(self, leads: Iterable[str]) -> dict[str, Snapshot]:
        """Return the same for several leads, of those that have one."""
        return snapshots.of_leads(self._connection, leads)

    def merges(self, lead: str) -> list[Merged]:
        """Return every merge into a lead, the latest first; those that were undone, too."""
        return merges.of_lead(self._connection, lead)

    def colleagues(self, lead: str, limit: int = 50, cursor: str | None = None) -> Page:
        """Return other leads of the same company, each with what says so, in order of their ids.

        ``by`` lists ``name:`` and ``domain:``, as they are compared.
        """
        (after,) = from_cursor(cursor, (str,)) if cursor else ("",)
        found = companies.colleagues(self._connection, lead, limit + 1, after)
        items = [
            {**shapes.lead_record(rows.lead_state(state), self.model), "by": by}
            for _, state, by in found
        ]
        return page([{"id": each[0]} for each in found], limit, items, "id")

    def is_absorbed(self, id: str) -> bool:
        """Whether ``id`` is of a lead that was merged into another."""
        return merges.survivor_of(self._connection, id) is not None

    def log(self, after: int = 0) -> Iterator[Logged]:
        """Yield the events behind number ``after`` in the order of their decisions."""
        while True:
            found = self._connection.execute(queries.LOG, (after, _CHUNK)).fetchall()
            yield from map(rows.logged, found)
            if len(found) < _CHUNK:
                return
            after = found[-1]["seq"]

    def journeys_in_use(self) -> list[Journey]:
        """Return the definitions of journeys, old ones too, that leads may be in."""
        return versions.live(self._connection)

    def journey_versions(self) -> dict[tuple[str, str], Journey]:
        """Return all definitions of journeys that are kept, by (journey, version)."""
        return versions.every(self._connection)

    def rulesets(self) -> list[versions.Composed]:
        """Return what each ruleset was made of that decided anything."""
        return versions.composed(self._connection)

    def configurations(self) -> list[Configuration]:
        """Return the configurations whose texts are kept, the one loaded last first."""
        return configurations.latest(self._connection)

    def configuration(self, version: str) -> dict[str, str] | None:
        """Return a configuration's files, texts by name; None when it is not kept."""
        return configurations.files(self._connection, version)

    def winners(self) -> dict[tuple[str, str], str]:
        """Return which variant each decided split is for, by (journey, step)."""
        return experiments.winners(self._connection)

    def arms(self, journey: str, step: str, auto: AutoWinner, now: int) -> dict[str, Arm]:
        """Return the figures of a split's variants, of leads whose time is over."""
        return experiments.arms(self._connection, journey, step, auto, now)

    def _select(
        self, statement: str, where: list[tuple[str, tuple[Any, ...]]], limit: int
    ) -> list[sqlite3.Row]:
        """Run a list's SELECT, with one row more than ``limit`` to see whether more follow."""
        terms = " AND ".join(term for term, _ in where) or "1"
        values = [value for _, given in where for value in given]
        return self._connection.execute(
            statement.format(where=terms), (*values, limit + 1)
        ).fetchall()


def _equal(
    filters: Mapping[str, str | None], allowed: tuple[str, ...]
) -> list[tuple[str, tuple[Any, ...]]]:
    """Return a term for each filter. Column names come from ``allowed`` only."""
    return [(f"{name} IS ?", (filters[name],)) for name in allowed if name in filters]
