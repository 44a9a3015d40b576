"""From raw files to a dataset in which every input row can be accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.checks.personal.recogniser import load_recogniser
from tunewell.curate import (
    boilerplate,
    duplicates,
    templates,
)
from tunewell.curate.apply_to_rows import apply_row_rules
from tunewell.curate.contradictions import contradictions
from tunewell.curate.corrections import take_up
from tunewell.curate.erasure import drop_erased
from tunewell.curate.findings import Related, findings
from tunewell.curate.from_use import rows_taken_up
from tunewell.curate.heard import drop_heard_copies, with_clip_faults
from tunewell.curate.heard_voices import note_voices
from tunewell.curate.kept_clips import clips_unchanged, keep_clips
from tunewell.curate.leaks import drop_leaks, report_likely
from tunewell.curate.map_and_families import to_look_at
from tunewell.curate.mass_drops import hold_back
from tunewell.curate.off_task import drop_off_task
from tunewell.curate.reading.data_files import find_files, sources_of
from tunewell.curate.reading.read import (
    ReadResult,
    read_source,
    reading_report,
    settle_ids,
)
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.row_checks import RowChecks, look
from tunewell.curate.rows import (
    InputRow,
    dropped_of,
    ids_of,
    tests_of,
    training_of,
    written_of,
)
from tunewell.curate.unchecked import (
    PERSONAL_UNCHECKED,
    OpenQuestion,
    open_dates,
    open_languages_of,
    open_personal,
    with_open_question,
)
from tunewell.errors import DataError
from tunewell.lineage import StageKey
from tunewell.metrics.facts import facts_file
from tunewell.people.erased_people import ErasedPerson, erased
from tunewell.people.row_changes import PeopleChanges, words_for
from tunewell.plurals import per_cent
from tunewell.project import Project
from tunewell.similar.in_parts import Workplace
from tunewell.store import Store
from tunewell.store.files import file_digest
from tunewell.store.rows import content_digest, examples_to_table
from tunewell.task import TaskFile
from tunewell.types import (
    Dataset,
    Finding,
    digest,
)

Progress = Callable[[int, int], None]
_STEPS = 9

_CITED = ("rules", "task.instr")
"""Parts of the definition whose lines are cited by receipts."""

_NOBODY = PeopleChanges()


@dataclass
class Curated:
    """What curation made of the rows, before it is stored.

    Attributes:
        rows: Every row that was read; ``dropped`` says which are gone.
        ledger: The receipts.
        batch: What was read.
        related: What the rows have to do with each other.
    """

    rows: list[InputRow]
    ledger: Ledger
    batch: ReadResult
    related: Related = field(default_factory=Related)

    @property
    def training(self) -> list[InputRow]:
        """Rows that are still there and may be trained on."""
        return training_of(self.rows)

    @property
    def tests(self) -> list[InputRow]:
        """Rows of the project's own test set."""
        return tests_of(self.rows)


def inputs_of(file: TaskFile) -> dict[str, str]:
    """Digest of every source file: the inputs of the Run.

    Raises:
        DataError: A source is not there.
    """
    found: dict[str, str] = {}
    for i, (source, where) in enumerate(sources_of(file)):
        for path in find_files(source, root=file.root, where=where):
            found[f"data.{i}:{path.name}:{len(found)}"] = file_digest(path)
    facts = facts_file(file)
    if facts is not None and facts.is_file():
        found["facts"] = file_digest(facts)
    return found


def parameters_of(file: TaskFile, store: Store | None = None) -> dict[str, Any]:
    """What decides the result of curation beside its inputs.

    The definition, what people said, who was erased.
    """
    spec = file.spec
    of_store = _parameters_of_store(store) if store is not None else {"erased": []}
    return {
        "data": [source.model_dump(mode="json") for source in spec.data],
        "rules": spec.rules.model_dump(mode="json", by_alias=True),
        "instruction": spec.task.instruction,
        "kept": sorted(_fields_named(file)),
        "shown": 1,  # curation before this had nothing to look at: it is done again
        "cites": _cited_lines(file),
        **of_store,
    }


def _parameters_of_store(store: Store) -> dict[str, Any]:
    marks: set[str] = set()
    for person in erased(store):
        marks |= person.marks
    parameters: dict[str, Any] = {"erased": sorted(marks)}
    words = words_for(store)
    if words.digest:
        parameters["words"] = words.digest
    return parameters


def _cited_lines(file: TaskFile) -> dict[str, str]:
    """The lines that receipts cite: moving a rule makes another dataset."""
    return {name: file.where(name) for name in sorted(file.lines) if name.startswith(_CITED)}


