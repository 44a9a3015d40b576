from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.audio.sounds import encoded, murmur
from tunewell.audio.clips import RATE, Samples, read_clip
from tunewell.augment import augment
from tunewell.augment.stage import RowsOfSplit
from tunewell.augmented import planned_cells, wanted
from tunewell.curate.erasure import erase
from tunewell.errors import UserError
from tunewell.evaluate.stress import PERTURBATIONS, Stressed, StressPlan, stress
from tunewell.evaluate.stress.recordings import HEARD_KINDS, STEPS, Recordings
from tunewell.evaluate.stress.severity import HeardAnswers
from tunewell.lineage import StageKey
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import AugmentCell, parse_task
from tunewell.types import (
    Assignment,
    Dataset,
    Estimate,
    Example,
    Message,
    Prediction,
    Split,
    Unscored,
)

TASK = """
task: {name: ward, about: Writes down dictations., input: a recording, output: its words}
data: [{path: rows.jsonl}]
metrics: [{name: token_f1}]
"""
WORDS = "the patient takes five milligrams of it at night and sleeps well since then"
SPEAKERS = 6


def heard_row(store: Store, speaker: int, number: int) -> Example:
    clip = murmur(10 * speaker + number, seconds=1.0)
    digest = store.files.put_bytes(encoded(clip), suffix=".wav")
    turns = (
        Message(role="user", content="", audio=digest),
        Message(role="assistant", content=f"{WORDS} {speaker} {number}"),
    )
    return Example(id=f"s{speaker}-{number}", messages=turns, group=f"speaker{speaker}")


class Listener:
    """Hears as many words as the recording is like the clean one that it resembles most."""

    name = "listener"

    def __init__(self, store: Store, rows: Sequence[Example]) -> None:
        self.store = store
        self.known = {row.target: self._samples(row.audio[0]) for row in rows}

    def _samples(self, digest: str) -> Samples:
        samples = read_clip(self.store.files.open(digest)).at(RATE).samples
        return np.resize(samples, RATE)

    def hear(self, digest: str) -> str:
        own = self._samples(digest)
        likeness = {}
        for target, samples in self.known.items():
            likeness[target] = np.corrcoef(own, samples)[0, 1]
        words = max(likeness, key=lambda each: likeness[each])
        share = max(0.0, likeness[words])
        return " ".join(words.split()[: round(share * len(words.split()))])

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        texts = [self.hear(prompt[-1].audio) for prompt in prompts]
        return [Generation(text=t, prompt_tokens=1, tokens=1, finish="stop") for t in texts]

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        return [TargetScore(nats=1.0, tokens=1) for _ in prompts]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def rows(store: Store) -> list[Example]:
    return [heard_row(store, speaker, n) for speaker in range(SPEAKERS) for n in range(2)]


def stressed(store: Store, rows: Sequence[Example], *kinds: str) -> Stressed:
    dataset = Dataset(id="d" * 64, rows=len(rows), examples=store.put_examples(rows), receipts="")
    parts = tuple(Assignment(id=row.id, family=row.group, part="test") for row in rows)
    split = Split(dataset=dataset.id, folds=2, seed=0, assignments=parts)
    file = parse_task(TASK, path=store.root / "tunewell.yaml", environment={})
    return stress(
        dataset,
        split,
        None,
        Project(file, store),
        plan=StressPlan(kinds=kinds),
        models=lambda _: Listener(store, rows),
    )


def test_every_step_changes_the_recording_and_keeps_the_words(
    store: Store, rows: list[Example]
) -> None:
    made = Recordings(store.files, rows).perturbations()
    assert [each.name for each in made] == list(STEPS)
    for kind in made:
        row = kind(rows[0])
        assert row is not None, kind.name
        assert row.audio != rows[0].audio
        assert row.group == rows[0].group
        assert row.tags["perturbation"] == kind.name
        assert (row.target == "") == (kind.name == "no-speech")
        assert kind(rows[0]) == row
        read_clip(store.files.open(row.audio[0]))


def test_texts_are_not_stressed_as_recordings_nor_the_other_way(
    store: Store, rows: list[Example]
) -> None:
    written = Example(
        id="w",
        messages=(Message(role="user", content="How?"), Message(role="assistant", content="So")),
    )
    assert all(kind(rows[0]) is None for kind in PERTURBATIONS.values())
    assert all(kind(written) is None for kind in Recordings(store.files, rows).perturbations())


def test_babble_needs_three_other_speakers(store: Store, rows: list[Example]) -> None:
    babble = Recordings(store.files, rows[:6]).perturbations(["babble"])
    assert len(babble) == 3
    assert [kind(rows[0]) for kind in babble] == [None] * 3


