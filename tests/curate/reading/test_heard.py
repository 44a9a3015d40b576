from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.audio.sounds import encoded, murmur, write
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.store.files import file_digest
from tunewell.task import DataSource, FieldMap

SAID = ["Take two tablets a day.", "The knee is swollen.", "No change since May."]


def read(path: Path, **source: Any) -> ReadResult:
    batch = ReadResult()
    read_source(DataSource(path=str(path), **source), root=path.parent, batch=batch)
    return batch


def recordings(folder: Path, *, suffix: str = ".wav") -> list[Path]:
    return [write(folder / f"c{i}{suffix}", murmur(i)) for i in range(3)]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def said_by(batch: ReadResult) -> list[tuple[str, str]]:
    return [(row.target, row.group) for row in batch.rows]


WANTED = list(zip(SAID, ["ann", "ben", "ann"], strict=True))


def audio_folder(folder: Path) -> Path:
    recordings(folder / "data", suffix=".flac")
    body = "".join(f'c{i}.flac,"{t}",{s}\n' for i, (t, s) in enumerate(WANTED))
    (folder / "data" / "metadata.csv").write_text(f"file_name,transcription,speaker\n{body}")
    return folder / "data"


def audio_folder_jsonl(folder: Path) -> Path:
    recordings(folder / "data", suffix=".mp3")
    rows = [{"file_name": f"c{i}.mp3", "text": t, "speaker": s} for i, (t, s) in enumerate(WANTED)]
    (folder / "data" / "metadata.jsonl").write_text(lines(rows))
    return folder / "data"


def common_voice(folder: Path) -> Path:
    recordings(folder / "cv" / "clips", suffix=".mp3")
    head = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\taccents\tlocale\n"
    body = [f"{s}\tc{i}.mp3\t{t}\t2\t0\t\tWelsh\ten\n" for i, (t, s) in enumerate(WANTED)]
    (folder / "cv" / "validated.tsv").write_text(head + "".join(body))
    (folder / "cv" / "invalidated.tsv").write_text(
        head + "x\tc0.mp3\tNothing of the kind.\t0\t3\t\t\ten\n"
    )
    return folder / "cv"


def nemo(folder: Path) -> Path:
    recordings(folder / "wavs")
    rows = []
    for i, (text, speaker) in enumerate(WANTED):
        name = f"/on/another/machine/wavs/c{i}.wav"
        rows.append({"audio_filepath": name, "duration": 3.0, "text": text, "speaker": speaker})
    (folder / "manifest.json").write_text(lines(rows))
    return folder / "manifest.json"


def kaldi(folder: Path) -> Path:
    paths = recordings(folder / "wav")
    names = [f"u{i}" for i in range(3)]
    files = {
        "wav.scp": [f"{n} {p}" for n, p in zip(names, paths, strict=True)],
        "text": [f"{n} {t}" for n, (t, _) in zip(names, WANTED, strict=True)],
        "utt2spk": [f"{n} {s}" for n, (_, s) in zip(names, WANTED, strict=True)],
        "spk2utt": ["ann u0 u2", "ben u1"],
    }
    for name, content in files.items():
        (folder / name).write_text("\n".join(content) + "\n")
    return folder


def parquet(folder: Path) -> Path:
    rows = []
    for i, (text, speaker) in enumerate(WANTED):
        held = {"bytes": encoded(murmur(i), "FLAC"), "path": f"c{i}.flac"}
        rows.append({"audio": held, "transcription": text, "speaker_id": speaker})
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    return folder / "train.parquet"


