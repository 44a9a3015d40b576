"""From raw files to a dataset in which every input row can be accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.checks.personal.identifiers import find_personal
from tunewell.checks.personal.masks import mask
from tunewell.checks.personal.recogniser import load_recogniser
from tunewell.curate import boilerplate, clean, repeats, rules, superseded, templates
from tunewell.curate.contradictions import contradictions
from tunewell.curate.findings import findings
from tunewell.curate.leaks import Leak, drop_leaks
from tunewell.curate.looks import to_look_at
from tunewell.curate.read import ReadResult, as_mapping, find_files, read_source, settle_ids
from tunewell.curate.relevance import drop_off_task
from tunewell.curate.rows import InputRow, Ledger
from tunewell.curate.unchecked import (
    PERSONAL_UNCHECKED,
    OpenQuestion,
    open_dates,
    open_languages_of,
    open_personal,
    unproven_in,
    with_open_question,
)
from tunewell.curate.versions import Person, erased, names_erased
from tunewell.curate.words import take_up
from tunewell.engine import Engine
from tunewell.errors import DataError
from tunewell.lineage import record, reuse
from tunewell.people.row_changes import PeopleChanges, words_for
from tunewell.store import Store
from tunewell.store.files import file_digest
from tunewell.store.rows import content_digest, examples_to_table
from tunewell.task import TaskFile
from tunewell.types import Dataset, Finding, digest

Progress = Callable[[int, int], None]
_STEPS = 9


@dataclass
class Curated:
    """What curation made of the rows, before it is stored.

    Attributes:
        rows: Every row that was read; ``dropped`` says which are gone.
        ledger: The receipts.
        batch: What was read.
        families: By pitfall, rows that belong together.
        leaks: Training rows that gave a test row away.
        spans: Where personal data stood, by row.
    """

    rows: list[InputRow]
    ledger: Ledger
    batch: ReadResult
    families: dict[str, list[list[InputRow]]] = field(default_factory=dict)
    leaks: list[Leak] = field(default_factory=list)
    spans: list[Mapping[str, str | int]] = field(default_factory=list)

    @property
    def training(self) -> list[InputRow]:
        """Rows that are still there and may be trained on."""
        return [row for row in self.rows if not row.dropped and not row.held]

    @property
    def tests(self) -> list[InputRow]:
        """Rows of the project's own test set."""
        return [row for row in self.rows if row.held and not row.dropped]


def inputs_of(file: TaskFile) -> dict[str, str]:
    """Digest of every source file: the inputs of the Run.

    Raises:
        DataError: A source is not there.
    """
    found: dict[str, str] = {}
    for i, source in enumerate(file.spec.data):
        for path in find_files(source, root=file.root, where=file.where(f"data.{i}.path")):
            found[f"data.{i}:{path.name}:{len(found)}"] = file_digest(path)
    facts = superseded.facts_of(file)
    if facts is not None and facts.is_file():
        found["facts"] = file_digest(facts)
    return found


def parameters_of(file: TaskFile, store: Store | None = None) -> dict[str, Any]:
    """What decides the result of curation beside its inputs: the definition, what people said, who was erased."""
    spec = file.spec
    return {
        "data": [source.model_dump(mode="json") for source in spec.data],
        "rules": spec.rules.model_dump(mode="json", by_alias=True),
        "instruction": spec.task.instruction,
        "shown": 1,  # curation before this had nothing to look at: it is done again
        "erased": sorted({mark for _, marks in erased(store) for mark in marks}) if store else [],
        **({"words": said} if store and (said := words_for(store).digest) else {}),
        # The receipts cite lines of the file, so moving a rule makes another dataset.
        "cites": {
            name: file.where(name)
            for name in sorted(file.lines)
            if name.startswith(("rules", "task.instr"))
        },
    }


def curate(file: TaskFile, store: Store, *, progress: Progress | None = None) -> Dataset:
    """Read the project's sources and make a dataset of them, with a receipt for every input row.

    Args:
        file: The project's definition.
        store: Where the dataset, its receipts and the Run go.
        progress: Called with (steps done, steps).

    Returns:
        The dataset: rows to train on, and the project's own test rows, listed in ``held_out``.

    Raises:
        DataError: A source is missing, nothing can be read, or too much cannot be read.
    """
    tell = progress or (lambda _done, _total: None)
    inputs, parameters = inputs_of(file), parameters_of(file, store)
    found = reuse(store, "curate", inputs=inputs, parameters=parameters)
    if found is not None:
        return store.get_value(found.outputs["dataset"], Dataset)
    with record(store, "curate", inputs=inputs, parameters=parameters) as run:
        batch = read(file)
        tell(1, _STEPS)
        done = apply_rules(
            file,
            batch,
            people=erased(store),
            words=words_for(store),
            progress=lambda i, _n: tell(1 + i, _STEPS),
        )
        dataset = _store(done, store)
        run.outputs["dataset"] = store.put_value(dataset)
        run.outputs["examples"], run.outputs["receipts"] = dataset.examples, dataset.receipts
        run.outputs["shown"] = store.put_value(
            to_look_at(done.rows, done.ledger, done.families, done.leaks)
        )
        run.counts.update(counts(done))
        run.findings.extend(seen(file, done))
        tell(_STEPS, _STEPS)
    return dataset


