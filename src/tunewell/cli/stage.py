"""The stages for the verbs that run them, and the record of a stage as a few lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tunewell.cli.common import emit, note, open_project, show
from tunewell.cli.live import Watch
from tunewell.errors import EXIT_INCONCLUSIVE, EXIT_NO_GO, EXIT_OK
from tunewell.pitfalls import pitfall
from tunewell.run import Stage, Stages
from tunewell.types import Outcome, Run

EXIT_OF: Mapping[Outcome, int] = {
    "GO": EXIT_OK,
    "NO-GO": EXIT_NO_GO,
    "INCONCLUSIVE": EXIT_INCONCLUSIVE,
}

NOTHING: Mapping[str, object] = MappingProxyType({})


@contextlib.contextmanager
def open_stages(
    verb: str,
    path: Path,
    *,
    overrides: list[str] | None,
    wait: bool,
    json: bool,
) -> Iterator[Stages]:
    """The stages of a project that is locked for a verb, with their progress on stderr.

    Args:
        verb: What the project is locked for.
        path: Of the project.
        overrides: Settings that take precedence over the file's.
        wait: Whether to wait for another process that holds the project.
        json: Whether stderr stays silent but for the names of the stages.
    """
    with open_project(
        path,
        overrides=overrides,
        lock=f"tunewell {verb}",
        wait=wait,
    ) as project:
        watch = Watch(quiet=json, kept_in=project.store.root)
        yield Stages(
            project,
            progress=watch.bar,
            live=watch.point,
            say=note,
        )


def show_stage(
    stages: Stages,
    name: Stage,
    *,
    json: bool,
    beside: Mapping[str, object] = NOTHING,
) -> None:
    """Print the record of a stage that was run or reused, or the envelope.

    Args:
        stages: The project's.
        name: Of the stage.
        json: Whether to print the envelope.
        beside: What goes into the envelope beside the record.
    """
    record = stages.records[name]
    if json:
        emit(name, {**dict(record), **beside})
    else:
        show_record(record, reused=name in stages.reused)


def show_record(record: Run, *, reused: bool = False) -> None:
    """What a stage did, as a few lines."""
    if reused:
        show(f"{record.stage}: already finished, reused")
    else:
        memory = record.peak_bytes / 2**20
        show(f"{record.stage}: {record.seconds:.1f} s, peak memory {memory:.0f} MiB")
    for name, count in record.counts.items():
        show(f"  {name:28} {count:>9,}")
    for speed in record.speeds:
        show(f"  {speed.arm:12} real-time factor {speed}")
    for finding in record.findings:
        if finding.status != "clear":
            name = pitfall(finding.code).name
            show(f"  {finding.status:9} {finding.code} {name}: {finding.why}")
