"""Run test cases in a simulated world and compare what is with what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from engine.language.diagnostic import Source
from engine.language.instants import parse_offset
from engine.machines.state import Delivery, Lead, LedgerLine
from engine.network.ruleset import Ruleset
from engine.workbench.cases import Case, Expectation, FactCheck, FiredCheck, ListCheck
from engine.workbench.world import Moment, World

Item = Mapping[str, Any]


class Mismatch(msgspec.Struct, frozen=True):
    """One thing that is not as expected; both sides are plain data, ready to be shown."""

    name: str
    expected: Any
    actual: Any
    source: Source


class Failure(msgspec.Struct, frozen=True):
    """An expectation that did not hold, and the score's ledger up to then."""

    at: int
    mismatches: tuple[Mismatch, ...]
    ledger: tuple[LedgerLine, ...]
    source: Source


class Result(msgspec.Struct, frozen=True):
    """What became of a case; it passed when there are no failures."""

    case: Case
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


class View(msgspec.Struct, frozen=True):
    """A lead as compiled conditions read it, at one instant and outside any event."""

    facts: dict[str, Any]
    windows: dict[str, list[Any]]
    created_at: int
    now: int
    properties: dict[str, Any] = {}
    before: dict[str, Any] = {}


def run_case(ruleset: Ruleset, case: Case) -> Result:
    """Run one case from its start and return what did not hold."""
    return _Run(ruleset, case).result()


class _Run:
    """One case under way; ``asked`` says how much of the log each list has been compared with."""

    def __init__(self, ruleset: Ruleset, case: Case) -> None:
        self.case = case
        self.world = World(ruleset, case.start)
        self.order = ruleset.definitions.identities
        self.asked: dict[str, int] = {}
        self.lead = ""

    def result(self) -> Result:
        events = list(self.case.events)
        failures: list[Failure] = []
        for expectation in self.case.expectations:
            while events and events[0].arrives <= expectation.at:
                self._post(events.pop(0))
            self.world.advance(expectation.at)
            failure = self._compare(expectation)
            if failure is not None:
                failures.append(failure)
        return Result(self.case, tuple(failures))

    def _post(self, given: Any) -> None:
        self.world.advance(given.arrives)
        fields = given.event.lead
        identities = [(kind, fields[kind]) for kind in self.order if kind in fields]
        lead = self.world.lead_of(identities)
        self.lead = self.lead or lead
        self.world.post(given.event, lead)

    def _compare(self, expectation: Expectation) -> Failure | None:
        mismatches = tuple(self._mismatches(expectation))
        if not mismatches:
            return None
        ledger = tuple(line for m in self._moments() for line in m.decision.ledger)
        return Failure(expectation.at, mismatches, ledger, expectation.source)

    def _mismatches(self, expectation: Expectation) -> Iterator[Mismatch]:
        for check in expectation.checks:
            if isinstance(check, FactCheck):
                yield from self._fact(check)
            elif isinstance(check, FiredCheck):
                yield from self._fired(check)
            else:
                yield from self._list(check)

    def _moments(self) -> list[Moment]:
        return [m for m in self.world.log if m.lead == self.lead]

    def _fact(self, check: FactCheck) -> Iterator[Mismatch]:
        lead: Lead = self.world.leads[self.lead]
        view = View(lead.facts, lead.windows, lead.created_at, self.world.now)
        if not check.condition.holds(view):
            yield Mismatch(check.name, check.wanted, lead.facts.get(check.fact), check.source)

    def _fired(self, check: FiredCheck) -> Iterator[Mismatch]:
        fired = set(_fired(self._moments()))
        for name in check.names:
            if (name in fired) is not check.wanted:
                words = ("fired", "not fired")
                expected, actual = words if check.wanted else words[::-1]
                yield Mismatch(name, expected, actual, check.source)

    def _list(self, check: ListCheck) -> Iterator[Mismatch]:
        seen = self.asked.get(check.kind, 0)
        moments = self._moments()
        self.asked[check.kind] = len(moments)
        actual = [_KINDS[check.kind](m, i) for m in moments[seen:] for i in _items(m, check.kind)]
        fits = len(actual) == len(check.items) and all(
            self._fits(wanted, item) for wanted, item in zip(check.items, actual, strict=True)
        )
        if not fits:
            shown = [self._shown(item, check.items) for item in actual]
            yield Mismatch(check.kind, [dict(i) for i in check.items], shown, check.source)

    def _fits(self, wanted: Item, actual: Item) -> bool:
        return all(
            self._at(actual["at"]) == parse_offset(str(value))
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


def _fired(moments: Iterable[Moment]) -> Iterator[str]:
    """Yield the names of what fired: scoring rules, journeys entered, routes that decided."""
    for moment in moments:
        yield from moment.decision.fired
        for happening in moment.decision.happenings:
            if happening.kind == "journey_entered":
                yield happening.data["journey"]
        if moment.event.type == "lead_assigned" and "rule" in moment.event.properties:
            yield moment.event.properties["rule"]


def _items(moment: Moment, kind: str) -> list[Any]:
    decision = moment.decision
    if kind == "tasks":
        return list(decision.tasks)
    if kind == "blocked":
        return [d for d in decision.deliveries if d.status == "blocked"]
    return [
        d
        for d in decision.deliveries
        if d.status != "blocked" and (d.message is not None) is (kind == "sends")
    ]


def _delivery(moment: Moment, delivery: Delivery) -> dict[str, Any]:
    return {
        "message": delivery.message,
        "connection": delivery.connection,
        "reason": delivery.reason,
        "journey": delivery.journey,
        "step": delivery.step,
        "at": moment.at,
    }


def _deed(moment: Moment, delivery: Delivery) -> dict[str, Any]:
    return {
        "do": delivery.connection,
        "to": delivery.to,
        "journey": delivery.journey,
        "step": delivery.step,
        "at": moment.at,
    }


def _task(moment: Moment, task: Any) -> dict[str, Any]:
    return {
        "title": task.title,
        "owner": task.owner,
        "priority": task.priority,
        "journey": task.journey,
        "step": task.step,
        "at": moment.at,
    }


_KINDS = {"sends": _delivery, "blocked": _delivery, "does": _deed, "tasks": _task}


def offset(span: int) -> str:
    """Return ``span`` as tests write it: ``2d12h``, ``0d``."""
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        count, span = divmod(span, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0d"
