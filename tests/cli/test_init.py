"""``tunewell init``: the data first, proposals, a way back, nothing half-written."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.audio.sounds import encoded, murmur
from tests.cli.trades import TRADES
from tunewell.cli import init
from tunewell.cli.main import main
from tunewell.curate.dry_run import LARGE_SHARE, dry_run
from tunewell.curate.first_look import look_at
from tunewell.evaluate.gate_checks import check_gates
from tunewell.metrics import build_metrics
from tunewell.task import load_task
from tunewell.testing.tiny import tiny_model_folder


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A folder with a file of the workshop."""
    return placed("templated", tmp_path)


def placed(trade: str, folder: Path) -> Path:
    """A folder with the file of a trade."""
    name, made = TRADES[trade]
    (folder / name).write_text(made(), encoding="utf-8")
    return folder


def answered(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


# --- what it sees ---------------------------------------------------------------------------------


def test_it_tells_id_date_slices_and_labels_of_unknown_columns(workshop: Path) -> None:
    look = look_at(["jobs.csv"], workshop)
    assert look.guessed
    assert look.rows == 140
    fields = look.fields["jobs.csv"]
    assert (fields.input, fields.target) == ("request", "reply")
    assert (fields.id, fields.date, fields.tags) == ("job", "received", ("branch",))
    assert look.answers.labels == 6
    assert look.answers.pattern
    assert look.dated == 140
    assert [*look.languages] == ["en"]
    assert len(look.sample) == 5


def test_two_languages_and_foreign_column_names(tmp_path: Path) -> None:
    look = look_at(["anfragen.csv"], placed("two languages", tmp_path))
    fields = look.fields["anfragen.csv"]
    assert (fields.input, fields.target) == ("Anfrage", "Antwort")
    assert {*look.languages} == {"en", "de"}
    assert not look.answers.labels


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ({"score": lambda n: f"{n / 7:.3f}"}, {"score": ""}),
        ({"year": lambda n: str(1900 + n)}, {"year": ""}),
        ({"rowid": lambda n: n + 1}, {"rowid": "id"}),
        ({"split": lambda n: "train" if n % 5 else "test"}, {"split": ""}),
        ({"thread": lambda n: f"t{n // 3}"}, {"thread": "group"}),
        ({"mood": lambda n: "good" if n % 2 else "bad"}, {"mood": "slice"}),
        ({"remark": lambda n: "none" if n % 9 else f"remark number {n}"}, {"remark": ""}),
        ({"note": lambda n: "" if n % 3 else "x"}, {"note": ""}),
    ],
)
def test_a_column_gets_a_role_only_where_its_values_bear_it_out(
    columns: dict[str, object], roles: dict[str, str], tmp_path: Path
) -> None:
    rows = []
    for number in range(60):
        row = {"question": f"What is {number} and {number**2}?", "answer": f"It is {number}, yes."}
        row |= {name: value(number) for name, value in columns.items()}  # type: ignore[operator]
        rows.append(json.dumps(row))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    look = look_at(["rows.jsonl"], tmp_path)
    assert {column.name: column.role for column in look.columns} == roles


# --- proposals only -------------------------------------------------------------------------------