def test_errors_rise_with_the_noise(store: Store, rows: list[Example]) -> None:
    made = stressed(store, rows, "noise", "telephone-3400hz", "no-speech")
    assert {kind.name for kind in made.kinds} >= {"noise-20db", "noise-10db", "noise-0db"}
    curve = {each.kind: each for each in made.curves}
    assert list(curve) == ["noise", "telephone", "no-speech"]
    noise = curve["noise"]
    assert isinstance(noise.clean, Estimate)
    assert noise.clean.value == 0
    assert noise.clean.n == SPEAKERS
    found = [step.increase for step in noise.steps]
    assert all(isinstance(each, Estimate) for each in found)
    values = [each.value for each in found if isinstance(each, Estimate)]
    assert [step.strength for step in noise.steps] == [20, 10, 0]
    assert values == sorted(values)
    assert values[-1] > 0.2
    assert found[-1].low > 0  # type: ignore[union-attr]
    silent = curve["no-speech"].steps[0]
    assert isinstance(silent.increase, Unscored)
    assert isinstance(silent.word_errors, Estimate)
    assert silent.word_errors.n == len(rows)
    by_name = {kind.name: kind for kind in made.kinds}
    assert by_name["no-speech"].stressed.value == pytest.approx(silent.word_errors.value)


def test_an_unknown_kind_is_refused_with_all_there_are(store: Store, rows: list[Example]) -> None:
    with pytest.raises(UserError) as caught:
        stressed(store, rows, "thunder")
    for name in HEARD_KINDS:
        assert name in str(caught.value.hint)


def test_two_speakers_give_no_interval(rows: list[Example]) -> None:
    few = rows[:4]
    said = {row.id: Prediction(example=row.id, arm="a", text=row.target) for row in few}
    heard = HeardAnswers(few, {row.id: row.group for row in few}, said)
    curve = heard.curves({"noise-20db": {row.id: row for row in few}})[0]
    assert isinstance(curve.clean, Unscored)
    assert "2 speakers are too few" in curve.clean.reason


# --- what fails goes back -------------------------------------------------------------------------


MANY = 10
"""Speakers, so that a kind of stress surely fails more often."""


def divided(store: Store, rows: Sequence[Example]) -> tuple[Project, Dataset, Split]:
    """A project whose last two speakers are trained on; the others are the test set."""
    dataset = Dataset(id="d" * 64, rows=len(rows), examples=store.put_examples(rows), receipts="")
    with StageKey("curate", {"rows": dataset.examples}, {}).record(store) as writer:
        writer.outputs["dataset"] = store.put_value(dataset)
    parts = []
    for row in rows:
        number = int(row.id[1])
        part = "test" if number < MANY - 2 else f"fold-{number % 2}"
        parts.append(Assignment(id=row.id, family=row.group, part=part))
    split = Split(dataset=dataset.id, folds=2, seed=0, assignments=tuple(parts))
    file = parse_task(TASK, path=store.root / "tunewell.yaml", environment={})
    return Project(file, store), dataset, split


def test_training_recordings_are_changed_as_those_were_that_failed(store: Store) -> None:
    rows = [heard_row(store, speaker, n) for speaker in range(MANY) for n in range(2)]
    project, dataset, split = divided(store, rows)
    stress(
        dataset,
        split,
        None,
        project,
        plan=StressPlan(kinds=("faster-1.4x", "no-speech")),
        models=lambda _: Listener(store, rows),
    )
    cells = planned_cells(project, dataset, split, ["stress"], rows=4)
    assert [cell.by for cell in cells] == ["faster-1.4x", "no-speech"]
    training = RowsOfSplit.of(dataset, split, store).training
    made = augment(dataset, split, project, wanted(project, cells, (), training=training))
    copies = store.examples(made.accepted)
    assert len(copies) == 8
    by_id = {row.id: row for row in training}
    for row in copies:
        parent = by_id[row.parent]
        assert row.audio
        assert row.audio != parent.audio
        assert row.group == parent.group
        is_silent = row.tags["generator"] == "no-speech"
        assert row.target == ("" if is_silent else parent.target)
        assert row.kind == ("no-speech" if is_silent else parent.kind)

    # Whoever is erased is erased from the copies too.
    speaker = copies[0].group
    hers = [row for row in copies if row.group == speaker]
    erase(store, speaker, author="kim")
    assert not any(store.files.has(row.audio[0]) for row in hers)


def test_nobody_writes_a_row_of_a_recording_that_was_not_heard(
    store: Store, rows: list[Example]
) -> None:
    from tunewell.augment.parents import ParentPool

    cell = AugmentCell(name="more", rows=2, about="More of them.")
    with pytest.raises(UserError, match="none of 12 training rows can be a parent"):
        ParentPool.of([cell], rows, seed=0)
