"""The same plan on a Ray cluster gives the same dataset."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")

SCRIPT = """
import sys
from pathlib import Path
from tunewell.curate import curate
from tunewell.store import Store
from tunewell.task import load_task

with Store(Path(sys.argv[1])) as store:
    engine = f"engine={sys.argv[2]}"
    task = load_task(Path(sys.argv[1]), overrides=[engine], environment={})
    dataset = curate(task, store)
    sys.stdout.write(dataset.id)
"""


@pytest.mark.slow
def test_a_local_cluster_gives_the_same_dataset(tmp_path: Path) -> None:
    import json

    from tunewell.testing.planted import corpus

    ids = []
    for engine in ("native", "ray:local"):
        folder = tmp_path / engine.replace(":", "-")
        folder.mkdir()
        made = corpus(seed=2, clean=1_500, each=60)
        (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made.rows))
        (folder / "tunewell.yaml").write_text(
            "task: {name: a, about: a task for tests, input: asked, output: said}\n"
            "data: [{path: a.jsonl}]\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder), engine],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4_000:]
        ids.append(done.stdout.strip().rsplit("\n", 1)[-1])
    assert ids[0] == ids[1]
    assert len(ids[0]) == 64
