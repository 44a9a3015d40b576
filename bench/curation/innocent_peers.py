"""What other tools would drop of rows that nobody spoiled: their own programs, as they come.

They run in an environment of their own, whose Python PEERS_PYTHON names (``pip install semhash
datatrove py-data-juicer wana finelint``); see `bench.curation.peer_filters` for what each does.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.similar.vectors import vectors

PROGRAM = Path(__file__).parent / "peer_filters.py"

Pair = tuple[str, str]


def shares_dropped(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Share of the rows that each peer would drop, or why it was not measured."""
    python = os.environ.get("PEERS_PYTHON", "")
    if not python:
        return {"peers": "not installed: PEERS_PYTHON names no Python"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [json.dumps(pair) + "\n" for pair in pairs]
        (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
        texts = [f"{asked}\n{answer}" for asked, answer in pairs]
        np.save(folder / "vectors.npy", vectors(texts), allow_pickle=False)
        files = [str(folder / each) for each in ("rows.jsonl", "vectors.npy", "out.json")]
        # Without -P, a neighbour of the program would stand in for a module of Python's.
        subprocess.run([python, "-P", str(PROGRAM), *files], check=True)
        found = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return {name: _share(dropped, len(pairs)) for name, dropped in found.items()}


def _share(dropped: list[int] | str, rows: int) -> float | str:
    if isinstance(dropped, str):
        return f"not measured: {dropped}"
    return round(len(dropped) / rows, 4)
