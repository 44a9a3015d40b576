"""Runs, data sets, and held-out rows with their assessments, in MLflow."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any, Final

# Promise 6: read by MLflow when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
from mlflow.entities import (
    AssessmentSource,
    Dataset,
    DatasetInput,
    Metric,
    NoOpSpan,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException

from tunewell.errors import UserError
from tunewell.tracking.run_facts import HeldOutRow, RunFacts
from tunewell.types import Unscored

LONGEST_SETTING: Final = 6_000
LONGEST_TAG: Final = 5_000
AT_ONCE: Final = 100
"""Settings, tags and figures in one call, as MLflow allows them."""
RUN_TAG: Final = "tunewell.run"
DIGEST_LENGTH: Final = 36
LONGEST_NAME: Final = 240
STATUS: Final = {"finished": "FINISHED", "failed": "FAILED"}


def tracker(place: str, project: str) -> MlflowTracker:
    """A tracking server or database, given by its address."""
    return MlflowTracker(place, project)


class MlflowTracker:
    """Files runs under the experiment of a project's name.

    Args:
        place: Tracking URI.
        project: Name of the experiment.
    """

    def __init__(self, place: str, project: str) -> None:
        self._mlflow: Any = mlflow
        self._place = place
        try:
            self._mlflow.set_tracking_uri(place)
            self._client = self._mlflow.MlflowClient(tracking_uri=place)
            known = self._client.get_experiment_by_name(project)
            self._experiment = (
                known.experiment_id if known else self._client.create_experiment(project)
            )
        except (MlflowException, OSError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> UserError:
        said = str(error).splitlines()[0]
        return UserError(f"mlflow:{self._place}: {said}", hint="check the address")

    def knows(self, facts: RunFacts) -> bool:
        """Whether a run with this id was sent before."""
        asked = f"tags.`{RUN_TAG}` = '{facts.run.id}'"
        return bool(self._client.search_runs([self._experiment], asked, max_results=1))

    def take(self, facts: RunFacts, *, rows: int) -> None:
        """Write the run with its original times; the tag that makes it known comes last."""
        try:
            self._take(facts, rows)
        except (MlflowException, OSError) as error:
            raise self._refused(error) from error

    def _take(self, facts: RunFacts, rows: int) -> None:
        run = facts.run
        begun = _milliseconds(run.started.timestamp())
        ended = _milliseconds(facts.ended.timestamp())
        made = self._client.create_run(self._experiment, start_time=begun, run_name=run.stage)
        name = made.info.run_id
        figures = [Metric(_name(f.name), f.value, ended, f.step) for f in facts.figures()]
        settings = [
            Param(_name(key), value[:LONGEST_SETTING]) for key, value in facts.settings.items()
        ]
        tags = {key: value for key, value in facts.tags.items() if key != "run"}
        kept = [
            RunTag(_name(f"tunewell.{key}"), value[:LONGEST_TAG]) for key, value in tags.items()
        ]
        for start in range(0, max(map(len, (figures, settings, kept))), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            self._client.log_batch(name, figures[part], settings[part], kept[part])
        self._client.log_inputs(
            name, [_dataset(each, digest) for each, digest in facts.data.items()]
        )
        for row in facts.held_out_rows(rows):
            self._take_row(row, name)
        self._client.set_terminated(name, STATUS[run.status], end_time=ended)
        self._client.set_tag(name, RUN_TAG, run.id)

    def _take_row(self, row: HeldOutRow, run: str) -> None:
        """An answer as a trace; scores and verdicts are its assessments."""
        asked = [turn.text for turn in row.asked.messages[:-1]] if row.asked else []
        tags = {"mlflow.sourceRun": run, "tunewell.row": row.prediction.example}
        span = self._mlflow.start_span_no_context(
            name=row.prediction.arm,
            inputs={"row": row.prediction.example, "turns": asked},
            experiment_id=self._experiment,
            tags=tags,
        )
        # MLflow logs what goes wrong with a trace and carries on with one that goes nowhere.
        if isinstance(span, NoOpSpan):
            raise UserError(
                f"MLflow did not take the row {row.prediction.example}", hint="see what it logged"
            )
        span.set_outputs({"text": row.prediction.text})
        span.end()
        self._mlflow.flush_trace_async_logging()
        for score in row.scores:
            unscored = isinstance(score.value, Unscored)
            if not unscored:
                self._assess(
                    span.trace_id, score.metric, score.value, "CODE", score.scorer, score.reason
                )
        for said in row.judgements:
            self._assess(
                span.trace_id, said.criterion, said.value, "HUMAN", said.author, said.comment
            )

    def _assess(
        self, trace: str, name: str, value: Any, kind: str, author: str, reason: str
    ) -> None:
        source = AssessmentSource(source_type=kind, source_id=author or "tunewell")
        self._mlflow.log_feedback(
            trace_id=trace,
            name=name,
            value=value,
            source=source,
            rationale=reason or None,
        )

    def close(self) -> None:
        """Wait for the traces that are under way."""
        self._mlflow.flush_trace_async_logging()


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _name(text: str) -> str:
    """A name that MLflow takes; one that had to be changed ends in a digest of what it was.

    Example:
        >>> _name("tuned/key_points/region=coast"), _name("slices.what?")
        ('tuned/key_points/region:coast', 'slices.what_-8ae369')
    """
    plain = text.replace("=", ":")
    allowed = re.sub(r"[^\w./: -]", "_", plain)[:LONGEST_NAME]
    if allowed == plain:
        return plain
    return f"{allowed}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _dataset(name: str, digest: str) -> DatasetInput:
    source = json.dumps({"digest": digest})
    kept = Dataset(
        name=name,
        digest=digest[:DIGEST_LENGTH],
        source_type="local",
        source=source,
    )
    return DatasetInput(kept, [])
