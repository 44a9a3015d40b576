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
from tunewell.project import Project
from tunewell.curate import curate
from tunewell.store import Store
from tunewell.task import load_task

with Store(Path(sys.argv[1])) as store:
    engine = f"engine={sys.argv[2]}"
    task = load_task(Path(sys.argv[1]), overrides=[engine], environment={})
    dataset = curate(Project(task, store))
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


FAULTY = """
import errno
import pyarrow as pa
from tunewell.engine import Engine

def work(number):
    if number == 1:
        raise OSError(errno.ENOSPC, "No space left on device")
    return pa.table({"n": [number]})

try:
    Engine("ray:local", workers=2).each(work, 3)
except OSError as error:
    print(type(error).__name__, error.errno)
"""


@pytest.mark.slow
def test_what_a_worker_raises_is_raised_by_the_caller() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTY], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    assert done.stdout.strip().splitlines()[-1] == "OSError 28"


IN_PARTS = """
import sys
from pathlib import Path
from tunewell.engine import Engine
from tunewell.similar.conversations import Conversation
from tunewell.similar.in_parts import Workplace, copies_among, leaks_among
from tunewell.testing.planted import edit, vocabulary
import random

draw = random.Random(1)
texts = [" ".join(draw.choices(vocabulary(4_000), k=40)) for _ in range(300)]
texts += [edit(text, 0.1, draw) for text in texts[:30]]
rows = [
    Conversation(str(i), (("user", text[:100]), ("assistant", text[100:])))
    for i, text in enumerate(texts)
]
place = Workplace(Engine(sys.argv[2]), Path(sys.argv[1]), most=100, a_part=150)
looked = copies_among(rows, place)
leaks = leaks_among(rows[:300], rows[300:], place)
print(sorted(looked.found.pairs.positions()), [(leak.train.id, leak.kind) for leak in leaks])
"""


@pytest.mark.slow
def test_rows_in_parts_give_the_same_on_a_cluster(tmp_path: Path) -> None:
    said = []
    for engine in ("native", "ray:local"):
        done = subprocess.run(
            [sys.executable, "-c", IN_PARTS, str(tmp_path), engine],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4_000:]
        said.append(done.stdout.strip().splitlines()[-1])
    assert said[0] == said[1]
    assert said[0].count("edited") >= 20
