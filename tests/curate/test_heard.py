from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.audio.sounds import encoded, murmur, write
from tests.curate.conftest import MakeDefinition
from tunewell.audio.clips import Clip
from tunewell.audio.voices import Voice
from tunewell.curate import heard_voices
from tunewell.curate.doctor import doctor
from tunewell.curate.erasure import erase
from tunewell.curate.heard import SpokenRate, clip_fault
from tunewell.curate.pipeline import curate
from tunewell.lineage import why
from tunewell.project import Project
from tunewell.split.families import families
from tunewell.split.stage import split
from tunewell.store import Store
from tunewell.types import Dataset, Receipt

SPEAKERS = ("ann", "ben", "eve", "joe")
WORDS = [
    "The left knee is swollen and warm to the touch.",
    "She takes two tablets of it every morning.",
    "There was no fracture on either of the films.",
    "He sleeps badly and wakes up before five.",
    "The wound is clean and the stitches are out.",
]
SENTENCES = len(WORDS)


@pytest.fixture(autouse=True)
def without_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Murmurs are nobody's voice: whoever tests voices says which."""
    monkeypatch.setattr(heard_voices, "can_hear_voices", lambda: False)


def corpus(folder: Path, extra: str = "") -> None:
    """Four speakers who read the same eight sentences."""
    lines = ["file_name,transcription,speaker,kind"]
    for s, speaker in enumerate(SPEAKERS):
        for i, words in enumerate(WORDS):
            name = f"{speaker}{i}.wav"
            write(folder / name, murmur(100 * s + i, seconds=2))
            lines.append(f"{name},{words},{speaker},")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n" + extra)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    corpus(folder)
    return folder


def opened(project: MakeDefinition, store: Store, rest: str = "") -> Project:
    return Project(project({}, rest, data="data:\n  - path: data\n"), store)


def receipts(store: Store, dataset: Dataset) -> dict[str, list[Receipt]]:
    found: dict[str, list[Receipt]] = {}
    for receipt in store.receipts(dataset):
        found.setdefault(receipt.row.removeprefix("data/metadata.csv:"), []).append(receipt)
    return found


def test_rows_that_are_heard_are_curated_kept_and_divided_by_speaker(
    recorded: Path, project: MakeDefinition, store: Store
) -> None:
    opened_project = opened(project, store, "split: {folds: 2, test: 0.25, review: 0.1}\n")
    dataset = curate(opened_project)
    rows = store.examples(dataset)
    # Four people who read the same sentence are no copies of each other.
    assert len(rows) == len(SPEAKERS) * SENTENCES
    for row in rows:
        assert store.files.has(row.audio[0])

    assert len(families(rows)) == len(SPEAKERS)
    parts = {each.id: each.part for each in split(dataset, opened_project).assignments}
    for speaker in SPEAKERS:
        assert len({parts[row.id] for row in rows if row.group == speaker}) == 1

    told = why(store, rows[0].id)
    assert told.audio == rows[0].audio
    assert told.receipts[-1].action == "kept"


def test_the_same_files_give_the_same_dataset_and_a_changed_one_another(
    recorded: Path, project: MakeDefinition, store: Store
) -> None:
    definition = project({}, data="data:\n  - path: data/metadata.csv\n")
    first = curate(Project(definition, store))
    runs = len(store.runs(stage="curate"))
    assert curate(Project(definition, store)) == first
    assert len(store.runs(stage="curate")) == runs
    # The list does not change with the recording that it names.
    write(recorded / "ann0.wav", murmur(999))
    changed = curate(Project(definition, store))
    assert changed.id != first.id
    assert curate(Project(definition, store)) == changed


def test_planted_faults_are_found_and_what_is_in_order_is_not(
    recorded: Path, project: MakeDefinition, store: Store
) -> None:
    clip = murmur(500)
    planted = {
        "silent": Clip(clip.samples * 1e-4, clip.rate),
        "long": murmur(501, seconds=20),
    }
    write(recorded / "silent.wav", planted["silent"])
    write(recorded / "long.wav", planted["long"])
    (recorded / "copy.mp3").write_bytes(encoded(murmur(3, seconds=2), "MP3"))
    (recorded / "other.ogg").write_bytes(encoded(murmur(4, seconds=2), "OGG"))
    write(recorded / "hum.wav", Clip(clip.samples * 0.05, clip.rate))
    extra = (
        "silent.wav,The left knee is swollen.,ann,\n"
        "long.wav,Two.,ben,\n"
        f"copy.mp3,{WORDS[3]},ann,\n"
        "other.ogg,They never came to the ward.,ann,\n"
        "hum.wav,,eve,no-speech\n"
    )
    with (recorded / "metadata.csv").open("a") as file:
        file.write(extra)
    dataset = curate(opened(project, store))
    told = receipts(store, dataset)
    last = {line: told[line][-1] for line in ("22", "23", "24", "26")}
    assert (last["22"].code, last["22"].action) == ("D08", "dropped")
    assert "silent" in last["22"].evidence
    assert (last["23"].code, last["23"].action) == ("D08", "dropped")
    assert "slower" in last["23"].evidence
    assert (last["24"].code, last["24"].action) == ("D04", "dropped")
    assert last["24"].other == "data/metadata.csv:5"
    # Nobody speaks, and nobody is said to speak.
    assert last["26"].action == "kept"
    [run] = store.runs(stage="curate")
    found = {finding.code: finding for finding in run.findings}
    assert "data/metadata.csv:25" in found["D09"].rows
    dropped = [line for line, each in told.items() if each[-1].action == "dropped"]
    assert sorted(dropped) == ["22", "23", "24"]