def curate(
    project: Project,
    *,
    progress: Progress | None = None,
) -> Dataset:
    """Read the project's sources and make a dataset of them, with a receipt for every input row.

    Args:
        project: The project.
        progress: Called with (steps done, steps).

    Returns:
        The dataset: rows to train on, and the project's own test rows, listed in ``held_out``.

    Raises:
        DataError: A source is missing, nothing can be read, or too much cannot be read.
    """
    file, store = project.file, project.store
    tell = progress or _tell_nobody
    inputs = inputs_of(file)
    parameters = parameters_of(file, store)
    key = StageKey("curate", inputs, parameters)
    earlier = key.value(store, "dataset", Dataset)
    if earlier is not None and clips_unchanged(store, key):
        return earlier

    with key.record(store) as run:
        words = words_for(store)
        batch = read(file)
        batch.rows += rows_taken_up(store, words.from_use)
        tell(1, _STEPS)
        done = apply_rules(
            file,
            batch,
            people=erased(store),
            words=words,
            progress=lambda step, _of: tell(1 + step, _STEPS),
        )
        dataset = _store(done, store)
        shown = to_look_at(
            done.rows,
            done.ledger,
            done.related.families,
            done.related.leaks,
        )
        run.outputs["dataset"] = store.put_value(dataset)
        run.outputs["examples"] = dataset.examples
        run.outputs["receipts"] = dataset.receipts
        run.outputs["shown"] = store.put_value(shown)
        run.outputs["reading"] = store.put_value(reading_report(done.batch))
        keep_clips(done.rows, batch.clips, run, store)
        run.counts.update(counts(done))
        run.findings.extend(seen(file, done))
        tell(_STEPS, _STEPS)
    return dataset


def _tell_nobody(_done: int, _of: int) -> None:
    """No progress is shown."""


def read(file: TaskFile) -> ReadResult:
    """Read every source of a project.

    Raises:
        DataError: A source is missing, nothing can be read, or too much cannot be read.
    """
    batch = ReadResult(kept=_fields_named(file))
    for source, where in sources_of(file):
        read_source(
            source,
            root=file.root,
            batch=batch,
            where=where,
        )
    batch.require_rows(
        f"none of {batch.read} input rows can be read",
        place=file.where("data"),
        hint="check data.format and data.fields in tunewell.yaml",
    )
    most = file.spec.rules.max_reject_share
    if batch.lost_share > most:
        hints = [reject.hint for reject in batch.rejects if reject.hint]
        mend = hints[0] if hints else "fix the file or data.fields"
        raise DataError(
            f"{len(batch.rejects)} of {batch.read} input rows ({per_cent(batch.lost_share)}"
            f"{_of_what(batch)}) cannot be read, more than the {per_cent(most)} of "
            f"rules.max_reject_share; first: {batch.first_reject}",
            place=file.where("rules.max_reject_share"),
            hint=f"{mend}; or raise rules.max_reject_share",
        )
    return batch


def _fields_named(file: TaskFile) -> frozenset[str]:
    """Fields that the definition speaks of: slices, and exceptions to the rule on age."""
    named = [part.field for part in file.spec.slices]
    if file.spec.rules.max_age is not None:
        named += [exception.field for exception in file.spec.rules.max_age.exceptions]
    return frozenset(name.removeprefix("tags.") for name in named)


def _of_what(batch: ReadResult) -> str:
    """What the share is of, where one reject may stand for many rows."""
    if batch.lost_rows == len(batch.rejects):
        return ""
    return f" by bytes: about {batch.lost_rows} rows"


