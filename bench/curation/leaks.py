"""Leaks (D11) beside wana and finelint: recall by kind, kinds told right, false alarms, the bound.

TUNEWELL_DATA=… python -m bench curation/leaks
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.curation.corpus import dissimilar, paragraphs, share
from bench.machine import keep
from tunewell.curate.rows import InputRow
from tunewell.similar.leaks import find_leaks
from tunewell.similar.missed_leaks import missed_bound
from tunewell.testing.planted import edit

EACH, CLEAN_TRAIN, CLEAN_EVAL = 150, 1_000, 500
KINDS = {
    "exact": {"exact"},
    "normalised": {"normalised"},
    "edited 10%": {"edited"},
    "edited 25%": {"edited"},
    "sibling chunk": {"sibling"},
    "paraphrased": {"paraphrased", "edited"},
}
Record = dict[str, Any]
Hits = set[tuple[str, str]]


def record(name: str, asked: str, answer: str, document: str = "") -> Record:
    """A chat row with the document that it comes from."""
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return {"id": name, "document": document, "messages": turns}


def planted(seed: int = 0) -> dict[str, Any]:
    """Real paragraphs, each cut into a question and an answer.

    Training rows, test rows, (train, test) to kind.
    """
    texts = dissimilar(
        paragraphs(2 * (CLEAN_TRAIN + CLEAN_EVAL + 6 * EACH), low=40, high=90, seed=seed), most=0.3
    )
    draw = random.Random(seed)
    fresh = iter(texts)
    known = sorted({word for text in texts[:2_000] for word in text.split()})

    def pair() -> tuple[str, str]:
        words = next(fresh).split()
        return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])

    train = [record(f"t{i}", *pair(), document=f"d{i}") for i in range(CLEAN_TRAIN)]
    tests = [record(f"e{i}", *pair(), document=f"x{i}") for i in range(CLEAN_EVAL)]
    truth = {}
    for kind in ("exact", "normalised", "edited 10%", "edited 25%", "sibling chunk"):
        for i in range(EACH):
            asked, answer = pair()
            name = f"{kind} {i}"
            document = name if kind == "sibling chunk" else ""
            tests.append(record(f"e {name}", asked, answer, document))
            truth[f"t {name}", f"e {name}"] = kind
            if kind == "normalised":
                asked, answer = f"{asked.upper()} !", f"  {answer}  "
            elif kind.startswith("edited"):
                rate = float(kind.split()[1].strip("%")) / 100
                asked, answer = (
                    edit(asked, rate, draw, known=known),
                    edit(answer, rate, draw, known=known),
                )
            elif kind == "sibling chunk":
                asked, answer = pair()
            train.append(record(f"t {name}", asked, answer, document))
    draw.shuffle(train)
    draw.shuffle(tests)
    return {"train": train, "tests": tests, "truth": truth}


def translated(root: Path) -> dict[str, Any]:
    """Dialogues of MTS-Dialog.

    Half of those in the test set were translated there and back into the training set.
    """

    def read(name: str) -> dict[str, Record]:
        with (root / "mts_dialog" / name).open(encoding="utf-8", newline="") as file:
            rows = [
                row for row in csv.DictReader(file) if "Augmented" not in name or "TR=" in row["ID"]
            ]
        return {r["ID"].split()[-1]: r for r in rows if len(r["dialogue"].split()) >= 12}

    originals = read("Main-Dataset/MTS-Dialog-TrainingSet.csv")
    sets = [
        read(f"Augmented-Data/MTS-Dialog-Augmented-TrainingSet-{n}-Pairs.csv")
        for n in ("1-En-FR-EN-2402", "2-EN-ES-EN-2402")
    ]
    names = sorted(originals, key=int)
    random.Random(0).shuffle(names)
    leaked, clean, rest = names[:300], names[300:600], names[600:]
    tests = [
        record(f"e{n}", originals[n]["dialogue"], originals[n]["section_text"])
        for n in leaked + clean
    ]
    train = [record(f"t{n}", originals[n]["dialogue"], originals[n]["section_text"]) for n in rest]
    truth = {}
    for k, each in enumerate(sets):
        for n in leaked[k::2]:
            if n in each:
                train.append(record(f"t{n} back", each[n]["dialogue"], each[n]["section_text"]))
                truth[f"t{n} back", f"e{n}"] = "paraphrased"
    return {"train": train, "tests": tests, "truth": truth}


def rows_of(records: list[Record], *, held: bool = False) -> list[InputRow]:
    """As curation reads them."""
    return [
        InputRow(
            r["id"],
            f"{i}",
            [(m["role"], m["content"]) for m in r["messages"]],
            group=r["document"],
            held=held,
        )
        for i, r in enumerate(records)
    ]


def ours(corpus: dict[str, Any]) -> tuple[Hits, dict[tuple[str, str], str], float]:
    """Tunewell's own search, with kinds and processor seconds."""
    clock = time.process_time()
    leaks = find_leaks(rows_of(corpus["train"]), rows_of(corpus["tests"], held=True))
    cpu = time.process_time() - clock
    return (
        {(x.train.id, x.test.id) for x in leaks},
        {(x.train.id, x.test.id): x.kind for x in leaks},
        cpu,
    )


