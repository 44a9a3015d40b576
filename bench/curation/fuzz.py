"""100,000 damaged files over every reader: no crash, no hang, nothing lost without a word.

python -m bench curation/fuzz            (FUZZ_FILES, FUZZ_SEED and FUZZ_FOLDER change count, seed
and working folder)

Seeded and resumable: file *i* depends on the seed and *i* alone, and every 1,000 files the state is
kept, so that a killed run goes on where it was. For every file

* the reader must come back within `LIMIT_S` with rows and recorded rejects (anything raised is a
  crash);
* every planted mark (``mk0001x``) that is still legible in the damaged bytes of a text format must
  stand in a row, or the file must have a reject, a note of a repair, or a row that is dropped as
  empty (else it was lost silently); a packed format must give a row or a reject;
* its bytes must be those of rows, of rejects, and of what is known to hold nothing;
* and all rows and rejects of a thousand files then go through curation: kept + dropped + rejects =
  read.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from bench.curation.fuzz_seeds import SEEDS
from bench.machine import keep
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.reading.encoding import decode
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.task import DataSource, TaskFile, parse_task

FILES = int(os.environ.get("FUZZ_FILES", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "3"))
LIMIT_S = 10
PART = 1_000
MARK = re.compile(rb"mk\d{4}x")
PACKED = frozenset({".docx", ".pdf", ".parquet", ".arrow", ".bz2", ".xz", ".zst", ".zip"})
TASK = """\
task: {name: fuzz, about: damaged files of all kinds, input: text, output: text}
data: [{path: x}]
"""


class Hang(BaseException):
    """A reader that took longer than `LIMIT_S`; not an Exception, so that no reader swallows it."""


@dataclass
class Tally:
    """What became of the files so far."""

    done: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    curated: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def count(self, suffix: str, outcome: str, n: int = 1) -> None:
        """Count an outcome of a format."""
        self.outcomes.setdefault(suffix, Counter())[outcome] += n

    def fault(self, kind: str, i: int, suffix: str, why: str) -> None:
        """Keep a fault with the number of its file, from which it can be made again."""
        self.count(suffix, kind)
        self.faults.append({"kind": kind, "file": i, "suffix": suffix, "why": why[:300]})

    @classmethod
    def load(cls, path: Path) -> Tally:
        """From a file; an empty one if there is none."""
        if not path.exists():
            return cls()
        values = json.loads(path.read_text(encoding="utf-8"))
        values["outcomes"] = {k: Counter(v) for k, v in values["outcomes"].items()}
        return cls(**{**values, "curated": Counter(values["curated"])})

    def save(self, path: Path) -> None:
        """To a file, all or nothing."""
        path.with_suffix(".tmp").write_text(json.dumps(vars(self)), encoding="utf-8")
        path.with_suffix(".tmp").replace(path)


def damage(data: bytes, draw: random.Random) -> bytes:
    """One to six random edits: bytes put in, cut out, changed, a block repeated, or the end cut."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at, kind = draw.randrange(len(out) + 1), draw.randrange(7)
        if kind == 0:
            out[at:at] = draw.randbytes(draw.randint(1, 8))
        elif kind == 1:
            del out[at : at + draw.randint(1, 40)]
        elif kind == 2 and out:
            out[min(at, len(out) - 1)] = draw.randrange(256)
        elif kind == 3:
            start = draw.randrange(len(out) + 1)
            out[at:at] = out[start : start + draw.randint(0, 200)]
        elif kind == 4:
            out[at:at] = draw.choice(_TOKENS)
        elif kind == 5 and out:
            out[min(at, len(out) - 1)] ^= 1 << draw.randrange(8)
        elif draw.random() < 0.3:
            out = out[:at]
    return bytes(out)


_TOKENS = (
    b'"',
    b"{",
    b"}",
    b"]",
    b"[",
    b"\\",
    b"\n",
    b"\r",
    b"\x00",
    b",",
    b"\t",
    b"<!--",
    b"<script>",
    b"<nav>",
    b"</p>",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"1e999",
    b"NaN",
    b"null",
    b"\xc3",
    b"\x1a",
    b"<![CDATA[",
    b"&#xfffffff;",
    b"\xe2\x80\xa8",
    b"--b\r\n",
    b"=?utf-8?q?=",
    b"/Length 99999999",
    b"obj",
    b"\x85",
)


