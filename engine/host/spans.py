"""Traces by OpenTelemetry: request, commit, decide and attempt. Imported only when configured.

Names and attributes come from the configuration and from routes, never from an event: a path may
hold an address, and so may the text of an exception.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import engine
from engine.host.inbox import Job
from engine.host.outcome import Outcome
from engine.plugin import OutgoingDelivery

_MOST_LEADS: Final = 10_000
_CLOSE_S: Final = 3.0
_HEADERS: Final = frozenset({b"traceparent", b"tracestate"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_INGEST: Final = "/v1/events"  # answered before any routing
_log: Final = logging.getLogger("leadrules.host")


class _Commit(msgspec.Struct, frozen=True):
    """The commit that last changed a lead, from and to in milliseconds."""

    context: Context
    since: int
    until: int


class OpenTelemetry:
    """Makes spans and sends them to the collector of the OTEL_* variables, in the background."""

    def __init__(self) -> None:
        found = Resource.create({SERVICE_VERSION: engine.__version__})
        if str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            found = found.merge(Resource({SERVICE_NAME: "leadrules"}))
        self._provider = TracerProvider(resource=found, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("leadrules", engine.__version__)
        self._propagator = TraceContextTextMapPropagator()
        self._commits: OrderedDict[str, _Commit] = OrderedDict()

    @contextmanager
    def request(self, scope: MutableMapping[str, Any]) -> Iterator[Callable[[int], None]]:
        """Span an HTTP request, as part of the sender's trace; yields what notes its status."""
        headers = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _HEADERS
        }
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        span = self._tracer.start_span(
            method,
            self._propagator.extract(headers, Context()),
            SpanKind.SERVER,
            {"http.request.method": method},
        )

        def answered(status: int) -> None:
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))

        with use_span(span, True, record_exception=False, set_status_on_exception=False):
            try:
                yield answered
            finally:
                route = _route(scope)
                if route is not None:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)

    def here(self) -> Context | None:
        """Return the present place in a trace."""
        span = get_current_span()
        return set_span_in_context(span, Context()) if span.get_span_context().is_valid else None

    def committed(
        self,
        jobs: Sequence[Job],
        outcomes: Sequence[Outcome],
        times: tuple[float, float, float],
    ) -> None:
        """Span a transaction in the trace of each job, or in one of its own."""
        try:
            self._committed(jobs, outcomes, times)
        except Exception:  # what is committed stays so, whatever becomes of its traces
            _log.exception("a commit could not be traced")

    def _committed(
        self,
        jobs: Sequence[Job],
        outcomes: Sequence[Outcome],
        times: tuple[float, float, float],
    ) -> None:
        shift = time.time() - time.perf_counter()
        began, decided, done = (int((each + shift) * 1e9) for each in times)
        own: dict[Job, list[Outcome]] = {}
        for job, outcome in zip(jobs, outcomes, strict=True):
            if job.trace is not None:
                own.setdefault(job, []).append(outcome)
        traced: list[tuple[Context, list[Outcome]]] = [
            (job.trace, given) for job, given in own.items() if isinstance(job.trace, Context)
        ]
        for parent, given in traced or [(Context(), [])]:
            told = {"leadrules.batch.events": len(jobs), "leadrules.events": len(given)}
            span = self._tracer.start_span("commit", parent, attributes=told, start_time=began)
            context = set_span_in_context(span, Context())
            self._tracer.start_span("decide", context, start_time=began).end(decided)
            span.end(done)
            commit = _Commit(context, began // 1_000_000, done // 1_000_000 + 1)
            self._remember(commit, given)

    def _remember(self, commit: _Commit, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.status == "accepted" and outcome.lead is not None:
                self._commits[outcome.lead] = commit
                self._commits.move_to_end(outcome.lead)
        while len(self._commits) > _MOST_LEADS:
            self._commits.popitem(last=False)

    @contextmanager
    def attempt(self, plugin: str, outgoing: OutgoingDelivery) -> Iterator[Callable[[str], None]]:
        """Span one attempt; it continues the trace of its commit where that is remembered."""
        commit = self._commits.get(outgoing.lead)
        born = commit is not None and commit.since <= outgoing.created_at <= commit.until
        told: dict[str, str | int] = {
            "leadrules.plugin": plugin,
            "leadrules.connection": outgoing.connection,
            "leadrules.attempt": outgoing.attempt,
        }
        if outgoing.message is not None:
            told["leadrules.message"] = outgoing.message
        context = commit.context if commit is not None and born else Context()
        span = self._tracer.start_span("attempt", context, SpanKind.CLIENT, told)

        def ended(result: str) -> None:
            span.set_attribute("leadrules.result", result)
            if result != "delivered":
                span.set_status(Status(StatusCode.ERROR))

        with use_span(span, True, record_exception=False, set_status_on_exception=False):
            yield ended

    def close(self) -> None:
        """Send what is left; waits for the collector a few seconds at most."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_CLOSE_S)


def _route(scope: MutableMapping[str, Any]) -> str | None:
    """Return the path's pattern: what stands for its parts may be an address."""
    if scope["path"] == _INGEST:
        return _INGEST
    path: str | None = getattr(scope.get("route"), "path", None)
    return path
