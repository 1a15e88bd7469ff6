"""Counters and gauges as Prometheus reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from engine.language.instants import parse_instant

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts what one application did since it started. For the event loop's thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Labels]] = Counter()

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter; labels have few values and none from outside."""
        self._counts[name, tuple(sorted(labels.items()))] += by

    def render(self, status: Mapping[str, Any]) -> str:
        """Return everything in the text format; ``status`` is the runtime's."""
        lines: list[str] = []
        for name, help in _COUNTERS.items():
            found = sorted((labels, n) for (of, labels), n in self._counts.items() if of == name)
            lines += _family(name, "counter", help, found)
        for name, help, samples in _gauges(status):
            lines += _family(name, "gauge", help, samples)
        return "\n".join(lines) + "\n"


_COUNTERS = {
    "leadrules_http_requests_total": "Requests answered, by method and status.",
    "leadrules_events_total": "Events that came in by HTTP, by channel and what became of them.",
}


def _gauges(status: Mapping[str, Any]) -> list[tuple[str, str, list[tuple[Labels, float]]]]:
    last = status["last_reload"] or {"ok": False, "at": "1970-01-01T00:00:00Z"}
    deliveries: list[tuple[Labels, float]] = [
        ((("status", str(k)),), float(v)) for k, v in sorted(status["deliveries"].items())
    ]
    return [
        ("leadrules_events", "Events in the log.", _one(status["events"])),
        ("leadrules_leads", "Leads.", _one(status["leads"])),
        ("leadrules_open_tasks", "To-dos that are not done.", _one(status["open_tasks"])),
        ("leadrules_deliveries", "Deliveries in the outbox, by status.", deliveries),
        ("leadrules_queue_length", "Events that wait for the writer.", _one(status["queue"])),
        (
            "leadrules_oldest_overdue_timer_seconds",
            "How late the clock of the leads is.",
            _one(status["oldest_overdue_timer"]),
        ),
        (
            "leadrules_config_last_reload_successful",
            "Whether the latest attempt to load the rules succeeded.",
            _one(last["ok"]),
        ),
        (
            "leadrules_config_last_reload_timestamp_seconds",
            "When the rules were last tried to be loaded.",
            _one(parse_instant(last["at"]) / 1_000),
        ),
        (
            "leadrules_config_loaded_timestamp_seconds",
            "When the rules in use were loaded.",
            _one(parse_instant(status["loaded_at"]) / 1_000),
        ),
    ]


def _one(value: float) -> list[tuple[Labels, float]]:
    return [((), float(value))]


def _family(name: str, kind: str, help: str, samples: Any) -> list[str]:
    lines = [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escape(text)}"' for key, text in labels)
        shown = f"{{{inner}}}" if inner else ""
        lines.append(f"{name}{shown} {value:.15g}")
    return lines


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
