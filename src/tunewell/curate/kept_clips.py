"""The recordings of a dataset: kept in the store, and looked at again before it is reused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewell.curate.reading.clips import Clips
from tunewell.curate.rows import InputRow
from tunewell.lineage import RunWriter, StageKey
from tunewell.store import Store

_OUTPUT = "recordings"
"""Under this name a run keeps which files it heard."""

Heard = dict[str, tuple[int, int]]
"""Path to size in bytes and time of change in nanoseconds."""


def keep_clips(
    rows: Sequence[InputRow],
    clips: Clips,
    run: RunWriter,
    store: Store,
) -> None:
    """Store the recordings of the rows that are still there, and note which files were heard."""
    if not clips.paths:
        return
    wanted = {row.clip for row in rows if not row.dropped} - {""}
    for digest in sorted(wanted):
        store.files.put_file(clips.paths[digest], digest)
    run.counts["recordings"] = len(wanted)
    run.outputs[_OUTPUT] = store.put_value(_stamps(clips.named))


def _stamps(paths: set[Path]) -> Heard:
    found: Heard = {}
    for path in sorted(paths):
        about = path.stat()
        found[str(path)] = (about.st_size, about.st_mtime_ns)
    return found


def clips_unchanged(store: Store, key: StageKey) -> bool:
    """Whether the recordings that a finished run heard are as they were.

    They need not be among its inputs: a list of rows names them.
    """
    run = key.finished(store)
    if run is None or _OUTPUT not in run.outputs:
        return True
    heard = store.get_value(run.outputs[_OUTPUT], Heard)
    there = {Path(name) for name in heard if Path(name).is_file()}
    return _stamps(there) == heard
