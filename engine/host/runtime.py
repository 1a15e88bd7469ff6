"""The whole engine on one computer: rules, store, writer and clock, for servers and tools."""

from __future__ import annotations

import asyncio
import math
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from engine.errors import LeadrulesError
from engine.host import forgetting
from engine.host.alarms import Alarms
from engine.host.cache import LeadCache
from engine.host.clock import Clock, SystemClock
from engine.host.compiling import NOTHING, Compiler, inherited
from engine.host.door import Door
from engine.host.entrance import Entrance
from engine.host.gate import released
from engine.host.inbox import Inbox, Task
from engine.host.network import check_network, deciding
from engine.host.outcome import Outcome
from engine.host.plugins import Plugins
from engine.host.telemetry import Telemetry
from engine.host.templates.check import check_templates
from engine.host.visit import Arrival
from engine.host.work import Memory
from engine.host.writer import Queued, Writer
from engine.language.definitions import Definitions
from engine.language.diagnostic import Diagnostic
from engine.language.instants import format_instant
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from engine.store import audit, holding, lookup
from engine.store.database import Store
from engine.store.forgetting import Erased
from engine.store.reading import Reader

T = TypeVar("T")
_LONGEST_WAIT_S: Final = 30


class NotLoaded(LeadrulesError):
    """There are no rules to run by."""

    code = "not-loaded"


class NotRunning(LeadrulesError):
    """The runtime is not started."""

    code = "not-running"


class Rules(msgspec.Struct, frozen=True):
    """What one load gave; swapped as a whole.

    ``deciding`` is the ruleset on the network that server.yaml names.
    """

    ruleset: Ruleset
    deciding: Ruleset
    door: Door
    loaded_at: int


class Reload(msgspec.Struct, frozen=True):
    """The latest attempt to load: what asked for it (`start`, `signal`, `files`, or `person` with
    ``who``), and what was found in the files as they were then.
    """

    at: int
    ok: bool
    by: str
    who: str | None
    findings: tuple[Diagnostic, ...]

    @property
    def errors(self) -> int:
        """How many of the findings kept the rules from being taken up."""
        return sum(each.severity == "error" for each in self.findings)


