"""Run the way up to a stage and say what came of it.

Shared by ``run`` and the verbs of the single stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tunewell.cli.common import emit, note, out, project
from tunewell.cli.live import Watch
from tunewell.errors import EXIT_INCONCLUSIVE, EXIT_NO_GO, EXIT_OK
from tunewell.pitfalls import pitfall
from tunewell.run import Result, run
from tunewell.store import Store
from tunewell.types import Outcome, Run

EXIT_OF: dict[Outcome, int] = {
    "GO": EXIT_OK,
    "NO-GO": EXIT_NO_GO,
    "INCONCLUSIVE": EXIT_INCONCLUSIVE,
}

__all__ = ["EXIT_OF", "print_run", "run_until"]


def run_until(
    stage: str,
    path: Path,
    *,
    overrides: list[str] | None,
    wait: bool,
    json: bool,
    details: Callable[[Result, Store], Mapping[str, object]] | None = None,
) -> Result:
    """Run every stage up to this one, reusing what is finished, and print the record of the last.

    Args:
        stage: The last to run.
        path: Of the project.
        overrides: Settings that stand above the file's.
        wait: Whether to wait for a project that another process holds.
        json: Whether to print the envelope instead of lines.
        details: What stands beside the record in the envelope.
    """
    with project(path, overrides=overrides, lock=f"tunewell {stage}", wait=wait) as (file, store):
        watch = Watch(quiet=json)
        result = run(file, store, until=stage, progress=watch.bar, live=watch.point, say=note)
        record = store.last_run(stage)
        beside = details(result, store) if json and details else {}
    if json:
        emit(
            stage,
            {**dict(record), **beside} if record else None,
            verdict=result.verdict.outcome if result.verdict else None,
        )
    elif record is not None:
        print_run(record, reused=stage in result.reused)
    return result


def print_run(record: Run, *, reused: bool) -> None:
    """What a stage did, as a few lines."""
    head = (
        "finished before, reused"
        if reused
        else f"{record.seconds:.1f} s, {record.peak_bytes / 2**20:.0f} MiB at the peak"
    )
    out.print(f"{record.stage}: {head}", markup=False)
    for name, count in record.counts.items():
        out.print(f"  {name:28} {count:>9,}", markup=False)
    for finding in record.findings:
        if finding.status != "clear":
            out.print(
                f"  {finding.status:9} {finding.code} {pitfall(finding.code).name}: {finding.why}",
                markup=False,
            )
