"""A subset of N rows that covers the data, always held against random subsets of the same size.

Most learned selection does not beat a random subset. So a selection is judged on rows that were set
aside before it was made, beside many random subsets, and where it does not beat them the result
says so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from tunewell.curate.doctor.case import source_of
from tunewell.curate.read import ReadResult, read_source, settle_ids
from tunewell.curate.rows import InputRow, Ledger
from tunewell.errors import DataError, UserError
from tunewell.similar.subset import METHODS, Method, Points
from tunewell.similar.vectors import vectors
from tunewell.types import Estimate, Value

RANDOM = 30
"""Random subsets that a selection is held against."""

HELD = 0.2
"""Share of the rows that is set aside to judge by, 2,000 at most."""

MOST = 20_000
"""Rows to choose from; a sample by seed beyond."""

_MOST_HELD = 2_000
_RIDGE = 1.0
_MEASURES = 4
"""The intervals hold together: with each at 95 %, one selection in six would seem to beat chance by chance."""

Floats = NDArray[np.float64]


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
    pool = np.sort(random.permutation(len(rows))[:MOST])
    held = min(_MOST_HELD, round(HELD * len(pool)))
    if not 1 <= count <= len(pool) - held:
        raise UserError(
            f"{count} rows cannot be chosen from {len(rows)} with {held} set aside to judge by; "
            f"the number must lie between 1 and {len(pool) - held}",
            hint="tunewell select FILE --rows N with a smaller N",
        )
    points = vectors([rows[i].input or rows[i].target for i in pool])
    labels = _labels([rows[i] for i in pool], label)
    mixed = random.permutation(len(pool))
    judges, rest = mixed[:held], np.sort(mixed[held:])
    choose = METHODS[method]
    subsets = [rest[choose(points[rest], count, seed=seed)]]
    subsets += [
        rest[METHODS["random"](points[rest], count, seed=seed + 1 + k)] for k in range(RANDOM)
    ]
    proxies = _proxies(points, labels, judges, rest, subsets)
    final = choose(points, count, seed=seed)
    return Selection(
        method=method,
        rows=len(rows),
        chosen=tuple(rows[pool[i]].id for i in final),
        held=held,
        proxies=proxies,
        words=_words(method, proxies),
    )


def _labels(rows: Sequence[InputRow], name: str) -> NDArray[np.int64] | None:
    """Classes of the rows: of the field named, else of the kind, else of targets that recur.

    None if there are none.
    """
    columns = (
        [[row.field(name) for row in rows]]
        if name
        else [[r.kind for r in rows], [r.target for r in rows]]
    )
    for values in columns:
        counts = Counter(values)
        if 2 <= len(counts) <= max(2, len(rows) // 10):
            place = {value: i for i, value in enumerate(sorted(counts))}
            return np.array([place[value] for value in values])
    if name:
        raise UserError(
            f"the field {name!r} has {len(set(columns[0]))} values in {len(rows)} rows: no classes",
            hint="--label takes a field with at least two values that recur",
        )
    return None


def _proxies(
    points: Points,
    labels: NDArray[np.int64] | None,
    judges: NDArray[np.int64],
    rest: NDArray[np.int64],
    subsets: Sequence[NDArray[np.int64]],
) -> tuple[Proxy, ...]:
    """Every proxy, of shape (subsets, judges) before it is averaged.

    The first subset is the selection.
    """
    nearest = np.array(
        [(points[judges] @ points[s].T).max(axis=1) for s in subsets], dtype=np.float64
    )
    usual = float(np.median((points[judges] @ points[rest].T).max(axis=1)))
    found = [
        _proxy(
            "distance",
            "distance in meaning from a row set aside to its nearest chosen row",
            1 - nearest,
            better=False,
        ),
        _proxy(
            "covered",
            "rows set aside with a chosen row as near as half of them have one in all the data",
            (nearest >= usual - 1e-6).astype(np.float64),
            better=True,
        ),
    ]
    if labels is not None:
        right = np.array(
            [_told(points[s], labels[s], points[judges]) == labels[judges] for s in subsets]
        )
        found.append(
            _proxy(
                "accuracy",
                "rows set aside whose class a small classifier tells from the chosen rows",
                right.astype(np.float64),
                better=True,
            )
        )
        rare = [np.isin(labels[judges], labels[s]) for s in subsets]
        found.append(
            _proxy(
                "rarest",
                "rows set aside whose class is among the chosen rows at all",
                np.array(rare, dtype=np.float64),
                better=True,
            )
        )
    return tuple(found)


def _told(points: Points, labels: NDArray[np.int64], asked: Points) -> NDArray[np.int64]:
    """Classes told by ridge regression on their indicators."""
    known, place = np.unique(labels, return_inverse=True)
    truth = np.zeros((len(points), len(known)))
    truth[np.arange(len(points)), place] = 1
    x = points.astype(np.float64)
    weights = np.linalg.solve(
        x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (truth - truth.mean(axis=0))
    )
    told: NDArray[np.int64] = known[np.argmax(asked @ weights + truth.mean(axis=0), axis=1)]
    return told


def _proxy(name: str, title: str, values: Floats, *, better: bool) -> Proxy:
    """The selection against one more random subset: a prediction interval (t) over subsets and rows set aside."""
    each, others = values[0], values[1:]
    apart = each - others.mean(axis=0)
    spread = others.mean(axis=1).var(ddof=1) * (1 + 1 / len(others))
    error = float(np.sqrt(apart.var(ddof=1) / len(apart) + spread))
    value, half = (
        float(apart.mean()),
        float(stdtrit(len(others) - 1, 1 - 0.025 / _MEASURES)) * error,
    )
    difference = Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=len(apart),
        level=1 - 0.05 / _MEASURES,
        method=f"{len(others)} random subsets, t; 95 % over {_MEASURES} measures",
    )
    sign = 1 if better else -1
    low, high = sorted((sign * difference.low, sign * difference.high))
    verdict = "better" if low > 0 else "worse" if high < 0 else "no better"
    return Proxy(
        name=name,
        title=title,
        bigger_is_better=better,
        chosen=float(each.mean()),
        random=float(others.mean()),
        difference=difference,
        verdict=verdict,
    )


def _words(method: Method, proxies: Sequence[Proxy]) -> str:
    if method == "random":
        return "This is a random subset: the measure that other methods are held against."
    better = [p.name for p in proxies if p.verdict == "better"]
    worse = [p.name for p in proxies if p.verdict == "worse"]
    named = f"{len(proxies)} measures"
    if not better:
        said = f"On none of {named} does this selection beat a random subset of the same size"
        return f"{said}{f'; it is worse on {_and(worse)}' if worse else ''}: take a random one (--method random)."
    said = f"Better than a random subset on {_and(better)} of {named}"
    if worse:
        return f"{said}, worse on {_and(worse)}: choose by what matters to you."
    useful = {p.name: p.verdict for p in proxies}.get("accuracy")
    if useful == "no better":
        return f"{said}; that it covers more does not make a classifier better here, so expect little from it."
    return f"{said}, worse on none."


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


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
    read_source(source_of(path, None, "train"), root=path.resolve().parent, batch=batch)
    if not batch.rows:
        raise DataError(f"no row of {path} can be read", hint="tunewell doctor FILE says why")
    settle_ids(batch, Ledger())
    found = select(batch.rows, count, method=method, label=label, seed=seed)
    if out is not None:
        chosen = set(found.chosen)
        with out.open("w", encoding="utf-8") as file:
            for row in batch.rows:
                if row.id in chosen:
                    turns = [{"role": role, "content": text} for role, text in row.turns]
                    file.write(
                        json.dumps({"id": row.id, "messages": turns}, ensure_ascii=False) + "\n"
                    )
    return found
