"""Bytes and tables: every encoding, line end, dialect and container; nothing is lost unseen."""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.curate.reading.test_shapes import read
from tunewell.curate.reading.encoding import decode
from tunewell.curate.reading.read import ReadResult, settle_ids
from tunewell.curate.receipts import Ledger
from tunewell.types.turns import each_target, named

PAIRS = [(f"question {n}?", f"Answer number {n}.") for n in range(8)]


def pairs_of(batch: ReadResult) -> list[tuple[str, str]]:
    return [(row.input, row.target) for row in batch.rows]


def jsonl(pairs: list[tuple[str, str]]) -> str:
    rows = [{"prompt": asked, "completion": answer} for asked, answer in pairs]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def accounted(batch: ReadResult) -> None:
    for account in batch.accounts:
        assert account.size == account.row_bytes + account.lost_bytes + account.other_bytes


TEXTS = {
    "gb18030": ("水在哪里？", "在山上，靠近河的地方。"),
    "gbk": ("怎么重置我的密码？", "点击忘记密码。"),
    "big5": ("請問水在哪裡?", "在山上的河邊。"),
    "shift_jis": ("水はどこですか", "山の上にあります。"),
    "euc_jp": ("水はどこですか", "山の上にあります。"),
    "iso2022_jp": ("水はどこですか", "山の上にあります。"),
    "euc_kr": ("물은 어디에 있나요?", "산 위에 있습니다."),
    "cp1251": ("Где находится вода?", "На горе у реки."),
    "koi8_r": ("Где находится вода?", "На горе у реки."),
    "cp866": ("Где находится вода?", "На горе у реки."),
    "cp1252": ("Wo ist die Straße?", "Über den Fluß – und weiter."),
    "iso8859_1": ("Où est la forêt?", "Là-bas, après l'été."),
    "cp1250": ("Gdzie jest źródło?", "Na górze, za łąką i żółtą chatą."),
    "iso8859_2": ("Gdzie jest źródło?", "Na górze, za łąką i żółtą chatą."),
    "cp1253": ("Πού είναι το νερό;", "Στο βουνό δίπλα στο ποτάμι."),
    "cp1254": ("Su nerede, Şişli'de mi?", "Iğdır'da, çayın yanında."),
    "cp1255": ("איפה המים?", "על ההר ליד הנהר."),
    "cp1256": ("أين الماء؟", "على الجبل قرب النهر."),
    "cp874": ("น้ำอยู่ที่ไหน", "อยู่บนภูเขา"),
    "mac_roman": ("Wo ist die Straße?", "Über den Fluß."),
    "utf-8": ("水?", "é"),
    "utf-8-sig": ("水?", "é"),
    "utf-16": ("水?", "é"),
    "utf-16-le": ("Where is it?", "é"),
    "utf-16-be": ("Where is it?", "é"),
    "utf-32": ("水?", "é"),
    "utf-32-le": ("Where is it?", "é"),
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("form", ["jsonl", "csv", "json"])
def test_an_encoding_is_told_from_the_whole_file(tmp_path: Path, encoding: str, form: str) -> None:
    asked, answer = TEXTS[encoding]
    row = {"prompt": asked, "completion": answer}
    texts = {
        "jsonl": json.dumps(row, ensure_ascii=False) + "\n",
        "csv": f'prompt,completion\n"{asked}","{answer}"\n',
        "json": json.dumps([row], ensure_ascii=False),
    }
    path = write(tmp_path / f"a.{form}", texts[form].encode(encoding))
    batch = read(path)
    assert pairs_of(batch) == [(asked, answer)]
    accounted(batch)
    is_unicode = encoding.startswith("utf")
    assert len(batch.repairs) == (0 if is_unicode else 1)  # what is guessed is said


SHORT = {
    "cp437": "Wo ist der Zähler? Im Keller, neben der Tür. Größe: 5 m².",
    "cp850": "Måleren står i kjelleren på øya.",
    "cp1250": "Kde je měřič? Ve sklepě vedle dveří, děkuji.",
    "iso8859_2": "Hol van a mérő? A pincében, az ajtó mellett, köszönöm.",
    "cp1251": "Де лічильник? У підвалі, біля входу.",
    "cp1252": "Þetta er í kjallaranum, það er satt.",
    "cp1254": "Işık açık mı? Hayır, değil.",
    "cp1255": "איפה המונה? במרתף, ליד הדלת.",
    "cp1257": "Kur ir skaitītājs? Tas ir pagrabā, blakus durvīm.",
    "iso8859_13": "Kur yra skaitiklis? Jis yra rūsyje, šalia įėjimo.",
    "koi8_u": "Де лічильник? У підвалі, біля входу, їжак.",
    "mac_roman": "¿Dónde está el contador? En el sótano.",
    "big5": "電表在哪裡？在地下室，門旁邊。",
    "cp949": "계량기는 어디에 있습니까? 지하실에 있습니다.",
    "utf-16-le": "电表在哪里？在地下室，门旁边。",
    "utf-16-be": "Где находится счётчик? В подвале.",
}


@pytest.mark.parametrize("encoding", SHORT)
@pytest.mark.parametrize("form", ["jsonl", "txt"])
def test_the_language_tells_the_encoding_of_a_sentence(
    tmp_path: Path, encoding: str, form: str
) -> None:
    text = SHORT[encoding]
    whole = jsonl([("What?", text)]) if form == "jsonl" else text
    [row] = read(write(tmp_path / f"a.{form}", whole.encode(encoding))).rows
    assert row.target == text


def test_what_cannot_be_told_of_an_encoding_is_said(tmp_path: Path) -> None:
    batch = read(write(tmp_path / "a.jsonl", jsonl([("naïve", "café")]).encode("cp1252")))
    assert pairs_of(batch) == [("naïve", "café")]
    [said] = batch.notes
    assert "is not UTF-8 and is read as Windows-1252 (or CP1250: too little text" in said


def test_a_bad_line_among_good_ones_is_mended_alone(tmp_path: Path) -> None:
    good = jsonl([("né", "日本"), ("à", "é")]).encode()
    bad = jsonl([("né", "é")]).encode("cp1252")
    batch = read(write(tmp_path / "a.jsonl", good + bad))
    assert pairs_of(batch) == [("né", "日本"), ("à", "é"), ("né", "é")]
    assert len(batch.repairs) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\n \n"])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_every_line_end_is_one(tmp_path: Path, end: str, form: str) -> None:
    if form == "jsonl":
        text = jsonl(PAIRS).replace("\n", end)
    else:
        lines = ["prompt,completion", *(f"{asked},{answer}" for asked, answer in PAIRS)]
        text = end.join(lines) + end
    batch = read(write(tmp_path / f"a.{form}", text))
    assert pairs_of(batch) == PAIRS
    accounted(batch)


@pytest.mark.parametrize("strange", ["\u2028", "\x85", "\x0b", "\x0c", "\u2029"])
def test_other_signs_end_no_line(tmp_path: Path, strange: str) -> None:
    pairs = [(f"a{strange}b", "c")]
    assert pairs_of(read(write(tmp_path / "a.jsonl", jsonl(pairs)))) == pairs


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000])
def test_nul_at_the_end_holds_nothing(tmp_path: Path, size: int) -> None:
    batch = read(write(tmp_path / "a.jsonl", jsonl(PAIRS).encode() + b"\x00" * size))
    assert pairs_of(batch) == PAIRS
    assert not batch.rejects
    accounted(batch)


