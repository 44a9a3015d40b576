"""What the arms answer: models are asked, files are read, people are waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tunewell.compare.blind import blind_text
from tunewell.compare.book import ComparisonBook
from tunewell.compare.design import (
    AskedQuestion,
    BlindComparison,
    BlindingRules,
    GivenAnswer,
)
from tunewell.compare.inbox import Inbox
from tunewell.errors import UserError
from tunewell.json_text import parse_json
from tunewell.model.base import GenerateOptions, Model
from tunewell.types import Message

Prompt = Callable[[str], tuple[Message, ...]]
"""A question as the turns that an arm's model sees."""

LONGEST_LINE = 2_000_000


def as_user(text: str) -> tuple[Message, ...]:
    """A question as a single turn."""
    return (Message(role="user", content=text),)


def given(text: str, rules: BlindingRules) -> GivenAnswer:
    """An answer with what raters see of it."""
    blinded = blind_text(text, rules)
    if not blinded.text:
        return GivenAnswer(text=text, missing="empty")
    return GivenAnswer(text=text, shown=blinded.text, changed=blinded.changed)


def answers_of_model(
    model: Model,
    prompts: Sequence[tuple[Message, ...]],
    rules: BlindingRules,
    *,
    max_new_tokens: int,
) -> list[GivenAnswer]:
    """A model's answers; where it fails its answer is missing, and the reason is shown to nobody.

    Args:
        model: Which.
        prompts: One for each question.
        rules: Of blinding.
        max_new_tokens: Longest answer.
    """
    options = GenerateOptions(max_new_tokens=max_new_tokens)
    found = []
    for generation in model.generate(prompts, options=options):
        if generation.finish == "error":
            found.append(GivenAnswer(text=generation.reason, missing="failed"))
        else:
            found.append(given(generation.text, rules))
    return found


def answers_of_file(
    path: Path,
    questions: Sequence[AskedQuestion],
    rules: BlindingRules,
) -> list[GivenAnswer]:
    """Answers of a JSON lines file with ``id`` and ``answer``; those not there are missing.

    Raises:
        UserError: The file cannot be read, or a line is no answer.
    """
    by_id: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = parse_json(line)
        except ValueError as error:
            raise UserError(f"not JSON: {error}", place=place) from error
        if not isinstance(row, dict) or not isinstance(row.get("answer"), str) or "id" not in row:
            raise UserError(
                "a line needs an id and an answer",
                place=place,
                hint='{"id": "row-1", "answer": "Restart it."}',
            )
        if str(row["id"]) in by_id:
            raise UserError(f"the id {str(row['id'])[:80]!r} appears twice", place=place)
        by_id[str(row["id"])] = row["answer"]
    found = []
    for question in questions:
        text = by_id.get(question.row)
        found.append(GivenAnswer(missing="failed") if text is None else given(text, rules))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8", hint="save it as UTF-8") from error


def answer_waiting(
    book: ComparisonBook,
    comparison: BlindComparison,
    models: Mapping[int, tuple[Model, Prompt]],
    *,
    max_new_tokens: int,
) -> int:
    """Answer raters' own questions: models at once, people through their inbox.

    Args:
        book: Of the project.
        comparison: An open one.
        models: By number of the arm, its model and how it is asked.
        max_new_tokens: Longest answer.

    Returns:
        How many answers were given or asked for.
    """
    waiting = [pair for pair in book.pairs(comparison) if pair.status == "waiting"]
    done = Inbox(book).send(comparison, [pair.question for pair in waiting])
    rules = comparison.design.blinding
    for number, (model, prompt) in models.items():
        open_pairs = [pair for pair in waiting if pair.answers[number] is None]
        questions = {pair.question.id: pair.question for pair in open_pairs}
        prompts = [prompt(question.text) for question in questions.values()]
        if not prompts:
            continue
        answers = answers_of_model(model, prompts, rules, max_new_tokens=max_new_tokens)
        for question, answer in zip(questions, answers, strict=True):
            book.give(comparison, question, number, answer)
            done += 1
    return done