def _files(corpus: dict[str, Any], folder: Path) -> None:
    for name in ("train", "tests"):
        lines = "".join(json.dumps(row) + "\n" for row in corpus[name])
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def _called(command: list[str], folder: Path) -> float:
    """Processor seconds of a command; what it says with its exit status is no matter here."""
    before = os.times()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def wana(corpus: dict[str, Any], folder: Path) -> tuple[Hits, float]:
    """`wana check` with its defaults: 13-grams, and MinHash on 5-grams verified at 0.8."""
    cpu = _called(
        [
            sys.executable,
            "-m",
            "wana",
            "check",
            "train.jsonl",
            "--eval",
            "tests.jsonl",
            "-o",
            "out",
        ],
        folder,
    )
    hits = json.loads((folder / "out" / "contamination.json").read_text(encoding="utf-8"))["hits"]

    def name(place: str, part: str) -> str:
        return str(corpus[part][int(place.rsplit(":", 1)[1]) - 1]["id"])

    return {(name(h["train_id"], "train"), name(h["eval_id"], "tests")) for h in hits}, cpu


def finelint(corpus: dict[str, Any], folder: Path) -> tuple[Hits, float]:
    """`finelint compare` with its defaults: exact, normalised, and character 5-grams at 0.95."""
    del corpus
    cpu = _called(
        [
            sys.executable,
            "-m",
            "finelint",
            "compare",
            "--split",
            "train=train.jsonl",
            "--split",
            "tests=tests.jsonl",
            "--id-field",
            "id",
            "--report",
            "out.json",
        ],
        folder,
    )
    found: Hits = set()
    for finding in json.loads((folder / "out.json").read_text(encoding="utf-8"))["findings"]:
        sides = {
            part: {r["id"] for r in finding.get("records", []) if r.get("split") == part}
            for part in ("train", "tests")
        }
        found |= {(a, b) for a in sides["train"] for b in sides["tests"]}
    return found, cpu


def judged(corpus: dict[str, Any], hits: Hits, cpu: float) -> dict[str, Any]:
    """Recall by kind (the right training row is named), and shares of clean rows named."""
    truth = corpus["truth"]
    leaking = {train for train, _ in truth}
    named = {train for train, _ in hits}
    leaked = {test for _, test in truth}
    clean = [r["id"] for r in corpus["train"] if r["id"] not in leaking]
    tests = [r["id"] for r in corpus["tests"] if r["id"] not in leaked]
    kinds = dict.fromkeys(truth.values())
    return {
        "recall": {
            k: share(
                sum(pair[0] in named for pair, kind in truth.items() if kind == k),
                sum(kind == k for kind in truth.values()),
            )
            for k in kinds
        },
        "clean_training_rows_named": share(sum(i in named for i in clean), len(clean)),
        "clean_test_rows_named": share(len({b for _, b in hits} & set(tests)), len(tests)),
        "cpu_seconds": round(cpu, 2),
        "rows_per_cpu_second": round((len(clean) + len(truth)) / max(cpu, 1e-9)),
    }


def bound(rounds: int = 20) -> dict[str, Any]:
    """How often the printed bound holds the true number of leaks.

    They are edited as the probes are (5 to 25 %).
    """
    texts = dissimilar(paragraphs(4_000, low=20, high=40, seed=5), most=0.3)
    held = 0
    recalls, highs = [], []
    for seed in range(rounds):
        draw = random.Random(seed)
        chosen = draw.sample(texts, 400)
        tests = rows_of([record(f"e{i}", t, "") for i, t in enumerate(chosen[:150])], held=True)
        copies = [
            record(
                f"t{i}",
                edit(chosen[i], draw.uniform(0.05, 0.25), draw, known=chosen[200].split()),
                "",
            )
            for i in range(40)
        ]
        train = rows_of(copies + [record(f"c{i}", t, "") for i, t in enumerate(chosen[150:])])
        leaks = find_leaks(train, tests)
        estimate = missed_bound(leaks, tests)
        true = {f"t{i}" for i in range(40)}
        held += (estimate.high or 0) >= 40
        recalls.append(sum(leak.train.id in true for leak in leaks) / 40)
        highs.append(estimate.high or 0)
    return {
        "rounds": rounds,
        "true_leaks": 40,
        "bound_held": share(held, rounds),
        "recall": round(sum(recalls) / rounds, 4),
        "mean_bound": round(sum(highs) / rounds, 1),
    }


def main() -> None:
    """Measure all that is installed and keep."""
    root = Path(os.environ.get("TUNEWELL_DATA", "."))
    corpora = {"planted": planted()}
    if (root / "mts_dialog").exists():
        corpora["back-translated dialogues"] = translated(root)
    result: dict[str, Any] = {
        "target": {
            "recall": {
                "exact": 0.99,
                "normalised": 0.99,
                "edited 10%": 0.97,
                "edited 25%": 0.90,
                "sibling chunk": 1.0,
                "paraphrased": 0.80,
            },
            "false_alarms": 0.01,
        },
        "corpora": {},
    }
    for name, corpus in corpora.items():
        hits, kinds, cpu = ours(corpus)
        got = judged(corpus, hits, cpu)
        told = [(kind, kinds[pair]) for pair, kind in corpus["truth"].items() if pair in kinds]
        got["kind_told_right"] = share(sum(said in KINDS[kind] for kind, said in told), len(told))
        got["told"] = {f"{kind} as {said}": n for (kind, said), n in sorted(Counter(told).items())}
        result["corpora"][name] = {"tunewell": got}
        for peer in (wana, finelint):
            if importlib.util.find_spec(peer.__name__) is None:
                result["corpora"][name][peer.__name__] = {"missing": "not installed"}
                continue
            with tempfile.TemporaryDirectory() as folder:
                _files(corpus, Path(folder))
                result["corpora"][name][peer.__name__] = judged(corpus, *peer(corpus, Path(folder)))
    result["bound"] = bound()
    sys.stderr.write(json.dumps(result, indent=1) + "\n")
    keep("curation-leaks", result)


if __name__ == "__main__":
    main()
