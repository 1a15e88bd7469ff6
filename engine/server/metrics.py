"""Figures as Prometheus reads them. Labels have few values, none of them from outside."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from engine.host.lane import LaneStatus
from engine.host.runtime import Runtime
from engine.host.telemetry import Histogram, rule_names
from engine.language.instants import parse_instant
from engine.server.lane_metrics import Samples, families

# Counting a large table takes a while; a scrape asks for that at most so often.
_LEAST_S: Final = 5.0
_SHARE: Final = 20.0  # and spends at most a twentieth of the time on it
Status = Mapping[str, Any]
Lanes = Mapping[str, LaneStatus]


class Metrics:
    """Counts what one application did since it started. For the event loop's thread."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self._figures: Status = {}
        self._next = 0.0

    def request(self, method: str, status: int) -> None:
        """Count an answered request; ``method`` is one that HTTP knows."""
        self.requests[method, str(status)] += 1

    def event(self, channel: str, outcome: str) -> None:
        """Count what became of an event; a channel is a plugin's name."""
        self.events[channel, outcome] += 1

    def status_of(self, runtime: Runtime) -> Status:
        """Return the runtime's figures, at most a moment old; it may read large tables."""
        now = time.monotonic()
        if now >= self._next:
            self._figures = runtime.status()
            took = time.monotonic() - now
            self._next = now + max(_LEAST_S, took * _SHARE)
        return {**self._figures, **runtime.moment()}

    def render(self, runtime: Runtime, lanes: Lanes) -> bytes:
        """Return everything in Prometheus' text format; reads the database."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Page(self, runtime, self.status_of(runtime), lanes))
        return generate_latest(registry)


class _Page:
    """One scrape."""

    def __init__(self, metrics: Metrics, runtime: Runtime, status: Status, lanes: Lanes) -> None:
        self._metrics = metrics
        self._runtime = runtime
        self._status = status
        self._lanes = lanes

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._traffic()
        yield from self._writing()
        yield from self._state()
        yield from self._reload()
        yield from self._deliveries()
        yield from self._rules()

    def _traffic(self) -> Iterator[Metric]:
        counts = self._metrics
        yield _counter(
            "leadrules_http_requests",
            "Requests answered, by method and status.",
            ("method", "status"),
            counts.requests.items(),
        )
        yield _counter(
            "leadrules_events",
            "Events that came in by HTTP, by channel and what became of them.",
            ("channel", "result"),
            counts.events.items(),
        )

    def _writing(self) -> Iterator[Metric]:
        told = self._runtime.telemetry
        yield _histogram(
            "leadrules_decide_seconds", "Deciding one transaction's events.", told.decide
        )
        yield _histogram(
            "leadrules_commit_seconds", "Writing one transaction until it is durable.", told.commit
        )
        yield _histogram("leadrules_batch_events", "Events in one transaction.", told.batch)

    def _state(self) -> Iterator[Metric]:
        status = self._status
        yield _gauge("leadrules_log_events", "Events in the log.", status["events"])
        yield _gauge("leadrules_leads", "Leads.", status["leads"])
        yield _gauge("leadrules_open_tasks", "To-dos that are not done.", status["open_tasks"])
        yield _gauge("leadrules_queue_length", "Events that wait for the writer.", status["queue"])
        yield _gauge(
            "leadrules_oldest_overdue_timer_seconds",
            "How late the clock of the leads is.",
            status["oldest_overdue_timer"],
        )
        yield _gauge(
            "leadrules_overdue_leads",
            "Leads whose deadline has come and is not met yet.",
            status["overdue_leads"],
        )

    def _reload(self) -> Iterator[Metric]:
        status = self._status
        last = status["last_reload"] or {"ok": False, "at": "1970-01-01T00:00:00Z"}
        yield _gauge(
            "leadrules_config_last_reload_successful",
            "Whether the latest attempt to load the rules succeeded.",
            last["ok"],
        )
        yield _gauge(
            "leadrules_config_last_reload_timestamp_seconds",
            "When the rules were last tried to be loaded.",
            parse_instant(last["at"]) / 1_000,
        )
        yield _gauge(
            "leadrules_config_loaded_timestamp_seconds",
            "When the rules in use were loaded.",
            parse_instant(status["loaded_at"]) / 1_000,
        )

    def _deliveries(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "leadrules_deliveries", "Deliveries in the outbox, by status.", labels=["status"]
        )
        for name, count in sorted(self._status["deliveries"].items()):
            waiting.add_metric([str(name)], float(count))
        yield waiting
        for family in families(self._lanes):
            yield _family(*family)

    def _rules(self) -> Iterator[Metric]:
        hits = self._runtime.telemetry.hits
        names = list(rule_names(self._runtime.ruleset))
        yield _counter(
            "leadrules_rule_hits",
            "How often each rule fired, since the database began.",
            ("kind", "rule"),
            [(name, hits.get(name, 0)) for name in names],
        )
        never = sum(name not in hits for name in names)
        yield _gauge("leadrules_rules_never_fired", "Rules that have never fired.", never)


def _counter(
    name: str, help: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help, labels=labels)
    for values, count in sorted(samples):
        family.add_metric(values, count)
    return family


def _family(name: str, kind: str, help: str, samples: Samples) -> Metric:
    """Return a family that others describe as plain data."""
    labels = [key for key, _ in samples[0][0]] if samples else []
    family: CounterMetricFamily | GaugeMetricFamily
    if kind == "counter":
        family = CounterMetricFamily(name.removesuffix("_total"), help, labels=labels)
    else:
        family = GaugeMetricFamily(name, help, labels=labels)
    for pairs, value in samples:
        family.add_metric([text for _, text in pairs], value)
    return family


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help, value=float(value))


def _histogram(name: str, help: str, told: Histogram) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, help, buckets=told.buckets(), sum_value=told.total)
