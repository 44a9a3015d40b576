"""When to retrain on streams of real texts and of the simulator, beside CARA, UPF and cadences.

In every stream a version of each period is trained on the periods before it, and judged on every
later one; a policy sees what a service would see and pays for errors and retrainings. Shifts are
planted: intents and domains come, go, and move. Thunderbird's areas hardly decay: nothing there can
tell policies apart but what they waste::

    TUNEWELL_DATA=… python -m bench.decide.streams
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from bench.decide.histories import WEEKS, History, draw
from bench.decide.peers import Floats, Policy, Stream, best_of, cara, cost_of, every, upf
from bench.machine import keep
from tunewell.decide import DecisionEvidence, Prices, QualityReading, Waiting, decide_next
from tunewell.stats import proportion

PRICES = (0.15, 0.5, 1.5)
"""Of a retraining, in periods of which every answer is wrong."""

PERIODS = 40
KNOWN = 10
ROWS = 250
HISTORIES = 4
"""Of each setting of the simulator."""

MEMORY = 6
"""Periods that a version is trained on."""

WEEK = dt.timedelta(days=7)
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
HASHES = 1 << 15

Row = tuple[str, str]


# --- texts ----------------------------------------------------------------------------------------


def vectors(texts: Sequence[str]) -> sp.csr_matrix:
    """Counts of hashed words and pairs of words, shape (texts, HASHES)."""
    rows, columns = [], []
    for number, text in enumerate(texts):
        words = text.casefold().split()
        for term in [*words, *map(" ".join, pairwise(words))]:
            rows.append(number)
            columns.append(_hash(term))
    ones = np.ones(len(rows))
    return sp.csr_matrix((ones, (rows, columns)), shape=(len(texts), HASHES))


def _hash(term: str) -> int:
    value = 2166136261
    for byte in term.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value % HASHES


class Bayes:
    """Complement naive Bayes (Rennie et al. 2003) on counts."""

    def __init__(self, counts: sp.csr_matrix, labels: Sequence[str]) -> None:
        self.names, codes = np.unique(np.array(labels), return_inverse=True)
        of_class = sp.csr_matrix(
            (np.ones(len(codes)), (codes, np.arange(len(codes)))),
            shape=(len(self.names), len(codes)),
        )
        own = (of_class @ counts).toarray()
        rest = own.sum(0)[None, :] - own + 0.3
        weight = np.log(rest / rest.sum(1, keepdims=True))
        self.weight = -weight / np.abs(weight).sum(1, keepdims=True)

    def wrong(self, counts: sp.csr_matrix, labels: Sequence[str]) -> Floats:
        """Which answers are wrong, 0 or 1, shape (rows,)."""
        said = self.names[(counts @ self.weight.T).argmax(1)]
        found: Floats = (said != np.array(labels)).astype(float)
        return found


def stream_of_texts(name: str, periods: Sequence[Sequence[Row]], known: int = KNOWN) -> Stream:
    """How versions of every period do in every later one."""
    counts = [vectors([text for text, _ in rows]) for rows in periods]
    labels = [[label for _, label in rows] for rows in periods]
    unit = [_unit(each) for each in counts]
    means = [np.asarray(each.mean(0)).ravel() for each in unit]
    size = len(periods)
    wrong, stale = np.full((size, size), np.nan), np.full((size, size), np.nan)
    for i in range(size):
        first = max(i - MEMORY + 1, 0)
        pooled = sp.vstack(counts[first : i + 1]).tocsr()
        model = Bayes(pooled, list(chain(*labels[first : i + 1])))
        for j in range(i, size):
            losses = model.wrong(counts[j], labels[j])
            wrong[i, j] = losses.mean()
            half = len(losses) // 2
            like = (unit[j][half:] @ unit[j][:half].T).toarray() + 1e-9
            stale[i, j] = float((like @ losses[:half] / like.sum(1)).mean())
    shift = np.array([[float(np.linalg.norm(a - b)) for b in means] for a in means])
    rows = int(np.mean([len(each) for each in periods]))
    return Stream(name, wrong, stale, shift / max(shift.max(), 1e-9), rows, known)


def _unit(counts: sp.csr_matrix) -> sp.csr_matrix:
    length = np.sqrt(np.asarray(counts.multiply(counts).sum(1)).ravel())
    return (sp.diags(1 / np.maximum(length, 1e-9)) @ counts).tocsr()


def drawn(rows: Sequence[Row], share: Any, *, seed: int) -> list[list[Row]]:
    """Periods whose rows are drawn by a weight of label and period.

    Args:
        rows: To draw from.
        share: Weight of a label in a period.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    found = []
    for period in range(PERIODS):
        weight = np.array([share(label, period) for _, label in rows], dtype=float)
        chosen = rng.choice(len(rows), ROWS, p=weight / weight.sum())
        found.append([rows[i] for i in chosen.tolist()])
    return found