def one(i: int, folder: Path, tally: Tally, batch: ReadResult) -> None:
    """Damage, read and check one file."""
    draw = random.Random(f"{SEED}:{i}")
    suffix = _suffix(draw)
    data = damage(draw.choice(SEEDS[suffix]), draw)
    path = folder / f"f{i}{suffix}"
    path.write_bytes(data)
    mine = ReadResult()
    started = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        read_source(DataSource(path=str(path)), root=folder, batch=mine)
    except Hang:
        tally.fault("hang", i, suffix, f"longer than {LIMIT_S} s")
        return
    except Exception as error:
        tally.fault("crash", i, suffix, f"{type(error).__name__}: {error}")
        return
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        tally.slowest = max(tally.slowest, time.perf_counter() - started)
        path.unlink()
    astray = astray_bytes(data, suffix, mine)
    if astray:
        tally.fault("bytes", i, suffix, astray)
    lost = lost_marks(data, suffix, mine)
    if lost:
        tally.fault("lost", i, suffix, lost)
    tally.count(
        suffix,
        "rows only" if not mine.rejects else "rows and rejects" if mine.rows else "rejects only",
    )
    tally.count(suffix, "rows", len(mine.rows))
    tally.count(suffix, "rejects", len(mine.rejects))
    batch.rows += mine.rows
    batch.rejects += mine.rejects
    batch.repairs += mine.repairs


def astray_bytes(data: bytes, suffix: str, batch: ReadResult) -> str:
    """Whether bytes of the file are in no row, no reject and nothing that is known to be blank."""
    for account in batch.accounts:
        parts = account.row_bytes + account.lost_bytes + account.other_bytes
        if account.size != parts or min(account.row_bytes, account.lost_bytes) < 0:
            return f"{parts} bytes of {account.size}"
    total = sum(account.size for account in batch.accounts)
    magic = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
    names = [account.name for account in batch.accounts]
    is_unpacked = suffix == ".zip" and any(".zip/" in name for name in names)
    is_packed = data.startswith(magic) or is_unpacked  # what they hold is counted unpacked
    if data and not is_packed and total != len(data):
        return f"{total} bytes of {len(data)} are accounted for"
    rows = sum(account.rows for account in batch.accounts)
    rejects = sum(account.rejects for account in batch.accounts)
    if (rows, rejects) != (len(batch.rows), len(batch.rejects)):
        return f"{rows} rows and {rejects} rejects are accounted for"
    return ""


_WEIGHTS = {
    ".jsonl": 20,
    ".json": 15,
    ".csv": 12,
    ".tsv": 5,
    ".txt": 5,
    ".md": 5,
    ".html": 12,
    ".eml": 10,
    ".docx": 7,
    ".parquet": 5,
    ".pdf": 4,
    ".arrow": 4,
    ".bz2": 3,
    ".xz": 3,
    ".zst": 3,
    ".zip": 3,
}


def _suffix(draw: random.Random) -> str:
    return draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]


def lost_marks(data: bytes, suffix: str, batch: ReadResult) -> str:
    """What the damaged bytes still say and neither a row nor a reject accounts for.

    Empty if nothing.
    """
    if not batch.rows and not batch.rejects:
        return "neither row nor reject" if data.strip(b"\0 \t\r\n") else ""
    if suffix in PACKED or batch.rejects or batch.repairs:
        return ""
    text = decode(data)[0]
    if suffix == ".html":
        text = re.sub(r"(?is)<(script|style|nav)\b.*?</\1", " ", text)  # hidden by design
        text = re.sub(r"<[^<>]*>?", " ", text)  # what a damaged bracket made a tag is no text
    if (
        suffix in (".csv", ".tsv")
        and not set(re.split(r"[,\t]", text.split("\n")[0].strip().strip("\ufeff"))) <= _KNOWN
    ):
        return ""  # a column that is nobody's: not read, by design
    if suffix == ".eml":
        text = re.split(r"\r?\n\r?\n", text, maxsplit=1)[-1]  # the head is no text
        text = re.sub(r"(?m)^>.*$", "", text)  # what a mail quotes is left out by design
    said = {mark.decode() for mark in MARK.findall(text.encode("utf-8", "replace"))}
    if any(not text.strip() for row in batch.rows for _, text in row.turns):
        return ""  # an empty turn: the row is dropped as broken, with its receipt
    texts = "\n".join(text for row in batch.rows for _, text in row.turns)
    more = "\n".join(
        " ".join((r.id, r.kind, r.group, r.source, r.date_said, *r.tags.values()))
        for r in batch.rows
    )
    if suffix in (".json", ".jsonl"):
        more += _unknown_columns(decode(data)[0], suffix)
    return ", ".join(sorted(mark for mark in said if mark not in texts and mark not in more))


