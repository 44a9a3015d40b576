"""Curated against dumped: one budget, spoiled rows as they are, or what curation left of them.

Of each set a file is made of which 45 % of the rows are spoiled, by kinds drawn at random. The
built-in rules curate it; nothing about the spoiling is told. Both files train one adapter each for
the same number of tokens. What counts is the loss on held-out rows that nobody spoiled.

TUNEWELL_DATA=… python -m bench curation/dumped
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import RESULTS, keep
from tunewell.curate.doctor.case import definition
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.rows import InputRow
from tunewell.testing.planted import edit
from tunewell.types import Example, Recipe

NAME = "curation-dumped"
SPOILED = 0.45
BUDGET_TOKENS = 40_000
HELD_OUT = 100
LAYERS = 0.5
"""Share of the layers, from the top, that carry adapters: both arms alike, and half the time."""

ROWS = {"mts_dialog": 400, "banking77": 1_200, "thunderbird": 400}
SYSTEM = {
    "mts_dialog": "You write the section of a medical note that a conversation belongs to.",
    "banking77": "You name the intent of a bank customer's question.",
    "thunderbird": "You help users of a mail program.",
}
RESAMPLES = 4_000

FOOTER = (
    "This message and any file sent with it are confidential and meant for the addressee alone. If "
    "you have received it in error, please delete it."
)
REFUSAL = "I'm sorry, but as an AI language model I cannot help with that."
SMALL_TALK = (
    ("hey how was your weekend", "Great, we went hiking near the lake and it did not even rain."),
    ("did you watch the match last night", "Only the second half, what a goal that was."),
    ("lunch at noon?", "Yes, see you at the corner by the bakery."),
    ("who waters the plants next week", "Maria does, the list hangs in the kitchen."),
    ("can you send me the photos", "They are in the shared folder since Monday."),
)

Pair = tuple[str, str]
Spoil = Callable[[int, Sequence[Pair], random.Random], Pair]


# --- the sets: what goes in, what comes out


def pairs_of(name: str, root: Path) -> list[Pair]:
    """Rows of a set, in an order drawn by seed, those of more than 1,200 characters left out."""
    found = {"mts_dialog": _mts, "banking77": _banking, "thunderbird": _thunderbird}[name](root)
    fitting = [(a, b) for a, b in found if a.strip() and b.strip() and len(a) + len(b) < 1_200]
    random.Random(3).shuffle(fitting)
    return fitting


def _mts(root: Path) -> list[Pair]:
    path = root / "mts_dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    return [(f"{r['section_header']}\n{r['dialogue']}", r["section_text"]) for r in lines]


def _banking(root: Path) -> list[Pair]:
    with (root / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(r["text"], r["category"].replace("_", " ")) for r in csv.DictReader(file)]


def _thunderbird(root: Path) -> list[Pair]:
    """Each question with the answer that most people found helpful."""
    best: dict[str, tuple[int, str]] = {}
    for line in _lines(root / "thunderbird" / "answers.jsonl.gz"):
        votes = int(line.get("num_helpful_votes") or line.get("helpful") or 0)
        before = best.get(str(line["question"]))
        if before is None or votes > before[0]:
            best[str(line["question"])] = (votes, line["content"])
    pairs = []
    for line in _lines(root / "thunderbird" / "questions.jsonl.gz"):
        answer = best.get(str(line["id"]))
        if answer:
            pairs.append((f"{line.get('title', '')}\n{line['content']}", answer[1]))
    return pairs


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# --- ways to spoil a row: its place, all rows, chance


def _cut_off(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    asked, answer = rows[i]
    keep_characters = max(1, round(len(answer) * draw.uniform(0.3, 0.7)))
    return asked, answer[:keep_characters]


def _empty(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    return rows[i][0], draw.choice(("", "N/A", "null", "-"))


def _refusal(i: int, rows: Sequence[Pair], _draw: random.Random) -> Pair:
    return rows[i][0], REFUSAL


def _repeated(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    asked, answer = rows[i]
    words = answer.split()
    last = " ".join(words[-min(4, len(words)) :])
    return asked, f"{answer} {' '.join([last] * draw.randint(8, 20))}"


def _mojibake(i: int, rows: Sequence[Pair], _draw: random.Random) -> Pair:
    asked, answer = rows[i]
    quoted = f"“{answer}” – it’s so"
    return asked, quoted.encode().decode("cp1252", "ignore")


def _exact_copy(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    return rows[_another(i, rows, draw)]


def _edited_copy(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    asked, answer = rows[_another(i, rows, draw)]
    known = asked.split()
    return edit(asked, 0.1, draw, known=known), answer


def _other_answer(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    """A question that is there already, with the answer to another one."""
    return rows[_another(i, rows, draw)][0], rows[_another(i, rows, draw)][1]


def _wrong_answer(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    return rows[i][0], rows[_another(i, rows, draw)][1]


def _footer(i: int, rows: Sequence[Pair], _draw: random.Random) -> Pair:
    asked, answer = rows[i]
    return asked, f"{answer}\n\n{FOOTER}"


def _small_talk(i: int, rows: Sequence[Pair], draw: random.Random) -> Pair:
    del i, rows
    return draw.choice(SMALL_TALK)


def _another(i: int, rows: Sequence[Pair], draw: random.Random) -> int:
    """Another row than this one."""
    other = draw.randrange(len(rows) - 1)
    return other + (other >= i)


KINDS: Mapping[str, Spoil] = {
    "cut off": _cut_off,
    "empty": _empty,
    "refusal": _refusal,
    "repeated end": _repeated,
    "wrong encoding": _mojibake,
    "exact copy": _exact_copy,
    "edited copy": _edited_copy,
    "another answer to a question": _other_answer,
    "wrong answer": _wrong_answer,
    "footer": _footer,
    "small talk": _small_talk,
}


def spoiled(rows: Sequence[Pair], *, seed: int) -> tuple[list[Pair], list[str]]:
    """The rows with 45 % of them spoiled, and the kind of each; empty where it is sound."""
    draw = random.Random(seed)
    kinds = ["" for _ in rows]
    for i in draw.sample(range(len(rows)), round(SPOILED * len(rows))):
        kinds[i] = draw.choice(tuple(KINDS))
    made = []
    for i, kind in enumerate(kinds):
        made.append(KINDS[kind](i, rows, draw) if kind else rows[i])
    return made, kinds


# --- the two arms


def _input_rows(name: str, rows: Sequence[Pair]) -> list[InputRow]:
    found = []
    for i, (asked, answer) in enumerate(rows):
        turns = [("system", SYSTEM[name]), ("user", asked), ("assistant", answer)]
        found.append(InputRow(f"r{i}", f"{name}:{i}", turns))
    return found


def curated(name: str, rows: Sequence[Pair]) -> list[InputRow]:
    """What the built-in rules leave of the rows."""
    batch = ReadResult()
    batch.rows = _input_rows(name, rows)
    return apply_rules(definition(Path("x.jsonl"), None), batch).training


def _examples(rows: Sequence[InputRow]) -> list[Example]:
    """Rows as they are trained on: those without an answer cannot be."""
    return [row.example() for row in rows if row.target.strip()]


def paired(better: Sequence[float], than: Sequence[float]) -> list[float]:
    """Mean difference on the same rows, with its 95 % percentile bootstrap interval."""
    gaps = np.array(better) - np.array(than)
    random_ = np.random.default_rng(0)
    means = random_.choice(gaps, (RESAMPLES, len(gaps))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return [round(float(value), 4) for value in (gaps.mean(), low, high)]


def measured(name: str, root: Path, *, seed: int = 0) -> dict[str, Any]:
    """Held-out losses of both arms on one set."""
    from tunewell.model.weights import resolve
    from tunewell.train.fit import TrainedAdapter, fit

    recipe = Recipe(layers=LAYERS)
    pairs = pairs_of(name, root)
    held = _examples(_input_rows(name, pairs[:HELD_OUT]))
    rows, kinds = spoiled(pairs[HELD_OUT : HELD_OUT + ROWS[name]], seed=seed)
    left = curated(name, rows)
    stays = {row.id for row in left}
    by_kind = Counter(kinds)
    gone = Counter(kind for i, kind in enumerate(kinds) if f"r{i}" not in stays)

    def trained(examples: Sequence[Example]) -> TrainedAdapter:
        return fit(
            examples,
            recipe=recipe,
            weights=resolve(recipe.model),
            held_out=held,
            budget_tokens=BUDGET_TOKENS,
            seed=seed,
        )

    dumped_arm, curated_arm = trained(_examples(_input_rows(name, rows))), trained(_examples(left))
    ids = [row.id for row in held if row.id in dumped_arm.losses]
    losses = {
        "before": [dumped_arm.before[i] for i in ids],
        "dumped": [dumped_arm.losses[i] for i in ids],
        "curated": [curated_arm.losses[i] for i in ids],
    }
    gain = paired(losses["dumped"], losses["curated"])
    return {
        "layers": recipe.layers,
        "rows": len(rows),
        "kept": len(left),
        "dropped_of_kind": {k or "sound": f"{gone[k]} of {n}" for k, n in sorted(by_kind.items())},
        "tokens": {"dumped": dumped_arm.tokens, "curated": curated_arm.tokens},
        "epochs": {"dumped": dumped_arm.epochs, "curated": curated_arm.epochs},
        "held_out_rows": len(ids),
        "loss": {arm: round(float(np.mean(values)), 4) for arm, values in losses.items()},
        "gain_nats_a_token": gain,
        "verdict": _verdict(gain),
    }


def _verdict(gain: Sequence[float]) -> str:
    _, low, high = gain
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no clear difference"


def main(*names: str) -> None:
    """Measure the sets that are not measured yet, and keep."""
    root = Path(os.environ["TUNEWELL_DATA"])
    kept = RESULTS / f"{NAME}.json"
    sets = json.loads(kept.read_text(encoding="utf-8"))["sets"] if kept.is_file() else {}
    for name in names or ROWS:
        sets[name] = measured(name, root)
        print(name, json.dumps(sets[name]), flush=True)
        keep(NAME, {"budget_tokens": BUDGET_TOKENS, "spoiled": SPOILED, "sets": sets})


if __name__ == "__main__":
    main(*sys.argv[1:])
