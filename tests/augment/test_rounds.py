"""Exact numbers, honest stops, and decisions that no interleaving can change."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tunewell.augment import Augmented, Generator, Wanted
from tunewell.augment.stopping import (
    ERROR,
    acceptance_rate,
    how_many_to_ask,
    level_of_look,
    why_stop,
)
from tunewell.errors import ModelError, UserError
from tunewell.model.base import Generation
from tunewell.model.fake import FakeModel
from tunewell.task import AugmentCell, GeneratorSpec
from tunewell.testing.faulty_endpoint import FaultyEndpoint, rewritten
from tunewell.testing.made_up import augment_made_up, cells_of_rows, made_up_rows, writer_at
from tunewell.types import Message


def write(prompt: tuple[Message, ...]) -> str:
    asked: dict[str, Any] = json.loads(prompt[-1].content)
    return rewritten(asked)


def fake(answers: Any = write, **spec: Any) -> Generator:
    return Generator(GeneratorSpec(model="fake", in_flight=4, **spec), FakeModel(answers))


def run(
    folder: Path, *wanted: int, more: str = "", generator: Generator | None = None
) -> Augmented:
    cells = cells_of_rows(*wanted)
    writers = [generator or fake()]
    return augment_made_up(folder, made_up_rows(60), Wanted(cells, writers), more=more)


def test_every_cell_ends_with_exactly_its_rows(tmp_path: Path) -> None:
    made = run(tmp_path, 30, 7, 1)
    assert [cell.accepted for cell in made.cells] == [30, 7, 1]
    assert all(cell.balances for cell in made.cells)
    assert made.cells[0].rejected["copy"] > 3


def test_the_same_rows_whatever_the_interleaving(tmp_path: Path) -> None:
    one = run(tmp_path / "one", 20, 20)
    assert one.content == run(tmp_path / "two", 20, 20).content
    batched = Generator(GeneratorSpec(model="fake", in_flight=1), FakeModel(write), together=7)
    assert one.content == run(tmp_path / "three", 20, 20, generator=batched).content


def test_a_cell_that_cannot_be_filled_stops_on_an_interval(tmp_path: Path) -> None:
    def copies(prompt: tuple[Message, ...]) -> str:
        asked = json.loads(prompt[-1].content)
        return json.dumps({"ref": asked["ref"], **asked["example"]})

    made = run(tmp_path, 40, generator=fake(copies))
    (cell,) = made.cells
    assert cell.accepted == 0
    assert "less than least_rate = 10 %" in cell.stopped
    assert cell.rejected == {"copy": cell.asked}
    assert cell.balances


def test_replies_without_a_row_are_counted_as_failed(tmp_path: Path) -> None:
    said = {"no JSON": "Sure! Here is a row.", "refused": "I'm sorry, but I can't help with that."}
    for kind, text in said.items():
        generator = fake(lambda _, text=text: text)
        made = run(tmp_path / kind, 5, generator=generator, more="")
        (cell,) = made.cells
        assert cell.failed == {kind: cell.asked}
        assert cell.balances
        assert cell.stopped


def test_budgets_are_kept_and_a_larger_one_goes_on_from_there(tmp_path: Path) -> None:
    few = "augment: {tries: 12, temperature: 0, seed: 3, max_new_tokens: 200, budget: {rows: 12}}"
    short = augment_made_up_with(tmp_path, few)
    assert short.asked == 12
    assert all("budget of 12 candidates" in cell.stopped for cell in short.cells)
    tokens = few.replace("rows: 12", "tokens: 9000")
    made = augment_made_up_with(tmp_path, tokens)
    used = made.cost.prompt_tokens + made.cost.tokens
    assert used <= 9_000
    assert any("9,000 tokens is used up" in cell.stopped for cell in made.cells)
    assert made.rows < 40
    whole = augment_made_up_with(tmp_path, few.replace("rows: 12", "rows: 500"))
    assert whole.rows == 40
    other = augment_made_up_with(tmp_path / "other", few.replace("rows: 12", "rows: 500"))
    assert whole.content == other.content


def augment_made_up_with(
    folder: Path, section: str, generator: Generator | None = None
) -> Augmented:
    # One finished run of the key would be taken over: a budget does not change the key.
    wanted = Wanted(cells_of_rows(20, 20), [generator or fake()])
    return augment_made_up(folder, made_up_rows(60), wanted, section=section)


def test_what_is_asked_again_is_not_paid_again(tmp_path: Path) -> None:
    """More rows, or stricter acceptance: only what is new is asked for."""
    first = fake()
    few = run(tmp_path, 10, 5, generator=first)
    more = fake()
    made = run(tmp_path, 20, 5, generator=more)
    assert isinstance(first.model, FakeModel)
    assert isinstance(more.model, FakeModel)
    assert made.rows == 25
    assert len(more.model.calls) == made.asked - few.asked
    assert made.cost.requests == made.asked, "what was paid before counts"
    other = fake()
    strict = augment_made_up_with(
        tmp_path, "augment: {tries: 12, temperature: 0, seed: 3, limits: {near: 0.5}}", other
    )
    assert strict.rows == 40
    assert isinstance(other.model, FakeModel)
    assert len(other.model.calls) < strict.asked


def test_two_writers_share_the_requests(tmp_path: Path) -> None:
    one, two = FakeModel(write, name="one"), FakeModel(write, name="two")
    writers = [
        Generator(GeneratorSpec(model="one", share=3), one),
        Generator(GeneratorSpec(model="two", share=1), two),
    ]
    made = augment_made_up(tmp_path, made_up_rows(60), Wanted(cells_of_rows(40), writers))
    assert made.rows == 40
    assert len(one.calls) == pytest.approx(3 * len(two.calls), abs=4)
    assert made.generators == ("one", "two")


def test_what_concerns_all_requests_ends_the_run_and_keeps_what_came(tmp_path: Path) -> None:
    class Refused(FakeModel):
        def generate(self, prompts: Any, **rest: Any) -> list[Generation]:
            if len(self.calls) >= 8:
                raise ModelError("the key is refused")
            return super().generate(prompts, **rest)

    broken = Generator(GeneratorSpec(model="fake", in_flight=1), Refused(write))
    with pytest.raises(ModelError, match="the key is refused"):
        run(tmp_path, 20, generator=broken)
    good = fake()
    made = run(tmp_path, 20, generator=good)
    assert made.rows == 20
    assert isinstance(good.model, FakeModel)
    assert len(good.model.calls) == made.asked - 8


def test_nothing_to_write_and_nobody_to_write_are_said_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"augment\.cells is empty"):
        augment_made_up(tmp_path, made_up_rows(12), Wanted((), [fake()]))
    with pytest.raises(UserError, match="no generator is configured"):
        augment_made_up(tmp_path, made_up_rows(12), Wanted(cells_of_rows(2)))
    by_rule = (AugmentCell(name="r", rows=2, by="storm"),)
    with pytest.raises(UserError, match="no rule storm"):
        augment_made_up(tmp_path, made_up_rows(12), Wanted(by_rule))
    nobody = (AugmentCell(name="r", rows=2, vary=("x",), parents={"region": "east"}),)
    with pytest.raises(UserError, match=r"none of \d+ training rows .* region = east"):
        augment_made_up(tmp_path, made_up_rows(12), Wanted(nobody, [fake()]))


def test_parents_are_rows_of_the_folds_alone(tmp_path: Path) -> None:
    generator = fake()
    run(tmp_path, 60, generator=generator)
    assert isinstance(generator.model, FakeModel)
    rows = {row.input: i for i, row in enumerate(made_up_rows(60))}
    asked = {json.loads(call[-1].content)["example"]["input"] for call in generator.model.calls}
    assert {rows[text] % 6 for text in asked} == {0, 1, 2, 3}, "4 is test, 5 is review"


def test_a_cell_with_a_high_enough_rate_is_stopped_no_more_often_than_promised() -> None:
    wrong = 0
    for trial in range(300):
        luck = random.Random(trial)
        taken: list[bool] = []
        for look in range(1, 41):
            taken += [luck.random() < 0.1 for _ in range(20)]
            if why_stop(acceptance_rate(taken, look=look), least=0.1):
                wrong += 1
                break
    assert wrong <= 300 * ERROR
    assert sum(1 - level_of_look(look) for look in range(1, 10_000)) <= ERROR


def test_a_hopeless_cell_is_given_up_soon() -> None:
    taken: list[bool] = []
    look = 0
    while True:
        look += 1
        rate = acceptance_rate(taken, look=look)
        if why_stop(rate, least=0.1):
            break
        taken += [False] * how_many_to_ask(20, rate)
    assert len(taken) <= 120


def test_the_limit_falls_with_the_first_refusal_and_rises_slowly(tmp_path: Path) -> None:
    refused: list[int] = []

    def slow(asked: Mapping[str, Any]) -> str:
        return rewritten(asked)

    endpoint = FaultyEndpoint(writes=slow)
    usual = endpoint.fault_of

    def fault(ref: str) -> str:
        usual(ref)
        refused.append(1)
        return "429" if 30 <= len(refused) < 36 else ""

    endpoint.fault_of = fault  # type: ignore[method-assign]
    with endpoint.serving() as url:
        writer = writer_at(url, in_flight=8)
        made = augment_made_up(tmp_path, made_up_rows(60), Wanted(cells_of_rows(60), [writer]))
    assert made.rows == 60
    throttle = writer.model.throttle  # type: ignore[attr-defined]
    assert 1 <= throttle.cuts <= 6
    assert throttle.limit > 1
