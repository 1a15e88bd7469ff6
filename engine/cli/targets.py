"""Where imported events go: a running server, a database of its own, or nowhere (a dry run)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from engine.cli.client import Client, ServerRefused

if TYPE_CHECKING:
    from engine.host.outcome import Outcome
    from engine.language.definitions import Definitions

BUSY: Final = frozenset({429, 503, 507})
Raw = Mapping[str, Any]


class Answer(msgspec.Struct, frozen=True):
    """What became of one event: accepted, duplicate, quarantined, rejected or again.

    ``reason`` says why it was rejected; ``again`` means that it may be sent once more.
    """

    status: str
    reason: str = ""
    lead: str | None = None


class Target(Protocol):
    """Takes events in; an answer for each, in their order, when they are stored."""

    def send(self, events: Sequence[Raw]) -> list[Answer]: ...
    def close(self) -> None: ...


class ServerTarget:
    """A running server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, events: Sequence[Raw]) -> list[Answer]:
        """Post a batch; raises Unreachable, ServerRefused."""
        try:
            answer = self._client.post("/v1/events", list(events))
        except ServerRefused as error:
            if error.code == "no-event-accepted":
                return [_refused(detail) for detail in error.details]
            if error.status in BUSY:
                return [Answer("again", "the server is too busy")] * len(events)
            raise
        # The answer counts duplicates and does not name them; only their number is told anyway.
        counts = answer["accepted"], answer["duplicates"]
        taken = iter(["accepted"] * counts[0] + ["duplicate"] * counts[1])
        return [_answer(result, taken) for result in answer["results"]]

    def close(self) -> None:
        """Hang up."""
        self._client.__exit__()


def _answer(result: Mapping[str, Any], taken: Iterator[str]) -> Answer:
    if "error" in result:
        return _refused(result["error"])
    if "quarantined" in result:
        return Answer("quarantined")
    return Answer(next(taken), lead=result.get("lead"))


def _refused(error: Mapping[str, Any]) -> Answer:
    if error["code"] in ("overloaded", "storage"):
        return Answer("again", error["message"])
    return Answer("rejected", error["message"])


class DatabaseTarget:
    """A database that no server runs; what is to be sent waits for the next `serve`."""

    def __init__(self, config: Path, database: Path) -> None:
        from engine.host.plugin_files import plugins_of
        from engine.host.runtime import Runtime

        self._runner = asyncio.Runner()
        self._runtime = Runtime(config, database, plugins=plugins_of(config), environ=os.environ)
        self._runtime.load()
        try:
            self._runtime.start()
        except Exception:
            self._runner.close()
            raise

    def send(self, events: Sequence[Raw]) -> list[Answer]:
        """Decide and commit a batch."""
        return [_told(o) for o in self._runner.run(self._runtime.submit(list(events)))]

    def close(self) -> None:
        """Write what waits and close the file."""
        with suppress(RuntimeError):
            self._runner.run(self._runtime.stop())
        self._runner.close()


def _told(outcome: Outcome) -> Answer:
    if outcome.status == "overloaded":
        return Answer("again", str((outcome.error or {}).get("message", "")))
    reason = str((outcome.error or {}).get("message", ""))
    return Answer(outcome.status, reason, outcome.lead)


class DryTarget:
    """Nowhere: events are checked and screened as they would be, and nothing is stored."""

    def __init__(self, definitions: Definitions) -> None:
        from engine.host.door import TOLERANCE, Door
        from engine.host.visit import Visit
        from engine.network.ruleset import Ruleset

        ruleset = Ruleset(definitions)
        now = time.time_ns() // 1_000_000
        self._door = Door(ruleset.catalogue, definitions.identities, ruleset.screen)
        self._visit = Visit(now, now + TOLERANCE, "import")

    def send(self, events: Sequence[Raw]) -> list[Answer]:
        """Check a batch."""
        return [self._checked(event) for event in events]

    def _checked(self, raw: Raw) -> Answer:
        from engine.host.visit import Arrival

        read = self._door.read(dict(raw), self._visit)
        if not isinstance(read, Arrival):
            return _told(read)
        screened = read.event.screened
        if screened.get("do") == "reject":
            return Answer("rejected", screened["reason"])
        return Answer("quarantined" if screened.get("do") == "quarantine" else "accepted")

    def close(self) -> None:
        """Nothing is open."""
