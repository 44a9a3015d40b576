"""Our results as an inspect_ai log: its API reads it, its viewer shows it.

Source: inspect_ai log format, version 2 (``eval``, ``results``, ``samples``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from tunewell.types import Evaluation, Example, Level, Message, Prediction, Score, Unscored, by_id

INSPECT_API: Final = "mockllm"
"""inspect_ai opens a log's model before it scores anew; this one needs no key and no network."""
STOP_REASONS: Final = {
    "stop": "stop",
    "length": "max_tokens",
    "error": "unknown",
}


def inspect_log(
    evaluation: Evaluation,
    arm: str,
    *,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    task: str,
    created: dt.datetime,
) -> dict[str, Any]:
    """One arm of an evaluation as an inspect_ai log (JSON values).

    Args:
        evaluation: All arms.
        arm: Which one.
        examples: The held-out rows.
        predictions: Of the evaluation.
        scores: Of the evaluation; unscored ones are left out of the sample, their reason is in its
            metadata.
        task: Name of the task.
        created: When the evaluation was made.
    """
    known = by_id(examples)
    answers = {p.example: p for p in predictions if p.arm == arm}
    scores_of: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        if score.arm == arm:
            scores_of[score.example].append(score)
    samples = []
    for row in evaluation.rows:
        if row in answers:
            samples.append(_sample(known[row], answers[row], scores_of[row]))

    stamp = created.isoformat()
    return {
        "version": 2,
        "status": "success",
        "eval": _header(evaluation, arm, task, stamp),
        "plan": {
            "name": "plan",
            "steps": [{"solver": "generate", "params": {}}],
            "config": {},
        },
        "results": {
            "total_samples": len(evaluation.rows),
            "completed_samples": len(answers),
            "scores": [_result(x) for x in evaluation.levels if x.arm == arm and not x.slice],
        },
        "stats": {
            "started_at": stamp,
            "completed_at": stamp,
            "model_usage": {},
        },
        "samples": samples,
    }


def _header(
    evaluation: Evaluation,
    arm: str,
    task: str,
    stamp: str,
) -> dict[str, Any]:
    run = f"tunewell-{evaluation.scores[:12]}"
    return {
        "eval_id": f"{run}-{arm}",
        "run_id": run,
        "created": stamp,
        "task": task,
        "task_id": f"tunewell-{task}",
        "task_version": 0,
        "dataset": {
            "name": task,
            "samples": len(evaluation.rows),
            "sample_ids": list(evaluation.rows),
        },
        "model": f"{INSPECT_API}/{arm}",
        "metadata": {"tunewell_arm": arm},
        "config": {},
    }


def _result(level: Level) -> dict[str, Any]:
    """A metric's mean and the ends of its interval, where they are finite."""
    figures = {
        "mean": level.estimate.value,
        "low": level.estimate.low,
        "high": level.estimate.high,
    }
    finite = {
        name: {
            "name": name,
            "value": value,
            "params": {},
        }
        for name, value in figures.items()
        if math.isfinite(value)
    }
    return {
        "name": level.metric,
        "scorer": level.metric,
        "params": {},
        "metrics": finite,
    }


def _sample(
    example: Example,
    prediction: Prediction,
    scores: Sequence[Score],
) -> dict[str, Any]:
    answer = {
        "role": "assistant",
        "content": prediction.text,
        "source": "generate",
    }
    choice = {"message": answer, "stop_reason": STOP_REASONS[prediction.finish]}
    prompt = _turns(example.prompt)
    return {
        "id": example.id,
        "epoch": 1,
        "input": prompt,
        "target": example.target,
        "messages": [*prompt, answer],
        "output": {"model": f"{INSPECT_API}/{prediction.arm}", "choices": [choice]},
        "scores": _scores(scores, prediction.text),
        "metadata": {
            "unscored": _unscored(scores),
            "kind": example.kind,
            "source": example.source,
            **example.tags,
        },
    }


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.text} for m in messages]


def _scores(scores: Sequence[Score], answer: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for score in scores:
        if not isinstance(score.value, Unscored):
            found[score.metric] = {
                "value": score.value,
                "answer": answer,
                "explanation": score.reason,
            }
    return found


def _unscored(scores: Sequence[Score]) -> dict[str, str]:
    """Metric to the reason why it has no value."""
    return {s.metric: s.value.reason for s in scores if isinstance(s.value, Unscored)}