class Runtime(Entrance):
    """One database run by one configuration folder.

    `load` the rules, `start`, then use the coroutines from any event loop; `stop` writes
    what waits and closes. ``environ`` fills ``${NAME}`` in the configuration, by default from
    the process.
    """

    def __init__(
        self,
        folder: Path,
        database: Path,
        clock: Clock | None = None,
        plugins: Plugins | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.database = database
        self.clock: Clock = clock or SystemClock()
        self.plugins = plugins
        self._environ = os.environ if environ is None else environ
        self._rules: Rules | None = None
        self._files: tuple[Definitions, Mapping[str, Sequence[str]]] | None = None
        self.loads = 0  # good ones; the rules may be the same ones again
        self.last: Reload | None = None  # the latest attempt to load, good or not
        self._inbox = Inbox()
        self._store: Store | None = None
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._outbox: Queued | None = None
        self._compiler = Compiler()
        self.telemetry = Telemetry()
        self._memory: Memory | None = None

    # --- rules -------------------------------------------------------------------------------

    @property
    def ruleset(self) -> Ruleset:
        """The rules that decide now; raises NotLoaded before the first good load."""
        return self._loaded.ruleset

    @property
    def rules(self) -> Rules | None:
        """What the last good load gave, None before it."""
        return self._rules

    @property
    def _loaded(self) -> Rules:
        if self._rules is None:
            raise NotLoaded(f"no rules are loaded; see what validate says of {str(self.folder)!r}")
        return self._rules

    @property
    def sources(self) -> Mapping[str, Sequence[str]]:
        """The lines of every file that the rules in use were loaded from, by path."""
        return {} if self._files is None else self._files[1]

    def load(self, by: str = "start", who: str | None = None) -> list[Diagnostic]:
        """Read the configuration; returns all findings. An error among them changes nothing."""
        added = self.plugins.extensions if self.plugins is not None else {}
        strategies = self.plugins.strategies if self.plugins is not None else {}
        loaded = load_folder(self.folder, self._environ, added, strategies)
        found = loaded.diagnostics
        if loaded.definitions is not None and self.plugins is not None:
            found = [*found, *self.plugins.check(loaded.definitions)]
        if loaded.definitions is not None:
            found = [*found, *check_network(loaded.definitions)]
            found = [*found, *check_templates(loaded.definitions, loaded.sources)]
        ok = loaded.definitions is not None and all(d.severity != "error" for d in found)
        self.last = Reload(self.clock.wall(), ok, by, who, tuple(found))
        if loaded.definitions is not None and ok:
            definitions = loaded.definitions
            if self.plugins is not None:
                definitions = self.plugins.complete(definitions)
            self._files = definitions, loaded.sources
            self.refresh()
        return found

    reload = load

    def refresh(self) -> None:
        """Take the loaded rules up anew, with the old journeys and winners of the database."""
        if self._files is None:
            raise NotLoaded("no rules are loaded yet")
        definitions, sources = self._files
        past = NOTHING
        if self._reader is not None:
            present = self._rules.ruleset if self._rules is not None else None
            past = inherited(self._reader, definitions, present)
        self._use(self._compiler.ruleset(definitions, sources, past))

    def _use(self, ruleset: Ruleset) -> None:
        door = Door(ruleset.catalogue, ruleset.definitions.identities, ruleset.screen)
        self._rules = Rules(ruleset, deciding(ruleset), door, self.clock.wall())
        self.loads += 1
        if self._reader is not None:
            self._reader.model = ruleset.default_model

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the database and begin; raises NotLoaded, DatabaseInUse or BadDatabase."""
        model = self.ruleset.default_model
        store = Store(self.database)
        newest = lookup.last_decided_at(store.connection)
        if newest is not None:
            self.clock.advance(newest)
        teams = lookup.teams(store.connection)
        memory = Memory(self.clock, LeadCache(), Alarms(), teams, self.telemetry)
        self.telemetry.hits.update(audit.hits(store.connection))
        self._memory = memory
        self._store = store
        self._reader = Reader(self.database, model)
        if inherited(self._reader, self.ruleset.definitions, None) != NOTHING:
            self.refresh()
        self._inbox = Inbox()
        self._writer = Writer(
            store, self._inbox, memory, lambda: self._loaded.deciding, self._tell_outbox
        )
        self._writer.start()

    async def stop(self) -> None:
        """Take nothing more, write what waits, and close; may be called twice."""
        self._inbox.close()
        if self._writer is not None:
            await asyncio.to_thread(self._writer.join)
            self._writer = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._store is not None:
            self._store.close()
            self._store = None

    # --- events ------------------------------------------------------------------------------

    async def release(self, id: str, by: str | None) -> list[Outcome]:
        """Let an event and what waits behind it come in; empty when it does not wait."""
        held = await asyncio.to_thread(self.reader.held_arrivals, id)
        verdict = {"by": by, "at": format_instant(self.clock.wall())}
        arrivals = [released(msgspec.json.decode(each, type=Arrival), verdict) for each in held]
        return await self._decided([None] * len(arrivals), list(enumerate(arrivals)))

    async def reject(self, id: str, by: str | None, note: str) -> int:
        """Keep an event and what waits behind it out for good; return how many."""
        now = self.clock.wall()
        return await self.write(lambda c: holding.reject(c, id, now, by, note))

    @property
    def _door(self) -> Door:
        return self._loaded.door

    @property
    def _queue(self) -> Inbox:
        if self._writer is None and not self._inbox.closed:
            raise NotRunning("the runtime is not started")
        return self._inbox

    @property
    def retry_after(self) -> int:
        """Seconds until what waits now is committed, at the pace of late; from 1 to 30."""
        pace = self.telemetry.pace
        wait = len(self._inbox) / pace if pace else 0.0
        return max(1, min(_LONGEST_WAIT_S, math.ceil(wait)))

    async def forget(self, id: str) -> Erased:
        """Erase a lead from everything but the counts; raises NotFound."""
        if self._memory is None or self._store is None:
            raise NotRunning("the runtime is not started")
        after = forgetting.settle(self._memory, self._store)
        erased, _ = await self.write(forgetting.erase(id, self.clock.wall()), after)
        return erased

    async def keep_hits(self) -> None:
        """Write down how often rules have fired, so that the next process knows."""
        counts = dict(self.telemetry.hits)
        await self.write(lambda connection: audit.keep_hits(connection, counts))

    async def write(
        self, fn: Callable[[sqlite3.Connection], T], after: Callable[[T], None] | None = None
    ) -> T:
        """Run ``fn`` in the writer's thread and return its result after the commit.

        It shares a transaction with whatever else waits; what it raises is raised here and
        undoes only its own changes. It must not commit, nor write leads or events. ``after``
        is called with the result in that thread, after the commit.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put_task(Task.to(future, fn, after))
        result: T = await future
        return result

    def on_queued(self, told: Queued | None) -> None:
        """Have ``told`` called after each commit that queued deliveries, in any thread.

        It gets the connections that have something to do, each with the earliest deadline among
        it, and must neither block nor raise. None: nobody listens any more.
        """
        self._outbox = told

    def _tell_outbox(self, connections: Mapping[str, int | None]) -> None:
        told = self._outbox
        if told is not None:
            told(connections)

    # --- looking -----------------------------------------------------------------------------

    @property
    def reader(self) -> Reader:
        """Reads leads and all else, from any thread; raises NotRunning before `start`."""
        if self._reader is None:
            raise NotRunning("the runtime is not started")
        return self._reader

    def status(self) -> dict[str, Any]:
        """Return what operations ask: rules, queue, counts, and how late timers are (s)."""
        rules, counts = self._loaded, self.reader.counts()
        now, due = self.clock.now(), counts["next_wake"]
        return {
            "ruleset": rules.ruleset.version,
            "loaded_at": format_instant(rules.loaded_at),
            "last_reload": _shown(self.last),
            "clock": {"driven": self.clock.driven, "now": format_instant(now)},
            "queue": len(self._inbox),
            "events": counts["events"],
            "leads": counts["leads"],
            "open_tasks": counts["open_tasks"],
            "deliveries": counts["deliveries"],
            "oldest_overdue_timer": 0.0 if due is None else max(0, now - due) / 1_000,
        }

    def moment(self) -> dict[str, Any]:
        """Return those figures of `status` that cost nothing, and how many leads are overdue."""
        rules, now = self._loaded, self.clock.now()
        overdue, oldest = self.reader.overdue(now)
        return {
            "loaded_at": format_instant(rules.loaded_at),
            "last_reload": _shown(self.last),
            "queue": len(self._inbox),
            "overdue_leads": overdue,
            "oldest_overdue_timer": 0.0 if oldest is None else (now - oldest) / 1_000,
        }


def _shown(last: Reload | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {"at": format_instant(last.at), "ok": last.ok, "errors": last.errors}
