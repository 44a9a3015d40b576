"""Runs as OpenTelemetry spans: one for each run, findings as its events, linked to what it used."""

from __future__ import annotations

import hashlib
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, Status, StatusCode

from tunewell import __version__
from tunewell.errors import UserError
from tunewell.tracking.run_facts import RunFacts
from tunewell.types import Finding

PATH: Final = "/v1/traces"
TIMEOUT_S: Final = 10.0
NANOSECONDS: Final = 1_000_000_000


def tracker(place: str, project: str) -> SpanTracker:
    """A collector that takes OTLP over HTTP."""
    return SpanTracker(place, project)


class _IdsOfRuns(IdGenerator):
    """The same ids whenever a run is sent, so that a collector can tell it is the same."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.run = ""

    def generate_span_id(self) -> int:
        return _number(self.run, size=8)

    def generate_trace_id(self) -> int:
        # Run ids begin with the day: a trace is what a project did on that day.
        day = self.run[:8]
        return _number(f"{self.project}/{day}", size=16)


class SpanTracker:
    """Sends spans to a collector.

    Args:
        place: Its address; ``/v1/traces`` is added where no path is given.
        project: Name of the service.
    """

    def __init__(self, place: str, project: str) -> None:
        self._place = place
        self._ids = _IdsOfRuns(project)
        self._made = InMemorySpanExporter()
        named = {"service.name": f"tunewell/{project}", "service.version": __version__}
        provider = TracerProvider(resource=Resource.create(named), id_generator=self._ids)
        provider.add_span_processor(SimpleSpanProcessor(self._made))
        self._tracer = provider.get_tracer("tunewell", __version__)
        has_path = "/" in place.partition("://")[2].rstrip("/")
        address = place if has_path else place.rstrip("/") + PATH
        self._exporter = OTLPSpanExporter(endpoint=address, timeout=TIMEOUT_S)
        self._made_by: dict[str, Link] = {}

    def knows(self, facts: RunFacts) -> bool:
        """Collectors cannot be asked: the run goes again, under the ids that it had."""
        return False

    def take(self, facts: RunFacts, *, rows: int) -> None:
        """Make the span of a run with its original times; rows are not sent."""
        run = facts.run
        self._ids.run = run.id
        begun = round(run.started.timestamp() * NANOSECONDS)
        used = dict.fromkeys(run.inputs.values())
        links = [self._made_by[digest] for digest in used if digest in self._made_by]
        named = {f"tunewell.setting.{name}": value for name, value in facts.settings.items()}
        counted = {f"tunewell.{f.name}": f.value for f in facts.figures() if not f.step}
        about = {"tunewell.run": run.id, "tunewell.key": run.key, "tunewell.code": run.code}
        attributes = {**named, **counted, **about}
        span = self._tracer.start_span(
            run.stage,
            attributes=attributes,
            links=links,
            start_time=begun,
        )
        ended = round(facts.ended.timestamp() * NANOSECONDS)
        for finding in run.findings:
            span.add_event(finding.code, _said(finding), timestamp=ended)
        if run.status == "failed":
            span.set_status(Status(StatusCode.ERROR, run.error))
        span.end(end_time=ended)
        link = Link(span.get_span_context())
        self._made_by |= dict.fromkeys(run.outputs.values(), link)

    def close(self) -> None:
        """Send what was made.

        Raises:
            UserError: The collector does not take it.
        """
        spans = self._made.get_finished_spans()
        self._made.clear()
        taken = not spans or self._exporter.export(spans) is SpanExportResult.SUCCESS
        self._exporter.shutdown()
        if not taken:
            raise UserError(
                f"otlp:{self._place}: the collector accepted none of {len(spans)} spans",
                hint="check the address; an OTLP collector listens for HTTP on port 4318",
            )


def _said(finding: Finding) -> dict[str, str]:
    estimate = str(finding.estimate) if finding.estimate else ""
    return {"status": finding.status, "why": finding.why, "estimate": estimate}


def _number(text: str, *, size: int) -> int:
    """A number from a text; never 0, which means none."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") | 1
