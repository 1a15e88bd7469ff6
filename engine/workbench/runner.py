"""Run test cases in a simulated world and compare what is with what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from engine.language.diagnostic import Source
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.workbench.cases import Case, Expectation, FactCheck, FiredCheck, Given, ListCheck
from engine.workbench.clockwork import Moment
from engine.workbench.deeds import Item, deeds
from engine.workbench.firing import Firing
from engine.workbench.matching import align
from engine.workbench.reasons import NOTHING, Inquiry, Why
from engine.workbench.times import since_start
from engine.workbench.values import offset
from engine.workbench.world import View, World


class Mismatch(msgspec.Struct, frozen=True):
    """One thing that is not as expected; both sides are plain data, ready to be shown.

    Of a list, ``pairs`` lays the items side by side: (expected, actual), None for missing.
    """

    name: str
    expected: Any
    actual: Any
    source: Source
    why: Why = NOTHING
    pairs: tuple[tuple[Item | None, Item | None], ...] = ()


class Failure(msgspec.Struct, frozen=True):
    """An expectation that did not hold."""

    at: int
    mismatches: tuple[Mismatch, ...]
    source: Source


class Asked(msgspec.Struct, frozen=True):
    """The lead when an expectation was looked at; ``seen`` is how long the log was.

    ``leads`` are its id and those of leads that were merged into it.
    """

    expectation: Expectation
    lead: Lead
    seen: int
    leads: frozenset[str]


class Result(msgspec.Struct, frozen=True):
    """What became of a case; it passed when there are no failures.

    ``log`` is all that happened, ``asked`` the lead at each expectation.
    """

    case: Case
    failures: tuple[Failure, ...]
    log: tuple[Moment, ...] = ()
    asked: tuple[Asked, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


def run_case(ruleset: Ruleset, case: Case) -> Result:
    """Run one case from its start and return what did not hold."""
    return _Run(ruleset, case).result()


class _Run:
    """One case under way; ``told`` says how much of the log each list has been compared with."""

    def __init__(self, ruleset: Ruleset, case: Case) -> None:
        self.case = case
        self.ruleset = ruleset
        self.world = World(ruleset, case.start, case.id)
        self.firing = Firing(ruleset)
        self.order = ruleset.definitions.identities
        self.told: dict[str, int] = {}
        self.lead = ""

    def result(self) -> Result:
        events = list(self.case.events)
        failures: list[Failure] = []
        asked: list[Asked] = []
        for expectation in self.case.expectations:
            while events and events[0].arrives <= expectation.at:
                self._post(events.pop(0))
            self.world.advance(expectation.at)
            leads = frozenset(moment.lead for moment in self._moments())
            seen = len(self.world.log)
            asked.append(Asked(expectation, self.world.leads[self.lead], seen, leads))
            mismatches = tuple(self._mismatches(expectation))
            if mismatches:
                failures.append(Failure(expectation.at, mismatches, expectation.source))
        return Result(self.case, tuple(failures), tuple(self.world.log), tuple(asked))

    def _post(self, given: Given) -> None:
        self.world.advance(given.arrives)
        fields = given.event.lead
        identities = [(kind, fields[kind]) for kind in self.order if kind in fields]
        lead = self.world.take(given.event, identities)
        self.lead = self.world.present(self.lead or lead)

    def _mismatches(self, expectation: Expectation) -> Iterator[Mismatch]:
        for check in expectation.checks:
            if isinstance(check, FactCheck):
                yield from self._fact(check)
            elif isinstance(check, FiredCheck):
                yield from self._fired(check)
            else:
                yield from self._list(check)

    def _moments(self) -> list[Moment]:
        return self._since(0)

    def _since(self, seen: int) -> list[Moment]:
        """Return the lead's moments after the first ``seen`` of the log, before merges too."""
        present = self.world.present
        return [m for m in self.world.log[seen:] if present(m.lead) == self.lead]

    def _inquiry(self) -> Inquiry:
        """Return where reasons are found: the lead now, and all that led there."""
        lead = self.world.leads[self.lead]
        return Inquiry(self.ruleset, self.case.start, lead, self._moments(), self.world.now)

    def _fact(self, check: FactCheck) -> Iterator[Mismatch]:
        lead = self.world.leads[self.lead]
        view = View(lead.facts, lead.windows, lead.created_at, self.world.now)
        if not check.condition.holds(view):
            actual = lead.facts.get(check.fact)
            why = self._inquiry().of_fact(check.fact, check.wanted)
            yield Mismatch(check.name, check.wanted, actual, check.source, why)

    def _fired(self, check: FiredCheck) -> Iterator[Mismatch]:
        keys = set(self.firing.of(*self._moments()))
        if keys.isdisjoint(check.keys) is check.wanted:
            words = ("fired", "not fired")
            expected, actual = words if check.wanted else words[::-1]
            why = self._inquiry().of_rules(check.keys)
            yield Mismatch(check.name, expected, actual, check.source, why)

    def _list(self, check: ListCheck) -> Iterator[Mismatch]:
        seen = self.told.get(check.kind, 0)
        self.told[check.kind] = len(self.world.log)
        actual = deeds(self._since(seen), check.kind)
        pairs = align(check.items, actual, self._fits)
        if all(wanted is not None and given is not None for wanted, given in pairs):
            return
        missing = [wanted for wanted, given in pairs if given is None and wanted is not None]
        extra = [given for wanted, given in pairs if wanted is None and given is not None]
        why = self._inquiry().of_deeds(check.kind, missing, extra)
        shown = [(w, g and self._shown(g, check.items)) for w, g in pairs]
        yield Mismatch(
            check.kind,
            [dict(item) for item in check.items],
            [given for _, given in shown if given is not None],
            check.source,
            why,
            tuple(shown),
        )

    def _fits(self, wanted: Item, actual: Item) -> bool:
        return all(
            self._at(actual["at"]) == since_start(str(value), self.case.start)
            if key == "at"
            else actual.get(key) == value
            for key, value in wanted.items()
        )

    def _at(self, instant: int) -> int:
        return instant - self.case.start

    def _shown(self, actual: Item, wanted: Iterable[Item]) -> dict[str, Any]:
        """Return an item with the keys that anybody asked for, and its first one."""
        keys = {key for item in wanted for key in item} | {next(iter(actual))}
        shown = {key: value for key, value in actual.items() if key in keys}
        if "at" in shown:
            shown["at"] = offset(self._at(shown["at"]))
        return shown
