"""Rows with tools: the model is given them, and its calls are compared by what they call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunewell.evaluate.arms import Arm
from tunewell.evaluate.predict import PartialAnswers, PassMeter, predict
from tunewell.metrics.base import input_text
from tunewell.metrics.judge.prompts import ask_for_verdict
from tunewell.metrics.match import exact_match
from tunewell.model.base import GenerateOptions
from tunewell.model.fake import FakeModel
from tunewell.people.guide import conversation
from tunewell.task import RubricCriterion, TaskSpec, parse_task
from tunewell.types import Example, Message, ToolCall
from tunewell.types.written_calls import compared_output

TOOLS = '[{"description": "Finds things.", "name": "find", "parameters": {"type": "object"}}]'
CALL = ToolCall(name="find", arguments='{"floor": -1, "what": "meter"}')


def spec() -> TaskSpec:
    task = "task: {name: t, about: Finds what is asked for., input: a question, output: a call}"
    text = f"{task}\ndata: [{{path: a}}]"
    return parse_task(text, path=Path("t.yaml"), environment={}).spec


def example() -> Example:
    turns = (
        Message(role="user", content="Where is the key?"),
        Message(role="assistant", content="", tool_calls=(ToolCall(name="find", id="c"),)),
        Message(role="tool", content="in drawer 7", name="find", tool_call_id="c"),
        Message(role="user", content="And the meter?"),
        Message(role="assistant", content="", tool_calls=(CALL,)),
    )
    return Example(id="1", messages=turns, tools=TOOLS)


WRITTEN = [
    '<tool_call>\n{"arguments": {"what": "meter", "floor": -1}, "name": "find"}\n</tool_call>',
    '{"name": "find", "parameters": {"what": "meter",   "floor": -1}}',
    '[TOOL_CALLS] [{"name": "find", "arguments": {"floor": -1, "what": "meter"}}]',
    '<function=find>{"what": "meter", "floor": -1}</function>',
    '[{"type": "function", "function": {"name": "find", "arguments": '
    '"{\\"what\\": \\"meter\\", \\"floor\\": -1}"}}]',
    CALL.text,
]
WRONG = [
    '<tool_call>{"name": "find", "arguments": {"what": "key", "floor": -1}}</tool_call>',
    '{"name": "look", "parameters": {"what": "meter", "floor": -1}}',
    f"{CALL.text}\n{CALL.text}",
    "In the cellar.",
]


@pytest.mark.parametrize("answer", WRITTEN)
def test_the_model_is_given_the_tools_and_its_call_is_right(tmp_path: Path, answer: str) -> None:
    model = FakeModel([answer])
    bare = Example(id="2", messages=example().messages[:1])
    [said, plain] = predict(
        lambda: model,
        Arm(name="tuned"),
        [example(), bare],
        options=GenerateOptions(),
        work=PartialAnswers(tmp_path),
        meter=PassMeter(2, None),
    )
    assert sorted(model.tools) == ["", TOOLS]
    assert exact_match(said.text, example(), task=spec()) == 1.0
    assert plain.text == answer


@pytest.mark.parametrize("answer", WRONG)
def test_another_call_is_wrong(answer: str) -> None:
    said = compared_output(example(), answer)
    assert exact_match(said, example(), task=spec()) == 0.0


def test_json_is_an_answer_like_any_other_where_there_are_no_tools() -> None:
    row = Example(id="1", messages=(Message(role="user", content="JSON?"),))
    assert compared_output(row, WRITTEN[1]) == WRITTEN[1]


def test_people_and_judges_see_calls_results_and_tools() -> None:
    row = example()
    criterion = RubricCriterion(name="right", question="Is it right?")
    asked: Any = ask_for_verdict(criterion, "x", row, spec())
    for shown in (conversation(row), asked[1].content, input_text(row)):
        assert "Finds things." in shown
        assert '{"name": "find", "arguments": {}}' in shown
        assert "in drawer 7" in shown
    assert "Tool (find):\nin drawer 7" in conversation(row)
