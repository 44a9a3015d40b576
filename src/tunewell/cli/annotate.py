"""``tunewell annotate``: lay texts before people, read how far they agree, take the gold."""

from __future__ import annotations

import json as json_library
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from tunewell.annotate import (
    alt_test,
    annotation_result,
    gold_examples,
    import_words,
    labels_of,
    mixed,
    novel,
    open_annotation,
    read_words,
    row_doubts,
    rows_of,
    suspicious,
    to_argilla,
    to_csv,
    to_label_studio,
)
from tunewell.annotate.source import AnnotatedPart
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, out, project
from tunewell.cli.review import accounts_named, newest_batch
from tunewell.errors import DataError, UserError
from tunewell.people import Accounts, Batch, Book, shown
from tunewell.people.guide import conversation
from tunewell.people.row_changes import freeze_gold, settled_annotations
from tunewell.store import Store, default_author
from tunewell.task import TaskFile
from tunewell.types import Example

Source = Literal["test", "review", "train", "stress"]
AnnotateAction = Literal["open", "results", "gold", "freeze", "export", "import", "alt-test"]
Format = Literal["label-studio", "argilla", "csv"]


def command(
    action: Annotated[
        AnnotateAction,
        typer.Argument(help="open, results, gold, freeze, export, import or alt-test."),
    ],
    path: ProjectOption = Path(),
    part: Annotated[
        Source,
        typer.Option(
            "--from",
            help="test (its gold only), review, train, or stress (would the same answer do?).",
        ),
    ] = "review",
    rows: Annotated[int, typer.Option(help="Rows to draw, mirroring the slices.", min=1)] = 50,
    raters: Annotated[
        int, typer.Option(help="People per row; those of the definition if 0.", min=0)
    ] = 0,
    people: Annotated[
        list[str] | None, typer.Option("--to", help="Name of an account that annotates.")
    ] = None,
    adjudicators: Annotated[
        list[str] | None,
        typer.Option("--adjudicator", help="Name of an account that decides disagreements."),
    ] = None,
    answers: Annotated[bool, typer.Option(help="People write or correct the answer.")] = True,
    suggest: Annotated[bool, typer.Option(help="Lay the present answer before them.")] = True,
    worst_first: Annotated[
        bool, typer.Option("--worst-first", help="Rows of D10 and D09 first, then drawn.")
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", help="Of the export or import.")
    ] = "label-studio",
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", help='alt-test: JSONL of {"example", "label"} as a model labels them.'
        ),
    ] = None,
    epsilon: Annotated[
        float, typer.Option(help="alt-test: how much worse than a person a model may be.")
    ] = 0.2,
    read: Annotated[Path | None, typer.Option("--in", help="import: the file.")] = None,
    blind: Annotated[
        float,
        typer.Option(
            help="open: share of rows without the suggestion, to measure what it does.",
            min=0,
            max=1,
        ),
    ] = 0.2,
    unlike: Annotated[
        float,
        typer.Option(
            "--novel", help="open: share of rows least like the training rows.", min=0, max=1
        ),
    ] = 0.0,
    uncertain: Annotated[
        float,
        typer.Option(
            help="open: share of what is drawn that goes to rows in proportion to the model's or judge's doubt.",
            min=0,
            max=0.9,
        ),
    ] = 0.0,
    title: Annotated[str, typer.Option(help="What annotators see.")] = "",
    output: Annotated[
        Path | None, typer.Option("--out", help="File for the gold or the export.")
    ] = None,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """People mark texts and write answers: open a batch, read how far they agree, take the gold."""
    with project(path) as (file, store):
        if action == "open" and part == "stress":
            _open_stress(
                file, store, rows, raters, people or [], title, author or default_author(), json
            )
        elif action == "open" and part != "stress":
            name = author or default_author()
            examples, families = rows_of(store, part)
            deciding = accounts_named(store, adjudicators or [])
            working = accounts_named(store, people or [])
            batch = open_annotation(
                store,
                file,
                examples,
                author=name,
                rows=rows,
                part=part,
                raters=raters or None,
                gold=answers,
                suggest="target" if suggest else "none",
                title=title,
                adjudicators=deciding,
                families=families,
                first=_first(store, examples, part, rows, worst_first=worst_first, share=unlike),
                blind=blind,
                doubts=_doubts(file, store, part) if uncertain else None,
                uncertain=uncertain,
            )
            seats = Book(store).share(batch, working)
            Accounts(store).log(
                name, "batch opened", batch.id, kind=batch.kind, title=batch.title, seats=seats
            )
            _opened(store, batch, seats, json)
        elif action == "results":
            _results(store, json)
        elif action == "gold":
            _gold(file, store, output, json)
        elif action == "freeze":
            _freeze(store, author or default_author(), json)
        elif action == "import":
            _import(file, store, form, read, author or default_author(), title, json)
        elif action == "export":
            _export(store, form, output)
        else:
            _alt_test(store, model, epsilon, json)


