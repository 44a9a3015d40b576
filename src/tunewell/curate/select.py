"""A subset of N rows that covers the data, always held against random subsets of the same size.

Most learned selection does not beat a random subset. So a selection is judged on rows that were set
aside before it was made, beside many random subsets, and where it does not beat them the result
says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewell.curate.doctor.case import source_of
from tunewell.curate.reading.read import (
    ReadResult,
    read_source,
    settle_ids,
)
from tunewell.curate.receipts import Ledger
from tunewell.curate.rows import InputRow, gists_of
from tunewell.curate.write import write_rows
from tunewell.errors import DataError, UserError
from tunewell.similar.arrays import (
    Bools,
    Floats,
    Points,
    Positions,
    sample,
)
from tunewell.similar.conversations import targets_of
from tunewell.similar.subset import METHODS, Method
from tunewell.similar.vectors import vectors
from tunewell.stats.against_random import against_random_subsets
from tunewell.types import Estimate, Value

RANDOM = 30
"""Random subsets that a selection is held against."""

HELD = 0.2
"""Share of the rows that is set aside to judge by, 2,000 at most."""

MOST = 20_000
"""Rows to choose from; a sample by seed beyond."""

_MOST_HELD = 2_000
_PENALTY = 1.0
_MEASURES = 4
"""The intervals hold together.

