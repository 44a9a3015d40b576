"""Damaged files by the thousand: no crash, no hang, nothing lost without a word.

See `bench.curation.fuzz`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.curation import fuzz
from bench.curation.fuzz_seeds import SEEDS, mark

from tests.curate.test_read import read
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.rows import InputRow, Reject


def test_damaged_files(tmp_path: Path) -> None:
    tally = fuzz.run(tmp_path, files=800)
    assert tally.faults == []
    assert tally.done == 800
    assert set(tally.outcomes) == set(SEEDS)
    assert tally.curated["read"] == sum(tally.curated[k] for k in ("kept", "dropped", "rejects"))


@pytest.mark.slow
def test_a_hundred_thousand_damaged_files(tmp_path: Path) -> None:
    tally = fuzz.run(tmp_path, files=100_000, state=tmp_path / "state.json")
    assert tally.faults == []
    assert (
        fuzz.run(tmp_path, files=100_000, state=tmp_path / "state.json").done == 100_000
    )  # goes on where it was


def test_the_seeds_are_sound(tmp_path: Path) -> None:
    for suffix, files in SEEDS.items():
        for i, data in enumerate(files):
            path = tmp_path / f"s{i}{suffix}"
            path.write_bytes(data)
            batch = read(path)
            assert batch.rows
            assert not batch.rejects
            assert fuzz.lost_marks(data, suffix, batch) == ""
            if (
                suffix not in (".txt", ".md") or i < 3
            ):  # the last of these is packed, and no text at all
                assert any(mark(1) in text for row in batch.rows for _, text in row.turns)


def test_a_loss_would_be_seen() -> None:
    data = b'{"prompt": "mk0001x", "completion": "mk0002x"}\n'
    row = InputRow("a", "a:1", [("user", "mk0001x"), ("assistant", "b")])
    assert fuzz.lost_marks(data, ".jsonl", ReadResult(rows=[row])) == "mk0002x"
    assert fuzz.lost_marks(data, ".jsonl", ReadResult()) == "neither row nor reject"
    assert (
        fuzz.lost_marks(data, ".jsonl", ReadResult(rows=[row], rejects=[Reject("a:2", "cut")]))
        == ""
    )