def banking(data: Path) -> Stream:
    """Two batches of new intents arrive at once, as with two new products."""
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    names = sorted({label for _, label in rows})
    np.random.default_rng(1).shuffle(names)
    begins = {
        name: (0, 18, 29)[min(place // 50 + place // 64, 2)] for place, name in enumerate(names)
    }
    return stream_of_texts("banking77", drawn(rows, lambda n, t: t >= begins[n], seed=1))


def clinc(data: Path) -> Stream:
    """Domains fade in, one after the other, all the time."""
    text = (data / "clinc150" / "data_full.json").read_text(encoding="utf-8")
    rows = [(said, label) for said, label in json.loads(text)["train"]]
    names = sorted({label for _, label in rows})
    np.random.default_rng(2).shuffle(names)
    places = {name: place / len(names) for place, name in enumerate(names)}

    def share(name: str, period: int) -> float:
        begin = places[name] * 1.2 * PERIODS - 10
        return float(np.clip((period - begin) / 6, 0.01, 1))

    return stream_of_texts("clinc150", drawn(rows, share, seed=2))


def dogo(data: Path) -> Stream:
    """The desk moves from finance to insurance, and later to airlines."""
    rows = []
    for domain in ("finance", "insurance", "airline"):
        with (data / "multidogo" / domain / "train.tsv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row.get("utterance") and row.get("intent"):
                    rows.append((row["utterance"], f"{domain} {row['intent']}"))
    moves = {"finance": (-99, 16), "insurance": (14, 30), "airline": (28, 99)}

    def share(label: str, period: int) -> float:
        begin, end = moves[label.split()[0]]
        return 1.0 if begin <= period < end else 0.05

    return stream_of_texts("multidogo", drawn(rows, share, seed=3))


AREAS = (
    "troubleshooting",
    "settings",
    "installation-and-updates",
    "privacy-and-security",
    "calendar",
)


def thunderbird(data: Path) -> Stream:
    """Areas of real questions, a fortnight each: little decays."""
    path = data / "thunderbird" / "questions.jsonl.gz"
    first = dt.date(2023, 1, 1)
    periods: list[list[Row]] = [[] for _ in range(39)]
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            place = (dt.date.fromisoformat(row["created"][:10]) - first).days // 14
            if row["topic"] in AREAS and place < len(periods):
                periods[place].append((f"{row['title']} {row['content']}", row["topic"]))
    return stream_of_texts("thunderbird", periods)


# --- the simulator --------------------------------------------------------------------------------


def simulated(kind: str, seed: int) -> list[Stream]:
    """Weeks of the simulator as periods: histories of a kind, their own costs left aside."""
    histories = [draw(number) for number in range(seed, seed + 200)]
    own = [each for each in histories if each.kind == kind and each.mistaken is None]
    return [_of_history(history, kind) for history in own[:HISTORIES]]


def _of_history(history: History, kind: str) -> Stream:
    history = replace(history, sample=ROWS)
    rng = np.random.default_rng(history.seed)
    wrong = np.full((WEEKS, WEEKS), np.nan)
    for trained in range(WEEKS):
        for week in range(trained, WEEKS):
            share = history.wrong(trained, week)
            wrong[trained, week] = rng.binomial(ROWS, share) / ROWS
    lost = np.cumsum(history.jumps) + history.rate * np.arange(WEEKS)
    shift = np.abs(lost[:, None] - lost[None, :]) + rng.normal(0, 0.02, (WEEKS, WEEKS))
    return Stream(f"simulator: {kind}", wrong, wrong, np.abs(shift), ROWS, 26)


# --- the policies ---------------------------------------------------------------------------------


def tunewell(stream: Stream, price: float, trained: int, period: int) -> bool:
    """What `tunewell decide` says, with the first periods' versions as earlier ones."""
    return decide_next(_evidence(stream, price, trained, period)).action == "retrain"


def _evidence(stream: Stream, price: float, trained: int, period: int) -> DecisionEvidence:
    readings = list(_readings(stream, trained, period))
    for earlier in range(0, stream.known - 1, max(stream.known // 4, 1)):
        readings += _readings(stream, earlier, stream.known - 1)
    versions = {reading.version for reading in readings} | {f"v{trained}"}
    left = (stream.periods - 1 - period) * 7.0
    return DecisionEvidence(
        now=START + (period + 1) * WEEK,
        serving=f"v{trained}",
        trained={name: START + (int(name[1:]) + 1) * WEEK for name in versions},
        readings=tuple(readings),
        waiting=Waiting(source=stream.rows),
        prices=Prices(wrong_answer=1.0, retraining=price * stream.rows),
        answers_per_day=stream.rows / 7,
        horizon_days=max(left, 1.0),
    )


def _readings(stream: Stream, trained: int, last: int) -> Iterator[QualityReading]:
    for period in range(trained + 1, last + 1):
        bad = round(stream.wrong[trained, period] * stream.rows)
        yield QualityReading(
            at=START + (period + 0.5) * WEEK,
            version=f"v{trained}",
            wrong=proportion(min(bad, stream.rows), stream.rows, method="wilson"),
            by="labels",
        )


PEERS = (
    "CARA (arXiv 2310.04216) and UPF (arXiv 2505.14903) are built by us from summaries of the "
    "papers, not from the authors' code: another reading of them may cost less"
)

POLICIES: dict[str, Policy] = {
    "tunewell": tunewell,
    "CARA threshold": cara("threshold"),
    "CARA cumulative": cara("cumulative"),
    "CARA period": cara("period"),
    "UPF": upf(),
    "every 4": every(4),
    "every 13": every(13),
    "never": every(0),
}


def main() -> None:
    """Every policy on every stream at every price."""
    data = Path(os.environ.get("TUNEWELL_DATA", "") or "absent")
    if not data.is_dir():
        print("skipped: TUNEWELL_DATA is not set")
        return
    begun = time.process_time()
    several = [[banking(data)], [clinc(data)], [dogo(data)]]
    several += [simulated(kind, 5_000) for kind in ("slow", "sudden", "mixed")]
    several.append([thunderbird(data)])
    result = {streams[0].name: _on(streams) for streams in several}
    decided = [name for name in result if name != "thunderbird"]
    peers = [name for name in POLICIES if name.startswith(("CARA", "UPF"))]
    beaten = {
        peer: sum(
            result[name]["tunewell"]["mean"] <= result[name][peer]["mean"] for name in decided
        )
        for peer in peers
    }
    bird = result["thunderbird"]
    summary = {
        "peers": PEERS,
        "prices": PRICES,
        "cost_to_best": result,
        "streams_on_which_tunewell_costs_less": beaten,
        "of": len(decided),
        "thunderbird_against_never": round(bird["tunewell"]["mean"] / bird["never"]["mean"], 4),
        "processor_s": round(time.process_time() - begun, 1),
    }
    print(json.dumps(summary, indent=1))
    keep("decide-streams", summary)


def _on(streams: Sequence[Stream]) -> dict[str, dict[str, Any]]:
    """Every policy on streams of one kind: cost to that of the best schedule, by price."""
    found = {}
    for name, policy in POLICIES.items():
        ratios, counts = [], []
        for price in PRICES:
            done = [cost_of(stream, price, policy) for stream in streams]
            best = [best_of(stream, price) for stream in streams]
            apart = [cost / least for (cost, _), least in zip(done, best, strict=True)]
            ratios.append(round(float(np.mean(apart)), 4))
            counts.append(sum(count for _, count in done))
        found[name] = {
            "mean": round(float(np.mean(ratios)), 4),
            "by_price": ratios,
            "retrainings": counts,
        }
    return found


if __name__ == "__main__":
    main()