@pytest.mark.parametrize(
    ("delimiter", "quote"),
    [(";", '"'), (",", '"'), ("\t", '"'), ("|", '"'), (";", ""), (",", "'"), ("^", "")],
)
def test_a_dialect_is_proved(tmp_path: Path, delimiter: str, quote: str) -> None:
    def line(*cells: str) -> str:
        return delimiter.join(f"{quote}{cell}{quote}" for cell in cells)

    lines = [line("id", "question", "answer")]
    lines += [line(str(n), asked, answer) for n, (asked, answer) in enumerate(PAIRS)]
    batch = read(write(tmp_path / "a.csv", "\ufeff" + "\r\n".join(lines) + "\r\n"))
    assert pairs_of(batch) == PAIRS
    assert not batch.rejects


def test_a_delimiter_that_stands_in_the_text_too(tmp_path: Path) -> None:
    lines = ["question;answer", "a, b, c?;d, e", "f, g?;h, i, j", "k?;l"]
    batch = read(write(tmp_path / "a.csv", "\n".join(lines)))
    assert pairs_of(batch) == [("a, b, c?", "d, e"), ("f, g?", "h, i, j"), ("k?", "l")]


def test_excels_own_line_and_backslashes(tmp_path: Path) -> None:
    batch = read(write(tmp_path / "a.csv", "sep=;\r\nquestion;answer\r\na?;b\r\n"))
    assert pairs_of(batch) == [("a?", "b")]
    text = 'question,answer\n"say \\"hi\\", please","ok, \\"hi\\""\n"b","c"\n'
    batch = read(write(tmp_path / "b.csv", text))
    assert pairs_of(batch) == [('say "hi", please', 'ok, "hi"'), ("b", "c")]


