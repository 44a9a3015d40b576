"""The general set, and what measuring it costs."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import pytest

from tunewell.model.passages import passages, questions
from tunewell.train.forgetting.general_rows import FEWEST, SHARE, general_rows, reading_work


def words(text: str) -> set[tuple[str, ...]]:
    found = text.lower().split()
    return {tuple(found[i : i + 4]) for i in range(len(found) - 3)}


def test_no_passage_is_close_to_one_that_is_replayed_or_to_another() -> None:
    measured = [words(p.text) for p in passages("measured")]
    replayed = [words(p.text) for p in passages("replay")]
    pairs = itertools.chain(
        itertools.product(measured, replayed), itertools.combinations(measured, 2)
    )
    assert max(len(a & b) / max(1, min(len(a), len(b))) for a, b in pairs) < 0.15
    asked, others = ({q for pair in questions(use) for q in pair} for use in ("measured", "replay"))
    assert not asked & others


def test_every_prefix_holds_the_kinds_in_equal_numbers() -> None:
    kinds = [p.kind for p in passages("measured")]
    every = set(kinds)
    assert len(every) == 12
    for n in range(1, len(kinds) + 1):
        count = Counter(kinds[:n])
        assert max(count.values()) - min(count[k] for k in every) <= 1
    assert len(kinds) % 12 == 0


@pytest.mark.parametrize("work", [0.0, 20_000.0, 90_000.0, 300_000.0, math.inf])
def test_the_set_is_the_largest_that_takes_its_share(work: float, tokenizer: Any) -> None:
    rows, every = general_rows(tokenizer, work=work), general_rows(tokenizer)
    texts = [r for r in rows if r.id.startswith("text/")]
    assert [r.id for r in texts] == [r.id for r in every if r.id.startswith("text/")][: len(texts)]
    assert len(texts) % 12 == 0
    assert len(texts) >= FEWEST
    assert len(rows) - len(texts) >= 16
    if len(texts) > FEWEST:
        assert reading_work(rows) <= SHARE * work
    rest = [r for r in every if r.id not in {row.id for row in rows}]
    if rest:
        more = [
            *[r for r in rest if r.id.startswith("text/")][:12],
            *[r for r in rest if "question" in r.id][:2],
        ]
        assert reading_work([*rows, *more]) > SHARE * work
