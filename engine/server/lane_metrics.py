"""How connections stand, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.host.lane import LaneStatus

Labels = tuple[tuple[str, str], ...]
Samples = list[tuple[Labels, float]]
STATES: Final = ("closed", "open", "probing", "stopped")


def families(lanes: Mapping[str, LaneStatus]) -> list[tuple[str, str, str, Samples]]:
    """Return (name, kind, help, samples) of each metric about connections."""
    return [
        (
            "leadrules_delivery_results_total",
            "counter",
            "What came of attempts and of waiting, by connection.",
            [
                ((("connection", name), ("result", result)), float(count))
                for name, lane in lanes.items()
                for result, count in sorted(lane.results.items())
            ],
        ),
        (
            "leadrules_delivery_running",
            "gauge",
            "Deliveries that are with their provider now.",
            [((("connection", name),), float(lane.running)) for name, lane in lanes.items()],
        ),
        (
            "leadrules_connection_state",
            "gauge",
            "1 for the state in which a connection is: closed works, open and stopped do not.",
            [
                ((("connection", name), ("state", state)), float(lane.state == state))
                for name, lane in lanes.items()
                for state in STATES
            ],
        ),
        (
            "leadrules_delivery_handover_seconds",
            "gauge",
            "From commit to the call of the action, of the latest 1,000 first attempts.",
            [
                ((("connection", name), ("quantile", share)), value)
                for name, lane in lanes.items()
                for share, value in (("0.5", lane.handover_p50), ("0.99", lane.handover_p99))
                if value is not None
            ],
        ),
    ]