OPEN = {
    "in the middle": ('3,"q 3?","open', 1),
    "at the first cell": ('"3,"q 3?","a 3"', 1),
    "no other quotes": ('3,q 3?,"open', 1),
    "unquoted question": ('3,"q 3?,a 3', 1),
    "doubled": ('3,"q 3?","open""', 1),
    "behind a word": ('3,"q 3?","a" b"', 1),
}


@pytest.mark.parametrize("name", OPEN)
@pytest.mark.parametrize("quoted", [True, False])
def test_an_open_quote_swallows_no_other_row(tmp_path: Path, name: str, quoted: bool) -> None:
    bad, _ = OPEN[name]
    lines = [f'{n},"q {n}?","a, {n}"' if quoted else f"{n},q {n}?,a {n}" for n in range(12)]
    lines[3] = bad
    batch = read(write(tmp_path / "a.csv", "\n".join(["id,question,answer", *lines]) + "\n"))
    got = {row.id for row in batch.rows}
    assert {str(n) for n in range(12)} - {"3"} <= got
    assert all("\n" not in row.target for row in batch.rows)
    assert [reject.place for reject in batch.rejects] in (["a.csv:5"], [])
    accounted(batch)


def test_cells_may_hold_lines(tmp_path: Path) -> None:
    text = 'question,answer\n"a\n\nb?","c ""d""\ne"\nf?,g\n'
    batch = read(write(tmp_path / "a.csv", text))
    assert pairs_of(batch) == [("a\n\nb?", 'c "d"\ne'), ("f?", "g")]


def test_a_header_that_stands_again_is_no_row(tmp_path: Path) -> None:
    batch = read(write(tmp_path / "a.csv", "question,answer\na?,b\nquestion,answer\nc?,d\n"))
    assert pairs_of(batch) == [("a?", "b"), ("c?", "d")]
    assert "header is repeated" in batch.rejects[0].why
    batch = read(write(tmp_path / "b.csv", "question,answer,answer\na?,b,c\n"))
    assert "'answer' appears 2 times" in batch.rejects[0].why


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("inner", [".jsonl", ".csv", ""])
def test_compressed_files(tmp_path: Path, kind: str, inner: str) -> None:
    lines = ["prompt,completion", *(f"{asked},{answer}" for asked, answer in PAIRS)]
    text = "\n".join(lines) if inner == ".csv" else jsonl(PAIRS)
    path = write(tmp_path / f"a{inner}{kind}", COMPRESS[kind](text.encode()))
    batch = read(path)
    assert pairs_of(batch) == PAIRS
    assert batch.rows[0].place.startswith(f"a{inner}{kind}:")


