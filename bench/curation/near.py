"""Near-duplicates beside peers on the same planted corpora: recall, false flags, speed, memory.

TUNEWELL_DATA=… python -m bench curation/near

Peers that are not installed are left out and named so. The recipes of datatrove and of NeMo Curator
are their published parameters (shingles, hashes, bands, no verification) carried out with
datasketch, not their own programs.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.curation.corpus import (
    dissimilar,
    paragraphs,
    peak_bytes,
    reset_peak,
    resident_bytes,
    share,
)
from bench.machine import keep
from tunewell.similar import Links, copies, near_pairs, split_words, template_families, without
from tunewell.testing.planted import edit, edit_blocks

SHORT_ROWS, SHORT_COPIES = 4_000, 400
LONG_ROWS, LONG_COPIES = 500, 120
RATES = (0.10, 0.20, 0.30)
BLOCK_RATES = (0.10, 0.20, 0.30, 0.50)
Pairs = set[tuple[int, int]]


# --- corpora: {"texts": […], "truth": [[source, copy, kind], …]}; the sources come first


def short() -> dict[str, Any]:
    """Real paragraphs of 50 to 70 words with scattered edits."""
    base = dissimilar(paragraphs(2 * SHORT_ROWS, low=50, high=70))[:SHORT_ROWS]
    return _planted(base, RATES, SHORT_COPIES, edit)


def long() -> dict[str, Any]:
    """Documents of about 500 words with one to four edited blocks."""
    parts = dissimilar(paragraphs(12 * LONG_ROWS, low=40, high=90))
    base = ["\n\n".join(parts[i : i + 8]) for i in range(0, len(parts) - 7, 8)][:LONG_ROWS]
    return _planted(base, BLOCK_RATES, LONG_COPIES, edit_blocks)


def _planted(
    base: list[str], rates: Iterable[float], each: int, editor: Callable[..., str]
) -> dict[str, Any]:
    draw = random.Random(0)
    known = sorted({word for text in base[:2_000] for word in text.split()})
    texts, truth = list(base), []
    for rate in rates:
        for i in draw.sample(range(len(base)), each):
            truth.append((i, len(texts), f"{rate:.0%}"))
            texts.append(editor(base[i], rate, draw, known=known))
    sources = {i for i, _, _ in truth}
    return {
        "texts": texts,
        "truth": truth,
        "clean": [i for i in range(len(base)) if i not in sources],
    }


def translated(root: Path) -> dict[str, Any]:
    """The dialogues of MTS-Dialog with their translations there and back.

    A wrong pair joins different dialogues.
    """
    texts: list[str] = []
    truth: list[tuple[int, int, str]] = []
    at: dict[str, int] = {}
    files = {
        "": "Main-Dataset/MTS-Dialog-TrainingSet.csv",
        "FR": "Augmented-Data/MTS-Dialog-Augmented-TrainingSet-1-En-FR-EN-2402-Pairs.csv",
        "ES": "Augmented-Data/MTS-Dialog-Augmented-TrainingSet-2-EN-ES-EN-2402-Pairs.csv",
    }
    for language, name in files.items():
        with (root / "mts_dialog" / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                number = row["ID"].split()[-1]
                if language and "TR=" not in row["ID"]:
                    continue
                if language:
                    truth.append((at[number], len(texts), language))
                else:
                    at[number] = len(texts)
                texts.append(row["dialogue"])
    return {"texts": texts, "truth": truth, "clean": []}


# --- methods: texts to pairs


def ours(texts: list[str]) -> Pairs:
    """Tunewell: verified pairs, rows of a template taken out, as curation does it."""
    words = split_words(texts)
    pairs = near_pairs(words)
    kept = without(pairs, template_families(words, pairs), len(words))
    kept &= copies(words, split_words([""] * len(words)), words, pairs)
    return set(zip(pairs.left[kept].tolist(), pairs.right[kept].tolist(), strict=True))


def _shingles(text: str, n: int) -> list[str]:
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return [" ".join(words[i : i + n]) for i in range(max(1, len(words) - n + 1))]


def rensa(texts: list[str]) -> Pairs:
    """The documented use of rensa: R-MinHash (128) on word triples, 16 bands, estimate >= 0.8."""
    from rensa import RMinHash, RMinHashLSH  # type: ignore[import-not-found, unused-ignore]

    index = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16)
    sketches = []
    for i, text in enumerate(texts):
        sketch = RMinHash(num_perm=128, seed=42)
        sketch.update(_shingles(text, 3))
        index.insert(i, sketch)
        sketches.append(sketch)
    return {
        (j, i)
        for i, s in enumerate(sketches)
        for j in index.query(s)
        if j < i and sketches[j].jaccard(s) >= 0.8
    }


def _datasketch(
    texts: list[str],
    shingles: Callable[[str], Iterable[str]],
    perms: int,
    least: float,
    **index_: Any,
) -> Pairs:
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found, unused-ignore]

    index = MinHashLSH(num_perm=perms, **index_)
    found: Pairs = set()
    sketches: list[Any] = []
    for i, text in enumerate(texts):
        sketch = MinHash(num_perm=perms)
        sketch.update_batch([s.encode() for s in shingles(text)])
        near = index.query(sketch)
        found |= {(j, i) for j in near if not least or sketches[j].jaccard(sketch) >= least}
        index.insert(i, sketch)
        if least:
            sketches.append(sketch)
    return found


def datasketch(texts: list[str]) -> Pairs:
    """datasketch: MinHash LSH at its default threshold 0.8 on word triples, by its estimate."""
    return _datasketch(texts, lambda t: _shingles(t, 3), 128, 0.8, threshold=0.8)


def datasketch_words(texts: list[str]) -> Pairs:
    """Single words in datasketch at a threshold of 0.5: the friendliest setting for edits."""
    return _datasketch(texts, lambda t: set(_shingles(t, 1)), 128, 0.5, threshold=0.5)


def datatrove_recipe(texts: list[str]) -> Pairs:
    """The recipe of datatrove: word 5-grams, 14 buckets of 8 hashes, one shared bucket."""
    return _datasketch(texts, lambda t: _shingles(t, 5), 112, 0.0, params=(14, 8))


def nemo_recipe(texts: list[str]) -> Pairs:
    """NeMo Curator's recipe: character 24-grams, 20 bands of 13 hashes, one shared band."""

    def grams(text: str) -> list[str]:
        return [text[i : i + 24] for i in range(max(1, len(text) - 23))]

    return _datasketch(texts, grams, 260, 0.0, params=(20, 13))