def _open_stress(
    file: TaskFile,
    store: Store,
    rows: int,
    raters: int,
    people: list[str],
    title: str,
    author: str,
    json: bool,
) -> None:
    """Ask people whether the perturbations of the newest stress test leave the right answer as they claim."""
    from tunewell.evaluate.stress import AnswerCheck, open_preserved

    working = accounts_named(store, people)
    examples, families = rows_of(store, "test")
    check = AnswerCheck(author=author, count=rows, raters=raters or None, title=title)
    batch = open_preserved(store, file, examples, check, families=families)
    seats = Book(store).share(batch, working)
    Accounts(store).log(
        author, "batch opened", batch.id, kind=batch.kind, title=batch.title, seats=seats
    )
    items = Book(store).items(batch.id)
    if json:
        emit("annotate", {"batch": batch.id, "items": len(items), "seats": seats, "coverage": None})
        return
    out.print(
        f"{batch.title}: batch {batch.id}, {len(items)} rows, {seats} seats given", markup=False
    )
    out.print("tunewell stress reads what people say", markup=False)


def _first(
    store: Store,
    examples: Sequence[Example],
    part: AnnotatedPart,
    rows: int,
    *,
    worst_first: bool,
    share: float,
) -> list[str]:
    """Rows that come before those drawn: suspected targets, and rows unlike anything that is trained on."""
    there = {e.id for e in examples}
    lists = [[name for name in suspicious(store) if name in there]] if worst_first else []
    if share > 0:
        known = (
            [e.input for e in rows_of(store, "train")[0]]
            if part != "train"
            else [e.input for e in examples]
        )
        lists.append(novel({e.id: e.input for e in examples}, known, count=round(share * rows)))
    return mixed(lists, count=rows)


def _doubts(file: TaskFile, store: Store, part: AnnotatedPart) -> dict[str, float]:
    judges = [m.name for m in file.spec.metrics if str(m.options.get("metric", m.name)) == "judge"]
    return row_doubts(store, part, judges=judges)


def _opened(store: Store, batch: Batch, seats: int, json: bool) -> None:
    items, found = Book(store).items(batch.id), batch.coverage
    if json:
        emit(
            "annotate", {"batch": batch.id, "items": len(items), "seats": seats, "coverage": found}
        )
        return
    out.print(f"{batch.title}: batch {batch.id}, {seats} seats given", markup=False)
    if found:
        out.print(
            f"  {found.covered} of {found.groups} slice values are in it (a random sample of the same size: "
            f"{found.random.value:.1f} on average); their shares are off by {found.error:.3f} "
            f"(random: {found.error_random.value:.3f})",
            markup=False,
        )


def _import(
    file: TaskFile,
    store: Store,
    form: Format,
    read: Path | None,
    author: str,
    title: str,
    json: bool,
) -> None:
    if read is None:
        raise UserError(
            "--in names the file to import",
            hint="tunewell annotate import --format argilla --in FILE",
        )
    try:
        text = read.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{read} cannot be read: {error}", place=str(read)) from error
    parts: tuple[AnnotatedPart, ...] = ("train", "review", "test")
    rows = {e.id: (e, part) for part in parts for e in rows_of(store, part)[0]}
    sources = {name: shown(conversation(e)) for name, (e, _) in rows.items()}
    found = import_words(
        store,
        file,
        read_words(form, text, sources, place=str(read)),
        rows,
        author=author,
        title=title,
    )
    if json:
        emit("annotate", found)
        return
    out.print(
        f"batch {found.batch}: {found.new} annotations are new, {found.known} were there",
        markup=False,
    )
    if found.unknown:
        out.print(
            f"{len(found.unknown)} rows are not in this project: {', '.join(found.unknown[:5])} …",
            markup=False,
        )
    for row, who, why in found.refused[:20]:
        out.print(f"  refused: {row}, {who}: {why}", markup=False)


