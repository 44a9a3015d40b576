"""No edge of any kind crosses a split.

The promise is held against links found without the code that makes families.
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.similar.words import edited, sentence
from tunewell.similar import key
from tunewell.split.families import families
from tunewell.types import Example, Message

Planted = tuple[list[Example], list[tuple[int, int]]]


def _row(name: str, asked: str, answer: str, **more: str) -> Example:
    turns = (Message(role="user", content=asked), Message(role="assistant", content=answer))
    return Example(id=name, messages=turns, **more)


@st.composite
def planted(draw: st.DrawFn) -> Planted:
    """Rows and the edges planted between them.

    Edited and normalised copies, groups, parents, shared inputs.
    """
    n = draw(st.integers(15, 40))
    base = draw(st.integers(0, 10_000))
    rows = [
        _row(f"r{i}", sentence(base + i, 30), sentence(base + 50_000 + i, 30)) for i in range(n)
    ]
    edges: list[tuple[int, int]] = []
    kinds = st.sampled_from(["edited", "normalised", "same input", "group", "parent"])
    for k, (i, kind) in enumerate(
        draw(st.lists(st.tuples(st.integers(0, n - 1), kinds), max_size=20))
    ):
        source, at = rows[i], len(rows)
        asked, answer = source.input, source.target
        if kind == "edited":
            rows.append(_row(f"x{k}", edited(asked, 0.1, k), edited(answer, 0.1, k)))
        elif kind == "normalised":
            rows.append(_row(f"x{k}", asked.upper() + " !", f"  {answer}"))
        elif kind == "same input":
            rows.append(_row(f"x{k}", asked, sentence(90_000 + k, 20)))
        elif kind == "group":
            rows[i] = source.model_copy(update={"group": source.group or f"g{i}"})
            rows.append(
                _row(
                    f"x{k}", sentence(80_000 + k, 20), sentence(85_000 + k, 20), group=rows[i].group
                )
            )
        else:
            rows.append(
                _row(f"x{k}", sentence(70_000 + k, 20), sentence(75_000 + k, 20), parent=source.id)
            )
        edges.append((i, at))
    return rows, edges


@settings(max_examples=40, deadline=None)
@given(made=planted(), seed=st.integers(0, 3))
def test_no_planted_edge_crosses_a_cut_over_families(made: Planted, seed: int) -> None:
    rows, edges = made
    family = {i: k for k, members in enumerate(families(rows)) for i in members}
    assert sorted(family) == list(range(len(rows)))
    side = {
        k: random.Random(seed * 1_000 + k).random() < 0.3 for k in set(family.values())
    }  # any cut over families
    assert not [(i, j) for i, j in edges if side[family[i]] != side[family[j]]]
    keys: dict[bytes | str, int] = {}
    for i, row in enumerate(rows):
        assert side[family[keys.setdefault(key(row.input), i)]] == side[family[i]]
    lone = [i for i in range(len(rows)) if all(i not in edge for edge in edges)]
    sizes = {k: list(family.values()).count(k) for k in set(family.values())}
    assert sum(sizes[family[i]] > 1 for i in lone) <= 1  # rows without an edge are left alone
