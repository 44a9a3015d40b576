"""One set of answers written in every format, with the oddities of each; the score is known.

Of twelve rows seven are right, two wrong, and three have no answer that counts.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
RIGHT, WRONG, MISSING, CUT, FAILED = "right", "wrong", "missing", "cut", "failed"
STATES = (RIGHT,) * 7 + (WRONG,) * 2 + (MISSING, CUT, FAILED)
COUNTED = {"rows": 12, "right": 7, "unscored": 3}


@dataclass(frozen=True)
class WrittenAnswer:
    """One row, however it is written.

    Attributes:
        number: Of the row.
        state: ``right``, ``wrong``, ``missing``, ``cut`` or ``failed``.
    """

    number: int
    state: str

    @property
    def gold(self) -> str:
        """The right answer, with a separator that is no end of a line."""
        return f"answer\u2028{self.number}"

    @property
    def text(self) -> str | None:
        """What was said."""
        if self.state in {MISSING, FAILED}:
            return None
        return "another" if self.state == WRONG else self.gold

    @property
    def finish(self) -> str:
        """Why it ended."""
        return "length" if self.state == CUT else "stop"


ANSWERS = [WrittenAnswer(n, state) for n, state in enumerate(STATES)]


def _lines(path: Path, rows: list[Any]) -> None:
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")


def rows(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """JSON lines."""
    made = []
    for a in answers:
        row: Row = {"id": a.number, "input": "q", "target": a.gold, "finish_reason": a.finish}
        row |= {} if a.state == MISSING else {"output": a.text}
        made.append(row | ({"error": "timeout"} if a.state == FAILED else {}))
    _lines(path, made)


def lm_eval(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """Samples: they do not say why an answer ended, so the cut one is empty."""
    made = []
    for a in answers:
        said = "" if a.state == CUT else a.text
        doc = {"question": "q"}
        row = {"doc_id": a.number, "doc": doc, "target": a.gold, "resps": [[said]]}
        made.append(row | {"filtered_resps": [] if a.state == MISSING else [said]})
    _lines(path, made)


def _inspect(a: WrittenAnswer) -> Row:
    stop = "max_tokens" if a.state == CUT else "stop"
    content = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": a.text or ""}]
    choices = [{"message": {"content": content}, "stop_reason": stop}]
    sample: Row = {"id": a.number, "epoch": 1, "input": "q", "target": [a.gold, f"{a.number}"]}
    sample["output"] = {"choices": [] if a.state == MISSING else choices}
    return sample | ({"error": {"message": "boom"}} if a.state == FAILED else {})


def inspect_json(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """A log of JSON."""
    log = {"version": 2, "status": "error", "eval": {"model": "m"}}
    path.write_text(json.dumps(log | {"samples": [_inspect(a) for a in answers]}), "utf-8")


def inspect_eval(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """A log that is a zip."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("header.json", json.dumps({"status": "success", "eval": {"model": "m"}}))
        for a in answers:
            file.writestr(f"samples/{a.number}_epoch_1.json", json.dumps(_inspect(a)))


def promptfoo(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """Results."""
    made = []
    for a in answers:
        response: Row = {"output": a.text, "finishReason": a.finish}
        response = {} if a.state == MISSING else response
        response |= {"error": "500"} if a.state == FAILED else {}
        case = {"assert": [{"type": "equals", "value": a.gold}]}
        made.append(
            {
                "testIdx": a.number,
                "provider": {"id": "p"},
                "vars": {"question": "q"},
                "testCase": case,
                "response": response,
                "error": "Expected another output" if a.state == WRONG else None,
                "failureReason": 1 if a.state == WRONG else 0,
            }
        )
    path.write_text(json.dumps({"results": {"version": 3, "results": made}}), "utf-8")


def deepeval(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """A test run: it does not say why an answer ended."""
    made = []
    for a in answers:
        row: Row = {"name": f"case_{a.number}", "input": "q", "expectedOutput": a.gold}
        said = "" if a.state == CUT else a.text
        made.append(row | ({} if a.state == MISSING else {"actualOutput": said}))
    path.write_text(json.dumps({"testCases": made}), "utf-8")


def openai_evals(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """The log of oaieval."""
    made: list[Any] = [{"spec": {"completion_fns": ["m"]}}]
    for a in answers:
        name = f"e.{a.number}"
        made.append({"sample_id": name, "type": "match", "data": {"expected": a.gold}})
        if a.state == FAILED:
            made.append({"sample_id": name, "type": "error", "data": {"message": "boom"}})
        elif a.state != MISSING:
            data = {"prompt": "q", "sampled": [a.text], "finish_reason": a.finish}
            made.append({"sample_id": name, "type": "sampling", "data": data})
    _lines(path, [*made, {"final_report": {}}])


def langfuse(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """Items of a dataset run."""
    made = []
    for a in answers:
        row: Row = {"datasetItemId": f"i{a.number}", "traceId": f"t{a.number}", "input": "q"}
        row |= {"expectedOutput": a.gold, "output": None if a.state == MISSING else a.text}
        if a.state == CUT:
            choice = {"message": {"content": a.text}, "finish_reason": "length"}
            row["output"] = {"choices": [choice]}
        made.append(row | ({"level": "ERROR"} if a.state == FAILED else {}))
    _lines(path, made)


def mlflow(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """A table of results: it does not say why an answer ended."""
    data = [["q", a.gold, None if a.state == CUT else a.text] for a in answers]
    path.write_text(
        json.dumps({"columns": ["inputs", "targets", "outputs"], "data": data}), "utf-8"
    )


def spreadsheet(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """A CSV with a cell beyond Python's limit; a missing cell is empty."""
    made = ["id,notes,target,output,finish_reason\n"]
    for place, a in enumerate(answers):
        notes = "x" * 140_000 if place == 0 else ""
        made.append(f'{a.number},{notes},"{a.gold}","{a.text or ""}",{a.finish}\n')
    path.write_text("".join(made), encoding="utf-8")


def parquet(path: Path, answers: Sequence[WrittenAnswer] = ANSWERS) -> None:
    """A table of columns; a missing answer is null."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    columns = {
        "id": [a.number for a in answers],
        "target": [a.gold for a in answers],
        "output": [a.text for a in answers],
        "finish_reason": [a.finish for a in answers],
    }
    write_table(pa.table(columns), path)


FORMATS: dict[str, Callable[..., None]] = {
    "rows.jsonl": rows,
    "samples_task.jsonl": lm_eval,
    "log.json": inspect_json,
    "log.eval": inspect_eval,
    "promptfoo.json": promptfoo,
    "deepeval.json": deepeval,
    "openai.jsonl": openai_evals,
    "langfuse.jsonl": langfuse,
    "eval_results_table.json": mlflow,
    "sheet.csv": spreadsheet,
    "table.parquet": parquet,
}
"""Name of the file to what writes it."""
