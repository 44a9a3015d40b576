"""Whether perturbations keep the right answer: the sample that people get, and its use."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.conftest import EvaluatedProject
from tests.evaluate.stress.test_stage import run
from tunewell.errors import UserError
from tunewell.evaluate.stress import AnswerCheck, open_preserved
from tunewell.evaluate.stress.label_preservation import balanced
from tunewell.people import Accounts, Batch, Item, Said, WorkStore
from tunewell.people.row_changes import words_for
from tunewell.project import Project
from tunewell.types import Example

KINDS = ("upper_case", "injected", "typos")


def opened(project: EvaluatedProject, count: int = 60, seed: int = 0) -> tuple[WorkStore, Batch]:
    rows = project.store.examples(project.dataset)
    families = {a.id: a.family for a in project.split.assignments}
    batch = open_preserved(
        Project(project.file(), project.store),
        rows,
        AnswerCheck(author="o", count=count, raters=1, seed=seed),
        families=families,
    )
    return WorkStore(project.store), batch


def answer(
    project: EvaluatedProject, book: WorkStore, batch: Batch, word: Callable[[Item], bool]
) -> None:
    ann = Accounts(project.store).create("Ann", role="expert").id
    book.share(batch, [ann])
    for item in book.items(batch.id):
        said = Said(scores={"same-answer": float(word(item))}, correction="Something else.")
        book.write(said, item=item, batch=batch, account=ann, key=item.id)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 30), min_size=1),
    st.integers(0, 80),
    st.integers(0, 9),
)
def test_the_sample_is_balanced_seeded_and_its_probabilities_are_right(
    sizes: dict[str, int], count: int, seed: int
) -> None:
    rows = [
        Example(id=f"{i}~{k}", messages=(), tags={"perturbation": k})
        for k, n in sizes.items()
        for i in range(n)
    ]
    drawn = balanced(rows, count, seed=seed)
    assert drawn == balanced(rows[::-1], count, seed=seed)
    assert len(drawn) == min(count, len(rows))
    taken = Counter(name.split("~")[1] for name in drawn)
    assert all(
        p == taken[name.split("~")[1]] / sizes[name.split("~")[1]] for name, p in drawn.items()
    )
    short = [taken[k] for k in sizes if taken[k] < sizes[k]]
    assert not short or max(taken[k] for k in sizes) - min(short) <= 1


def test_each_row_of_a_perturbation_is_equally_likely() -> None:
    rows = [Example(id=f"{i}~a", messages=(), tags={"perturbation": "a"}) for i in range(10)]
    hits = Counter(name for seed in range(2000) for name in balanced(rows, 3, seed=seed))
    assert len(hits) == 10
    assert all(abs(n / 2000 - 0.3) < 5 * (0.21 / 2000) ** 0.5 for n in hits.values())


def test_people_see_the_clean_question_beside_the_changed_one(project: EvaluatedProject) -> None:
    run(project, *KINDS)
    book, batch = opened(project)
    items = book.items(batch.id)
    assert Counter(i.example.split("~")[1] for i in items) == dict.fromkeys(KINDS, 20)
    assert {i.probability for i in items} == {20 / 40}
    clean = {e.id: e for e in project.store.examples(project.dataset)}
    for item in items:
        before = clean[item.example.split("~")[0]]
        assert before.input in item.source
        assert before.target in item.source
        assert before.target in item.output
        assert item.family == before.group
    loud = next(i for i in items if i.example.endswith("upper_case"))
    assert clean[loud.example.split("~")[0]].input.upper() in loud.output
    assert [i.example for i in items] != [
        i.example for i in WorkStore(project.store).items(opened(project, seed=1)[1].id)
    ]


def test_failures_of_a_perturbation_that_spoils_the_answer_do_not_count(
    project: EvaluatedProject,
) -> None:
    before, findings = run(project, *KINDS)
    assert {f.why.split(":")[0] for f in findings} == {"upper_case", "injected"}
    assert {k.label for k in before.kinds} == {"not asked"}
    book, batch = opened(project, count=120)
    answer(project, book, batch, lambda item: not item.example.endswith("upper_case"))
    after, findings = run(project, *KINDS)
    kinds = {k.name: k for k in after.kinds}
    assert {k.name: k.label for k in after.kinds} == {
        "upper_case": "not kept",
        "injected": "inconclusive",
        "typos": "inconclusive",
    }
    loud, kept = kinds["upper_case"].preserved, kinds["injected"].preserved
    assert loud is not None
    assert kept is not None
    assert (loud.value, kept.value, "Wilson" in loud.method) == (0, 1, True)
    assert len({e.split("~")[0] for e in (i.example for i in book.items(batch.id))}) == 40
    assert loud.n == len({i.family for i in book.items(batch.id)})  # words on one family are one
    assert {f.why.split(":")[0] for f in findings} == {"injected"}
    assert {e.tags["perturbation"] for e in project.store.examples(after.failures)} == {"injected"}
    assert kinds["upper_case"].adjusted is None
    assert words_for(project.store).corrections == ()  # nothing that is said here trains


def test_where_only_spoilt_perturbations_hurt_the_model_is_clear_and_they_are_named(
    project: EvaluatedProject,
) -> None:
    run(project, "upper_case", "typos")
    book, batch = opened(project, count=80)
    answer(project, book, batch, lambda item: item.example.endswith("typos"))
    _, (finding,) = run(project, "upper_case", "typos")
    assert finding.status == "clear"
    assert "not label-preserving, so not counted: upper_case" in finding.why


def test_a_few_words_are_inconclusive(project: EvaluatedProject) -> None:
    run(project, *KINDS)
    book, batch = opened(project, count=6)
    answer(project, book, batch, lambda item: False if item.number % 2 else True)
    after, _ = run(project, *KINDS)
    labels: dict[str, set[int]] = defaultdict(set)
    for kind in after.kinds:
        assert kind.preserved is not None
        labels[kind.label].add(kind.preserved.n)
    assert "kept" not in labels
    assert "inconclusive" in labels


def test_what_people_say_asks_the_model_nothing_again(project: EvaluatedProject) -> None:
    first, _ = run(project, *KINDS)
    book, batch = opened(project, count=30)
    answer(project, book, batch, lambda _item: True)
    asked: list[object] = []

    def models(version: object) -> object:
        asked.append(version)
        return project.tuned

    project.models = models  # type: ignore[method-assign, assignment]
    second, _ = run(project, *KINDS)
    assert not asked
    assert second != first
    assert [(k.clean, k.stressed) for k in second.kinds] == [
        (k.clean, k.stressed) for k in first.kinds
    ]


def test_without_a_stress_test_there_is_nothing_to_ask(project: EvaluatedProject) -> None:
    with pytest.raises(UserError, match="no stress test"):
        opened(project)
