"""``tunewell init``: what a good answer is, asked before any data is touched."""

from __future__ import annotations

import json as jsonlib
import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from tunewell.cli.common import JsonOption, emit, err, note
from tunewell.curate.data_languages import languages_of_data
from tunewell.errors import UserError
from tunewell.store.files import disk_errors
from tunewell.task import FILE_NAME, parse_task
from tunewell.types import Value

OWN_METRICS = ("key_points", "label", "must_not", "support", "exact", "schema")


class GateAnswer(Value):
    """A metric with its threshold."""

    metric: str
    kind: str
    value: float


class Answers(Value):
    """What `tunewell init` asks for, in the order in which it asks.

    ``tunewell init --answers FILE`` reads the same as YAML or JSON.
    """

    name: str
    about: str
    input: str
    output: str
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    keep_kinds: tuple[str, ...] = ()
    drop_kinds: tuple[str, ...] = ()
    max_age_days: int = Field(default=0, ge=0)
    keep_whatever_age: str = ""
    slices: tuple[str, ...] = ()
    gates: tuple[GateAnswer, ...] = ()
    approve: tuple[str, ...] = ("owner",)
    question_to_people: str = ""
    data: tuple[str, ...] = ("data/*.jsonl",)
    test_data: str = ""


def command(
    path: Annotated[
        Path, typer.Argument(help="Folder of the new project.", show_default=".")
    ] = Path(),
    answers: Annotated[
        Path | None, typer.Option(help="Read the answers from this YAML or JSON file.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over an existing tunewell.yaml.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Ask what a good answer is and write tunewell.yaml, before any data is touched."""
    target = path / FILE_NAME
    if target.exists() and not force:
        raise UserError(
            f"{target} is already there", hint="edit it, or tunewell init --force to begin again"
        )
    given = read_answers(answers) if answers else ask(path)
    text = write_yaml(given, languages=languages_of_data(given.data, path))
    parse_task(text, path=target, environment={})
    with disk_errors(target):
        path.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)
    if json:
        emit("init", {"path": str(target)})
    else:
        place = "" if path == Path() else f" {path}"
        note(
            f"\nwrote {target}\n\nnext: read it, then  tunewell approve{place} --as {shlex.quote(given.approve[0])}\n"
            f"then: tunewell run{place}"
        )


def read_answers(path: Path) -> Answers:
    """Answers from a file.

    Raises:
        UserError: It cannot be read or does not hold together.
    """
    import yaml
    from pydantic import ValidationError

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Answers.model_validate(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UserError(
            f"{path}: {faults}", hint=f"keys: {', '.join(Answers.model_fields)}"
        ) from None


def ask(path: Path) -> Answers:
    """Ask at the terminal."""
    note("Before any data is touched: what is a good answer? (An empty line ends a list.)\n")
    default = re.sub(r"[^a-z0-9]+", "-", path.resolve().name.lower()).strip("-") or "task"
    name = _line("Short name of the task", default)
    about = _line("What is the model for, and for whom?")
    goes_in = _line("What goes in?", "a customer's question")
    comes_out = _line("What comes out?", "a short answer")
    must = _lines("What must a good answer contain?")
    must_not = _lines("What must it never contain? (text, or /a pattern/)")
    keep = _words("Which kinds of document count? (comma-separated; empty = all)")
    drop = _words("Which kinds never do? (memos, small talk …)")
    age = _number("How old may a row be, in days? (0 = any age)", 0)
    spare = (
        _line("Which rows count whatever their age? (field=value, e.g. landmark=true)", "")
        if age
        else ""
    )
    slices = _words("By which fields shall results be shown separately? (region, product …)")
    gates = _gates()
    approve = _words("Who has to approve this definition?") or ("owner",)
    question = _line(
        "Must people judge answers before release? What are they asked? (empty = no)", ""
    )
    data = _lines("Last: where is the data? (files or globs, relative to this folder)") or (
        "data/*.jsonl",
    )
    test = _line("Is there a test set of its own? (file; empty = one is drawn)", "")
    return Answers(
        name=name,
        about=about,
        input=goes_in,
        output=comes_out,
        must=must,
        must_not=must_not,
        keep_kinds=keep,
        drop_kinds=drop,
        max_age_days=age,
        keep_whatever_age=spare,
        slices=slices,
        gates=gates,
        approve=approve,
        question_to_people=question,
        data=data,
        test_data=test,
    )


def _line(question: str, default: str | None = None) -> str:
    return str(
        typer.prompt(question, default=default, show_default=bool(default), err=True)
    ).strip()


def _lines(question: str) -> tuple[str, ...]:
    found: list[str] = []
    err.print(question, markup=False)
    while text := _line("  -", ""):
        found.append(text)
    return tuple(found)


def _words(question: str) -> tuple[str, ...]:
    return tuple(w.strip() for w in _line(question, "").split(",") if w.strip())


def _number(question: str, default: int) -> int:
    return int(typer.prompt(question, default=default, type=int, err=True))


def _gates() -> tuple[GateAnswer, ...]:
    err.print(
        "Which metrics decide, and at what threshold? For example:\n"
        "  key_points gain 0.05    at least 0.05 more of the required points than the prompted base model\n"
        "  must_not level 0.99     forbidden text in at most 1 of 100 answers\n"
        "  rouge_l no_worse 0.02   not worse than the prompted base model by more than 0.02\n"
        f"the task's own: {', '.join(OWN_METRICS)}; generic: token_f1, rouge_l, chrf",
        markup=False,
    )
    found: list[GateAnswer] = []
    while text := _line("  -", ""):
        match = re.fullmatch(r"(\w+)\s+(level|gain|no_worse)\s+(-?[\d.]+)", text)
        if match:
            found.append(GateAnswer(metric=match[1], kind=match[2], value=float(match[3])))
        else:
            err.print("  not understood: METRIC level|gain|no_worse NUMBER", markup=False)
    return tuple(found)


# --- writing --------------------------------------------------------------------------------------


def _q(text: str) -> str:
    """A YAML scalar for any text (JSON strings are YAML)."""
    return jsonlib.dumps(text, ensure_ascii=False)


def _list(items: tuple[str, ...]) -> str:
    return "[" + ", ".join(_q(i) for i in items) + "]"


def _block(items: tuple[str, ...], indent: int) -> str:
    pad = " " * indent
    return "".join(f"\n{pad}- {_q(i)}" for i in items) if items else " []"


def write_yaml(a: Answers, *, languages: tuple[str, ...] = ()) -> str:
    """The text of ``tunewell.yaml`` for these answers, with comments.

    Args:
        a: The answers.
        languages: Those of the data, where it could be read; without them no row is held to one.

    Example:
        >>> text = write_yaml(Answers(name="demo", about="Answers questions.", input="a question", output="an answer"))
        >>> parse_task(text, path=Path("tunewell.yaml"), environment={}).spec.task.name
        'demo'
    """
    metrics = sorted({g.metric for g in a.gates}) or ["token_f1"]
    fixed = {
        "split": "{test: 0.2, review: 0.1, folds: 5, seed: 0}",
        "train": "{model: smollm2-135m, epochs: 3, dropout: 0.05, weight_decay: 0.01}",
        "evaluate": "{shots: 3, max_new_tokens: 96}",
        "costs": "{currency: EUR, machine_hour: 0, person_hour: 0}",
    }
    comments = {
        "slices": "Results are shown separately for each value of these fields; add `target:` shares to measure gaps.",
        "metrics": "What is measured on every held-out answer (docs/reference/metrics.md lists them).",
        "split": "Test set, review pool and folds; families (copies, groups, parents) are never cut.",
        "train": "The training recipe; `tunewell config` prints every value with its default.",
        "evaluate": "How arms are compared.",
        "costs": "Prices for the estimates of money; 0 = not counted.",
    }
    slices = "".join(f"\n  - {{field: {_q(s)}}}" for s in a.slices) or " []"
    named = "".join(f"\n  - {{name: {m}}}" for m in metrics)
    language = languages[0] if languages else "en"
    parts = [_task_part(a, language), _data_part(a), _rules_part(a, languages)]
    parts += [
        f"# {comments['slices']}\nslices:{slices}\n",
        f"# {comments['metrics']}\nmetrics:{named}\n",
    ]
    parts += [_gates_part(a), _people_part(a)]
    parts += [f"# {comments[key]}\n{key}: {value}\n" for key, value in fixed.items()]
    return "\n".join(parts)


def _task_part(a: Answers, language: str) -> str:
    return (
        "# What a good answer is. Everything else follows from it; `tunewell approve` signs it.\n"
        "version: 1\n\n"
        "task:\n"
        f"  name: {_q(a.name)}\n  about: {_q(a.about)}\n  input: {_q(a.input)}\n  output: {_q(a.output)}\n"
        f"  must:{_block(a.must, 4)}\n"
        "  # plain text is matched literally, /…/ is a pattern\n"
        f"  must_not:{_block(a.must_not, 4)}\n"
        "  # system turn for rows that have none of their own\n"
        '  instruction: ""\n'
        f"  language: {_language(language)}\n"
    )


def _data_part(a: Answers) -> str:
    text = (
        "# Where the rows are. Formats are recognised (messages, ShareGPT, Alpaca, prompt/completion, CSV, Parquet,\n"
        "# text); your own columns: format: fields, fields: {input: question, target: answer, date: created, id: key}\n"
        "data:"
    )
    text += "".join(f"\n  - path: {_q(p)}" for p in a.data)
    if a.test_data:
        text += f"\n  - {{path: {_q(a.test_data)}, role: test}}   # never trained on"
    return text + "\n"


def _rules_part(a: Answers, languages: tuple[str, ...]) -> str:
    lines = [
        "# What belongs and what does not. Every drop cites the line that asked for it.",
        "rules:",
        f"  kinds: {{keep: {_list(a.keep_kinds)}, drop: {_list(a.drop_kinds)}}}",
    ]
    if a.max_age_days:
        lines += ["  max_age:", f"    days: {a.max_age_days}", "    undated: keep"]
        field, equals, value = a.keep_whatever_age.partition("=")
        if equals:
            lines += [
                "    except:",
                f"      - {{field: {_q(field.strip())}, is: [{_q(value.strip())}]}}",
            ]
    else:
        lines.append(
            "  # max_age: {days: 730, undated: keep, except: [{field: landmark, is: ['true']}]}"
        )
    lines += [
        _languages_line(languages),
        "  # Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan: a character counts as a word",
        "  words: {min_target: 1}",
        "  personal: mask          # mask, drop or report",
        "  exact_duplicates: first # first, newest or report",
        "  near_duplicates: drop   # drop or report",
        "  contradictions: report  # newest, drop or report",
    ]
    return "\n".join(lines) + "\n"


def _languages_line(languages: tuple[str, ...]) -> str:
    if not languages:
        return "  # languages: [en]      # any, unless named; rows too short to tell are kept"
    named = ", ".join(map(_language, languages))
    return f"  languages: [{named}]       # those of the data; rows too short to tell are kept"


def _language(code: str) -> str:
    """A code as YAML reads it: a bare ``no`` would be false."""
    return '"no"' if code == "no" else code


def _gates_part(a: Answers) -> str:
    lines = [
        "# What decides. GO and NO-GO need the whole interval on one side of the threshold.",
        "gates:",
    ]
    for g in a.gates:
        limit = f"margin: {abs(g.value)}" if g.kind == "no_worse" else f"at_least: {g.value}"
        lines.append(f"  - {{metric: {g.metric}, kind: {g.kind}, {limit}}}")
    if a.question_to_people:
        lines.append("  - {metric: people_say_yes, kind: level, at_least: 0.8, people: required}")
    if len(lines) == 2:
        lines[1] += (
            " []   # none yet: the verdict is INCONCLUSIVE until one of the task's own metrics guards it"
        )
    return "\n".join(lines) + "\n"


def _people_part(a: Answers) -> str:
    text = f"# Who has to agree.\npeople:\n  approve: {_list(a.approve)}\n"
    if a.question_to_people:
        text += f"  rubric:\n    - {{name: people_say_yes, question: {_q(a.question_to_people)}, scale: yes/no}}\n"
    return text