@pytest.mark.parametrize(
    "corpus", [audio_folder, audio_folder_jsonl, common_voice, nemo, kaldi, parquet]
)
def test_every_form_of_a_corpus_gives_the_same_rows(tmp_path: Path, corpus: Any) -> None:
    batch = read(corpus(tmp_path))
    assert batch.rejects == []
    assert said_by(batch) == WANTED
    assert {row.format for row in batch.rows} == {"speech"}
    for row in batch.rows:
        example = row.example()
        assert example.audio == (row.clip,)
        assert example.messages[0].content == ""
        assert file_digest(batch.clips.paths[row.clip]) == row.clip
        assert batch.clips.facts[row.clip].seconds == pytest.approx(3.0, abs=0.1)
    assert batch.lost_share == 0.0


def test_ljspeech_has_no_header_and_the_spelt_out_words_count(tmp_path: Path) -> None:
    recordings(tmp_path / "wavs")
    body = "c0|Take 2 tablets.|Take two tablets.\nc1|The knee.|The knee.\nc2|In May|\n"
    (tmp_path / "metadata.csv").write_text(body)
    batch = read(tmp_path)
    assert [(row.id, row.target) for row in batch.rows] == [
        ("c0", "Take two tablets."),
        ("c1", "The knee."),
        ("c2", "In May"),
    ]


def test_common_voice_keeps_the_accent_and_not_what_people_found_wrong(tmp_path: Path) -> None:
    batch = read(common_voice(tmp_path))
    assert {row.tags["accent"] for row in batch.rows} == {"Welsh"}
    assert "Nothing of the kind." not in SAID + [row.target for row in batch.rows]


def test_parts_of_a_recording_are_cut_out_and_stay_together(tmp_path: Path) -> None:
    write(tmp_path / "long.wav", murmur(1, seconds=9))
    rows = [
        {"audio_filepath": "long.wav", "offset": i * 3.0, "duration": 3.0, "text": text}
        for i, text in enumerate(SAID)
    ]
    (tmp_path / "m.jsonl").write_text(lines(rows))
    batch = read(tmp_path / "m.jsonl")
    assert [batch.clips.facts[row.clip].seconds for row in batch.rows] == [3.0, 3.0, 3.0]
    assert len({row.clip for row in batch.rows}) == 3
    assert {row.tags["recording"] for row in batch.rows} == {"long.wav"}


def test_kaldi_segments_are_cut_and_commands_are_never_run(tmp_path: Path) -> None:
    write(tmp_path / "long.wav", murmur(1, seconds=9))
    ran = tmp_path / "ran"
    (tmp_path / "wav.scp").write_text(f"r1 {tmp_path}/long.wav\nr2 touch {ran} |\n")
    (tmp_path / "segments").write_text("u1 r1 1.0 3.5\nu2 r1 4 2\nu3 r2 0 1\n")
    (tmp_path / "text").write_text("u1 Take two.\nu2 Backwards.\nu3 A command.\nu4 Nobody.\n")
    batch = read(tmp_path)
    assert [(row.id, row.target) for row in batch.rows] == [("u1", "Take two.")]
    assert batch.clips.facts[batch.rows[0].clip].seconds == 2.5
    lines_lost = [reject.place.rpartition(":")[2] for reject in batch.rejects]
    assert lines_lost[:3] == ["2", "3", "4"]
    assert "command" in batch.rejects[1].why
    assert not ran.exists()


def test_bad_recordings_are_rejects_with_their_place_and_their_bytes(tmp_path: Path) -> None:
    folder = audio_folder(tmp_path)
    damaged = (folder / "c1.flac").read_bytes()[:5_000]
    (folder / "c1.flac").write_bytes(damaged)
    with (folder / "metadata.csv").open("a") as file:
        file.write("gone.flac,Nobody.,ann\n../metadata.csv,Out.,ann\n,Nothing.,ann\n")
    write(folder / "unnamed.wav", murmur(7))
    batch = read(folder)

    assert len(batch.rows) == 2
    whys = {reject.place.removeprefix("data/"): reject.why for reject in batch.rejects}
    assert "cannot be read" in whys["metadata.csv:3"] or "declares" in whys["metadata.csv:3"]
    assert "there is no recording gone.flac" in whys["metadata.csv:5"]
    assert whys["unnamed.wav:1"] == "no row names this recording"
    assert len(batch.rejects) == 5
    assert all(reject.hint for reject in batch.rejects)
    lost = sum(account.lost_bytes for account in batch.accounts)
    assert lost >= len(damaged) + (folder / "unnamed.wav").stat().st_size
    assert batch.lost_share > 0.5


