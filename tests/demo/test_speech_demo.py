from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio.sounds import encoded, murmur
from tunewell.demo.speech_demo import SOURCE, SpeechDemo
from tunewell.demo.speech_figures import HeardArm, HeardTest, shown_figure
from tunewell.demo.speech_page import write_page
from tunewell.demo.speech_sizing import LEAST_EPOCHS, MOST_EPOCHS, epochs_in, seconds_of
from tunewell.store import Store
from tunewell.task import load_task
from tunewell.types import Estimate, Example, Message, Prediction, Unscored

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def heard(store: Store, id: str, words: str, speaker: str, kind: str) -> Example:
    digest = store.files.put_bytes(encoded(murmur(len(id)), "OGG"), suffix=".ogg")
    turns = (
        Message(role="user", content="", audio=digest),
        Message(role="assistant", content=words),
    )
    return Example(id=id, messages=turns, group=speaker, kind=kind)


@pytest.fixture
def test_rows(store: Store) -> HeardTest:
    rows = []
    for speaker in ("ann", "ben", "eve", "max"):
        rows.append(heard(store, f"{speaker}-1", "start duloxetine today", speaker, "dictation"))
        rows.append(heard(store, f"{speaker}-2", "stop ticagrelor now", speaker, "dictation"))
        rows.append(heard(store, f"{speaker}-3", "the bus is late", speaker, "general"))
        rows.append(heard(store, f"{speaker}-4", "", "", "no-speech"))
    return HeardTest(rows, ["take duloxetine"], ["duloxetine", "ticagrelor"])


def arm(test: HeardTest, name: str, words: str) -> HeardArm:
    said = [Prediction(example=row.id, arm="x", text=words or row.target) for row in test.rows]
    return test.arm(name, "made so", said)


def value(figure: Estimate | Unscored) -> float:
    assert isinstance(figure, Estimate)
    return figure.value


def test_every_figure_counts_its_own_recordings(test_rows: HeardTest) -> None:
    right = arm(test_rows, "right", "")
    assert [value(each) for each in right.figures.values()] == [0, 1, 1, 0, 0]
    said = arm(test_rows, "same", "start duloxetine today")
    found = {title: value(figure) for title, figure in said.figures.items()}
    assert found == {
        "errors per word, new voices": 0.5,
        "listed terms heard": 0.5,
        "never-trained terms heard": 0.0,
        "words where nobody speaks": 1.0,
        "errors per word, general speech": 1.0,
    }


def test_the_page_plays_samples_beside_it_and_escapes_what_was_heard(
    test_rows: HeardTest, store: Store, tmp_path: Path
) -> None:
    arms = [arm(test_rows, "base", HOSTILE), arm(test_rows, "tuned", "")]
    page = write_page(tmp_path / "out", test_rows, arms, ["took long"], store)
    html = page.read_text(encoding="utf-8")
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    assert "media-src 'self'" in html or "media-src &#39;self&#39;" in html
    for number in range(8):
        assert f'src="samples/{number}.ogg"' in html
        assert (tmp_path / "out" / "samples" / f"{number}.ogg").stat().st_size > 0
    assert "voices are synthetic" in html


def test_how_fast_a_model_is_stands_beside_its_errors(test_rows: HeardTest) -> None:
    factor = Estimate(value=0.2, low=0.1, high=0.3, n=16, method="ratio", unit="s/s")
    measured = test_rows.arm("base", "as it is", [], real_time_factor=factor)
    figure = measured.figures["seconds of processing per second of audio"]
    assert shown_figure(figure) == "0.2 [0.1, 0.3], n = 16"
    assert "seconds of processing per second of audio" not in arm(test_rows, "base", "").figures


def test_what_cannot_be_measured_is_said() -> None:
    assert shown_figure(Unscored(reason="too few")) == "unchecked: too few"


def test_the_project_of_the_demo_is_laid_down_once_and_can_be_read(tmp_path: Path) -> None:
    demo = SpeechDemo(tmp_path / "demo", print)
    demo.prepare()
    spec = load_task(demo.folder).spec
    assert {source.role for source in spec.data} == {"train", "test"}
    for source in spec.data:
        assert (demo.folder / source.path / "metadata.csv").is_file()
    assert (SOURCE / "README.md").is_file()
    (demo.folder / "tunewell.yaml").write_text("mine", encoding="utf-8")
    demo.prepare()
    assert (demo.folder / "tunewell.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("encoding_s", [0.05, 0.2, 0.35, 2.0])
def test_the_epochs_are_those_that_fit(encoding_s: float) -> None:
    epochs = epochs_in(600, encoding_s)
    assert LEAST_EPOCHS <= epochs <= MOST_EPOCHS
    assert epochs == LEAST_EPOCHS or seconds_of(epochs, encoding_s) <= 600
    assert epochs == MOST_EPOCHS or seconds_of(epochs + 1, encoding_s) > 600


def test_the_machine_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.3])
    monkeypatch.setattr("tunewell.demo.speech_demo.measured_encoding_s", lambda _: next(times))
    demo = SpeechDemo(tmp_path / "demo", print)
    demo.prepare()
    assert demo.epochs() == demo.epochs() == epochs_in(600, 0.3)
