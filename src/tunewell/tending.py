"""The process beside a gateway, with the guard of tests on traffic.

``python -m tunewell.tending tunewell.yaml`` runs until its standard input is closed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tunewell.experiments import experiments
from tunewell.gateway import tending
from tunewell.store import Store
from tunewell.task import TaskFile


def guard(store: Store, file: TaskFile) -> str:
    """Stop the test that is running if its candidate does clear harm; what was done, in words."""
    if not any(record.status == "running" for record in experiments(store)):
        return ""
    # Statistics are loaded only while there is a test: this process is small otherwise.
    from tunewell.compare.experiment import stop_for_harm

    stopped = stop_for_harm(store, settings=file.spec.gateway)
    if stopped is None:
        return ""
    return f"the experiment {stopped.name} was stopped: {stopped.harm}"


if __name__ == "__main__":
    tending.main(Path(sys.argv[1]), guard=guard)
