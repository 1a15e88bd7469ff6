"""What the host counts about itself: plain numbers, written by one thread and read by others."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from engine.host.tracing import Traces
from engine.machines.state import Decision, Event
from engine.network.ruleset import Ruleset

Bounds = Sequence[float]  # not tuples: mypyc takes a Final one of floats for never set
SECONDS: Final[Bounds] = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SIZES: Final[Bounds] = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
_MEMORY: Final = 0.9  # what a transaction's figures still weigh at the next one
RuleName = tuple[str, str]  # kind and id


class Histogram:
    """Counts of values at most as large as each of ``bounds``, and beyond the last."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, int]]:
        """Return (upper bound as text, values up to it), the last one "+Inf"."""
        found, so_far = [], 0
        for bound, count in zip((*map(_text, self.bounds), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, so_far))
        return found


def _text(bound: float) -> str:
    return f"{bound:g}" if bound != int(bound) else f"{bound:.1f}"


class Telemetry:
    """The writer's figures: times in seconds, sizes in events, hits by rule; traces if wanted."""

    def __init__(self) -> None:
        self.decide = Histogram(SECONDS)
        self.commit = Histogram(SECONDS)
        self.batch = Histogram(SIZES)
        self.woken = 0
        self.hits: Counter[RuleName] = Counter()
        self.traces: Traces | None = None
        self._events = self._seconds = 0.0

    @property
    def pace(self) -> float | None:
        """Events a second that transactions did lately, None before the first one with events."""
        return self._events / self._seconds if self._events and self._seconds else None

    def transaction(self, events: int, decided_s: float, committed_s: float) -> None:
        """Count one transaction that had something to do."""
        self.decide.observe(decided_s)
        self.commit.observe(committed_s)
        self._events = self._events * _MEMORY + events
        self._seconds = self._seconds * _MEMORY + decided_s + committed_s
        if events:
            self.batch.observe(events)

    def decided(self, event: Event, decision: Decision) -> None:
        """Count which rules one decision fired; ids of scoring rules count over all models."""
        hits = self.hits
        for id in decision.fired:
            hits["rule", id] += 1
        for happening in decision.happenings:
            if happening.kind == "journey_entered":
                hits["journey", happening.data["journey"]] += 1
            elif happening.kind == "sla_started":
                hits["sla", happening.data["sla"]] += 1
            elif happening.kind == "stage":
                hits["stage", happening.data["to"]] += 1
        if event.type == "lead_assigned" and "rule" in event.properties:
            hits["route", event.properties["rule"]] += 1


def rule_names(ruleset: Ruleset) -> Iterable[RuleName]:
    """Return every rule that can be hit, in the order of the configuration."""
    names = [("rule", rule.definition.id) for rule in ruleset.rules.values()]
    names += [("stage", id) for id in ruleset.stages]
    names += [("route", route.definition.id) for route in ruleset.routes]
    names += [("sla", sla.definition.id) for sla in ruleset.slas]
    names += [("journey", id) for id in ruleset.journeys]
    return dict.fromkeys(names)
