"""Other people's files of outputs: every format with its oddities, counted by hand."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tunewell.errors import DataError
from tunewell.evaluate import ColumnNames, read_predictions
from tunewell.evaluate.foreign import ForeignOutputs

Row = dict[str, Any]


def lines(path: Path, rows: list[Any]) -> Path:
    written = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(written), encoding="utf-8")
    return path


def said(found: ForeignOutputs) -> dict[tuple[str, str], str]:
    """(arm, row) to the text, or to why there is none."""
    return {(p.arm, p.example): p.reason or p.text for p in found.predictions}


def gold(found: ForeignOutputs) -> dict[str, tuple[str, ...]]:
    return {e.id: e.references for e in found.examples}


# --- which column --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "candidates"),
    [
        ({"id": 1, "answer": "gold", "generated_text": "out"}, "generated_text, answer"),
        ({"id": 1, "answer": "gold", "output": None}, "output, answer"),
        ({"id": 1, "prediction": "a", "response": "b"}, "prediction, response"),
        ({"id": 1, "text": "input", "pred": "b"}, "pred, text"),
        ({"id": 1, "Model Output": "a", "completion": "b"}, "completion, Model Output"),
        ({"id": 1, "actualOutput": "a", "answer": "b"}, "actualOutput, answer"),
        ({"id": 1, "doc_id": 2, "output": "b"}, "id, doc_id"),
        ({"id": 1, "output": "b", "label": "x", "reference": "y"}, "reference, label"),
        ({"id": 1, "output": "b", "target": "x", "answers": ["y"]}, "target, answers"),
    ],
)
def test_several_candidates_are_listed_not_chosen(
    tmp_path: Path, row: Row, candidates: str
) -> None:
    path = lines(tmp_path / "p.jsonl", [row])
    with pytest.raises(DataError, match=candidates) as caught:
        read_predictions(path)
    assert caught.value.hint.startswith("name one of them: --")


def test_columns_are_named_by_the_user(tmp_path: Path) -> None:
    rows = [
        {"key": "a", "answer": "gold", "generated_text": "out", "reference": "other"},
        {"key": "b", "answer": "gold", "reference": "other"},
    ]
    path = lines(tmp_path / "p.jsonl", rows)
    named = ColumnNames(output="generated_text", target="answer", id="key")
    found = read_predictions(path, arm="tuned", named=named)
    assert said(found) == {
        ("tuned", "a"): "out",
        ("tuned", "b"): "missing: the record has no output",
    }
    assert gold(found) == {"a": ("gold",), "b": ("gold",)}
    assert found.report.unused == ("reference",)
    with pytest.raises(DataError, match="no column 'nothing'; it has: key, answer"):
        read_predictions(path, named=ColumnNames(output="nothing"))


def test_candidates_that_always_agree_are_no_choice(tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", [{"id": 1, "output": "x", "text": "x"}])
    assert said(read_predictions(path, arm="t")) == {("t", "1"): "x"}


def test_a_position_is_an_id_only_where_nothing_else_is(tmp_path: Path) -> None:
    both = lines(tmp_path / "a.jsonl", [{"index": 9, "id": "q", "output": "x"}])
    alone = lines(tmp_path / "b.jsonl", [{"index": 9, "output": "x"}])
    assert list(said(read_predictions(both, arm="t"))) == [("t", "q")]
    assert list(said(read_predictions(alone, arm="t"))) == [("t", "9")]


def test_gold_columns_do_not_matter_where_the_project_has_the_rows(tmp_path: Path) -> None:
    row = {"id": 1, "output": "b", "label": "x", "reference": "y"}
    found = read_predictions(lines(tmp_path / "p.jsonl", [row]), rows_known=True)
    assert not found.examples


# --- lines and values ----------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085", "\x0c", "\x1c", "\x0b"])
def test_a_line_ends_at_a_line_feed_alone(tmp_path: Path, mark: str) -> None:
    text = f"yes{mark}no"
    row = json.dumps({"id": "a", "output": text, "target": "x"}, ensure_ascii=False)
    if ord(mark) < 32:  # must be escaped inside JSON
        row = json.dumps({"id": "a", "output": text, "target": "x"})
    path = tmp_path / "p.jsonl"
    other = row.replace('"a"', '"b"')
    path.write_bytes(f"{row}\r\n{other}\n".encode())
    found = read_predictions(path, arm="t")
    assert said(found) == {("t", "a"): text, ("t", "b"): text}
    assert not found.rejects


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("4.10", "4.10"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        ("", "empty"),
        ("  \n", "empty"),
        ([], "null"),
        (["one"], "one"),
        ({"content": "hi", "role": "assistant"}, "hi"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "a"),
        ([{"generated_text": "a"}], "a"),
        ([{"type": "thinking", "text": "hm"}, {"type": "text", "text": "a"}], "a"),
        ({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}, "a"),
        (
            {"choices": [{"message": {"content": "a"}, "finish_reason": "length"}]},
            "cut off: length",
        ),
        (
            {"choices": [{"message": {"content": None, "refusal": "I will not"}}]},
            "refused: I will not",
        ),
        ({"amount": 3}, '{"amount": 3}'),
        ({"parts": ["bolt", "nut"]}, '{"parts": ["bolt", "nut"]}'),
        ({"candidates": [{"name": "Ann"}]}, '{"candidates": [{"name": "Ann"}]}'),
        ({"output": {"eur": 5}}, '{"output": {"eur": 5}}'),
        ("Paris.<|im_end|>\n", "Paris."),
        ("<|begin_of_text|>Paris<|eot_id|>", "Paris"),
        ("<|eot_id|>", "empty"),
        ("\ud800x", "\ufffdx"),
    ],
)
def test_values_of_every_shape(tmp_path: Path, value: Any, expected: str) -> None:
    path = lines(tmp_path / "p.jsonl", [{"id": "a", "output": value, "target": "x"}])
    assert said(read_predictions(path, arm="t")) == {("t", "a"): expected}


def test_numbers_keep_their_digits_and_nan_is_null(tmp_path: Path) -> None:
    rows = ['{"id": "a", "output": 4.10}', '{"id": "b", "output": NaN}']
    found = read_predictions(lines(tmp_path / "p.jsonl", rows), arm="t")
    assert said(found) == {("t", "a"): "4.10", ("t", "b"): "null"}


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ({"finish_reason": "length"}, "cut off: length"),
        ({"finishReason": "MAX_TOKENS"}, "cut off: MAX_TOKENS"),
        ({"stop_reason": "max_tokens"}, "cut off: max_tokens"),
        ({"finish_reason": "content_filter"}, "refused: content_filter"),
        ({"refusal": "No."}, "refused: No."),
        ({"error": "429 Too Many Requests"}, "failed: 429 Too Many Requests"),
        ({"error": {"message": "timeout"}}, "failed: timeout"),
        ({"status": "error"}, "failed: error"),
        ({"error": 0.31, "finish_reason": "stop", "status": "ok"}, "x"),
    ],
)
def test_what_a_record_says_of_its_end(tmp_path: Path, beside: Row, reason: str) -> None:
    path = lines(tmp_path / "p.jsonl", [{"id": "a", "output": "x", **beside}])
    assert said(read_predictions(path, arm="t")) == {("t", "a"): reason}


CALL = '{"name": "pay", "arguments": {"eur": 5}}'
PAY = {"name": "pay", "arguments": '{"eur": 5}'}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}]}, "null"),
        ({"candidates": [{"content": {"parts": [{"text": "a"}, {"text": "b"}]}}]}, "ab"),
        ({"candidates": [{"finishReason": "SAFETY"}]}, "refused: SAFETY"),
        ({"promptFeedback": {"blockReason": "OTHER"}}, "refused: OTHER"),
        (
            {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "MAX_TOKENS"}]},
            "cut off: MAX_TOKENS",
        ),
        (
            {
                "candidates": [
                    {"content": {"parts": [{"functionCall": {"name": "pay", "args": {}}}]}}
                ]
            },
            '{"name": "pay", "arguments": {}}',
        ),
        (
            {
                "output": [
                    {"type": "reasoning", "summary": []},
                    {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                ]
            },
            "a",
        ),
        (
            {
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
                "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}],
            },
            "cut off: max_output_tokens",
        ),
        (
            {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]},
            "refused: No.",
        ),
        ({"output": [{"type": "function_call", **PAY}]}, CALL),
        ({"output": {"message": {"content": [{"text": "a"}]}}, "stopReason": "end_turn"}, "a"),
        (
            {"output": {"message": {"content": [{"text": "a"}]}}, "stopReason": "max_tokens"},
            "cut off: max_tokens",
        ),
        ({"content": [{"type": "tool_use", "name": "pay", "input": {"eur": 5}}]}, CALL),
        ({"choices": [{"message": {"content": None, "tool_calls": [{"function": PAY}]}}]}, CALL),
        (
            {"choices": [{"message": {"content": "Yes.", "tool_calls": [{"function": PAY}]}}]},
            f"Yes.\n{CALL}",
        ),
    ],
)
def test_replies_as_servers_log_them(tmp_path: Path, reply: Row, expected: str) -> None:
    rows = [{"key": "a", "response": reply}, {"key": "b", "response": "plain"}]
    found = read_predictions(lines(tmp_path / "p.jsonl", rows), arm="t")
    assert said(found) == {("t", "a"): expected, ("t", "b"): "plain"}


def test_anthropic_batches_and_calls_beside_an_empty_output(tmp_path: Path) -> None:
    message = {"content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"}
    rows: list[Any] = [
        {"custom_id": "a", "result": {"type": "succeeded", "message": message}},
        {"custom_id": "b", "result": {"type": "errored", "error": {"message": "overloaded"}}},
        {"custom_id": "c", "result": {"type": "expired"}},
        {
            "custom_id": "d",
            "result": {"type": "succeeded", "message": message | {"stop_reason": "max_tokens"}},
        },
    ]
    found = read_predictions(lines(tmp_path / "batch.jsonl", rows), arm="t")
    assert said(found) == {
        ("t", "a"): "a",
        ("t", "b"): "failed: overloaded",
        ("t", "c"): "failed: expired",
        ("t", "d"): "cut off: max_tokens",
    }
    call = {"id": "a", "output": None, "tool_calls": [{"function": PAY}]}
    assert said(read_predictions(lines(tmp_path / "p.jsonl", [call]), arm="t")) == {
        ("t", "a"): CALL
    }


def test_data_frames_by_columns_windows_bytes_and_excels_first_line(tmp_path: Path) -> None:
    frame = tmp_path / "frame.json"
    frame.write_text(json.dumps({"id": {"0": "a", "1": "b"}, "output": {"0": "x", "1": None}}))
    expected = {("t", "a"): "x", ("t", "b"): "null"}
    assert said(read_predictions(frame, arm="t")) == expected
    table = tmp_path / "table.csv"
    table.write_bytes("sep=;\r\nid;output\r\na;Zürich – 5 €\r\n".encode("cp1252"))
    found = read_predictions(table, arm="t")
    assert said(found) == {("t", "a"): "Zürich – 5 €"}
    assert any("Windows-1252" in note for note in found.report.notes)
    packed = tmp_path / "p.jsonl.gz"
    packed.write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(DataError, match="compressed"):
        read_predictions(packed, arm="t")


def test_a_key_that_stands_twice_spoils_its_line_alone(tmp_path: Path) -> None:
    rows = ['{"id": "a", "output": "x", "output": "y"}', '{"id": "b", "output": "z"}']
    found = read_predictions(lines(tmp_path / "p.jsonl", rows), arm="t")
    assert said(found) == {("t", "b"): "z"}
    assert "appears twice" in found.rejects[0][1]


def test_the_same_output_twice_is_one_and_two_different_ones_are_none(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "output": "x"},
        {"id": "a", "output": "x"},
        {"id": "b", "output": "x"},
        {"id": "b", "output": "y"},
        {"id": "b", "output": "x"},
    ]
    found = read_predictions(lines(tmp_path / "p.jsonl", rows), arm="t")
    assert said(found) == {("t", "a"): "x", ("t", "b"): "doubled: two different outputs"}


def test_bytes_that_are_no_utf8_spoil_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"id": "a", "output": "caf\xe9"}\n{"id": "b", "output": "\xc3\xa9"}\n')
    found = read_predictions(path, arm="t")
    assert said(found) == {("t", "a"): "caf\ufffd", ("t", "b"): "\u00e9"}
    assert "1 bytes are not UTF-8" in found.report.notes[0]


def test_utf16_and_a_cut_array_are_read(tmp_path: Path) -> None:
    wide = tmp_path / "w.jsonl"
    wide.write_text('{"id": "a", "output": "ü"}', encoding="utf-16")
    assert said(read_predictions(wide, arm="t")) == {("t", "a"): "ü"}
    cut = tmp_path / "c.json"
    cut.write_text('[{"id": "a", "output": "x"},\n {"id": "b", "outp', encoding="utf-8")
    found = read_predictions(cut, arm="t")
    assert said(found) == {("t", "a"): "x"}
    assert "cut off" in found.rejects[0][1]


def test_rows_that_a_file_brings_all_count(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "input": "q", "target": "yes", "output": "yes"},
        {"id": "b", "input": "q", "target": None, "output": "yes"},
        {"id": "c", "input": "q", "target": "yes"},
        "{broken",
    ]
    found = read_predictions(lines(tmp_path / "p.jsonl", rows), arm="t")
    assert len(found.examples) == 4
    assert said(found)["t", "b"] == "no gold answer"


# --- tables --------------------------------------------------------------------------------------


def test_csv_with_cells_of_any_size_and_short_lines(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    huge = "word " * 60_000
    path.write_text(
        f'id;gold;output\r\na;yes;"{huge}"\r\nb;yes;"two\nlines"\r\nc;yes\r\nd;yes;\r\n',
        encoding="utf-8-sig",
        newline="",
    )
    found = read_predictions(path, arm="t")
    assert said(found) == {
        ("t", "a"): huge,
        ("t", "b"): "two\nlines",
        ("t", "c"): "unreadable: 2 cells where the header has 3 columns",
        ("t", "d"): "null",
    }
    assert len(found.examples) == 4


def test_a_column_for_each_model(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("id,gold,m1,m2\na,yes,yes,no\nb,yes,,yes\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"none of output.*id, gold, m1, m2") as caught:
        read_predictions(path)
    assert "--output" in caught.value.hint
    named = ColumnNames(arms={"tuned": "m1", "base": "m2"})
    assert said(read_predictions(path, named=named)) == {
        ("tuned", "a"): "yes",
        ("base", "a"): "no",
        ("tuned", "b"): "null",
        ("base", "b"): "yes",
    }
    usual = tmp_path / "usual.csv"
    usual.write_text("id,gold,base,tuned\na,yes,no,yes\n", encoding="utf-8")
    both = {("base", "a"): "no", ("tuned", "a"): "yes"}
    assert said(read_predictions(usual)) == both
    assert said(read_predictions(usual, arm="tuned")) == {("tuned", "a"): "yes"}


def test_parquet_and_two_columns_with_one_name(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    table = pa.table({"id": [1, 2], "target": ["x", "y"], "output": ["x", None]})
    parquet.write_table(table, path)
    assert said(read_predictions(path, arm="t")) == {("t", "1"): "x", ("t", "2"): "null"}
    twice = tmp_path / "p.csv"
    twice.write_text("id,output,output\n1,a,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="two columns with one name: output"):
        read_predictions(twice)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="as Parquet"):
        read_predictions(tmp_path / "broken.parquet")


def test_a_model_column_makes_arms_and_a_given_arm_keeps_them_apart(tmp_path: Path) -> None:
    rows = [{"id": "a", "model": m, "output": m} for m in ("small", "large")]
    path = lines(tmp_path / "p.jsonl", rows)
    assert list(said(read_predictions(path))) == [("small", "a"), ("large", "a")]
    assert list(said(read_predictions(path, arm="t"))) == [("t/small", "a"), ("t/large", "a")]
    one = lines(tmp_path / "one.jsonl", rows[:1])
    assert list(said(read_predictions(one, arm="t"))) == [("t", "a")]


# --- lm-eval -------------------------------------------------------------------------------------


def sample(doc: int, **changes: Any) -> Row:
    return {
        "doc_id": doc,
        "doc": {"question": "2+2?", "answer": "4"},
        "target": "4",
        "arguments": {"gen_args_0": {"arg_0": "Q: 2+2?", "arg_1": {"until": ["\n"]}}},
        "resps": [["four"]],
        "filtered_resps": ["4"],
        **changes,
    }


def test_lm_eval_filters_are_arms_or_one_is_named(tmp_path: Path) -> None:
    rows = []
    for doc in range(3):
        rows.append(sample(doc, filter="strict-match", filtered_resps=["[invalid]"]))
        rows.append(sample(doc, filter="flexible-extract"))
    path = lines(tmp_path / "samples_x.jsonl", rows)
    both = read_predictions(path, arm="tuned")
    assert {p.arm for p in both.predictions} == {"tuned/strict-match", "tuned/flexible-extract"}
    assert len(both.examples) == 3
    one = read_predictions(path, arm="tuned", named=ColumnNames(filter="flexible-extract"))
    assert said(one) == {("tuned", str(doc)): "4" for doc in range(3)}
    assert "of strict-match, flexible-extract" in one.report.notes[0]
    with pytest.raises(DataError, match="no filter 'none'; it has: strict-match"):
        read_predictions(path, named=ColumnNames(filter="none"))


def test_lm_eval_repeats_several_targets_and_gaps(tmp_path: Path) -> None:
    rows = [
        sample(0, filtered_resps=[["4", "5", "4"]], resps=[["4", "5", "4"]]),
        sample(1, filtered_resps=[["5", "5", "4"]], resps=[["5", "5", "4"]]),
    ]
    found = read_predictions(lines(tmp_path / "samples_r.jsonl", rows), arm="t")
    assert len(found.repeats) == 2
    assert [p.text for p in found.repeats[0]] == ["5", "5"]
    rows = [sample(0, target=["4", "four"]), sample(1, filtered_resps=[]), sample(2, target=4)]
    found = read_predictions(lines(tmp_path / "samples_t.jsonl", rows), arm="t")
    assert gold(found) == {"0": ("4", "four"), "1": ("4",), "2": ("4",)}
    assert said(found)["t", "1"] == "missing: no response"


@pytest.mark.parametrize("form", ["objects", "lists"])
def test_lm_eval_multiple_choice_takes_the_likeliest(tmp_path: Path, form: str) -> None:
    choices = [" cat", " dog", " cow"]
    arguments: Any = [["It is a", choice] for choice in choices]
    if form == "objects":
        arguments = {
            f"gen_args_{n}": {"arg_0": "It is a", "arg_1": choice}
            for n, choice in enumerate(choices)
        }
    likelihoods = [["-3.5", "False"], ["-1.25", "True"], ["-9.0", "False"]]
    row = sample(
        0,
        target=1,
        arguments=arguments,
        resps=[[one] for one in likelihoods],
        filtered_resps=likelihoods,
    )
    broken = {**row, "doc_id": 1, "filtered_resps": [["nan", "False"], *likelihoods[1:]]}
    found = read_predictions(lines(tmp_path / "samples_mc.jsonl", [row, broken]), arm="t")
    assert said(found)["t", "0"] == "dog"
    assert said(found)["t", "1"].startswith("unreadable")
    assert gold(found)["0"] == ("dog",)


# --- inspect -------------------------------------------------------------------------------------


def inspect_sample(name: Any, text: Any, target: Any = "x", **changes: Any) -> Row:
    stop = changes.pop("stop", "stop")
    choice = {"message": {"role": "assistant", "content": text}, "stop_reason": stop}
    output = {"model": "m", "choices": [choice]}
    return {
        "id": name,
        "epoch": 1,
        "input": "q",
        "target": target,
        "output": output,
        **changes,
    }


def log_of(samples: list[Any], **changes: Any) -> Row:
    dataset = {"name": "d", "samples": len(samples), **changes.pop("dataset", {})}
    header = {"model": "openai/m", "dataset": dataset}
    return {"version": 2, "status": "success", "eval": header, "samples": samples, **changes}


def test_inspect_logs_in_both_forms(tmp_path: Path) -> None:
    samples = [
        inspect_sample(1, "x", ["x", "y"]),
        inspect_sample(2, [{"type": "reasoning", "reasoning": "h"}, {"type": "text", "text": "x"}]),
        inspect_sample(3, "x", stop="max_tokens"),
        inspect_sample(4, "", error={"message": "RuntimeError()"}),
        inspect_sample(5, "x", limit={"type": "time", "limit": 9}),
        inspect_sample(6, "", stop="content_filter"),
        {"no": "id"},
    ]
    log = log_of(samples, status="cancelled", dataset={"sample_ids": [1, 2, 3, 4, 5, 6, 7]})
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log), encoding="utf-8")
    archive = tmp_path / "log.eval"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("header.json", json.dumps({k: v for k, v in log.items() if k != "samples"}))
        for one in samples[:-1]:
            file.writestr(f"samples/{one['id']}_epoch_1.json", json.dumps(one))
    for where in (path, archive):
        found = read_predictions(where, arm="t")
        assert said(found) == {
            ("t", "1"): "x",
            ("t", "2"): "x",
            ("t", "3"): "cut off: max_tokens",
            ("t", "4"): "failed: RuntimeError()",
            ("t", "5"): "cut off: time limit",
            ("t", "6"): "refused: content_filter",
        }
        assert "7" in gold(found)  # asked for and never answered: it counts
        assert gold(found)["1"] == ("x", "y")
        assert "cancelled" in found.report.notes[0]


def test_inspect_epochs_are_repeats(tmp_path: Path) -> None:
    samples = [inspect_sample(1, f"e{n}", epoch=n) for n in (1, 2, 10)]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log_of(samples)), encoding="utf-8")
    found = read_predictions(path, arm="t")
    assert [p.text for p in found.predictions] == ["e1"]
    assert [[p.text for p in r] for r in found.repeats] == [["e2"], ["e10"]]
    assert any("3 answers" in note for note in found.report.notes)


def test_inspect_multiple_choice_compares_letters(tmp_path: Path) -> None:
    samples = [
        inspect_sample(1, "I think so.\n\nANSWER: B", "B", choices=["one", "two"]),
        inspect_sample(2, "ANSWER: A, C", ["A", "C"], choices=["1", "2", "3"]),
        inspect_sample(3, "no idea", "A", choices=["1", "2"]),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log_of(samples)), encoding="utf-8")
    found = read_predictions(path, arm="t")
    assert list(said(found).values()) == ["B", "A, C", "no idea"]
    assert list(gold(found).values()) == [("B",), ("A, C",), ("A",)]


def test_an_eval_file_that_is_none_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.eval"
    path.write_bytes(b"PK no zip")
    with pytest.raises(DataError, match="cannot be read as an inspect_ai log"):
        read_predictions(path)


# --- promptfoo, DeepEval, OpenAI Evals, Langfuse, MLflow -----------------------------------------


def result(index: int, output: Any, provider: str = "openai:m", **changes: Any) -> Row:
    return {
        "testIdx": index,
        "promptIdx": 0,
        "provider": {"id": provider, "label": ""},
        "prompt": {"raw": "Q?", "label": "Q?"},
        "vars": {"question": "Q?"},
        "testCase": {"assert": [{"type": "equals", "value": "yes"}]},
        "response": {"output": output},
        "failureReason": 0,
        **changes,
    }


def test_promptfoo_results(tmp_path: Path) -> None:
    results = [
        result(0, "yes"),
        result(1, "no", failureReason=1, error="Expected output to equal yes"),
        result(2, None, response={"error": "API error: 500"}, failureReason=2, error="API error"),
        result(3, {"a": 1}),
        result(4, "ye", response={"output": "ye", "finishReason": "length"}),
        result(5, "", response=None, error="timeout", failureReason=2),
    ]
    whole = {"evalId": "e", "results": {"version": 3, "results": results}, "config": {}}
    path = tmp_path / "r.json"
    path.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    expected = {
        ("t", "0"): "yes",
        ("t", "1"): "no",
        ("t", "2"): "failed: API error: 500",
        ("t", "3"): '{"a": 1}',
        ("t", "4"): "cut off: length",
        ("t", "5"): "failed: timeout",
    }
    assert said(read_predictions(path, arm="t")) == expected
    assert said(read_predictions(lines(tmp_path / "r.jsonl", results), arm="t")) == expected
    two = [result(0, "yes"), result(0, "no", "local:b")]
    found = read_predictions(lines(tmp_path / "two.jsonl", two))
    assert said(found) == {("openai:m", "0"): "yes", ("local:b", "0"): "no"}
    assert gold(found) == {"0": ("yes",)}


@pytest.mark.parametrize("camel", [True, False])
def test_deepeval_test_runs(tmp_path: Path, camel: bool) -> None:
    actual, expected = (
        ("actualOutput", "expectedOutput") if camel else ("actual_output", "expected_output")
    )
    cases = [
        {"name": "test_case_0", "input": "q", actual: "x", expected: "x", "success": True},
        {"name": "test_case_1", "input": "q", actual: None, expected: "x"},
    ]
    whole = {"testCases" if camel else "test_results": cases}
    path = tmp_path / "run.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    found = read_predictions(path, arm="t")
    assert found.source == "deepeval"
    assert said(found) == {("t", "test_case_0"): "x", ("t", "test_case_1"): "null"}
    assert gold(found)["test_case_0"] == ("x",)


def test_openai_evals_logs(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"spec": {"completion_fns": ["gpt-x"], "eval_name": "e"}},
        {"sample_id": "e.0", "type": "sampling", "data": {"prompt": "q", "sampled": ["yes"]}},
        {"sample_id": "e.0", "type": "match", "data": {"correct": True, "expected": "yes"}},
        {"sample_id": "e.1", "type": "match", "data": {"correct": False, "expected": ["yes"]}},
        {"sample_id": "e.2", "type": "error", "data": {"message": "429"}},
        {"final_report": {"accuracy": 0.5}},
    ]
    rows[4]["data"]["message"] = "rate limit"
    found = read_predictions(lines(tmp_path / "log.jsonl", rows))
    assert said(found) == {
        ("gpt-x", "e.0"): "yes",
        ("gpt-x", "e.1"): "missing: it was never sampled",
        ("gpt-x", "e.2"): "failed: rate limit",
    }
    assert len(found.examples) == 3


def test_openai_output_items_and_batches(tmp_path: Path) -> None:
    item: Row = {
        "object": "eval.run.output_item",
        "datasource_item_id": 4,
        "datasource_item": {"question": "q", "ground_truth": "yes"},
        "sample": {"output": [{"role": "assistant", "content": "yes"}], "finish_reason": "stop"},
    }
    short = {"output": [{"role": "assistant", "content": "yes"}], "finish_reason": "length"}
    cut = {**item, "datasource_item_id": 5, "sample": short}
    found = read_predictions(lines(tmp_path / "items.jsonl", [item, cut]), arm="t")
    assert said(found) == {("t", "4"): "yes", ("t", "5"): "cut off: length"}
    body = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    batch = [
        {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None},
        {"custom_id": "b", "response": None, "error": {"message": "expired"}},
        {"custom_id": "c", "response": {"body": {"error": {"message": "bad"}}}, "error": None},
    ]
    found = read_predictions(lines(tmp_path / "batch.jsonl", batch), arm="t")
    assert said(found) == {
        ("t", "a"): "yes",
        ("t", "b"): "failed: expired",
        ("t", "c"): "failed: bad",
    }


def test_langfuse_and_mlflow_exports(tmp_path: Path) -> None:
    traces = [
        {
            "id": "t1",
            "datasetItemId": "a",
            "traceId": "t1",
            "input": {"q": 1},
            "output": '{"content": "yes"}',
            "expectedOutput": "yes",
        },
        {
            "id": "t2",
            "datasetItemId": "b",
            "traceId": "t2",
            "input": "q",
            "output": None,
            "expectedOutput": "yes",
            "level": "ERROR",
            "statusMessage": "boom",
        },
    ]
    found = read_predictions(lines(tmp_path / "lf.jsonl", traces), arm="t")
    assert found.source == "langfuse"
    assert said(found) == {("t", "a"): "yes", ("t", "b"): "failed: boom"}

    table = {
        "columns": ["inputs", "ground_truth", "outputs"],
        "data": [["q", "x", "x"], ["r", "y", None]],
    }
    path = tmp_path / "eval_results_table.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    found = read_predictions(path, arm="t")
    assert found.source == "mlflow"
    assert list(said(found).values()) == ["x", "null"]
    trace: Row = {
        "info": {
            "trace_id": "tr-1",
            "state": "OK",
            "assessments": [{"expectation": {"value": "yes"}}],
        },
        "data": {"request": '{"question": "q"}', "response": '"yes"', "spans": []},
    }
    failed = {**trace, "info": {"trace_id": "tr-2", "state": "ERROR"}}
    found = read_predictions(lines(tmp_path / "traces.jsonl", [trace, failed]), arm="t")
    assert said(found) == {("t", "tr-1"): "yes", ("t", "tr-2"): "failed: ERROR"}


def test_an_empty_list_on_a_line_of_its_own_is_one_broken_line(tmp_path: Path) -> None:
    from tunewell.evaluate.foreign.documents import read_document

    path = tmp_path / "outputs.jsonl"
    path.write_text(
        '[]\n{"id": "a", "output": "x"}\n{"id": "b", "output": "y"}\n', encoding="utf-8"
    )
    records = [value for _, value in read_document(path).records]
    assert [value["id"] for value in records if isinstance(value, dict)] == ["a", "b"]
    assert len(records) == 3
