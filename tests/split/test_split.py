from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.trades import chat
from tests.similar.words import sentence
from tunewell.errors import DataError
from tunewell.project import Project
from tunewell.split import divide, families, split
from tunewell.split.families import families_to_divide
from tunewell.store import Store
from tunewell.store.rows import examples_to_table
from tunewell.task import SplitSection, parse_task
from tunewell.types import Dataset, Example, Message


def row(
    name: str,
    asked: str,
    answer: str = "yes",
    *,
    group: str = "",
    parent: str = "",
    region: str = "",
) -> Example:
    turns = (Message(role="user", content=asked), Message(role="assistant", content=answer))
    return Example(
        id=name,
        messages=turns,
        group=group,
        parent=parent,
        tags={"region": region} if region else {},
    )


rows = st.integers(12, 40).flatmap(
    lambda n: st.tuples(
        *(
            st.tuples(
                st.integers(0, 2 * n),
                st.sampled_from(["", "", "g1", "g2", "g3"]),
                st.sampled_from(["", "", "0", "5"]),
                st.sampled_from(["north", "south"]),
            )
            for _ in range(n)
        )
    )
)


@settings(max_examples=60, deadline=None)
@given(
    drawn=rows,
    seed=st.integers(0, 5),
    held=st.sets(st.integers(0, 11), max_size=3),
    stratify=st.sampled_from(["", "region"]),
)
def test_no_family_is_cut_and_every_row_is_assigned_once(
    drawn: tuple[tuple[int, str, str, str], ...], seed: int, held: set[int], stratify: str
) -> None:
    examples = [
        row(
            str(i),
            sentence(text, 12),
            sentence(text + 1000, 12),
            group=group,
            parent=parent,
            region=region,
        )
        for i, (text, group, parent, region) in enumerate(drawn)
    ]
    section = SplitSection(test=0.2, review=0.1, folds=2, seed=seed, stratify=stratify)
    given_ids = [str(i) for i in sorted(held)]
    try:
        result, made = divide(examples, section, held_out=given_ids)
    except DataError:
        assert sum(not {examples[i].id for i in f} & set(given_ids) for f in families(examples)) < 4
        return
    part = {a.id: a.part for a in result.assignments}
    assert len(result.assignments) == len(part) == len(examples)
    for members in made.groups:
        assert len({part[examples[i].id] for i in members}) == 1
    assert all(part[i] == "test" for i in given_ids)
    # No edge of any kind crosses from what is trained on to what is measured on.
    for a in examples:
        for b in examples:
            linked = (
                (a.group and a.group == b.group)
                or a.parent == b.id
                or (a.parent and a.parent == b.parent)
            )
            if linked or a.input == b.input:
                assert part[a.id] == part[b.id]
    again, _ = divide(list(reversed(examples)), section, held_out=given_ids)
    back = families_to_divide(list(reversed(examples)), fewest=4).groups
    assert {len(m) for m in made.groups} == {len(m) for m in back}
    assert divide(examples, section, held_out=given_ids)[0] == result
    assert again.folds == result.folds


def test_shares_folds_and_strata_are_balanced() -> None:
    examples = [
        row(
            f"r{i:04}",
            sentence(i, 15),
            sentence(10_000 + i, 10),
            region="north" if i % 4 else "south",
        )
        for i in range(600)
    ]
    section = SplitSection(test=0.2, review=0.1, folds=5, seed=3, stratify="region")
    result, _ = divide(examples, section)
    parts = Counter(a.part for a in result.assignments)
    assert parts["test"] == pytest.approx(120, abs=3)
    assert parts["review"] == pytest.approx(60, abs=3)
    folds = [parts[f"fold-{k}"] for k in range(5)]
    assert max(folds) - min(folds) <= 2
    region = {e.id: e.field("region") for e in examples}
    south = sum(region[i] == "south" for i in result.ids("test"))
    assert south == pytest.approx(30, abs=3)
    capped, _ = divide(examples, SplitSection(test=0.2, review=0.1, folds=5, max_test_rows=40))
    assert len(capped.ids("test")) == 40


def test_copies_in_other_words_stay_together() -> None:
    long = (
        "please tell me how i can move my contract to the new flat in the river street "
        "before next month ends"
    )
    examples = [
        row("a", long),
        row("b", long.replace("tell", "show").replace("river", "mill"), "no"),
        row("c", "Long!", "x"),
        row("d", "long", "x"),
        row("e", "long", "y"),
    ]
    examples += [row(f"f{i}", sentence(i, 14), sentence(500 + i, 8)) for i in range(60)]
    made = [sorted(examples[i].id for i in members) for members in families(examples)]
    assert ["a", "b"] in made
    assert ["c", "d"] in made
    assert ["e"] in made  # one word says too little to be the same question


def test_a_given_test_set_can_be_capped_and_is_never_trained_on() -> None:
    examples = [row(f"t{i}", sentence(i, 12)) for i in range(30)] + [
        row(f"r{i}", sentence(100 + i, 12)) for i in range(40)
    ]
    held = [f"t{i}" for i in range(30)]
    result, _ = divide(
        examples, SplitSection(test=0.2, review=0.0, folds=2, max_test_rows=10), held_out=held
    )
    assert len(result.ids("test")) == 10
    assert not set(held) & set(result.all_folds)
    assert len(result.assignments) == 50


def test_too_few_families_say_what_to_do() -> None:
    with pytest.raises(DataError, match="1 family of rows cannot make 5 folds, a test"):
        divide(
            [row("a", "one two three", group="g"), row("b", "four five six", group="g")],
            SplitSection(),
        )


def test_a_split_leaves_a_run(tmp_path: Path) -> None:
    examples = [row(f"r{i}", sentence(i, 12)) for i in range(30)]
    text = (
        "task: {name: a, about: a task for tests, input: asked, output: said}\n"
        "data: [{path: x}]\nsplit: {folds: 3}"
    )
    file = parse_task(text, path=tmp_path / "tunewell.yaml", environment={})
    with Store(tmp_path) as store:
        dataset = Dataset(
            id="d", rows=30, examples=store.put_table(examples_to_table(examples)), receipts=""
        )
        result = split(dataset, Project(file, store))
        run = store.last_run("split")
        assert run is not None
        assert run.counts["families"] == 30
        assert {f.code: f.status for f in run.findings} == {"D11": "clear", "D13": "clear"}
        assert result.dataset == "d"


def test_similar_questions_do_not_chain_every_row_into_one_family() -> None:
    examples = []
    for number, line in enumerate(chat().splitlines()):
        turns = json.loads(line)["messages"]
        messages = tuple(Message(role=t["role"], content=t["content"]) for t in turns)
        examples.append(Example(id=f"r{number}", messages=messages))
    # A copy with its slip, which stays with its row whatever happens.
    copied = sentence(500, 14)
    slip = copied.rsplit(maxsplit=1)[0]
    examples += [row("copy", copied, sentence(7, 12)), row("slip", slip, sentence(7, 12))]

    by_wording = families(examples)
    assert len(by_wording) < 7
    loose = families_to_divide(examples, fewest=7)
    assert loose.is_loosened
    assert loose.by_wording == len(by_wording)
    assert len(loose.groups) >= 40
    result, _ = divide(examples, SplitSection())
    part = {a.id: a.part for a in result.assignments}
    assert part["copy"] == part["slip"]
    assert not families_to_divide(examples, fewest=1).is_loosened
