from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.cli.main import main
from tunewell.curate.rows import InputRow
from tunewell.curate.select import select
from tunewell.errors import UserError
from tunewell.similar.subset import METHODS, Method
from tunewell.similar.vectors import available

needs_vectors = pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")
THINGS = "meter bill tariff deposit contract outage cable socket invoice payment".split()
ASKED = (
    "please check the {} of my flat",
    "why is the {} so high this month",
    "when will you send the {} to us",
    "is there a {} for the {} of my neighbour",
    "can i change the {} before winter",
)


def rows(odd: int = 0, total: int = 300) -> list[InputRow]:
    """Rows of which most ask for one thing, and ``odd`` rows each of the other things."""
    draw = np.random.default_rng(2)
    things = ["bill"] * (total - 9 * odd) + [
        thing for thing in THINGS if thing != "bill" for _ in range(odd)
    ]
    made = []
    for i, thing in enumerate(things):
        text = ASKED[int(draw.integers(len(ASKED)))].format(thing, "roof")
        said = draw.choice(["today", "thanks", "hello", "again", "maybe", "soon"], 3)
        text = f"{text} {' '.join(said)}"
        made.append(InputRow(f"r{i}", f"a:{i}", [("user", text), ("assistant", "ok")], kind=thing))
    return made


@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 99), st.sampled_from(sorted(METHODS)))
@settings(deadline=None, max_examples=60)
def test_every_method_gives_so_many_distinct_rows(
    n: int, count: int, seed: int, method: str
) -> None:
    points = np.random.default_rng(seed).standard_normal((n, 16)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points[: n // 3] = points[0]
    chosen = METHODS[method](points, count, seed=seed)
    assert len(chosen) == min(n, count)
    assert len(set(chosen.tolist())) == len(chosen)
    assert set(chosen.tolist()) <= set(range(n))
    assert np.array_equal(chosen, METHODS[method](points, count, seed=seed))


def test_facility_location_serves_as_well_as_plain_greed() -> None:
    points = np.random.default_rng(1).standard_normal((60, 8)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    likeness = points @ points.T
    greedy: list[int] = []
    served = np.full(60, -1.0, dtype=np.float32)
    for _ in range(12):
        gain = np.maximum(likeness - served, 0).sum(axis=1)
        gain[greedy] = -1
        greedy.append(int(np.argmax(gain)))
        served = np.maximum(served, likeness[greedy[-1]])
    ours = likeness[METHODS["facility"](points, 12)].max(axis=0).sum()
    assert ours == pytest.approx(float(served.sum()), rel=1e-4)


@needs_vectors
def test_the_farthest_rows_are_of_every_kind_and_stand_far_from_most() -> None:
    found = select(rows(odd=20, total=1_500), 30, method="centers")
    proxies = {p.name: p for p in found.proxies}
    assert {name: p.verdict for name, p in proxies.items()} == {
        "distance": "worse",
        "covered": "worse",
        "accuracy": "better",
        "rarest": "better",
    }
    assert proxies["rarest"].difference.low > 0
    assert found.words.startswith(
        "Better than a random subset on accuracy and rarest of 4 measures, worse on"
    )
    assert len(set(found.chosen)) == 30


@needs_vectors
def test_a_selection_that_beats_nothing_says_so() -> None:
    found = select(rows(odd=7), 25, method="facility")
    assert {p.verdict for p in found.proxies} == {"no better"}
    assert "take a random one" in found.words


@needs_vectors
def test_a_random_subset_is_not_called_better_than_random() -> None:
    wrong = 0
    for seed in range(20):
        found = select(rows(odd=7), 40, method="random", seed=seed)
        wrong += any(p.verdict != "no better" for p in found.proxies[:2])
    assert wrong <= 4
    assert "the baseline for the other methods" in found.words


@needs_vectors
@pytest.mark.parametrize("count", [0, 241, 999])
def test_too_many_rows_cannot_be_chosen(count: int) -> None:
    with pytest.raises(UserError, match="between 1 and 240"):
        select(rows(), count)


@needs_vectors
def test_a_label_without_classes_is_refused() -> None:
    with pytest.raises(UserError, match="no classes"):
        select(rows(), 20, label="region")


@needs_vectors
@pytest.mark.parametrize("method", ["facility", "centers"])
def test_the_verb_writes_the_rows_and_says_what_they_are_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: Method
) -> None:
    path, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_text(
        "".join(
            json.dumps({"id": r.id, "prompt": r.input, "completion": r.target}) + "\n"
            for r in rows(3)
        )
    )
    assert main(["select", str(path), "--rows", "30", "--method", method, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "30 of 300 rows" in shown
    assert "at random, difference" in shown
    assert "random" in shown.splitlines()[-1]
    kept = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    assert len(set(kept)) == 30
    assert main(["select", str(path), "--rows", "30", "--method", method, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert sorted(result["chosen"]) == sorted(kept)
    assert {"name", "chosen", "random", "difference", "verdict"} <= set(result["proxies"][0])