With each at 95 %, one selection in six would seem to beat chance by chance.
"""

_FEWEST_OF_A_CLASS = 10
"""Rows that a class has on average at least."""


class Proxy(Value):
    """One measure of usefulness, taken on rows that were set aside.

    Attributes:
        name: ``distance``, ``covered``, ``accuracy`` or ``rarest``.
        title: In words.
        bigger_is_better: Direction.
        chosen: Of the selection.
        random: Mean over the random subsets.
        difference: Selection minus one random subset. The interval holds the chance of the rows set
            aside and that of the random subset: a random subset drawn anew lies inside it where the
            selection is no better.
        verdict: ``better``, ``no better`` or ``worse`` than a random subset.
    """

    name: str
    title: str
    bigger_is_better: bool
    chosen: float
    random: float
    difference: Estimate
    verdict: str


class Selection(Value):
    """A subset, and what it is worth beside random ones.

    Attributes:
        method: How it was chosen.
        rows: Rows there were.
        chosen: Ids, in the order of choice.
        held: Rows set aside to judge a selection made of the others.
        proxies: What it is worth.
        words: The same in a sentence.
    """

    method: Method
    rows: int
    chosen: tuple[str, ...]
    held: int
    proxies: tuple[Proxy, ...]
    words: str


def select(
    rows: Sequence[InputRow],
    count: int,
    *,
    method: Method = "facility",
    label: str = "",
    seed: int = 0,
) -> Selection:
    """Choose rows that cover all rows, and hold the choice against random subsets.

    Args:
        rows: The rows; their inputs are looked at.
        count: How many to choose.
        method: ``facility``, ``centers``, ``clusters`` or ``random``.
        label: A field whose values a classifier is to tell apart; the kind, or a target of few
            values, if empty.
        seed: Of everything random.

    Raises:
        UserError: There are too few rows to choose so many.
        MissingExtraError: ``vectors`` is not installed.
    """
    random = np.random.default_rng(seed)
    pool = [rows[i] for i in sample(len(rows), MOST, random)]
    held = min(_MOST_HELD, round(HELD * len(pool)))
    most = len(pool) - held
    if not 1 <= count <= most:
        raise UserError(
            f"{count} rows cannot be chosen from {len(rows)} with {held} set aside for the "
            f"comparison; the number must lie between 1 and {most}",
            hint="tunewell select FILE --rows N with a smaller N",
        )
    trial = _Trial.of(pool, held, label, random)
    subsets = [trial.choose(method, count, seed=seed)]
    for k in range(RANDOM):
        subsets.append(trial.choose("random", count, seed=seed + 1 + k))
    proxies = tuple(trial.proxies(subsets))

    final = METHODS[method](trial.points, count, seed=seed)
    return Selection(
        method=method,
        rows=len(rows),
        chosen=tuple(pool[i].id for i in final),
        held=held,
        proxies=proxies,
        words=_words(method, proxies),
    )


def _labels(rows: Sequence[InputRow], name: str) -> Positions | None:
    """Classes of the rows: of the field named, else of the kind, else of targets that recur.

    None if there are none.
    """
    columns = [[row.kind for row in rows], targets_of(rows)]
    if name:
        columns = [[row.field(name) for row in rows]]
    for values in columns:
        classes = sorted(set(values))
        if 2 <= len(classes) <= max(2, len(rows) // _FEWEST_OF_A_CLASS):
            place = {value: i for i, value in enumerate(classes)}
            return np.array([place[value] for value in values])
    if name:
        several = len(set(columns[0]))
        raise UserError(
            f"the field {name!r} has {several} values in {len(rows)} rows: no classes",
            hint="--label takes a field with at least two values that recur",
        )
    return None


@dataclass(frozen=True)
class _Trial:
    """Rows to choose from, and rows that were set aside to judge the choice by.

    Attributes:
        points: Of all of them, shape (n, width).
        labels: Their classes, shape (n,), if they have any.
        judges: Positions of the rows set aside.
        rest: Positions of the others.
    """

    points: Points
    labels: Positions | None
    judges: Positions
    rest: Positions

    @classmethod
    def of(
        cls,
        rows: Sequence[InputRow],
        held: int,
        label: str,
        random: np.random.Generator,
    ) -> _Trial:
        """Set so many of the rows aside."""
        points = vectors(gists_of(rows))
        labels = _labels(rows, label)
        mixed = random.permutation(len(rows))
        return cls(points, labels, mixed[:held], np.sort(mixed[held:]))

    def choose(
        self,
        method: Method,
        count: int,
        *,
        seed: int,
    ) -> Positions:
        """Positions of a subset of the rows that were not set aside."""
        chosen: Positions = self.rest[METHODS[method](self.points[self.rest], count, seed=seed)]
        return chosen

    def proxies(self, subsets: Sequence[Positions]) -> Iterator[Proxy]:
        """Every measure of the first subset against the others."""
        nearest = np.array([self._likeness(subset) for subset in subsets], dtype=np.float64)
        usual = float(np.median(self._likeness(self.rest)))
        yield _proxy(
            "distance",
            "distance in meaning from a row set aside to its nearest chosen row",
            1 - nearest,
            better=False,
        )
        yield _proxy(
            "covered",
            "rows set aside with a chosen row as near as half of them have one in all the data",
            (nearest >= usual - 1e-6).astype(np.float64),
            better=True,
        )
        if self.labels is None:
            return
        right = [self._told_right(self.labels, subset) for subset in subsets]
        yield _proxy(
            "accuracy",
            "rows set aside whose class a small classifier tells from the chosen rows",
            np.array(right, dtype=np.float64),
            better=True,
        )
        truth = self.labels[self.judges]
        known = [np.isin(truth, self.labels[subset]) for subset in subsets]
        yield _proxy(
            "rarest",
            "rows set aside whose class is among the chosen rows at all",
            np.array(known, dtype=np.float64),
            better=True,
        )

    def _likeness(self, chosen: Positions) -> Points:
        """Likeness of each row set aside to its nearest chosen row, shape (judges,)."""
        likeness: Points = (self.points[self.judges] @ self.points[chosen].T).max(axis=1)
        return likeness

    def _told_right(self, labels: Positions, chosen: Positions) -> Bools:
        """Which rows set aside a classifier, learned from the chosen ones, tells right."""
        told = _told(self.points[chosen], labels[chosen], self.points[self.judges])
        right: Bools = told == labels[self.judges]
        return right


def _told(
    points: Points,
    labels: Positions,
    asked: Points,
) -> Positions:
    """Classes told by ridge regression on their indicators."""
    known, place = np.unique(labels, return_inverse=True)
    truth = np.zeros((len(points), len(known)))
    truth[np.arange(len(points)), place] = 1
    middle = truth.mean(axis=0)

    x = points.astype(np.float64)
    penalised = x.T @ x + _PENALTY * np.eye(x.shape[1])
    weights = np.linalg.solve(penalised, x.T @ (truth - middle))
    told: Positions = known[np.argmax(asked @ weights + middle, axis=1)]
    return told


def _proxy(
    name: str,
    title: str,
    values: Floats,
    *,
    better: bool,
) -> Proxy:
    """The selection against one more random subset.

    Args:
        name: Of the measure.
        title: In words.
        values: Of each subset, the selection first, on each row set aside, shape (subsets, rows).
        better: Whether bigger is better.
    """
    chosen, others = values[0], values[1:]
    difference = against_random_subsets(chosen, others, measures=_MEASURES)
    larger, smaller = ("better", "worse") if better else ("worse", "better")
    verdict = "no better"
    if difference.low > 0:
        verdict = larger
    elif difference.high < 0:
        verdict = smaller
    return Proxy(
        name=name,
        title=title,
        bigger_is_better=better,
        chosen=float(chosen.mean()),
        random=float(others.mean()),
        difference=difference,
        verdict=verdict,
    )


def _words(method: Method, proxies: Sequence[Proxy]) -> str:
    """What the selection is worth, in a sentence."""
    if method == "random":
        return "This is a random subset: the baseline for the other methods."
    by_verdict: dict[str, list[str]] = {"better": [], "worse": [], "no better": []}
    for proxy in proxies:
        by_verdict[proxy.verdict].append(proxy.name)
    better, worse = by_verdict["better"], by_verdict["worse"]
    named = f"{len(proxies)} measures"
    if not better:
        said = f"On none of {named} does this selection beat a random subset of the same size"
        also = f"; it is worse on {_and(worse)}" if worse else ""
        return f"{said}{also}: take a random one (--method random)."

    said = f"Better than a random subset on {_and(better)} of {named}"
    if worse:
        return f"{said}, worse on {_and(worse)}: choose by what matters to you."
    if "accuracy" in by_verdict["no better"]:
        return (
            f"{said}; that it covers more does not make a classifier better here, "
            "so expect little from it."
        )
    return f"{said}, worse on none."


def _and(names: Sequence[str]) -> str:
    """Names in a list: ``a, b and c``."""
    parts = [", ".join(names[:-1]), names[-1]]
    return " and ".join(filter(None, parts))


def select_file(
    path: Path,
    count: int,
    *,
    method: Method = "facility",
    label: str = "",
    seed: int = 0,
    out: Path | None = None,
) -> Selection:
    """`select` on a file of rows.

    The chosen ones go to ``out`` as ``messages`` JSONL, in the order of the file.

    Raises:
        DataError: Nothing can be read.
        UserError: There are too few rows to choose so many.
    """
    batch = ReadResult()
    source = source_of(path, None, "train")
    read_source(source, root=path.resolve().parent, batch=batch)
    if not batch.rows:
        raise DataError(f"no row of {path} can be read", hint="tunewell doctor FILE says why")
    settle_ids(batch, Ledger())
    found = select(batch.rows, count, method=method, label=label, seed=seed)
    if out is not None:
        chosen = set(found.chosen)
        write_rows((row for row in batch.rows if row.id in chosen), out, batch.clips)
    return found
