from __future__ import annotations

from collections.abc import Sequence

from tunewell.curate.wrong_transcripts import transcript_doubts, wrong_transcripts
from tunewell.metrics.speech import word_errors
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.types import Estimate, Example, Message

SAID = {
    "1" * 64: "Start duloxetine thirty milligrams.",
    "2" * 64: "Stop ramipril and review in two weeks.",
    "3" * 64: "She has no complaints.",
    "4" * 64: "",
}


class Ear:
    """Hears what is said; finds a wrong word a hundred thousand times less probable."""

    name = "ear"

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        texts = [SAID[prompt[-1].audio].lower() for prompt in prompts]
        return [Generation(text=t, prompt_tokens=1, tokens=5, finish="stop") for t in texts]

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        found = []
        for prompt, target in zip(prompts, targets, strict=True):
            wrong = word_errors(SAID[prompt[-1].audio], target).errors
            found.append(TargetScore(nats=1 + 11.5 * wrong, tokens=len(target.split())))
        return found


def row(digest: str, words: str, kind: str = "") -> Example:
    turns = (
        Message(role="user", content="", audio=digest * 64),
        Message(role="assistant", content=words),
    )
    return Example(id=f"row{digest}", messages=turns, kind=kind)


def test_a_wrong_word_is_in_doubt_and_case_is_not() -> None:
    rows = [
        row("1", "START DULOXETINE 30 MG"),
        row("2", "Stop lisinopril and review in two weeks."),
        row("3", "Another recording altogether was meant here."),
        row("4", "", "no-speech"),
    ]
    found = wrong_transcripts(Ear(), rows)
    assert found.code == "D10"
    assert found.status == "found"
    assert found.rows == ("row3", "row2")
    assert isinstance(found.estimate, Estimate)
    assert found.estimate.n == 3
    doubts = transcript_doubts(Ear(), rows)
    assert doubts[-1].row == "row1"
    assert doubts[-1].nats == 0


def test_right_transcripts_are_clear() -> None:
    found = wrong_transcripts(Ear(), [row("3", "she has no complaints")])
    assert found.status == "clear"


def test_without_a_model_nothing_was_checked_and_that_is_said() -> None:
    found = wrong_transcripts(None, [row("1", "x")])
    assert found.status == "unchecked"
    assert "pip install" in found.why
    written = Example(id="w", messages=(Message(role="user", content="a"),))
    assert wrong_transcripts(Ear(), [written]).status == "unchecked"


def test_a_row_that_cannot_be_scored_is_never_clear() -> None:
    """Nothing is heard where words are given: the worst of transcripts must not go unseen."""
    rows = [row("3", "She has no complaints."), row("4", "Take ramipril.")]
    found = wrong_transcripts(Ear(), rows)
    assert found.status == "unchecked"
    assert "1 more row could not be scored: row4" in found.why
    assert isinstance(found.estimate, Estimate)
    assert found.estimate.high > 0.5
    wrong = wrong_transcripts(Ear(), [*rows, row("2", "Something else was said here.")])
    assert wrong.status == "found"
    assert "row4" in wrong.why
