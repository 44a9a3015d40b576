"""Carried out in an environment of the peers: which rows their own programs would drop.

PEERS_PYTHON -P bench/curation/peer_filters.py ROWS.jsonl VECTORS.npy OUT.json

Each line of the file is a question and its answer. datatrove's and Data-Juicer's filters see both
as one text, with the thresholds that they come with; SemHash deduplicates with its default
threshold over the vectors that are given (its own weights would have to be downloaded); wana is
told that the second half is the test set of the first; finelint looks at all rows.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Pair = tuple[str, str]


def datatrove(pairs: Sequence[Pair], names: Sequence[str]) -> set[int]:
    """Rows that one of datatrove's filters drops."""
    from datatrove.data import Document
    from datatrove.pipeline import filters

    steps = [getattr(filters, name)() for name in names]
    dropped = set()
    for i, (asked, answer) in enumerate(pairs):
        document = Document(text=f"{asked}\n{answer}", id=str(i))
        for step in steps:
            verdict = step.filter(document)
            if verdict is False or (isinstance(verdict, tuple) and not verdict[0]):
                dropped.add(i)
                break
    return dropped


def juicer(pairs: Sequence[Pair]) -> set[int]:
    """Rows that one of Data-Juicer's filters on characters, words and repetition drops."""
    from data_juicer.ops.filter.alphanumeric_filter import AlphanumericFilter
    from data_juicer.ops.filter.character_repetition_filter import CharacterRepetitionFilter
    from data_juicer.ops.filter.special_characters_filter import SpecialCharactersFilter
    from data_juicer.ops.filter.text_length_filter import TextLengthFilter
    from data_juicer.ops.filter.word_repetition_filter import WordRepetitionFilter
    from data_juicer.ops.filter.words_num_filter import WordsNumFilter
    from data_juicer.utils.constant import Fields

    kinds = (
        AlphanumericFilter,
        CharacterRepetitionFilter,
        SpecialCharactersFilter,
        TextLengthFilter,
        WordRepetitionFilter,
        WordsNumFilter,
    )
    texts = [f"{asked}\n{answer}" for asked, answer in pairs]
    dropped: set[int] = set()
    for kind in kinds:
        step = kind()
        samples = {
            "text": texts,
            Fields.stats: [{} for _ in texts],
            Fields.context: [{} for _ in texts],
        }
        kept = list(step.process_batched(step.compute_stats_batched(samples)))
        dropped |= {i for i, keep in enumerate(kept) if not keep}
    return dropped


def semhash(pairs: Sequence[Pair], vectors: np.ndarray) -> set[int]:
    """Rows that SemHash takes for duplicates of a row that stays."""
    from semhash import SemHash

    records = [{"row": str(i), "text": f"{a}\n{b}"} for i, (a, b) in enumerate(pairs)]
    index = SemHash.from_embeddings(vectors, records, model=_Given(), columns=["text"])
    filtered = index.self_deduplicate().filtered
    return {int(each.record["row"]) for each in filtered}


class _Given:
    """No encoder: the vectors are given."""

    def encode(self, inputs: Any, **_: Any) -> np.ndarray:
        raise NotImplementedError(f"{len(inputs)} texts without vectors")


def wana(pairs: Sequence[Pair]) -> set[int]:
    """Rows of the first half that `wana check` takes for rows of the second."""
    half = len(pairs) // 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "train.jsonl", pairs[:half])
        _write(folder / "tests.jsonl", pairs[half:])
        command = ["wana", "check", "train.jsonl", "--eval", "tests.jsonl", "-o", "out"]
        _carry_out(command, folder)
        found = json.loads((folder / "out" / "contamination.json").read_text(encoding="utf-8"))
    return {int(hit["train_id"].rsplit(":", 1)[1]) - 1 for hit in found["hits"]}


def finelint(pairs: Sequence[Pair]) -> set[int]:
    """Rows that `finelint inspect` names as affected."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "rows.jsonl", pairs)
        command = ["finelint", "inspect", "rows.jsonl", "--schema", "openai", "--id-field", "id"]
        command += ["--report", "report.json", "--affected-records", "affected.json"]
        _carry_out(command, folder)
        found = json.loads((folder / "affected.json").read_text(encoding="utf-8"))
    return set(_record_numbers(found))


def _record_numbers(found: Any) -> list[int]:
    """The ids of the records in a finding, wherever they stand."""
    if isinstance(found, dict):
        own = found.get("record_id") or found.get("id")
        mine = [int(own[1:])] if isinstance(own, str) and own[1:].isdigit() else []
        return mine + [n for value in found.values() for n in _record_numbers(value)]
    if isinstance(found, list):
        return [n for value in found for n in _record_numbers(value)]
    return []


def _carry_out(command: Sequence[str], folder: Path) -> None:
    program = Path(sys.executable).parent / command[0]
    subprocess.run(
        [str(program), *command[1:]],
        cwd=folder,
        check=False,
        stdout=subprocess.DEVNULL,
    )


def _write(path: Path, pairs: Sequence[Pair]) -> None:
    lines = []
    for i, (asked, answer) in enumerate(pairs):
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"id": f"r{i}", "messages": turns}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def answer(rows: str, vectors: str, out: str) -> None:
    """Ask each peer; what cannot be carried out says why."""
    lines = Path(rows).read_text(encoding="utf-8").splitlines()
    pairs: list[Pair] = [tuple(json.loads(line)) for line in lines]
    points = np.load(vectors, allow_pickle=False)
    quality, repetition = ["GopherQualityFilter"], ["GopherRepetitionFilter"]
    programs: dict[str, tuple[str, Callable[[], set[int]]]] = {
        "datatrove: Gopher quality": ("datatrove", lambda: datatrove(pairs, quality)),
        "datatrove: Gopher repetition": ("datatrove", lambda: datatrove(pairs, repetition)),
        "datatrove: FineWeb quality": (
            "datatrove",
            lambda: datatrove(pairs, ["FineWebQualityFilter"]),
        ),
        "Data-Juicer: six filters": ("py-data-juicer", lambda: juicer(pairs)),
        "SemHash: 0.90": ("semhash", lambda: semhash(pairs, points)),
        "wana: check": ("wana", lambda: wana(pairs)),
        "finelint: inspect": ("finelint", lambda: finelint(pairs)),
    }
    found: dict[str, Any] = {}
    for name, (package, program) in programs.items():
        try:
            version = importlib.metadata.version(package)
            found[f"{name} ({version})"] = sorted(program())
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"[:200]
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    answer(*sys.argv[1:])