def read(file: TaskFile) -> ReadResult:
    """Read every source of a project.

    Raises:
        DataError: A source is missing, nothing can be read, or too much cannot be read.
    """
    batch = ReadResult()
    for i, source in enumerate(file.spec.data):
        read_source(source, root=file.root, batch=batch, where=file.where(f"data.{i}.path"))
    if not batch.rows:
        first = (
            f" (first: {batch.rejects[0].place}: {batch.rejects[0].why})" if batch.rejects else ""
        )
        raise DataError(
            f"none of {batch.read} input rows can be read{first}",
            place=file.where("data"),
            hint="check data.format and data.fields in tunewell.yaml",
        )
    share, most = len(batch.rejects) / batch.read, file.spec.rules.max_reject_share
    if share > most:
        worst = batch.rejects[0]
        raise DataError(
            f"{len(batch.rejects)} of {batch.read} input rows ({share:.0%}) cannot be read, more than the {most:.0%} "
            f"of rules.max_reject_share; first: {worst.place}: {worst.why}",
            place=file.where("rules.max_reject_share"),
            hint="mend the file or data.fields, or raise rules.max_reject_share",
        )
    return batch


def apply_rules(
    file: TaskFile,
    batch: ReadResult,
    *,
    people: Sequence[Person] = (),
    words: PeopleChanges | None = None,
    progress: Progress | None = None,
) -> Curated:
    """Every step of curation on rows that were read, without a store.

    Args:
        file: The project's definition.
        batch: What was read.
        people: Those who were erased (see `tunewell.curate.versions.erased`).
        words: Corrections and gold of people, taken up before any rule.
        progress: Called with (steps done, steps).
    """
    tell = progress or (lambda _done, _total: None)
    ledger = Ledger()
    settle_ids(batch, ledger)
    take_up(batch.rows, words or PeopleChanges(), ledger)
    done = Curated(batch.rows, ledger, batch)
    spec = file.spec.rules
    wanted = clean.Wanted(
        repair=spec.repair,
        languages=True,
        recogniser=spec.recogniser,
        root=str(file.root),
    )
    load_recogniser(
        wanted.recogniser, wanted.root
    )  # here, so that what is wrong with it is said without a detour
    _erase(done, people)
    looked = clean.look(done.rows, wanted, Engine(file.spec.engine))
    tell(1, _STEPS)
    _by_row(file, done, looked)
    others = [row for row in done.rows if row.dropped and row.kind and row.kind in spec.kinds.drop]
    if others:
        drop_off_task(done.training, others, file, ledger)
    tell(2, _STEPS)
    boilerplate.strip(done.training, file, ledger)
    _instruct(file, done)
    tell(3, _STEPS)
    # Leaks first: a copy of a leak is a leak, not a duplicate.
    done.leaks = drop_leaks(done.training, done.tests, ledger)
    tell(4, _STEPS)
    done.families["D03"] = repeats.exact(done.training, file, ledger)
    tell(5, _STEPS)
    done.families["D04"], made = repeats.near(done.training, file, ledger)
    done.families["D05"] = templates.cap(made, file, ledger)
    tell(6, _STEPS)
    done.families["D09"] = contradictions(
        done.training, file, ledger, copies=[*done.families["D03"], *done.families["D04"]]
    )
    ledger.keep(
        (row for row in done.rows if row.held),
        "held out",
        "given as the test set: never trained on",
    )
    ledger.keep((row for row in done.rows if not row.held), "end", "passed every rule")
    tell(7, _STEPS)
    return done


def _erase(done: Curated, people: Sequence[Person]) -> None:
    """Drop rows that mention somebody who was erased, test rows too."""
    if not people:
        return
    for row in done.rows:
        texts = [text for _, text in row.turns]
        masked = [mask(text, find_personal(text)) for text in texts]
        if names_erased([*texts, *masked], people):
            done.ledger.drop(
                row,
                "erased",
                "rows that mention an erased person are dropped",
                cites="tunewell erase",
                code="D07",
                evidence="an erased person",
            )