_KNOWN = frozenset(
    "id prompt completion date messages conversations instruction input output role from content "
    "value".split()
)


def _unknown_columns(text: str, suffix: str) -> str:
    """What stands under keys that are nobody's: further columns are not read, by design."""
    found: list[str] = []

    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(str(value) for name, value in pairs if name not in _KNOWN)
        return dict(pairs)

    for part in text.split("\n") if suffix == ".jsonl" else [text]:
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(part, object_pairs_hook=hook)
    return "\n".join(found)


def conserved(batch: ReadResult, file: TaskFile, tally: Tally) -> None:
    """Curation of what was read: every row and reject has its last word, and the sums agree."""
    read = batch.read
    done = apply_rules(file, batch)
    table = done.ledger.table()
    last: dict[str, str] = {}
    for row, action in zip(table["row"].to_pylist(), table["action"].to_pylist(), strict=True):
        last[row] = action
    kept, dropped = (
        sum(action == wanted for action in last.values()) for wanted in ("kept", "dropped")
    )
    tally.curated.update(
        {
            "read": read,
            "kept": kept,
            "dropped": dropped - len(batch.rejects),
            "rejects": len(batch.rejects),
        }
    )
    if kept + dropped != read or kept != len(done.training):
        tally.fault(
            "not conserved",
            tally.done,
            "",
            f"read {read}, kept {kept}, dropped or rejected {dropped}",
        )


def parts(folder: Path, tally: Tally, files: int, file: TaskFile) -> Iterator[Tally]:
    """Go on from where the tally is, a thousand files at a time."""
    while tally.done < files:
        clock, batch = time.process_time(), ReadResult()
        end = min(files, tally.done + PART)
        for i in range(tally.done, end):
            one(i, folder, tally, batch)
        tally.done = end
        conserved(batch, file, tally)
        tally.seconds += time.process_time() - clock
        yield tally


def run(folder: Path, *, files: int = FILES, state: Path | None = None) -> Tally:
    """The whole campaign, or the rest of it."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    tally = Tally.load(state) if state else Tally()
    file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
    try:
        for now in parts(folder, tally, files, file):
            if state:
                now.save(state)
                if now.done % 10_000 == 0:
                    print(
                        f"{now.done} files, {now.seconds:.0f} s, {len(now.faults)} faults",
                        flush=True,
                    )
    finally:
        signal.signal(signal.SIGALRM, before)
    return tally


def main() -> None:
    """Measure and keep."""
    folder = (
        Path(os.environ.get("FUZZ_FOLDER", "") or tempfile.gettempdir()) / f"tunewell-fuzz-{SEED}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    tally = run(folder, state=folder / "state.json")
    faults = Counter(fault["kind"] for fault in tally.faults)
    result = {
        "files": tally.done,
        "seed": SEED,
        "cpu_seconds": round(tally.seconds),
        "slowest_file_s": round(tally.slowest, 2),
        "limit_s": LIMIT_S,
        "crashes": faults["crash"],
        "hangs": faults["hang"],
        "lost_silently": faults["lost"],
        "bytes_astray": faults["bytes"],
        "not_conserved": faults["not conserved"],
        "curated": dict(tally.curated),
        "outcomes": {
            suffix: dict(sorted(counts.items()))
            for suffix, counts in sorted(tally.outcomes.items())
        },
        "faults": tally.faults[:200],
    }
    print(json.dumps({k: v for k, v in result.items() if k != "faults"}, indent=1))
    keep("curation-fuzz", result)


if __name__ == "__main__":
    main()
