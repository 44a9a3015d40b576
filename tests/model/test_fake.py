from __future__ import annotations

from collections.abc import Callable

import pytest

from tunewell.errors import ModelError
from tunewell.model.base import GenerateOptions, Generation, Model
from tunewell.model.fake import Conversation, FakeModel
from tunewell.testing.models import CHECKS, ask, check_model


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_the_contract(check: Callable[[Model], None]) -> None:
    check(FakeModel())


@pytest.mark.parametrize("answers", [{"a": "b"}, lambda prompt: "same " * 20])
def test_the_contract_with_every_kind_of_script(answers: object) -> None:
    check_model(FakeModel(answers))  # type: ignore[arg-type]


def test_a_failure_is_of_its_item_alone() -> None:
    model = FakeModel(failures=lambda p: "out of memory" if "b" in p[-1].content else None)
    results = model.generate([ask("x"), ask("b"), ask("y")])
    assert [r.finish for r in results] == ["stop", "error", "stop"]
    assert results[1].reason == "out of memory"
    assert [s.reason for s in model.score([ask("x"), ask("b")], ["x", "x"])] == [
        "",
        "out of memory",
    ]


def test_what_was_asked_is_kept() -> None:
    model = FakeModel(["yes"])
    model.generate([ask("x"), ask("y")])
    assert model.calls == [ask("x"), ask("y")]


def test_as_many_targets_as_prompts() -> None:
    with pytest.raises(ModelError, match="1 prompts and 2 targets"):
        FakeModel().score([ask("x")], ["a", "b"])


class Forgetful(FakeModel):
    def generate(self, *args: object, **kwargs: object) -> list[Generation]:
        return super().generate(*args, **kwargs)[:-1]  # type: ignore[arg-type]


class Babbling(FakeModel):
    def _one(self, i: int, prompt: Conversation, options: GenerateOptions) -> Generation:
        return super()._one(i, prompt, options.model_copy(update={"stop": ()}))


class Moody(FakeModel):
    def _answer(self, i: int, prompt: Conversation) -> str:
        return f"{len(self.calls)}"


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (Forgetful(), "fails check_one_result_each_in_order"),
        (Babbling(), "fails check_stop_strings"),
        (Moody(), "fails check_same_again"),
    ],
)
def test_the_suite_catches_what_breaks_the_contract(model: Model, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        check_model(model)


def test_a_list_is_one_answer_for_each_prompt() -> None:
    results = FakeModel(["one", "two words"]).generate([ask("x"), ask("y"), ask("z")])
    assert [r.text for r in results] == ["one", "two words", "one"]