def apply_rules(
    file: TaskFile,
    batch: ReadResult,
    *,
    people: Sequence[ErasedPerson] = (),
    words: PeopleChanges = _NOBODY,
    progress: Progress = _tell_nobody,
) -> Curated:
    """Every step of curation on rows that were read, without a store.

    Args:
        file: The project's definition.
        batch: What was read.
        people: Those who were erased (see `tunewell.people.erased_people.erased`).
        words: Corrections and gold of people, taken up before any rule.
        progress: Called with (steps done, steps).
    """
    ledger = Ledger()
    settle_ids(batch, ledger)
    take_up(batch.rows, words, ledger)
    done = Curated(batch.rows, ledger, batch)
    related = done.related

    checks = _checks_of(file)
    drop_erased(done.rows, people, ledger)
    place = Workplace.of(file)
    looked = look(done.rows, checks, place.engine)
    looked = with_clip_faults(done.rows, looked, batch.clips)
    progress(1, _STEPS)

    related.spans = apply_row_rules(done.rows, looked, file, ledger)
    _drop_off_task(file, done)
    progress(2, _STEPS)
    boilerplate.strip(done.training, file, ledger)
    _instruct(file, done)
    progress(3, _STEPS)

    # Leaks first: a copy of a leak is a leak, not a duplicate.
    related.leaks = drop_leaks(written_of(done.training), written_of(done.tests), ledger, place)
    written = written_of(done.training)
    related.unchecked["D11"] = report_likely(written, done.tests, related.leaks, ledger)
    hold_back(done.rows, file, ledger)
    progress(4, _STEPS)
    drop_heard_copies([*done.tests, *done.training], batch.clips, ledger)
    unheard = note_voices([*done.tests, *done.training], batch.clips, ledger)
    batch.notes += [unheard] if unheard else []
    equal = duplicates.exact(done.training, file, ledger)
    progress(5, _STEPS)
    like = duplicates.near(written_of(done.training), file, ledger, place)
    related.unchecked["D04"] = like.unchecked
    hold_back(done.rows, file, ledger)
    related.families["D03"] = equal
    related.families["D04"] = like.copies
    related.families["D05"] = templates.cap(like.templates, file, ledger)
    progress(6, _STEPS)
    related.families["D09"] = contradictions(
        done.training,
        file,
        ledger,
        copies=[*equal, *like.copies],
    )
    ledger.keep(done.tests, "held out", "given as the test set: never trained on")
    ledger.keep(done.training, "end", "passed every rule")
    progress(7, _STEPS)
    return done


def _checks_of(file: TaskFile) -> RowChecks:
    """What the pass over rows by themselves looks at."""
    rules = file.spec.rules
    checks = RowChecks(
        repair=rules.repair,
        languages=True,
        recogniser=rules.recogniser,
        root=str(file.root),
    )
    # Here, so that what is wrong with it is said without a detour.
    load_recogniser(checks.recogniser, checks.root)
    return checks


def _drop_off_task(file: TaskFile, done: Curated) -> None:
    """Drop what reads like the rows that were dropped for their kind."""
    unwanted = frozenset(file.spec.rules.kinds.drop) - {""}
    others = [row for row in dropped_of(done.rows) if row.kind in unwanted]
    if others:
        drop_off_task(done.training, others, file, done.ledger)


def _instruct(file: TaskFile, done: Curated) -> None:
    """Put the task's instruction in front of rows that have no system turn."""
    instruction = file.spec.task.instruction
    if not instruction:
        return
    by = StepRule(
        step="instruction",
        rule="rows without a system turn get the task's instruction",
        cites=file.where("task.instruction"),
    )
    for row in (*done.training, *done.tests):
        if not row.has_system:
            row.instruct(instruction)
            done.ledger.change(row, by)


def counts(done: Curated) -> dict[str, int]:
    """The counts of the Run: read, rejected, kept, held out, dropped by step, changed."""
    return {
        "read": done.batch.read,
        "rejected": len(done.batch.rejects),
        "kept": len(done.training),
        "held_out": len(done.tests),
        "dropped": len(dropped_of(done.rows)),
        **done.ledger.count_by_step(),
    }


def seen(file: TaskFile, done: Curated) -> list[Finding]:
    """The Findings of the Run."""
    found = findings(
        file,
        done.ledger,
        done.related,
        read=done.batch.read,
        tests=len(done.tests),
    )
    training = [row for row in done.rows if not row.held]
    unproven = done.ledger.rows.get(PERSONAL_UNCHECKED, [])
    questions = {
        **done.related.unchecked,
        "D06": open_dates(training),
        "D07": open_personal(unproven),
        "D08": open_languages_of(done.ledger, len(training)),
    }
    nothing = OpenQuestion()
    return [with_open_question(each, questions.get(each.code, nothing)) for each in found]


def _store(done: Curated, store: Store) -> Dataset:
    kept = sorted([*done.training, *done.tests], key=lambda row: row.id)
    held = sorted(ids_of(done.tests))
    examples = examples_to_table(row.example() for row in kept)
    receipts = done.ledger.table()
    receipts = receipts.sort_by([("row", "ascending"), ("order", "ascending")])
    content = {
        "examples": content_digest(examples),
        "receipts": content_digest(receipts),
        "held_out": held,
    }
    return Dataset(
        id=digest(content),
        rows=len(kept),
        examples=store.put_table(examples),
        receipts=store.put_table(receipts),
        held_out=tuple(held),
        read=done.batch.read,
    )


__all__ = ["Curated", "apply_rules", "curate", "inputs_of", "parameters_of", "read"]
