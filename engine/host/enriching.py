"""Enrichers at work: asked after the commit, their answers come in through the door.

At least once: a question whose process died is asked again. An answer is an event
``lead_enriched`` with an id of its own, so that it counts once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from engine.host.calling import Overdue, bounded, place, told
from engine.host.clock import Clock
from engine.host.outcome import Outcome
from engine.host.plugins import Plugins
from engine.host.rounds import Rounds
from engine.language.instants import MINUTE, SECOND
from engine.language.intake import Enrichment
from engine.network.ruleset import Ruleset
from engine.plugin import LeadView
from engine.store import enrichments
from engine.store.enrichments import Question
from engine.store.reading import Reader

logger = logging.getLogger("leadrules.enrichment")

AT_ONCE: Final = 4
MAX_ATTEMPTS: Final = 5
IDLE_S: Final = 0.5
PREFIX: Final = "enriched:"
CHANNEL: Final = "enrichment"
_AWAY: Final = 2 * MINUTE  # longer than any timeout: nobody asks a second time meanwhile
T = TypeVar("T")


class Host(Protocol):
    """What enriching needs of the runtime."""

    @property
    def ruleset(self) -> Ruleset: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def reader(self) -> Reader: ...
    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T: ...
    async def submit_own(self, raw: Mapping[str, Any], channel: str) -> Outcome: ...


def backoff(attempt: int) -> int:
    """Return the milliseconds to wait after attempt 1, 2, ...: 30 s, doubled."""
    return 30 * SECOND << (attempt - 1)


class Enriching(Rounds):
    """Asks the enrichers of one runtime until it is stopped."""

    name = "enrichment"
    again_s = IDLE_S

    def __init__(
        self, host: Host, plugins: Plugins, backoff: Callable[[int], int] = backoff
    ) -> None:
        self._host = host
        self._plugins = plugins
        self._backoff = backoff

    def start(self) -> None:
        """Begin in the running event loop, if the configuration may ever ask anybody."""
        if self._plugins.enrichers:
            super().start()

    async def round(self) -> float:
        """Ask what is due."""
        return 0.0 if await self.turn() else IDLE_S

    async def turn(self) -> bool:
        """Ask what is due, a few at once; return whether anything was."""
        now = self._host.clock.wall()
        due = await self._host.write(lambda c: enrichments.take(c, now, now + _AWAY, AT_ONCE))
        await asyncio.gather(*(self._one(question) for question in due))
        return bool(due)

    async def _one(self, question: Question) -> None:
        setting = next(
            (e for e in self._settings() if e.plugin == question.plugin),
            None,
        )
        enricher = self._plugins.enrichers.get(question.plugin)
        if setting is None or enricher is None:
            await self._finish(question, "failed", f'nobody asks "{question.plugin}" any more')
            return
        lead = await asyncio.to_thread(self._host.reader.state, question.lead)
        if lead is None:
            await self._finish(question, "failed", "the lead does not exist any more")
            return
        fields = {
            name.removeprefix("lead."): value
            for name, value in lead.facts.items()
            if name.startswith("lead.")
        }
        try:
            asked = partial(enricher.enrich, LeadView(lead.id, fields))
            answer: object = await bounded(asked, setting.timeout / SECOND)
        except Overdue:
            await self._again(question, f"no answer within {setting.timeout / SECOND:g} s")
        except OSError as error:
            await self._again(question, f"{type(error).__name__}: {error}")
        except Exception as error:
            logger.error("enricher %s %s at %s", question.plugin, told(error), place(error))
            await self._finish(question, "failed", f"it {told(error)}")
        else:
            await self._answered(question, setting, answer)

    def _settings(self) -> Sequence[Enrichment]:
        return self._host.ruleset.definitions.intake.enrichments

    async def _again(self, question: Question, reason: str) -> None:
        if question.attempt >= MAX_ATTEMPTS:
            await self._finish(question, "failed", f"{reason} ({question.attempt} attempts)")
            return
        due = self._host.clock.wall() + self._backoff(question.attempt)
        await self._host.write(lambda c: enrichments.postpone(c, question.key, due, reason))

    async def _answered(self, question: Question, setting: Enrichment, answer: object) -> None:
        if not isinstance(answer, Mapping):
            reason = f"it returned a {type(answer).__name__}, not a map of fields"
            await self._finish(question, "failed", reason)
            return
        if not answer:
            await self._finish(question, "answered", "it knows nothing more")
            return
        raw = {
            "id": PREFIX + hashlib.sha256(question.key.encode()).hexdigest()[:40],
            "type": "lead_enriched",
            "lead": {**answer, "id": question.lead},
            "properties": {"plugin": question.plugin, "overwrite": list(setting.overwrite)},
        }
        outcome = await self._host.submit_own(raw, CHANNEL)
        if outcome.status == "overloaded":
            await self._again(question, "the server was busy")
        elif outcome.error is not None:
            await self._finish(question, "failed", str(outcome.error["message"]))
        else:
            await self._finish(question, "answered", "")

    async def _finish(self, question: Question, status: str, reason: str) -> None:
        now = self._host.clock.wall()
        await self._host.write(lambda c: enrichments.finish(c, question.key, status, reason, now))
