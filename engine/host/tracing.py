"""Whether requests are traced, by the standard OTEL_* variables; nothing is imported when not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from engine.host.inbox import Job
from engine.host.outcome import Outcome
from engine.plugin import OutgoingDelivery

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"
_log: Final = logging.getLogger("leadrules.host")


class Traces(Protocol):
    """Spans of requests, commits and attempts at deliveries, without a word of any lead."""

    def request(
        self, scope: MutableMapping[str, Any]
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Span an HTTP request, as part of the sender's trace; yields what notes its status."""

    def here(self) -> object | None:
        """Return the place in a trace that a job comes from, None outside any request."""

    def committed(
        self,
        jobs: Sequence[Job],
        outcomes: Sequence[Outcome],
        times: tuple[float, float, float],
    ) -> None:
        """Span a transaction, in the trace of each job; one outcome for each of ``jobs``.

        ``times`` are when it began, had decided and had committed, by `time.perf_counter`.
        """

    def attempt(
        self, plugin: str, outgoing: OutgoingDelivery
    ) -> AbstractContextManager[Callable[[str], None]]:
        """Span one attempt, in the trace of the event that queued it; yields what notes its end."""

    def close(self) -> None:
        """Send what is left; waits for the collector a few seconds at most."""


def configured(environ: Mapping[str, str]) -> Traces | None:
    """Return what makes spans, None unless ``environ`` names a collector that can be used."""
    if not any(environ.get(name) for name in ENDPOINTS):
        return None
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    if exporter == "none":
        return None
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), _SPOKEN)
    if exporter != "otlp" or protocol != _SPOKEN:
        _log.warning("no traces: they are sent as otlp over %s only", _SPOKEN)
        return None
    try:
        from engine.host.spans import OpenTelemetry
    except ImportError as error:
        _log.warning("no traces: %s is missing; pip install 'leadrules[otel]'", error.name)
        return None
    return OpenTelemetry()
