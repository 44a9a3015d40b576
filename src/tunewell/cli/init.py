"""``tunewell init``: opens the data, proposes a definition, asks what no file can tell."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tunewell.cli.common import JsonOption, emit, note, progress
from tunewell.cli.init_ask import HOW, GoBack, ask_all, line, questions_for
from tunewell.cli.init_proposal import data_in, propose, with_reports
from tunewell.cli.init_show import show_doctor, show_look, show_rules
from tunewell.cli.init_yaml import Answers, write_yaml
from tunewell.curate.data_languages import languages_of_data
from tunewell.curate.doctor import DoctorReport, doctor
from tunewell.curate.dry_run import DryRun, dry_run
from tunewell.curate.first_look import DataLook, look_at
from tunewell.disk import disk_errors
from tunewell.errors import DataError, UserError
from tunewell.store.store import default_author
from tunewell.task import FILE_NAME, FieldMap, TaskFile, parse_task


def command(
    path: Annotated[
        Path,
        typer.Argument(help="Folder of the new project.", show_default="."),
    ] = Path(),
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE", help="File, folder or glob of rows. Repeatable."),
    ] = None,
    input: Annotated[  # the name of the option
        str,
        typer.Option("--input", metavar="COLUMN", help="Column of the question."),
    ] = "",
    target: Annotated[
        str,
        typer.Option("--target", metavar="COLUMN", help="Column of the answer."),
    ] = "",
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Ask nothing: take what is proposed."),
    ] = False,
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
    """Read the data, propose a definition, ask the rest, write it.

    Shows what is in the files and what it makes of them, asks only what no file can tell, and runs
    tunewell doctor on the result before tunewell.yaml is written. With --yes it asks nothing.
    """
    target_file = path / FILE_NAME
    if target_file.exists() and not force:
        raise UserError(
            f"{target_file} already exists", hint="edit it, or tunewell init --force to start over"
        )
    opening = _Opening(
        folder=path,
        columns=FieldMap(input=input, target=target),
        asks=not yes and answers is None,
        quiet=json,
    )
    try:
        draft = _from_file(opening, answers) if answers else _from_data(opening, data or [])
    except KeyboardInterrupt:
        note("\nnothing was written")
        raise
    _write(target_file, draft.text)
    if json:
        emit("init", {"path": str(target_file), **draft.as_json()})
        return
    _say_what_next(path, target_file, draft.answers)


def _say_what_next(path: Path, target: Path, answers: Answers) -> None:
    place = "" if path == Path() else f" {shlex.quote(str(path))}"
    owner = shlex.quote(answers.approve[0])
    note(f"\nwrote {target}\n")
    note(f"next: read it, then  tunewell approve{place} --as {owner}")
    note(f"then: tunewell run{place}")


@dataclass(frozen=True)
class _Opening:
    """How a project is begun.

    Attributes:
        folder: Of the project.
        columns: Columns that the user named.
        asks: Whether there is somebody to ask.
        quiet: Whether nothing but errors is shown.
    """

    folder: Path
    columns: FieldMap
    asks: bool
    quiet: bool

    def look(self, data: Sequence[str], columns: FieldMap) -> DataLook:
        """Open the data."""
        with progress("reading the data", quiet=self.quiet):
            return look_at(data, self.folder, named=columns)

    def show(self, look: DataLook) -> None:
        """What was read."""
        if not self.quiet:
            show_look(look)


@dataclass(frozen=True)
class _Draft:
    """A definition that is valid and not written yet.

    Attributes:
        answers: What it was made of.
        text: Of ``tunewell.yaml``.
        look: What is in the data; None where nobody looked.
        rules: What its rules would do; None where the data cannot be read.
        report: What the data suffer from; None where they cannot be read.
    """

    answers: Answers
    text: str
    look: DataLook | None = None
    rules: DryRun | None = None
    report: DoctorReport | None = None

    def as_json(self) -> dict[str, Any]:
        """What goes into the envelope."""
        found = self.report.findings if self.report else ()
        return {
            "answers": self.answers,
            "look": self.look,
            "rules": self.rules,
            "findings": [finding for finding in found if finding.status == "found"],
        }

    def show(self) -> None:
        """What doctor found, and what the rules would do."""
        if self.report:
            show_doctor(self.report)
        if self.rules:
            show_rules(self.rules, self.answers.report_only)


# --- from the data --------------------------------------------------------------------------------


def _from_data(opening: _Opening, given: Sequence[str]) -> _Draft:
    """Look at the data, propose, ask, show what the rules would do; not written yet."""
    if opening.asks:
        return _asked(opening, given)
    data = [_from_folder(name, opening.folder) for name in given] or data_in(opening.folder)
    if not data:
        raise UserError(
            f"there is no data in {opening.folder}", hint="tunewell init --data FILE --yes"
        )
    look = opening.look(data, opening.columns)
    opening.show(look)
    proposal = propose(look, data, opening.folder, owner=default_author())
    draft = _cautious(opening, _drafted(opening, proposal, look))
    if not opening.quiet:
        draft.show()
    return draft


def _cautious(opening: _Opening, draft: _Draft) -> _Draft:
    """The draft, whose rules report what would be a large part of the file."""
    if draft.rules is None:
        return draft
    answers = with_reports(draft.answers, draft.rules)
    return draft if answers == draft.answers else _drafted(opening, answers, draft.look)


def _asked(opening: _Opening, given: Sequence[str]) -> _Draft:
    """The same with somebody to ask, who may go back at any question."""
    note("tunewell init reads your data first and proposes a definition.")
    note(f"{HOW}\n")
    data = [_from_folder(name, opening.folder) for name in given]
    while True:
        if not data:
            data = _ask_for_data(opening.folder)
        try:
            draft = _asked_about(opening, data)
        except GoBack:
            data = []
            continue
        except DataError as error:
            if given:
                raise
            note(f"  {error}\n")
            data = []
            continue
        return draft


def _ask_for_data(folder: Path) -> list[str]:
    """Files that can be found, as they go into the definition."""
    found = ", ".join(data_in(folder))
    while True:
        try:
            typed = line("Where is the data? (files, folders or globs, by commas)", found) or found
        except GoBack:
            continue
        names = [name.strip() for name in typed.split(",") if name.strip()]
        data = [_from_folder(name, folder) for name in names]
        missing = [name for name in data if not glob.glob(str(folder / name))]
        if data and not missing:
            return data
        note(f"  there is no {missing[0]} in {folder}" if missing else "  name at least one file")


def _asked_about(opening: _Opening, data: Sequence[str]) -> _Draft:
    look = _confirmed_look(opening, data)
    answers = propose(look, data, opening.folder, owner=default_author())
    questions = questions_for(look.kinds, dated=look.dated > 0)
    while True:
        answers = ask_all(answers, questions)
        draft = _cautious(opening, _drafted(opening, answers, look))
        draft.show()
        try:
            reply = line("\nWrite tunewell.yaml?", "yes")
        except GoBack:
            continue
        if reply.lower() in ("", "y", "yes"):
            return draft
        if reply.lower() in ("n", "no"):
            raise UserError("nothing was written", hint="tunewell init starts again")


def _confirmed_look(opening: _Opening, data: Sequence[str]) -> DataLook:
    """What is in the data, with the columns that the user wants for question and answer."""
    columns = opening.columns
    while True:
        look = opening.look(data, columns)
        opening.show(look)
        asked, answered = _column(look, "question"), _column(look, "answer")
        if not (asked and answered):
            return look
        typed = line("\nQuestion and answer columns", f"{asked}, {answered}")
        named = [name.strip() for name in typed.split(",")]
        if not typed or named == [asked, answered]:
            return look
        if len(named) == 2:
            columns = columns.model_copy(update={"input": named[0], "target": named[1]})
        else:
            note("  not understood: QUESTION, ANSWER")


def _column(look: DataLook, use: str) -> str:
    """The column of the data that was taken for this."""
    return next((each.key for each in look.used if each.use == use), "")


def _drafted(opening: _Opening, answers: Answers, look: DataLook | None) -> _Draft:
    """The text of the definition, valid, with what doctor and its rules say of the data."""
    place = opening.folder / FILE_NAME
    with progress("trying the rules on the data", quiet=opening.quiet):
        languages = languages_of_data(answers.data, opening.folder)
        text = write_yaml(answers, languages=languages)
        file = parse_task(text, path=place, environment={})
        draft = _Draft(answers=answers, text=text, look=look)
        try:
            return replace(draft, rules=dry_run(file), report=_doctored(file))
        except (DataError, OSError):
            if look is not None:
                raise
            # Answers from a file may come before the data.
            return draft


def _doctored(file: TaskFile) -> DoctorReport:
    """What is wrong with the training data, its own test set taken into account."""
    from tunewell.curate.reading.data_files import find_files

    files: dict[str, list[Path]] = {"train": [], "test": []}
    for source in file.spec.data:
        path = file.root / source.path
        # A folder is read as a whole: recordings in it are named by its files of rows.
        found = [path] if path.is_dir() else find_files(source, root=file.root, where="")
        files[source.role] += found
    held_out = files["test"][0] if files["test"] else None
    return doctor(files["train"], eval=held_out, task=file)


def _from_folder(name: str, folder: Path) -> str:
    """A path as it goes into the definition: from the project's folder."""
    if "$" in name or glob.glob(str(folder / name)):
        return name
    return os.path.relpath(name, folder)


# --- from a file of answers -----------------------------------------------------------------------


def _from_file(opening: _Opening, path: Path) -> _Draft:
    draft = _drafted(opening, read_answers(path), None)
    if not opening.quiet:
        draft.show()
    return draft


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


def _write(target: Path, text: str) -> None:
    """Whole or not at all."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        try:
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