def _by_row(file: TaskFile, done: Curated, looked: Sequence[clean.Seen]) -> None:
    """Repair, broken, kinds, age, languages, words, personal data: in this order for every row."""
    ledger, spec = done.ledger, file.spec.rules
    for row, seen_ in zip(done.rows, looked, strict=True):
        if row.dropped:
            continue
        if seen_.turns is not None:
            row.turns = [
                (role, text) for (role, _), text in zip(row.turns, seen_.turns, strict=True)
            ]
            code = "D08" if "mojibake" in seen_.repairs else ""
            ledger.change(
                row,
                "repair",
                "certain repairs of the text",
                cites=file.where("rules.repair"),
                code=code,
                evidence=", ".join(seen_.repairs),
            )
        if seen_.fault and not row.held:
            kind, rule, evidence = seen_.fault
            if spec.broken == "drop":
                ledger.drop(
                    row,
                    "broken",
                    rule,
                    cites=file.where("rules.broken"),
                    code="D08",
                    evidence=f"{kind}: {evidence}",
                )
            else:
                ledger.seen("D08", [row.id])
    rules.date_by_text(done.training, file, ledger)
    today = rules.as_of(done.training, spec.max_age) if spec.max_age else None
    rules.kinds(done.training, file, ledger)
    rules.age(done.training, file, ledger, today=today)
    superseded.superseded(done.training, file, ledger, today=today or rules.newest(done.training))
    for row, seen_ in zip(done.rows, looked, strict=True):
        if not row.dropped and not row.held:
            rules.languages(row, seen_.languages, file, ledger)
    rules.words(done.training, file, ledger)
    for row, seen_ in zip(done.rows, looked, strict=True):
        if not row.dropped:
            ledger.seen(PERSONAL_UNCHECKED, unproven_in(row, seen_.languages))
    for row, seen_ in zip(done.rows, looked, strict=True):
        if not row.dropped and seen_.masked is not None:
            _personal(row, seen_, file, done)


def _personal(row: InputRow, seen_: clean.Seen, file: TaskFile, done: Curated) -> None:
    rule, cites = file.spec.rules.personal, file.where("rules.personal")
    done.spans += [
        {"row": row.id, "turn": t, "start": a, "end": b, "type": kind}
        for t, a, b, kind in seen_.spans
    ]
    names = [kind for *_, kind in seen_.spans]
    evidence = ", ".join(f"{names.count(kind)} {kind}" for kind in sorted(set(names)))
    if rule == "report":
        done.ledger.seen("D07", [row.id])
    elif rule == "drop" and not row.held:
        done.ledger.drop(
            row,
            "personal data",
            "rows with personal data are dropped",
            cites=cites,
            code="D07",
            evidence=evidence,
        )
    else:
        masked = seen_.masked or []
        row.turns = [(role, text) for (role, _), text in zip(row.turns, masked, strict=True)]
        done.ledger.change(
            row,
            "personal data",
            "personal data is masked, the same value always alike",
            cites=cites,
            code="D07",
            evidence=evidence,
        )


def _instruct(file: TaskFile, done: Curated) -> None:
    instruction = file.spec.task.instruction
    if not instruction:
        return
    for row in done.rows:
        if not row.dropped and (not row.turns or row.turns[0][0] != "system"):
            row.turns.insert(0, ("system", instruction))
            done.ledger.change(
                row,
                "instruction",
                "rows without a system turn get the task's instruction",
                cites=file.where("task.instruction"),
            )


def counts(done: Curated) -> dict[str, int]:
    """The counts of the Run: read, rejected, kept, held out, dropped by step, changed."""
    kept = [row for row in done.rows if not row.dropped]
    result = {
        "read": done.batch.read,
        "rejected": len(done.batch.rejects),
        "kept": sum(not row.held for row in kept),
        "held_out": sum(row.held for row in kept),
        "dropped": sum(row.dropped for row in done.rows),
    }
    table = done.ledger.table()
    steps = zip(table["step"].to_pylist(), table["action"].to_pylist(), strict=True)
    for step, action in steps:
        if action != "kept":
            name = f"{action}: {step}"
            result[name] = result.get(name, 0) + 1
    return result


def seen(file: TaskFile, done: Curated) -> list[Finding]:
    """The Findings of the Run."""
    found = findings(
        file,
        done.ledger,
        read=done.batch.read,
        families=done.families,
        leaks=done.leaks,
        tests=len(done.tests),
        spans=done.spans,
    )
    training = [row for row in done.rows if not row.held]
    questions = {
        "D06": open_dates(training),
        "D07": open_personal(done.ledger.rows.get(PERSONAL_UNCHECKED, [])),
        "D08": open_languages_of(done.ledger, len(training)),
    }
    return [
        with_open_question(finding, questions.get(finding.code, OpenQuestion()))
        for finding in found
    ]


def _store(done: Curated, store: Store) -> Dataset:
    kept = sorted((row for row in done.rows if not row.dropped), key=lambda row: row.id)
    examples = examples_to_table(row.example() for row in kept)
    receipts = done.ledger.table().sort_by([("row", "ascending"), ("order", "ascending")])
    held = tuple(row.id for row in kept if row.held)
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
        held_out=held,
        read=done.batch.read,
    )


__all__ = ["Curated", "apply_rules", "as_mapping", "curate", "inputs_of", "parameters_of", "read"]