def test_a_compressed_file_that_is_cut_off_cannot_pass(tmp_path: Path) -> None:
    pairs = [(f"question {n * 7919 % 10_007}?", f"answer {n * 104_729}") for n in range(4_000)]
    data = gzip.compress(jsonl(pairs).encode())
    batch = read(write(tmp_path / "a.jsonl.gz", data[: len(data) // 2]))
    assert 0 < len(batch.rows) < 4_000
    assert "cut off" in batch.rejects[-1].why
    assert batch.lost_share > 0.3


def test_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.jsonl", jsonl(PAIRS[:4]))
        archive.writestr("sub/two.csv", "prompt,completion\nx?,y\n")
        archive.writestr("README.md", "About.")
    batch = read(tmp_path / "a.zip")
    assert pairs_of(batch) == [*PAIRS[:4], ("x?", "y")]
    assert batch.rows[-1].place == "a.zip/sub/two.csv:2"


@pytest.mark.parametrize("suffix", [".txt", ".json", ".data", ".log", "", ".ndjson", ".text"])
def test_json_lines_under_any_name(tmp_path: Path, suffix: str) -> None:
    assert pairs_of(read(write(tmp_path / f"a{suffix}", jsonl(PAIRS)))) == PAIRS


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".data", ".json"])
def test_an_array_or_a_table_under_any_name(tmp_path: Path, suffix: str) -> None:
    rows = [{"prompt": asked, "completion": answer} for asked, answer in PAIRS]
    assert pairs_of(read(write(tmp_path / f"a{suffix}", json.dumps(rows, indent=1)))) == PAIRS
    assert pairs_of(read(write(tmp_path / f"b{suffix}", json.dumps(rows)))) == PAIRS
    lines = ["prompt\tcompletion", *(f"{asked}\t{answer}" for asked, answer in PAIRS)]
    assert pairs_of(read(write(tmp_path / f"c{suffix}", "\n".join(lines)))) == PAIRS


def test_prose_stays_prose(tmp_path: Path) -> None:
    for text in ("[Note] a, b\nc, d", '{"so it began', "Dear all,\nwe write, you read.\n"):
        batch = read(write(tmp_path / "a.txt", text))
        assert [row.target.strip() for row in batch.rows] == [text.strip()]


FRAMES: dict[str, Any] = {
    "records": [{"prompt": a, "completion": b} for a, b in PAIRS],
    "split": {"columns": ["prompt", "completion"], "index": list(range(8)), "data": PAIRS},
    "index": {str(n): {"prompt": a, "completion": b} for n, (a, b) in enumerate(PAIRS)},
    "columns": {
        "prompt": {str(n): a for n, (a, _) in enumerate(PAIRS)},
        "completion": {str(n): b for n, (_, b) in enumerate(PAIRS)},
    },
    "lists": {"prompt": [a for a, _ in PAIRS], "completion": [b for _, b in PAIRS]},
    "table": {
        "schema": {"fields": [{"name": "prompt"}], "pandas_version": "1.4.0"},
        "data": [{"prompt": a, "completion": b} for a, b in PAIRS],
    },
    "server": {
        "features": [],
        "rows": [
            {"row_idx": n, "row": {"prompt": a, "completion": b}} for n, (a, b) in enumerate(PAIRS)
        ],
    },
    "wrapped": {"version": "1", "data": [{"prompt": a, "completion": b} for a, b in PAIRS]},
    "double": [json.dumps({"prompt": a, "completion": b}) for a, b in PAIRS],
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_in_any_orientation(tmp_path: Path, name: str) -> None:
    batch = read(write(tmp_path / "a.json", json.dumps(FRAMES[name])))
    assert pairs_of(batch) == PAIRS
    accounted(batch)


def test_several_objects_on_a_line_and_objects_over_several_lines(tmp_path: Path) -> None:
    rows = [json.dumps({"prompt": a, "completion": b}) for a, b in PAIRS]
    assert pairs_of(read(write(tmp_path / "a.jsonl", "".join(rows)))) == PAIRS
    tall = [json.dumps({"prompt": a, "completion": b}, indent=2) for a, b in PAIRS]
    assert pairs_of(read(write(tmp_path / "b.jsonl", "\n".join(tall)))) == PAIRS
    assert pairs_of(read(write(tmp_path / "c.jsonl", ",\n".join(rows) + ","))) == PAIRS


def test_splits_in_one_file(tmp_path: Path) -> None:
    rows = FRAMES["records"]
    batch = read(write(tmp_path / "a.json", json.dumps({"train": rows[:6], "test": rows[6:]})))
    assert [row.held for row in batch.rows] == [False] * 6 + [True] * 2


def test_a_cut_off_array_loses_only_its_end(tmp_path: Path) -> None:
    chats = [
        {"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]}
        for a, b in PAIRS
    ]
    text = json.dumps({"data": chats})
    batch = read(write(tmp_path / "a.json", text[: len(text) // 2]))
    assert pairs_of(batch) == PAIRS[: len(batch.rows)]
    assert len(batch.rows) >= 3
    assert batch.rejects
    accounted(batch)


def test_a_lost_half_cannot_hide(tmp_path: Path) -> None:
    chats = [{"prompt": a, "completion": b} for a, b in PAIRS * 10]
    text = json.dumps(chats)
    middle = len(text) // 2
    broken = text[:middle] + '"' * 3 + text[middle:].replace('{"prompt"', '("prompt"')
    batch = read(write(tmp_path / "a.json", broken))
    assert len(batch.rejects) < 5
    assert batch.lost_share > 0.4
    assert batch.lost_rows > 30


def table(**columns: Any) -> pa.Table:
    return pa.table(
        {"prompt": [a for a, _ in PAIRS], "completion": [b for _, b in PAIRS], **columns}
    )


TYPES = {
    "binary": pa.array([b"x"] * 8, pa.binary()),
    "large": pa.array(["x"] * 8, pa.large_string()),
    "view": pa.array(["x"] * 8, pa.string_view()),
    "dictionary": pa.array(["x"] * 8).dictionary_encode(),
    "nanoseconds": pa.array([1_700_000_000_000_000_001] * 8, pa.timestamp("ns", "UTC")),
    "day": pa.array([dt.date(2024, 5, 1)] * 8),
    "decimal": pa.array([decimal.Decimal("1.50")] * 8),
    "time": pa.array([1] * 8, pa.time64("ns")),
    "duration": pa.array([1] * 8, pa.duration("ns")),
    "map": pa.array([[("k", b"v")]] * 8, pa.map_(pa.string(), pa.binary())),
    "struct": pa.array([{"a": [b"x"]}] * 8),
    "half": pa.array([1.5] * 8, pa.float16()),
    "null": pa.nulls(8),
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_every_type_of_arrow(tmp_path: Path, kind: str, form: str) -> None:
    path = tmp_path / f"a.{form}"
    made = table(**{"extra": TYPES[kind]})
    try:
        if form == "parquet":
            pq.write_table(made, path)
        else:
            with pa.ipc.new_stream(str(path), made.schema) as writer:
                writer.write_table(made)
    except pa.ArrowNotImplementedError:
        pytest.skip("this format does not hold the type")
    batch = read(path, fields={"tags": ["extra"]})
    assert pairs_of(batch) == PAIRS
    assert not any("b'" in value for row in batch.rows for value in row.tags.values())


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(2)])
def test_text_in_bytes_is_text(tmp_path: Path, kind: pa.DataType) -> None:
    made = pa.table({"prompt": pa.array([b"ab"], kind), "completion": pa.array(["né".encode()])})
    pq.write_table(made, tmp_path / "a.parquet")
    assert pairs_of(read(tmp_path / "a.parquet")) == [("ab", "né")]
    chat = [{"role": b"user", "content": b"ab"}, {"role": b"assistant", "content": b"cd"}]
    pq.write_table(pa.table({"messages": [chat]}), tmp_path / "b.parquet")
    assert pairs_of(read(tmp_path / "b.parquet")) == [("ab", "cd")]


def test_bytes_that_are_no_text_are_never_a_row(tmp_path: Path) -> None:
    made = pa.table({"prompt": ["a"], "completion": [b"\x89PNG\x00\x01\xff"]})
    pq.write_table(made, tmp_path / "a.parquet")
    batch = read(tmp_path / "a.parquet")
    assert not batch.rows
    assert "bytes that are not text" in batch.rejects[0].why


def test_a_saved_data_set(tmp_path: Path) -> None:
    for split in ("train", "test"):
        folder = tmp_path / "set" / split
        folder.mkdir(parents=True)
        made = table()
        with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), made.schema) as writer:
            writer.write_table(made)
        write(folder / "dataset_info.json", '{"features": {}}')
        write(folder / "state.json", '{"_split": "train"}')
    write(tmp_path / "set" / "dataset_dict.json", '{"splits": ["train", "test"]}')
    batch = read(tmp_path / "set")
    assert not batch.rejects
    assert sum(row.held for row in batch.rows) == 8
    assert len(batch.rows) == 16


@pytest.mark.parametrize(
    "name",
    [
        "test.jsonl",
        "data/validation-00000.jsonl",
        "eval/a.jsonl",
        "dev.jsonl",
        "my_test.jsonl",
        "valid.jsonl",
    ],
)
def test_a_test_set_in_a_folder_is_one(tmp_path: Path, name: str) -> None:
    write(tmp_path / "set" / "train.jsonl", jsonl(PAIRS[:5]))
    write(tmp_path / "set" / name, jsonl(PAIRS[5:]))
    for about in ("README.md", "LICENSE", "LICENCE.txt", "NOTICE", "CITATION.cff", "script.py"):
        write(tmp_path / "set" / about, "About the data.")
    batch = read(tmp_path / "set")
    assert not batch.rejects
    assert [row.input for row in batch.rows if row.held] == [asked for asked, _ in PAIRS[5:]]
    assert any("test set" in said for said in batch.notes)
    assert not any(row.held for row in read(tmp_path / "set", role="train").rows)


def test_llamafactorys_description_of_files(tmp_path: Path) -> None:
    info = {
        "mine": {
            "file_name": "mine.json",
            "columns": {"prompt": "q", "query": "more", "response": "a", "history": "old"},
        },
        "chats": {
            "file_name": "chats.json",
            "formatting": "sharegpt",
            "columns": {"messages": "talk"},
            "tags": {
                "role_tag": "who",
                "content_tag": "what",
                "user_tag": "me",
                "assistant_tag": "it",
            },
        },
    }
    write(tmp_path / "set" / "dataset_info.json", json.dumps(info))
    mine = {"q": "Q?", "more": "M", "a": "A.", "old": [["x", "y"]]}
    write(tmp_path / "set" / "mine.json", json.dumps([mine]))
    talk = [{"who": "me", "what": "Q?"}, {"who": "it", "what": "A."}]
    write(tmp_path / "set" / "chats.json", json.dumps([{"talk": talk}]))
    chats, own = read(tmp_path / "set").rows
    assert chats.turns == [("user", "Q?"), ("assistant", "A.")]
    assert own.turns == [
        ("user", "x"),
        ("assistant", "y"),
        ("user", "Q?\n\nM"),
        ("assistant", "A."),
    ]


def test_ids_groups_and_parents_belong_to_their_file(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "prompt": "a", "completion": "b", "doc_id": 1},
        {"id": 2, "prompt": "c", "completion": "d", "doc_id": 1, "parent": 1},
    ]
    for name in ("x.jsonl", "y.jsonl"):
        write(tmp_path / "set" / name, "".join(json.dumps(row) + "\n" for row in rows))
    batch = read(tmp_path / "set")
    settle_ids(batch, Ledger())
    assert [row.id for row in batch.rows] == ["1", "2", "1#2", "2#2"]
    assert [row.parent for row in batch.rows] == ["", "1", "", "1#2"]
    groups = [row.group for row in batch.rows]
    assert groups[0] == groups[1] != groups[2] == groups[3]
    shared = read(tmp_path / "set", fields={"shared": ["group"]})
    settle_ids(shared, Ledger())
    assert len({row.group for row in shared.rows}) == 1


def test_an_undecodable_file_gives_text_all_the_same() -> None:
    text, called = decode(b"caf\xe9 \x81\x8d")
    assert text.startswith("caf")
    assert called


def test_no_row_is_called_what_an_answer_of_another_is_called(tmp_path: Path) -> None:
    roles = ("user", "assistant") * 2
    said = [{"role": role, "content": f"{role} {n}"} for n, role in enumerate(roles)]
    rows = [
        {"id": "a", "messages": said},
        {"id": "a#2", "prompt": "Who?", "completion": "I."},
        {"id": "a", "messages": [*said, *said]},
        {"id": "a#9", "prompt": "How?", "completion": "So."},
        {"id": "b#2", "prompt": "Why?", "completion": "Because."},
    ]
    batch = read(write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    settle_ids(batch, Ledger())
    examples = [row.example() for row in batch.rows]
    targets = [target.id for target in each_target(examples)]
    assert len(set(targets)) == len(targets) == 2 + 1 + 4 + 1 + 1
    assert [row.id for row in batch.rows] == ["a", "a#2#2", "a#5", "a#9", "b#2"]
    for target in targets:
        [found] = named(examples, [target])
        assert found.id == target
