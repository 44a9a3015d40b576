"""A hundred thousand damaged files: no crash, no hang, nothing lost without a word."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from tests.curate.test_read import read

SEEDS = {
    ".jsonl": "".join(json.dumps({"prompt": f"q{i} é", "completion": f"a{i}"}) + "\n" for i in range(4)).encode(),
    ".json": json.dumps([{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}] * 3,
                        indent=1).encode(),
    ".csv": b"prompt,completion\n\"a, b\",c\nd,\"e\nf\"\n",
    ".html": b"<html><head><meta name=date content=2024-01-01></head><body><h1>A</h1><p>b</p></body></html>",
    ".eml": b"Subject: s\r\nDate: Wed, 01 May 2024 10:00:00 +0000\r\nContent-Type: text/plain\r\n\r\nbody\r\n",
}  # fmt: skip


def damage(data: bytes, draw: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(out) + 1)
        kind = draw.randrange(5)
        if kind == 0:
            out[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 8)))
        elif kind == 1:
            del out[at : at + draw.randint(1, 20)]
        elif kind == 2 and out:
            out[min(at, len(out) - 1)] = draw.randrange(256)
        elif kind == 3:
            out[at:at] = out[: draw.randint(0, 60)]
        else:
            out = out[:at]
    return bytes(out)


def feed(folder: Path, count: int, seed: int) -> float:
    """Read that many damaged files; gives the longest time that one took, in seconds."""
    draw = random.Random(seed)
    slowest = 0.0
    for i in range(count):
        suffix = draw.choice(list(SEEDS))
        path = folder / f"f{i % 7}{suffix}"
        path.write_bytes(damage(SEEDS[suffix], draw))
        started = time.perf_counter()
        batch = read(path)
        slowest = max(slowest, time.perf_counter() - started)
        places = [r.place for r in batch.rows] + [r.place for r in batch.rejects]
        assert len(places) == len(set(places))
        if suffix == ".jsonl":  # every line that is not blank is a row or a reject
            lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
            wide = path.read_bytes()[:4096].count(0) > len(path.read_bytes()[:4096]) // 4
            bom = path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
            assert wide or bom or len(places) == max(1, len(lines)) or not lines
    return slowest


def test_damaged_files(tmp_path: Path) -> None:
    assert feed(tmp_path, 1_000, 1) < 5


@pytest.mark.slow
def test_a_hundred_thousand_damaged_files(tmp_path: Path) -> None:
    assert feed(tmp_path, 100_000, 2) < 10