@pytest.mark.parametrize("name", ["../secret.wav", "sub/../../secret.wav", "link.wav"])
def test_a_name_does_not_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    secret = write(tmp_path / "secret.wav", murmur(1))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link.wav").symlink_to(secret)
    row = {"audio_filepath": name, "text": "Not yours."}
    (tmp_path / "data" / "m.jsonl").write_text(lines([row]))
    batch = read(tmp_path / "data" / "m.jsonl")
    assert batch.rows == []
    assert "secret" in batch.rejects[0].why or "link.wav" in batch.rejects[0].why


def test_the_user_says_where_the_recordings_are_and_which_columns_count(tmp_path: Path) -> None:
    recordings(tmp_path / "far")
    rows = [{"take": f"c{i}.wav", "words_said": text, "note": "x"} for i, text in enumerate(SAID)]
    (tmp_path / "list.jsonl").write_text(lines(rows))
    fields = FieldMap(input="take", target="words_said")
    batch = read(tmp_path / "list.jsonl", audio="far", fields=fields)
    assert [row.target for row in batch.rows] == SAID


def test_a_speaker_is_one_person_in_every_list_of_a_corpus(tmp_path: Path) -> None:
    for part in ("train", "test"):
        recordings(tmp_path / part)
        body = "".join(f"c{i}.wav,{t},{s}\n" for i, (t, s) in enumerate(WANTED))
        (tmp_path / part / "metadata.csv").write_text(f"file_name,transcription,speaker\n{body}")
    batch = read(tmp_path)
    assert {row.group for row in batch.rows} == {"ann", "ben"}
    assert sum(row.held for row in batch.rows) == 3


def test_recordings_without_words_say_what_to_do(tmp_path: Path) -> None:
    recordings(tmp_path)
    batch = read(tmp_path)
    assert batch.rows == []
    assert len(batch.rejects) == 3
    assert "metadata.csv" in batch.rejects[0].hint


def test_a_written_row_that_names_a_file_is_still_read_as_text(tmp_path: Path) -> None:
    rows = [{"prompt": "Which file is it?", "completion": "track.mp3", "path": "docs/a.md"}]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    [row] = read(tmp_path / "a.jsonl").rows
    assert (row.clip, row.target) == ("", "track.mp3")


def test_a_question_about_a_recording_is_refused_as_before(tmp_path: Path) -> None:
    rows = [{"prompt": "What do you hear?", "completion": "A dog.", "audio": "dog.wav"}]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    batch = read(tmp_path / "a.jsonl")
    assert batch.rows == []
    assert "audio input" in batch.rejects[0].why


def test_without_soundfile_the_extra_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    import sys

    from tunewell.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtraError, match="speech"):
        read(audio_folder(tmp_path))


def test_reading_text_imports_nothing_of_audio(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "a.jsonl").write_text(lines([{"prompt": "Why?", "completion": "So."}]))
    code = (
        "import sys; from pathlib import Path; from tunewell.curate.doctor import doctor\n"
        f"doctor([Path({str(tmp_path / 'a.jsonl')!r})])\n"
        "print([name for name in sys.modules if name.startswith('tunewell.audio') "
        "or name in ('soundfile', 'torch')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def test_bytes_in_memory_read_like_files() -> None:
    from tunewell.audio.clips import read_clip

    data = encoded(murmur(4))
    assert (
        read_clip(data).samples.tolist() == read_clip(io.BytesIO(data).getvalue()).samples.tolist()
    )