def test_a_test_row_that_is_heard_in_training_is_taken_out_of_training(
    tmp_path: Path, recorded: Path, project: MakeDefinition, store: Store
) -> None:
    (tmp_path / "exam").mkdir()
    (tmp_path / "exam" / "again.mp3").write_bytes(encoded(murmur(102, seconds=2), "MP3"))
    (tmp_path / "exam" / "metadata.csv").write_text(
        "file_name,transcription,speaker\nagain.mp3,There was no fracture.,zoe\n"
    )
    data = "data:\n  - path: data\n  - path: exam\n    role: test\n"
    dataset = curate(Project(project({}, data=data), store))
    told = receipts(store, dataset)
    assert told["9"][-1].code == "D11"
    assert told["9"][-1].action == "dropped"
    assert sum(each[-1].code == "D11" for each in told.values()) == 1


def test_the_doctor_names_speakers_and_recordings_on_both_sides(
    tmp_path: Path, recorded: Path
) -> None:
    exam = tmp_path / "exam"
    write(exam / "a.wav", murmur(700))
    (exam / "b.ogg").parent.mkdir(exist_ok=True)
    (exam / "b.ogg").write_bytes(encoded(murmur(201, seconds=2), "OGG"))
    (exam / "metadata.csv").write_text(
        "file_name,transcription,speaker\na.wav,Quite new.,ann\nb.ogg,Other words.,zoe\n"
    )
    report = doctor([recorded], eval=exam)
    [leaks] = [finding for finding in report.findings if finding.code == "D11"]
    assert leaks.status == "found"
    assert "5 same speaker" in leaks.why
    assert "1 same recording" in leaks.why


def test_whoever_is_erased_is_not_heard_any_more(
    recorded: Path, project: MakeDefinition, store: Store
) -> None:
    lines = (recorded / "metadata.csv").read_text().replace(",ann,", ",Ann Okoro,")
    (recorded / "metadata.csv").write_text(lines)
    dataset = curate(opened(project, store))
    hers = [row for row in store.examples(dataset) if row.group == "Ann Okoro"]
    others = [row for row in store.examples(dataset) if row.group == "ben"]
    erasure = erase(store, "Ann Okoro", author="kim")
    assert erasure.clips == len(hers) == SENTENCES
    assert not any(store.files.has(row.audio[0]) for row in hers)
    assert all(store.files.has(row.audio[0]) for row in others)

    after = curate(opened(project, store))
    assert {row.group for row in store.examples(after)} == {"ben", "eve", "joe"}


def test_training_a_model_of_text_on_recordings_is_refused(
    recorded: Path, project: MakeDefinition, store: Store
) -> None:
    from tunewell.errors import DataError
    from tunewell.train.stage import train

    opened_project = opened(project, store, "split: {folds: 2}\n")
    dataset = curate(opened_project)
    with pytest.raises(DataError, match="heard") as caught:
        train(dataset, split(dataset, opened_project), opened_project)
    assert caught.value.hint


def test_noise_about_the_level_of_speech_is_not_silence() -> None:
    rng = np.random.default_rng(0)
    from tunewell.audio.facts import facts_of

    noise = Clip((0.01 * rng.normal(size=48_000)).astype(np.float32), 16_000)
    assert not facts_of(noise).is_silent


class _Encoder:
    """Hears the same person in all that ann and eve say, and one other in each of the others."""

    people = iter([1] * 5 + [2] * 5 + [1] * 5 + [4] * 5)

    def voice(self, clip: Clip) -> Voice:
        direction: Voice = np.eye(5, dtype=np.float32)[next(self.people)]
        return direction


def test_one_voice_under_two_names_is_one_family(
    recorded: Path,
    project: MakeDefinition,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heard_voices, "can_hear_voices", lambda: True)
    monkeypatch.setattr("tunewell.audio.voices.VoiceEncoder", _Encoder)
    rows = store.examples(curate(opened(project, store)))
    groups = [{rows[place].group for place in family} for family in families(rows)]
    assert sorted(map(sorted, groups)) == [["ann", "eve"], ["ben"], ["joe"]]


def test_a_recording_read_at_a_wrong_rate_is_too_fast_for_its_speaker() -> None:
    """A slow speaker played twice as fast is no faster than others may be."""
    rows = []
    facts = {}
    for number in range(30):
        speaker = "slow" if number % 2 else "quick"
        seconds = 4.0 if speaker == "slow" else 2.4
        clip = f"{number}"
        if number == 1:
            seconds /= 2
        rows.append(SimpleNamespace(group=speaker, clip=clip, target="x" * 60, kind=""))
        facts[clip] = SimpleNamespace(
            spoken_s=seconds, is_silent=False, is_clipped=False, is_narrow=False
        )
    rate = SpokenRate.of(rows, facts)  # type: ignore[arg-type]
    found = []
    for row in rows:
        fault = clip_fault(row, facts[row.clip], rate)  # type: ignore[arg-type]
        if fault:
            found.append((row.clip, fault.kind, fault.is_certain))
    assert found == [("1", "length against words", False)]
