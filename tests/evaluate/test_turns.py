"""Every answer of a conversation is asked for behind its true history; turns are one cluster."""

from __future__ import annotations

from pathlib import Path

from tunewell.evaluate.arms import Arm
from tunewell.evaluate.predict import PartialAnswers, PassMeter, predict
from tunewell.evaluate.stage import answered, families
from tunewell.model.base import GenerateOptions
from tunewell.model.fake import FakeModel
from tunewell.types import Assignment, Example, Message, Split

SAID = [("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2"), ("user", "q3")]


def conversation() -> Example:
    """Four answers, of which the second is context only."""
    turns = [Message.model_validate({"role": role, "content": text}) for role, text in SAID]
    turns[3] = turns[3].model_copy(update={"weight": 0.0})
    turns += [
        Message(role="assistant", content="a3"),
        Message(role="user", content="q4"),
        Message(role="assistant", content="a4"),
    ]
    return Example(id="c", messages=tuple(turns))


def test_each_learned_turn_is_answered_on_its_true_history(tmp_path: Path) -> None:
    single = Example(id="s", messages=conversation().messages[:2])
    rows = answered([single, conversation()], "all")
    assert [(row.id, row.target) for row in rows] == [
        ("c#1", "a1"),
        ("c#2", "a3"),
        ("c#3", "a4"),
        ("s", "a1"),
    ]
    model = FakeModel(lambda _: "wrong")
    made = predict(
        lambda: model,
        Arm(name="tuned"),
        rows,
        options=GenerateOptions(),
        work=PartialAnswers(tmp_path),
        meter=PassMeter(4, None),
    )
    assert [said.example for said in made] == ["c#1", "c#2", "c#3", "s"]
    asked = {" ".join(turn.content for turn in prompt) for prompt in model.calls}
    # What the model said before is not in the history: the answers of the row are.
    assert asked == {"q1", "q1 a1 q2 a2 q3", "q1 a1 q2 a2 q3 a3 q4"}


def test_turns_of_one_conversation_are_one_cluster() -> None:
    rows = answered([conversation()], "all")
    assignment = Assignment(id="c", family="f", part="test")
    split = Split(dataset="d" * 64, folds=2, seed=0, assignments=(assignment,))
    assert families(rows, split) == ["f", "f", "f"]
    unknown = Split(dataset="d" * 64, folds=2, seed=0, assignments=())
    assert len(set(families(rows, unknown))) == 1


def test_only_the_last_answer_where_the_user_says_so() -> None:
    assert [row.id for row in answered([conversation()], "last")] == ["c"]
