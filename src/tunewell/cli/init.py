"""``tunewell init``: what a good answer is, asked before any data is touched."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, note
from tunewell.cli.init_yaml import Answers, GateAnswer, write_yaml
from tunewell.curate.data_languages import languages_of_data
from tunewell.disk import disk_errors
from tunewell.errors import UserError
from tunewell.task import FILE_NAME, parse_task

OWN_METRICS = ("key_points", "label", "must_not", "support", "exact", "schema")

GATE = re.compile(r"(\w+)\s+(level|gain|no_worse)\s+(-?[\d.]+)")

ABOUT_GATES = f"""\
Which metrics decide, and at what threshold? For example:
  key_points gain 0.05    at least 0.05 more of the required points than the prompted base model
  must_not level 0.99     forbidden text in at most 1 of 100 answers
  rouge_l no_worse 0.02   not worse than the prompted base model by more than 0.02
the task's own: {", ".join(OWN_METRICS)}; generic: token_f1, rouge_l, chrf"""


def command(
    path: Annotated[
        Path,
        typer.Argument(help="Folder of the new project.", show_default="."),
    ] = Path(),
    answers: Annotated[
        Path | None,
        typer.Option(help="Read the answers from this YAML or JSON file."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Overwrite an existing tunewell.yaml."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Ask what a good answer is and write tunewell.yaml, before any data is touched."""
    target = path / FILE_NAME
    if target.exists() and not force:
        raise UserError(
            f"{target} already exists", hint="edit it, or tunewell init --force to start over"
        )
    given = read_answers(answers) if answers else ask(path)
    text = write_yaml(given, languages=languages_of_data(given.data, path))
    parse_task(text, path=target, environment={})
    _write(target, text)
    if json:
        emit("init", {"path": str(target)})
        return
    place = "" if path == Path() else f" {path}"
    owner = shlex.quote(given.approve[0])
    note(f"\nwrote {target}\n")
    note(f"next: read it, then  tunewell approve{place} --as {owner}")
    note(f"then: tunewell run{place}")


def _write(target: Path, text: str) -> None:
    """Whole or not at all."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)


def read_answers(path: Path) -> Answers:
    """Answers from a file.

    Raises:
        UserError: It cannot be read, or is not valid.
    """
    import yaml
    from pydantic import ValidationError

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Answers.model_validate(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise UserError(
            f"{path}: {'; '.join(faults)}", hint=f"keys: {', '.join(Answers.model_fields)}"
        ) from None


def ask(path: Path) -> Answers:
    """Ask at the terminal.

    Args:
        path: Folder of the project, whose name is proposed for the task.
    """
    note("Before any data is touched: what is a good answer? (An empty line ends a list.)\n")
    name = _line("Short name of the task", _name_for(path))
    about = _line("What is the model for, and for whom?")
    goes_in = _line("What goes in?", "a customer's question")
    comes_out = _line("What comes out?", "a short answer")
    must = _lines("What must a good answer contain?")
    must_not = _lines("What must it never contain? (text, or /a pattern/)")
    keep = _words("Which kinds of document count? (comma-separated; empty = all)")
    drop = _words("Which kinds never do? (memos, small talk …)")
    age = _number("How old may a row be, in days? (0 = any age)", 0)
    spare = _old_rows_that_count() if age else ""
    slices = _words("By which fields should results be broken down? (region, product …)")
    gates = _gates()
    approve = _words("Who has to approve this definition?")
    question = _line("Must people judge answers before release? Which question? (empty = no)", "")
    data = _lines("Last: where is the data? (files or globs, relative to this folder)")
    test = _line("Is there a separate test set? (file; empty = one is drawn)", "")
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
        approve=approve or ("owner",),
        question_to_people=question,
        data=data or ("data/*.jsonl",),
        test_data=test,
    )


def _name_for(path: Path) -> str:
    folder = path.resolve().name.lower()
    return re.sub(r"[^a-z0-9]+", "-", folder).strip("-") or "task"


def _old_rows_that_count() -> str:
    return _line("Which rows count whatever their age? (field=value, e.g. landmark=true)", "")


def _line(question: str, default: str | None = None) -> str:
    answer = typer.prompt(
        question,
        default=default,
        show_default=bool(default),
        err=True,
    )
    return str(answer).strip()


def _lines(question: str) -> tuple[str, ...]:
    found: list[str] = []
    note(question)
    while text := _line("  -", ""):
        found.append(text)
    return tuple(found)


def _words(question: str) -> tuple[str, ...]:
    words = [word.strip() for word in _line(question, "").split(",")]
    return tuple(word for word in words if word)


def _number(question: str, default: int) -> int:
    return int(
        typer.prompt(
            question,
            default=default,
            type=int,
            err=True,
        )
    )


def _gates() -> tuple[GateAnswer, ...]:
    note(ABOUT_GATES)
    found: list[GateAnswer] = []
    while text := _line("  -", ""):
        match = GATE.fullmatch(text)
        if match:
            found.append(
                GateAnswer(
                    metric=match[1],
                    kind=match[2],
                    value=float(match[3]),
                )
            )
        else:
            note("  not understood: METRIC level|gain|no_worse NUMBER")
    return tuple(found)