def semhash(texts: list[str]) -> Pairs:
    """SemHash at cosine 0.90 over the same static vectors that Tunewell carries."""
    from semhash import SemHash  # type: ignore[import-not-found, unused-ignore]

    from tunewell.similar.vectors import _model

    position = {text: i for i, text in enumerate(texts)}
    made = SemHash.from_records(
        records=list(dict.fromkeys(texts)), model=_model()
    ).self_deduplicate(threshold=0.9)
    return {
        (min(a, b), max(a, b))
        for item in made.filtered
        for other, _ in item.duplicates
        if (a := position[str(item.record)]) != (b := position[str(other)])
    }


METHODS = (ours, rensa, datasketch, datasketch_words, datatrove_recipe, nemo_recipe, semhash)


# --- measuring


def measure(method: Callable[[list[str]], Pairs], corpus: dict[str, Any]) -> dict[str, Any]:
    """Recall by kind, false flags, processor seconds and memory of one method on one corpus."""
    texts = corpus["texts"]
    method(texts[:50])  # imports and models are loaded
    reset_peak()
    before, clock = resident_bytes(), time.process_time()
    found = method(texts)
    cpu, memory = time.process_time() - clock, peak_bytes() - before
    links = Links(len(texts))
    for i, j in found:
        links.join(i, j)
    kinds = sorted({kind for _, _, kind in corpus["truth"]})
    of = {kind: [(i, j) for i, j, k in corpus["truth"] if k == kind] for kind in kinds}
    result: dict[str, Any] = {
        "recall": {
            kind: share(sum(links.root(i) == links.root(j) for i, j in pairs), len(pairs))
            for kind, pairs in of.items()
        },
        "rows": len(texts),
        "cpu_seconds": round(cpu, 2),
        "rows_per_cpu_second": round(len(texts) / cpu),
        "peak_mb_beyond_the_text": round(memory / 1e6, 1),
        "pairs": len(found),
    }
    if corpus["clean"]:
        flagged = {i for pair in found for i in pair}
        result["clean_flagged"] = share(
            sum(i in flagged for i in corpus["clean"]), len(corpus["clean"])
        )
    else:
        family = {j: i for i, j, _ in corpus["truth"]}
        wrong = {
            i
            for pair in found
            for i in pair
            if family.get(pair[0], pair[0]) != family.get(pair[1], pair[1])
        }
        result["rows_in_a_wrong_pair"] = share(len(wrong), len(texts))
    return result


