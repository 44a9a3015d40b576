"""Every format with its oddities, and ten thousand mutated files, against an independent count.

Run: python -m bench.evaluation.foreign [FILES]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.evaluation.foreign.oddities import COUNTED, FORMATS
from bench.evaluation.foreign.trial import MutationTrial, score_of
from bench.machine import keep

FILES = 10_000
TRIALS = (
    *[MutationTrial.outputs] * 5,
    *[MutationTrial.formats] * 3,
    MutationTrial.annotations,
    MutationTrial.labels,
)
"""Of every ten files: outputs mutated, outputs by format, annotations mutated and by tool."""


def main(files: int) -> None:
    """Run and keep what came of it."""
    began = time.perf_counter()
    formats = {}
    for form, write in FORMATS.items():
        formats[form] = score_of(form, write) == COUNTED
    print(formats)
    with tempfile.TemporaryDirectory() as folder:
        trial = MutationTrial(Path(folder))
        for seed in range(files):
            # The format changes with every ten files, so that each trial sees all of them.
            TRIALS[seed % 10](trial, seed // 10 + 10_000 * (seed % 10))
    result = {
        "formats": formats,
        "files": files,
        "outcomes": dict(trial.outcomes),
        "faults": trial.faults[:50],
        "seconds": round(time.perf_counter() - began, 1),
    }
    print(result)
    print(keep("evaluation-foreign", result).name)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FILES)
