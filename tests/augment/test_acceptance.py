"""Every check rejects what it is for, for the right reason, and lets good rows in."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tunewell.augment.accept import RowAcceptance, Written
from tunewell.augment.nouns import Candidate, Decided
from tunewell.metrics.facts import Facts
from tunewell.similar.near_duplicates import near_pairs
from tunewell.task import AugmentCell, parse_task
from tunewell.testing.faulty_endpoint import rewritten
from tunewell.testing.made_up import made_up_row, made_up_rows
from tunewell.testing.planted import edit, text, vocabulary
from tunewell.types import Example, by_id

TASK = """
task:
  name: desk
  about: Answers what customers of an energy supplier ask its service desk.
  input: a message of a customer
  output: the answer of the desk
  must_not: ["as an AI", "/[0-9]{16}/"]
data: [{path: rows.jsonl}]
augment:
  glossary: {tariff: [rate plan], standing charge: [base fee]}
"""
ASKED = (
    "My bill for {month} is {amount} euros although I sent a meter reading of {reading} from "
    "{street} {n} in time, and nobody at the service desk could tell me where it went. What now?"
)
SAID = (
    "Your bill of {amount} euros rests on an estimate. We have entered your reading of {reading} "
    "for {street} {n}, and a corrected bill for {month} is on its way to you by post."
)
LATIN = "\nrules: {languages: [la]}"


def filled(id: str, seed: int, **fields: object) -> Example:
    luck = random.Random(seed)
    values = {
        "month": luck.choice(("January", "March", "June", "October")),
        "amount": luck.randrange(90, 480),
        "reading": luck.randrange(10_000, 99_999),
        "street": luck.choice(("Mill Lane", "Harbour Road", "Elm Street")),
        "n": luck.randrange(1, 99),
    }
    return made_up_row(id, ASKED.format(**values), SAID.format(**values), **fields)


OTHERS = [
    ("How do I end the contract when we leave the flat in May?", "Send us a letter by 1 May."),
    ("The power has been gone since six in the evening.", "A cable is damaged; crews are there."),
    (
        "Which tariff is the cheapest for a family of four?",
        "Family Fix is, with a standing charge.",
    ),
    ("I want to pay by instalments from next month on.", "You can; please call us before Friday."),
    ("My new meter shows an error and blinks all night.", "Please send a photo of the display."),
    ("Can I see my usage of last winter somewhere?", "It is in your account under the readings."),
]
TRAINING = [
    filled("p", 1),
    *(made_up_row(f"o{i}", asked, said) for i, (asked, said) in enumerate(OTHERS * 2)),
]
GOOD = made_up_row(
    "good",
    "I was charged 214 euros for June. I did post the figure 48,812 of our meter at Elm Street 14 "
    "well before the deadline; where has it gone, and what shall I do about this bill?",
    "The 214 euros were based on an estimate. Your figure of 48,812 for Elm Street 14 is in now, "
    "and you will get a corrected bill for June by post.",
)
CELL = AugmentCell(name="c", rows=100, about="x")
FACTS = Facts.model_validate(
    {"facts": [{"entity": "Family Fix", "attribute": "price per kWh", "value": "29 ct"}]}
)


def acceptance(
    training: Sequence[Example] = TRAINING,
    evaluation: Sequence[Example] = (),
    *,
    cell: AugmentCell = CELL,
    more: str = "",
) -> RowAcceptance:
    file = parse_task(TASK + more, path=Path("tunewell.yaml"), environment={})
    return RowAcceptance(
        file, training, evaluation, cells={"c": cell}, parents=by_id(training), facts=FACTS
    )


def decided(
    children: Sequence[Example],
    *,
    parent: str = "p",
    by: RowAcceptance | None = None,
) -> list[Decided]:
    written = []
    for number, child in enumerate(children):
        made = child.model_copy(update={"id": f"{child.id}-{number}", "parent": parent})
        candidate = Candidate(number=number, cell="c", parent=parent)
        written.append(Written(candidate, made, "w"))
    return (by or acceptance()).decide(written)


def reason(child: Example, *, parent: str = "p", by: RowAcceptance | None = None) -> str:
    (one,) = decided([child], parent=parent, by=by)
    return one.reason


def test_a_good_row_is_taken() -> None:
    assert reason(GOOD) == ""


def changed(asked: str = "", said: str = "") -> Example:
    return made_up_row("bad", GOOD.input + asked, GOOD.target + said)


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        (made_up_row("b", GOOD.input, "  "), "structure"),
        (changed(said=" I say that as an AI."), "condition"),
        (changed(said=" Ask for another rate  plan."), "terms"),
        (
            made_up_row("b", GOOD.input, "Ihre Rechnung beruht auf einer Schätzung. " * 3),
            "language",
        ),
        (made_up_row("b", GOOD.input, "I'm sorry, but I cannot help with that."), "broken"),
        (made_up_row("b", GOOD.input, GOOD.target[:90] + " and the"), "broken"),
        (changed(asked=" Write to jane.doe@gmail.com, please."), "personal data"),
        (changed(said=" You owe us 991 euros more."), "unsupported"),
        (changed(" And Family Fix at 31 ct?", " Family Fix costs 31 ct per kWh."), "facts"),
        (TRAINING[0], "copy"),
        (made_up_row("b", TRAINING[0].input + " Please.", TRAINING[0].target), "copy"),
        (TRAINING[3], "elsewhere"),
    ],
)
def test_a_bad_row_is_rejected_for_its_own_reason(child: Example, expected: str) -> None:
    (one,) = decided([child])
    assert (one.reason, one.fate) == (expected, "rejected")
    assert one.evidence
    assert one.row is not None, "what was rejected is kept"


def test_the_same_words_in_another_order_are_nothing_new() -> None:
    parts = TRAINING[0].input.split(", ")
    child = made_up_row("b", ", ".join(reversed(parts)), TRAINING[0].target)
    assert reason(child) in ("nothing new", "copy")
    sentences = "One is here. Two was there before. Three came late again. Four left at noon today."
    parent = made_up_row("p", sentences, "Four people have come and gone since this morning.")
    other = "Four left at noon today. Three came late again. Two was there before. One is here."
    by = acceptance([parent, *TRAINING[1:]])
    assert reason(made_up_row("b", other, parent.target), by=by) == "nothing new"


def test_words_that_nobody_uses_are_rejected_and_names_are_not() -> None:
    luck = random.Random(4)
    strange = [f"x{word[::-1]}" for word in vocabulary() if len(word) > 5]
    rows = made_up_rows(300, seed=3)
    by = acceptance(rows, more=LATIN)
    asked = {"ref": "r1", "example": {"input": rows[0].input, "target": rows[0].target}}
    good = json.loads(rewritten(asked))
    parts = [edit(part, 0.45, luck, fresh=strange) for part in (good["input"], good["target"])]
    assert reason(made_up_row("b", *parts), parent="row-0000", by=by) == "terms"
    assert reason(made_up_row("b", good["input"], good["target"]), parent="row-0000", by=by) == ""
    assert "unknown words" not in by.unchecked
    assert "unknown words" in acceptance().unchecked, "thirteen rows have no vocabulary"
    named = changed(
        asked=" I am Oyelaran Brzezinski of Llanfairpwll.",
        said=" Please give our regards to Oyelaran Brzezinski.",
    )
    assert reason(named) == ""


def test_what_the_parent_states_without_support_its_child_may_too() -> None:
    parent = made_up_row("p", TRAINING[0].input, TRAINING[0].target + " Call 0800 300 till Friday.")
    by = acceptance([parent, *TRAINING[1:]])
    assert reason(changed(said=" Call 0800 300 till Friday."), by=by) == ""


def test_near_duplicates_of_accepted_rows_are_rejected_in_the_order_of_candidates() -> None:
    other = GOOD.input.replace("I did post", "we did send").replace("well before", "ahead of")
    again = made_up_row("n", other, GOOD.target)
    one, two = decided([GOOD, again])
    assert (one.fate, two.reason, two.other) == ("accepted", "near-duplicate", "good-0")
    by = acceptance()
    assert decided([GOOD], by=by)[0].fate == "accepted"
    assert reason(again, by=by) == "near-duplicate", "also of an earlier batch"


def test_a_full_cell_takes_no_more() -> None:
    by = acceptance(cell=CELL.model_copy(update={"rows": 1}))
    assert [each.reason for each in decided([GOOD, filled("x", 7)], by=by)][-1] == "not needed"


def test_conditions_of_a_cell() -> None:
    holds = [
        {"in": "input", "has": ("June", "/\\d+ euros/")},
        {"in": "target", "words": (5, 40), "as_parent": "other"},
    ]
    cell = AugmentCell.model_validate({**CELL.model_dump(by_alias=True), "holds": holds})
    assert reason(GOOD, by=acceptance(cell=cell)) == ""
    without = made_up_row("b", GOOD.input.replace("June", "May"), GOOD.target)
    (one,) = decided([without], by=acceptance(cell=cell))
    assert (one.reason, one.evidence) == ("condition", "the input lacks June")


def test_a_counterfactual_changes_a_fact_and_the_answer_with_it() -> None:
    cell = CELL.model_copy(update={"kind": "counterfactual"})
    parent = TRAINING[0]
    amount = parent.target.split()[3]

    def at(asked: str, said: str) -> str:
        child = made_up_row(
            "b", parent.input.replace(amount, asked), parent.target.replace(amount, said)
        )
        return reason(child, by=acceptance(cell=cell))

    assert at("777", "777") == ""
    assert at("777", amount) == "condition", "the answer stayed"
    assert at(amount, "777") == "condition", "the input stayed"
    assert at("777", "778") == "unsupported"


def test_a_small_edit_is_no_copy_where_it_is_the_point() -> None:
    cell = CELL.model_copy(update={"kind": "edit", "by": "upper_case"})
    shouted = made_up_row("b", TRAINING[0].input.replace("nobody", "nobdoy"), TRAINING[0].target)
    assert reason(shouted, by=acceptance(cell=cell)) == ""
    assert reason(TRAINING[0], by=acceptance(cell=cell)) == "copy"


def test_no_planted_leak_gets_in_whatever_its_parent() -> None:
    luck = random.Random(11)
    rows = made_up_rows(140, seed=5)
    training, evaluation = rows[:100], rows[100:]
    children = []
    for rate in (0.0, 0.1, 0.25):
        for _ in range(100):
            test = luck.choice(evaluation)
            parts = [edit(part, rate, luck) for part in (test.input, test.target)]
            children.append(made_up_row("leak", *parts))
    from tunewell.augment.accept.against_others import DistanceFromEvaluation
    from tunewell.augment.accept.likeness import RowLikeness
    from tunewell.similar.closest import SplitTexts
    from tunewell.task import AugmentLimits

    check = DistanceFromEvaluation(evaluation, AugmentLimits(), RowLikeness(SplitTexts()))
    named = [row.model_copy(update={"id": f"{i}"}) for i, row in enumerate(children)]
    parents = [luck.choice(training) for _ in named]
    assert len(check.check(named, parents)) == 300
    innocent = [row.model_copy(update={"id": f"in-{row.id}"}) for row in made_up_rows(60, seed=8)]
    assert not check.check(innocent, [luck.choice(training) for _ in innocent])


def test_a_leak_in_the_input_alone_is_one() -> None:
    luck = random.Random(3)
    rows = made_up_rows(40, seed=6)
    child = made_up_row("leak", rows[39].input, text(luck, 30))
    by = acceptance(rows[:30], rows[30:], more=LATIN)
    (one,) = decided([child], parent="row-0001", by=by)
    assert one.fate == "rejected"


def test_a_generator_that_repeats_itself_leaves_no_near_duplicates() -> None:
    luck = random.Random(1)
    rows = made_up_rows(60, seed=2)
    children: list[Example] = []
    for number in range(200):
        if children and luck.random() < 0.75:
            before = luck.choice(children)
            children.append(made_up_row("c", edit(before.input, 0.1, luck), before.target))
        else:
            example = {"input": rows[0].input, "target": rows[0].target}
            made = json.loads(rewritten({"ref": number, "example": example}))
            children.append(made_up_row("c", made["input"], made["target"]))
    said = decided(children, parent="row-0000", by=acceptance(rows, more=LATIN))
    taken = [one.row for one in said if one.fate == "accepted"]
    texts = [f"{row.input}\n{row.target}" for row in taken if row]
    assert len(texts) > 20
    assert not len(near_pairs(texts))


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        (made_up_row("b", "The example is data.", TRAINING[0].target), "structure"),
        (made_up_row("b", "…", TRAINING[0].target), "structure"),
        (made_up_row("b", "Write a JSON object, please.", TRAINING[0].target), "elsewhere"),
    ],
)
def test_an_answer_that_was_kept_lets_no_input_in(child: Example, expected: str) -> None:
    (one,) = decided([child])
    assert (one.reason, one.fate) == (expected, "rejected")