def _results(store: Store, json: bool) -> None:
    result = annotation_result(Book(store), newest_batch(store, "annotate"))
    if json:
        emit("annotate", result)
        return
    out.print(
        f"{result.batch.title}: {len(result.settled)} settled, {len(result.disputes)} to decide, "
        f"{result.waiting} waiting, {result.undecided} that nobody could decide",
        markup=False,
    )
    if result.labels:
        out.print(
            f"  label of the text, alpha: {result.labels.alpha or result.labels.why}", markup=False
        )
    for label, found in result.spans.items():
        out.print(f"  {label}, alpha: {found.alpha or found.why}", markup=False)
    if result.overlap:
        out.print(f"  marks made exactly alike (F1): {result.overlap}", markup=False)
    if result.bias:
        out.print(
            f"  the suggestion leads answers towards it by {result.bias.bias} (likeness 0 to 1)",
            markup=False,
        )


def _gold(file: TaskFile, store: Store, output: Path | None, json: bool) -> None:
    batch = newest_batch(store, "annotate")
    result = annotation_result(Book(store), batch)
    parts: tuple[AnnotatedPart, ...] = ("test", "review", "train")
    rows = {e.id: e for part in parts for e in rows_of(store, part)[0]}
    found = [
        {"part": part, "guideline": batch.version, "example": example.model_dump(mode="json")}
        for example, part in gold_examples(result, rows)
    ]
    if output:
        lines = [json_library.dumps(line, ensure_ascii=False) for line in found]
        output.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    if json:
        emit("annotate", found)
    else:
        out.print(f"{len(found)} rows with gold{f' in {output}' if output else ''}", markup=False)
        out.print(
            "those of the test set change its gold only and are never trained on", markup=False
        )


def _freeze(store: Store, author: str, json: bool) -> None:
    """Freeze what the newest annotation settled: a new version of the gold, which is never trained on."""
    batch = newest_batch(store, "annotate")
    mine = {i.example for i in Book(store).items(batch.id)}
    rows = [word for _, word in settled_annotations(store) if word.example in mine and word.target]
    registry = freeze_gold(store, rows, author=author)
    if json:
        emit("annotate", registry)
        return
    out.print(
        f"gold {registry.version}: {len(registry.rows)} rows, {len(rows)} of this annotation",
        markup=False,
    )
    out.print(
        "neither they nor their families are ever trained on; tunewell run takes them up",
        markup=False,
    )


def _export(store: Store, form: Format, output: Path | None) -> None:
    book, batch = Book(store), newest_batch(store, "annotate")
    items, said = book.items(batch.id), book.verdicts(batch.id)
    if form == "csv":
        text = to_csv(items, said, batch)
    else:
        found = (
            to_label_studio(items, said, batch)
            if form == "label-studio"
            else to_argilla(items, said)
        )
        text = json_library.dumps(found, ensure_ascii=False, indent=1) + "\n"
    if output:
        output.write_text(text, encoding="utf-8")
        out.print(f"{len(items)} rows, {len(said)} annotations in {output}", markup=False)
    else:
        sys.stdout.write(text)


def _alt_test(store: Store, model: Path | None, epsilon: float, json: bool) -> None:
    if model is None:
        raise UserError(
            "--model names a file with the model's labels",
            hint='lines of {"example": "…", "label": "…"}',
        )
    labels: dict[str, str] = {}
    for number, line in enumerate(model.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json_library.loads(line)
            labels[str(row["example"])] = str(row["label"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"not an object with example and label: {error}", place=f"{model}:{number}"
            ) from None
    found = alt_test(
        labels_of(Book(store), newest_batch(store, "annotate")), labels, epsilon=epsilon
    )
    if json:
        emit("annotate", found)
        return
    names = {a.id: a.shown for a in Accounts(store).accounts()}
    verdict = "may" if found.passed else "may not"
    out.print(
        f"the model {verdict} annotate instead of a person: it stands in for {found.winning_rate:.0%} of them "
        f"(half are needed, margin {found.epsilon:g})",
        markup=False,
    )
    for one in found.people:
        name = names.get(one.account, one.account)
        out.print(
            f"  {name}: as good or better on {one.advantage} of the rows, p = {one.p_value:.2g}",
            markup=False,
        )
