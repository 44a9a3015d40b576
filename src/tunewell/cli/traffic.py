"""``tunewell traffic``: what was asked and answered in use, imported, shown, written out."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, note, open_project, show
from tunewell.cli.verb_group import VerbGroup
from tunewell.errors import MissingExtraError
from tunewell.plurals import plural

app = typer.Typer(
    cls=VerbGroup,
    rich_markup_mode=None,
    help="Import, show and write out what was asked and answered in use.",
)


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="JSON lines, JSON, Parquet or OTLP (JSON or protobuf): Langfuse, LiteLLM, "
            "Helicone, TensorZero, Phoenix, OpenTelemetry, or your own.",
        ),
    ],
    folder: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Import what other tools recorded; the same file again changes nothing."""
    # `folder`, not `path`: after any number of files the project can be an option only.
    from tunewell.checks.personal.recogniser import load_recogniser
    from tunewell.gateway.draw import Hasher
    from tunewell.gateway.masking import masker
    from tunewell.gateway.places import gateway_folder, salt

    try:
        from tunewell.gateway.ingest.take_in import take_in
    except ImportError as error:
        raise MissingExtraError("gateway", needed_for="tunewell traffic import") from error

    found: dict[str, Any] = {}
    with open_project(folder) as project:
        spec = project.spec
        recogniser = load_recogniser(spec.rules.recogniser, str(project.root))
        mask = masker(recogniser, wanted=spec.gateway.mask if spec.gateway else True)
        hasher = Hasher(salt(gateway_folder(project.root)))
        for file in files:
            done = take_in(
                project.store, file, hasher=hasher, mask=mask, now=dt.datetime.now(dt.UTC)
            )
            found[str(file)] = done
    if json:
        emit("traffic import", found)
        return
    for name, done in found.items():
        show(
            f"{name}: imported {plural(done.interactions, 'interaction')} and "
            f"{plural(done.feedback, 'feedback record')} from {plural(done.objects, 'object')} "
            f"({done.known:,} already imported, {done.other:,} spans of other kinds, "
            f"{done.unread:,} not readable)"
        )
        if done.without_text:
            bare = plural(done.without_text, "interaction")
            note(f"  {bare} imported without any text: the source kept none")
        if done.edits.fields:
            fields = ", ".join(f"{name} in {rows:,}" for name, rows in done.edits.fields.items())
            note(f"  edited since the first import, which is kept: {fields}")
        for reason in done.reasons:
            note(f"  {reason}")


def summary(path: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Show how much traffic there is, by arm, and what came of it."""
    from tunewell.gateway.keep import orphan_feedback
    from tunewell.store.kept_traffic import read_feedback, read_interactions

    with open_project(path) as project:
        rows = list(read_interactions(project.store))
        said = list(read_feedback(project.store))
        orphans = len(orphan_feedback(project.store))
    by_arm = Counter(row.assigned for row in rows)
    kinds = Counter(each.kind for each in said)
    if json:
        ids = {each.interaction for each in said}
        without = Counter(row.assigned for row in rows if row.id not in ids)
        times = [row.at for row in rows]
        emit(
            "traffic show",
            {
                "interactions": len(rows),
                "arms": by_arm,
                "without_feedback": without,
                "feedback": kinds,
                "orphans": orphans,
                "first": min(times, default=None),
                "last": max(times, default=None),
            },
        )
        return
    if not rows:
        show("no traffic yet")
        note("hint: tunewell gateway serve, or tunewell traffic import FILE")
        return
    show(f"{plural(len(rows), 'interaction')}, {rows[0].at:%Y-%m-%d} to {rows[-1].at:%Y-%m-%d}")
    for arm, count in by_arm.most_common():
        show(f"  {arm or '(no arm)'}: {count:,}")
    for kind, count in kinds.most_common():
        show(f"feedback, {kind}: {count:,}")
    if orphans:
        show(f"feedback on interactions that are not there: {orphans:,}")


def export(
    folder: Annotated[Path, typer.Argument(help="Folder for the two files.")],
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Write all interactions and all feedback to two files of Parquet."""
    from tunewell.gateway.archive import export_traffic

    with open_project(path) as project:
        written = export_traffic(project.store, folder)
    if json:
        emit("traffic export", [str(file) for file in written])
        return
    for file in written:
        show(str(file))


VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "import": import_files,
    "show": summary,
    "export": export,
}
for name, command in VERBS.items():
    app.command(name)(command)