@pytest.mark.parametrize("trade", TRADES)
def test_its_proposals_fit_every_trade(
    trade: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = placed(trade, tmp_path)
    assert main(["init", str(folder), "--yes"]) == 0
    shown = capsys.readouterr().err
    assert "The rules would keep" in shown
    found = dry_run(load_task(folder, environment={}))
    assert not found.large, "no rule drops more than 20 % unasked"
    assert found.kept >= 0.75 * found.read
    assert not [*folder.glob("*.partial")]


def test_a_rule_that_would_take_much_of_the_file_reports_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for number in range(60):
        asked = f"What does part {number // 2} of the big machine cost?"
        rows.append(json.dumps({"question": asked, "answer": f"It costs {number // 2} euros."}))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    assert main(["init", str(tmp_path), "--yes", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["answers"]["report_only"] == ["exact_duplicates"]
    assert result["rules"]["kept"] == 60
    assert load_task(tmp_path, environment={}).spec.rules.exact_duplicates == "report"
    assert LARGE_SHARE == 0.2


def test_a_file_of_preferences_has_something_to_train_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Left out, as they are by default, its rows would leave every fold empty."""
    rows = []
    for number in range(40):
        chosen, rejected = f"It costs {number} euros.", "How should I know?"
        asked = f"What does part {number} of the machine cost?"
        rows.append(json.dumps({"prompt": asked, "chosen": chosen, "rejected": rejected}))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    assert main(["init", str(tmp_path), "--yes"]) == 0
    assert "40 rows with a better and a worse answer" in capsys.readouterr().err
    assert load_task(tmp_path, environment={}).spec.train.preferences == "chosen"


# --- rows that are heard --------------------------------------------------------------------------


def recordings(folder: Path, kinds: tuple[str, ...]) -> None:
    """Folders of recordings, one for each kind: six speakers and their readings."""
    for at, kind in enumerate(kinds):
        inside = folder / kind
        inside.mkdir()
        lines = ["file_name,transcription,speaker,kind"]
        for number in range(6):
            words = "" if kind == "no-speech" else f"We read sentence {number} of {kind} aloud."
            # A recording is no test set, whatever it is called.
            name = f"test-{number}.wav"
            sound = murmur(100 * at + number, seconds=2.5)
            (inside / name).write_bytes(encoded(sound, "WAV"))
            lines.append(f"{name},{words},s{number % 6},{kind}")
        (inside / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_folder_of_recordings_becomes_a_project_of_a_model_that_hears(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings(tmp_path, ("ward", "general", "no-speech"))
    assert main(["init", str(tmp_path), "--yes"]) == 0
    shown = capsys.readouterr().err
    assert "speakers  6" in shown
    assert "test set" not in shown
    assert "The rules would keep 18 of 18 rows" in shown

    file = load_task(tmp_path, environment={})
    spec = file.spec
    assert [source.path for source in spec.data] == ["general", "no-speech", "ward"]
    assert spec.train.model == "whisper-tiny-en"
    assert spec.train.replay_kinds == ("general", "no-speech")
    assert spec.rules.personal == "report"
    assert spec.split.folds == 3
    assert [gate.metric for gate in spec.gates] == [
        *("own_errors", "word_errors", "words_on_no_speech")
    ]
    assert spec.gates[0].at_most == -0.02
    check_gates(file, [metric.info for metric in build_metrics(file)])


def test_recordings_of_one_kind_have_nothing_to_mix_in(tmp_path: Path) -> None:
    recordings(tmp_path, ("general",))
    data = str(tmp_path / "general")
    assert main(["init", str(tmp_path), "--data", data, "--yes"]) == 0
    spec = load_task(tmp_path, environment={}).spec
    assert not spec.train.replay
    assert not spec.train.replay_kinds
    assert len(spec.gates) == 1


def test_data_and_columns_are_named_on_the_line(workshop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    data = str(workshop / "jobs.csv")
    columns = ["--input", "request", "--target", "reply"]
    assert main(["init", str(folder), "--data", data, *columns, "--yes"]) == 0
    spec = load_task(folder, environment={}).spec
    assert spec.data[0].fields.target == "reply"
    assert main(["run", str(folder), "--plan", "--set", "train.model=nowhere"]) == 1


def test_no_data_is_said_with_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), "--yes"]) == 1
    assert "hint: tunewell init --data FILE --yes" in capsys.readouterr().err
    assert main(["init", str(tmp_path), "--yes", "--data", "nothing.csv"]) == 1
    assert not (tmp_path / "tunewell.yaml").exists()


def test_unknown_columns_say_which_option_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("x,y,z\n1,2,3\n4,5,6\n", encoding="utf-8")
    assert main(["init", str(tmp_path), "--yes"]) == 1
    assert "--input Q --target A" in capsys.readouterr().err


# --- with somebody to ask -------------------------------------------------------------------------

ENTER = "\n"


def test_enter_takes_every_proposal(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, ENTER * 20)
    assert main(["init", str(workshop)]) == 0
    asked = load_task(workshop, environment={}).spec
    (workshop / "tunewell.yaml").unlink()
    assert main(["init", str(workshop), "--yes"]) == 0
    assert load_task(workshop, environment={}).spec == asked


def test_answers_count_and_can_be_taken_back(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        "",  # the data
        "",  # the columns
        "desk",
        "Answers riders.",
        "<",  # back to what it is for
        "Answers riders of bicycles.",
        "a request",
        "a reply",
        "names a price; names a day",
        "refund; /guarant/",
        "soon",  # not understood
        "700",
        "branch=station",
        "branch",
        "nonsense",
        "label gain 0.05, must_not level 0.99",
        "Is it right?",
        "owner, expert",
        "yes",
    ]
    answered(monkeypatch, "\n".join(lines) + "\n")
    assert main(["init", str(workshop)]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == ""
    assert shown.err.count("not understood") == 2
    spec = load_task(workshop, environment={}).spec
    assert spec.task.about == "Answers riders of bicycles."
    assert spec.task.must_not == ("refund", "/guarant/")
    assert spec.rules.max_age is not None
    assert spec.rules.max_age.exceptions[0].field == "branch"
    assert [gate.metric for gate in spec.gates] == ["label", "must_not", "people_say_yes"]
    assert spec.people.approve == ("owner", "expert")
    assert main(["init", str(workshop)]) == 1
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize("lines", [0, 1, 2, 5, 13])
def test_an_end_of_input_leaves_nothing_behind(
    lines: int,
    workshop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(workshop.iterdir())
    answered(monkeypatch, ENTER * lines)
    assert main(["init", str(workshop)]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert sorted(workshop.iterdir()) == before


@pytest.mark.parametrize("place", ["look_at", "dry_run", "doctor", "_drafted"])
def test_an_interrupt_leaves_nothing_behind(
    place: str,
    workshop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = sorted(workshop.iterdir())
    monkeypatch.setattr(init, place, interrupted)
    assert main(["init", str(workshop), "--yes"]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert sorted(workshop.iterdir()) == before


def test_no_means_no(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, ENTER * 13 + "no\n")
    assert main(["init", str(workshop)]) == 1
    assert not (workshop / "tunewell.yaml").exists()


def test_init_from_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(
        "{name: a, about: Answers questions., input: a question, output: an answer}",
        encoding="utf-8",
    )
    assert main(["init", str(tmp_path / "new"), "--answers", str(answers), "--json"]) == 0
    assert load_task(tmp_path / "new", environment={}).spec.gates == ()
    answers.write_text("{name: a, colour: red}", encoding="utf-8")
    assert main(["init", str(tmp_path / "other"), "--answers", str(answers)]) == 1
    assert "keys: name, about" in capsys.readouterr().err


# --- the whole way --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("trade", TRADES)
def test_a_newcomer_gets_from_a_file_to_a_verdict_with_the_proposals_only(
    trade: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TUNEWELL_CACHE", str(tmp_path / "cache"))
    # A token for every byte: its context has to be long.
    model = tiny_model_folder(tmp_path / "model", max_positions=8192)
    folder = tmp_path / "project"
    folder.mkdir()
    placed(trade, folder)
    assert main(["init", str(folder), "--yes"]) == 0
    owner = load_task(folder, environment={}).spec.people.approve[0]
    assert main(["approve", str(folder), "--as", owner]) == 0
    capsys.readouterr()
    code = main(["run", str(folder), "--set", f"train.model={model}", "--json"])
    said = capsys.readouterr()
    assert code in (0, 3, 4), said.err
    assert json.loads(said.out)["verdict"] in ("GO", "NO-GO", "INCONCLUSIVE")
    assert main(["status", str(folder)]) == 0
    assert "next: tunewell report" in capsys.readouterr().out
