from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.evaluate.stress import PERTURBATIONS
from tunewell.evaluate.stress.content import INJECTED
from tunewell.evaluate.stress.speech import CONFUSED
from tunewell.types import Example, Message

TEXT = (
    "Dear Sir, my name is Mrs Okafor. Your bill of 84.20 EUR for meter 55123 came in March! Why "
    "is it higher than before? I would like to know whether the tariff has changed, and which "
    "week the reading was taken."
)
ANSWER = "[billing] Dear Mrs Okafor, the bill of 84.20 EUR for meter 55123 is right."
ROW = Example(
    id="r1",
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content=TEXT),
        Message(role="assistant", content=ANSWER),
    ),
    tags={"points": "84.20 EUR | 55123"},
)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.,]\d+)?", text))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_perturbation_keeps_its_promise(name: str) -> None:
    kind = PERTURBATIONS[name]
    changed = kind(ROW)
    assert changed is not None
    assert (changed.parent, changed.origin, changed.id) == ("r1", "augmentation", f"r1~{name}")
    assert changed.messages[0] == ROW.messages[0]
    assert changed.input != ROW.input
    assert kind(ROW) == changed  # the same seed, the same row
    if kind.effect == "same":
        assert changed.target == ROW.target
        assert numbers(ROW.input) <= numbers(changed.input)
        assert {k: v for k, v in changed.tags.items() if k != "perturbation"} == ROW.tags
    else:
        assert changed.target != ROW.target


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(st.text(), st.text())
def test_any_text_can_be_perturbed(name: str, text: str, target: str) -> None:
    row = Example(
        id="x",
        messages=(Message(role="user", content=text), Message(role="assistant", content=target)),
    )
    changed = PERTURBATIONS[name](row)
    assert changed is None or changed.input != row.input


def test_another_number_changes_answer_and_points_alike() -> None:
    changed = PERTURBATIONS["other_number"](ROW)
    assert changed is not None
    (gone,) = numbers(ROW.input) - numbers(changed.input)
    (new,) = numbers(changed.input) - numbers(ROW.input)
    assert gone not in changed.target
    assert new in changed.target
    assert new in changed.tags["points"]


def test_another_name_changes_the_answer_alike() -> None:
    changed = PERTURBATIONS["other_name"](ROW)
    assert changed is not None
    assert "Okafor" not in changed.input + changed.target


def test_an_injected_order_is_guarded() -> None:
    assert PERTURBATIONS["injected"].guards == (INJECTED,)
    changed = PERTURBATIONS["injected"](ROW)
    assert changed is not None
    assert INJECTED in changed.input


def test_seeds_give_different_slips() -> None:
    made = {str(PERTURBATIONS["typos"](ROW, seed=s)) for s in range(5)}
    assert len(made) > 3


def test_typos_are_few_and_spare_what_the_answer_needs() -> None:
    changed = PERTURBATIONS["typos"](ROW)
    assert changed is not None
    before, after = TEXT.split(), changed.input.split()
    assert len(before) == len(after)
    assert 1 <= sum(a != b for a, b in zip(before, after, strict=True)) <= 8
    assert "Okafor." in after


def test_confusions_are_no_identities() -> None:
    assert all(word not in heard for word, heard in CONFUSED.items())