def thresholds(root: Path) -> dict[str, Any]:
    """GPTeacher's set at its published thresholds against ours: what each keeps."""

    def rows(name: str) -> list[str]:
        path = root / "gpteacher" / f"toolformer-{name}-dataset.json"
        made = json.loads(path.read_text(encoding="utf-8"))
        return [f"{r['instruction']}\n{r['input']}\n{r['output']}" for r in made]

    texts = rows("dedupe-only")
    result: dict[str, Any] = {"rows": len(texts), "thresholds": {}}
    for level in (0.9, 0.8, 0.7, 0.6):
        theirs = set(rows(f"similarity-{level}"))
        pairs = near_pairs(texts, threshold=level)
        links = Links(len(texts))
        ends = set()
        for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
            links.join(i, j)
            ends |= {i, j}
        removed = [i for i, text in enumerate(texts) if text not in theirs]
        apart = sum(
            texts[i] not in theirs or texts[j] not in theirs
            for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
        )
        result["thresholds"][str(level)] = {
            "they_keep": len(texts) - len(removed),
            "we_would_keep": len(links.groups()),
            "of_what_they_removed_we_pair": share(sum(i in ends for i in removed), len(removed)),
            "of_our_pairs_they_removed_one": share(apart, max(1, len(pairs))),
            "our_pairs": len(pairs),
        }
    return result


def main(method: str = "", path: str = "") -> None:
    """Measure all that is installed, each method and corpus in a process of its own."""
    if method:
        chosen = next(m for m in METHODS if m.__name__ == method)
        sys.stdout.write(
            json.dumps(measure(chosen, json.loads(Path(path).read_text(encoding="utf-8"))))
        )
        return
    root = Path(os.environ.get("TUNEWELL_DATA", "."))
    corpora: dict[str, Callable[[], dict[str, Any]]] = {
        "short rows, scattered edits": short,
        "long documents, block edits": long,
    }
    result: dict[str, Any] = {"methods": {m.__name__: m.__doc__ for m in METHODS}, "corpora": {}}
    if (root / "mts_dialog").exists():
        corpora["dialogues, back-translated"] = lambda: translated(root)
        result["gpteacher"] = thresholds(root)
    for name, make in corpora.items():
        made = make()
        result["corpora"][name] = {}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "corpus.json")
            file.write_text(json.dumps(made), encoding="utf-8")
            for each in METHODS:
                command = [sys.executable, "-m", "bench.curation.near", each.__name__, str(file)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                got = (
                    json.loads(done.stdout)
                    if done.returncode == 0
                    else {"missing": done.stderr.strip()[-300:]}
                )
                result["corpora"][name][each.__name__] = got
                sys.stderr.write(f"{name}: {each.__name__}: {got}\n")
        _ratios(result["corpora"][name])
    keep("curation-near", result)


def _ratios(results: dict[str, Any]) -> None:
    """Speed and memory of each method over ours."""
    for got in results.values():
        if "rows_per_cpu_second" in got:
            got["our_speed_ratio"] = round(
                results["ours"]["rows_per_cpu_second"] / got["rows_per_cpu_second"], 2
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
