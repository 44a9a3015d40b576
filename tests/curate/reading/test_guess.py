"""Which columns of files that nobody described are the question and the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.curate.first_look import look_at
from tunewell.curate.reading.guess import guess_columns
from tunewell.errors import DataError

Row = dict[str, object]

ASKS = "Can the agent answer a request of mine on a Sunday too?"
TELLS = "No, the desk is closed on Sundays and on holidays."


def rows(count: int = 12, **made: str) -> list[Row]:
    """Rows whose values are made from their number."""
    return [{name: text.format(n=n) for name, text in made.items()} for n in range(count)]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        # a column beside one that is named, however short its texts
        (rows(riddle="做贼碰上{n}人", answer="坏到{n}块了"), ("riddle", "answer")),
        (rows(riddle="Was ist {n}?", reply="Eine Zahl."), ("riddle", "reply")),
        # no name tells anything: who asks comes first
        (
            rows(left="It is number {n}, no other.", right="What number is it, {n}?"),
            ("right", "left"),
        ),
        (rows(left="Say the number {n}.", right="The number is {n}."), ("left", "right")),
        # a header that is a row: any word may stand in a sentence
        (
            [{ASKS: f"Is it open on {n}?", TELLS: f"It is, until {n}."} for n in range(12)],
            (ASKS, TELLS),
        ),
        # names and codes answer nothing
        (rows(instruction="Give an example of {n} things.", name="seed_task_{n}"), None),
        (rows(instruction="Give an example of {n} things.", slug="an-example-{n}"), None),
        # labels recur, and are answers
        (
            [{"text": f"My card {n} was lost", "intent": "lost_card"} for n in range(12)]
            + [{"text": f"My card {n} was stolen", "intent": "stolen_card"} for n in range(12)],
            ("text", "intent"),
        ),
        # two texts beside the named one
        (
            rows(answer="It is {n}, yes.", one="What is {n}, please?", two="Where is {n}, please?"),
            None,
        ),
    ],
)
def test_columns_are_told_by_names_and_values(
    found: list[Row], wanted: tuple[str, str] | None
) -> None:
    assert guess_columns(found) == wanted


def test_a_file_whose_answers_are_nested_gets_a_hint_for_whoever_begins(tmp_path: Path) -> None:
    lines = [
        f'{{"id": "task_{n}", "instruction": "Do the thing number {n}.", "instances": [[{n}]]}}'
        for n in range(30)
    ]
    (tmp_path / "seeds.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        look_at(["seeds.jsonl"], tmp_path)
    assert "tunewell init --data FILE --input instruction" in caught.value.hint
