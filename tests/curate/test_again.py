"""The same files give the same bytes, in another process with another hash seed too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tunewell.testing.planted import corpus

SCRIPT = """
import sys
from pathlib import Path
from tunewell.curate import curate
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.files import file_digest
from tunewell.task import load_task

with Store(Path(sys.argv[2])) as store:
    dataset = curate(Project(load_task(Path(sys.argv[1]), environment={}), store))
    files = [file_digest(store.files.open(name)) for name in (dataset.examples, dataset.receipts)]
    sys.stdout.write(" ".join([dataset.id, *files]))
"""


def test_a_rerun_gives_the_same_bytes(tmp_path: Path) -> None:
    made = corpus(seed=3, clean=250, each=6)
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made.rows))
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made.evaluation))
    (tmp_path / "tunewell.yaml").write_text(
        "task: {name: a, about: a task for tests, input: asked, output: said}\n"
        "data: [{path: a.jsonl}, {path: test.jsonl, role: test}]\n"
    )
    said = []
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path), str(tmp_path / f"store-{seed}")],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert run.returncode == 0, run.stderr
        said.append(run.stdout.split())
    assert said[0] == said[1]
    assert len(said[0]) == 3
