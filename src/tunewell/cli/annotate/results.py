"""``tunewell annotate results``: how far annotators agree, and what is settled."""

from __future__ import annotations

from pathlib import Path

from tunewell.annotate import AnnotationResult, annotation_result
from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.people import WorkStore


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    json: JsonOption = False,
) -> None:
    """Show how far annotators of a batch agree, and what is settled."""
    with open_project(path) as project:
        store = project.store
        result = annotation_result(WorkStore(store), batch_named(store, "annotate", which))
    if json:
        emit("annotate", result)
    else:
        _show(result)


def _show(result: AnnotationResult) -> None:
    show(
        f"{result.batch.title}: {len(result.settled)} settled, "
        f"{len(result.disputes)} to adjudicate, {result.waiting} waiting for annotators, "
        f"{result.undecided} that nobody could decide"
    )
    if result.labels:
        show(f"  label of the text, alpha: {result.labels.alpha or result.labels.why}")
    for label, found in result.spans.items():
        show(f"  {label}, alpha: {found.alpha or found.why}")
    if result.overlap:
        show(f"  identical marks (F1): {result.overlap}")
    if result.bias:
        show(f"  the suggestion sways answers towards it by {result.bias.bias} (likeness, 0 to 1)")
