"""Runs in other tools: what arrives, that it arrives once, and what is said where it does not."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tunewell.cli.main import main
from tunewell.errors import EXIT_OK, EXIT_USER, UserError
from tunewell.testing.factories import SampleProject, sample_project
from tunewell.tracking import TRACKERS, send
from tunewell.tracking.run_facts import RunFacts

HOSTILE = "<script>alert(1)</script> | `x`"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProject]:
    made = sample_project(tmp_path_factory.mktemp("sample"), rows=120, hostile=[HOSTILE])
    yield made
    made.store.close()


class Collector(HTTPServer):
    """Keeps the bodies of the requests that it gets."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"otlp:http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Collector)
        server.paths.append(self.path)
        server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.shutdown()
    server.server_close()


def spans_of(body: bytes) -> list[Any]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    return [
        span
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_every_figure_has_a_name_of_its_own_and_its_interval(sample: SampleProject) -> None:
    for run in sample.store.runs():
        figures = list(RunFacts(run, sample.store).figures())
        names = [(figure.name, figure.step) for figure in figures]
        assert len(names) == len(set(names))
        plain = {name for name, _ in names}
        assert {name[: -len("/low")] for name in plain if name.endswith("/low")} <= plain
    stages = {run.stage: RunFacts(run, sample.store) for run in sample.store.runs()}
    curves = [f for f in stages["train"].figures() if f.name == "fold 0/held out loss"]
    assert [f.step for f in curves] == list(range(len(curves)))
    assert len(curves) > 1
    evaluated = {f.name for f in stages["evaluate"].figures()}
    assert any(name.startswith("tuned - prompted/") for name in evaluated)


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.sdk") is None, reason="the extra otlp is not installed"
)
def test_spans_have_the_runs_times_and_the_same_ids_again(
    sample: SampleProject, collector: Collector
) -> None:
    runs = sample.store.runs()
    for _ in range(2):
        sent = send(runs, sample.store, collector.address, project="desk")
        assert set(sent.sent) == {run.id for run in runs}
    assert collector.paths == ["/v1/traces", "/v1/traces"]
    first, again = map(spans_of, collector.bodies)
    assert [span.name for span in first] == [run.stage for run in runs]
    assert [span.span_id for span in first] == [span.span_id for span in again]
    assert [span.trace_id for span in first] == [span.trace_id for span in again]
    for run, span in zip(runs, first, strict=True):
        assert span.start_time_unix_nano == round(run.started.timestamp() * 1e9)
        took = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        assert took == pytest.approx(run.seconds, abs=1e-3)
        assert {event.name for event in span.events} == {f.code for f in run.findings}
    linked = [span for span in first if span.links]
    assert {span.name for span in linked} >= {"train", "evaluate"}


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.sdk") is None, reason="the extra otlp is not installed"
)
def test_a_collector_that_refuses_is_an_error(
    sample: SampleProject, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    collector.status = 400
    assert main(["track", collector.address, str(sample.file.root)]) == EXIT_USER
    assert f"accepted none of {len(sample.store.runs())} spans" in capsys.readouterr().err


def test_event_files_hold_the_curves(sample: SampleProject, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "board"
    target = f"tensorboard:{folder}"
    assert main(["track", target, str(sample.file.root)]) == EXIT_OK
    again = send(sample.store.runs(), sample.store, target, project="desk")
    assert again.sent == ()
    assert len(again.known) == len(sample.store.runs())
    (train,) = [run for run in sample.store.runs() if run.stage == "train"]
    read = EventAccumulator(str(folder / train.id))
    read.Reload()
    expected = [
        (f.step, pytest.approx(f.value, rel=1e-6))
        for f in RunFacts(train, sample.store).figures()
        if f.name == "fold 0/held out loss"
    ]
    found = read.Scalars("fold 0/held out loss")
    assert [(event.step, event.value) for event in found] == expected
    assert "settings" in read.Tags()["tensors"]


# MLflow 3.17 warns of its own models and type hints; nothing that we pass triggers it.
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_runs_data_and_assessments(sample: SampleProject, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    address = f"sqlite:///{tmp_path / 'tracking.db'}"
    target = f"mlflow:{address}"
    runs = sample.store.runs()
    sent = send(runs, sample.store, target, project="desk", rows=2)
    assert set(sent.sent) == {run.id for run in runs}
    again = send(runs, sample.store, target, project="desk", rows=2)
    assert (again.sent, set(again.known)) == ((), set(sent.sent))

    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name("desk").experiment_id
    kept = {run.data.tags["tunewell.run"]: run for run in client.search_runs([experiment])}
    for run in runs:
        there = kept[run.id]
        assert there.info.start_time == round(run.started.timestamp() * 1000)
        figures = {f.name.replace("=", ":"): f for f in RunFacts(run, sample.store).figures()}
        assert there.data.metrics.keys() == figures.keys()
        assert all(there.data.metrics[name] == f.value for name, f in figures.items() if not f.step)
        names = {each.dataset.name for each in there.inputs.dataset_inputs}
        assert names == set(RunFacts(run, sample.store).data)
    traces = client.search_traces(locations=[experiment])
    assert len({trace.info.tags["tunewell.row"] for trace in traces}) == 2
    assert all(trace.info.assessments for trace in traces)
    data = next(run.inputs["examples"] for run in runs if run.stage == "evaluate")
    rows = {row.id: row for row in sample.store.examples(data)}
    for trace in traces:
        row = rows[trace.info.tags["tunewell.row"]]
        assert row.messages[0].text in trace.data.spans[0].inputs["turns"]


def test_tensorboard_is_no_address(sample: SampleProject) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    with pytest.raises(UserError, match="through a folder"):
        send(sample.store.runs(), sample.store, "tensorboard:http://127.0.0.1:1", project="desk")


@pytest.mark.filterwarnings("ignore")
def test_a_trace_that_mlflow_drops_is_an_error(
    sample: SampleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setattr(mlflow, "start_span_no_context", lambda **_: mlflow.entities.NoOpSpan())
    target = f"mlflow:sqlite:///{tmp_path / 'tracking.db'}"
    with pytest.raises(UserError, match="MLflow did not take the row"):
        send(sample.store.runs(), sample.store, target, project="desk", rows=1)


def test_what_is_no_tracker_is_an_error(
    sample: SampleProject, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in ("comet:x", "mlflow", "mlflow:", "otlp:"):
        assert main(["track", target, str(sample.file.root)]) == EXIT_USER
        said = capsys.readouterr().err
        assert f"'{target}' names no tracker" in said
        assert all(f"{kind}:" in said for kind in TRACKERS)


def test_a_missing_tracker_names_its_extra(
    sample: SampleProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    for kind in TRACKERS:
        monkeypatch.delitem(sys.modules, f"tunewell.tracking.to_{kind}", raising=False)
    gone = ("mlflow", "tensorboard", "opentelemetry.sdk", "opentelemetry.exporter")
    loaded = [name for name in sys.modules if name.startswith(gone)]
    for name in {*gone, *loaded}:
        monkeypatch.setitem(sys.modules, name, None)
    for kind in TRACKERS:
        assert main(["track", f"{kind}:http://127.0.0.1:1", str(sample.file.root)]) == EXIT_USER
        assert f"pip install 'tunewell[{kind}]'" in capsys.readouterr().err
