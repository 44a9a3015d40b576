"""A whole project as all stages would leave it, made in a second without a model.

For tests, pictures and previews.

The figures are computed from the invented rows, not written down: intervals shrink with more rows,
a weaker arm scores lower, and the verdict follows from the gates.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.lineage import run_key
from tunewell.similar.meaning_map import make_map
from tunewell.similar.shown_families import KEPT, Kin, Member, Shown
from tunewell.store import Store
from tunewell.store.rows import receipts_to_table
from tunewell.store.traces import trace_to_bytes
from tunewell.task import TaskFile, parse_task
from tunewell.testing.desk_rows import DeskRow, desk_row
from tunewell.testing.planted import edit
from tunewell.testing.sample_trace import readings, sample_trace
from tunewell.testing.sample_verdict import SampleEvaluation, sample_evaluation, sample_verdict
from tunewell.types import (
    Assignment,
    Dataset,
    Estimate,
    Example,
    Finding,
    Message,
    ModelVersion,
    Outcome,
    Receipt,
    Run,
    Split,
    Threshold,
    Trained,
    digest,
)

STAGES: Final = ("curate", "split", "train", "evaluate", "verdict")
START: Final = dt.datetime(2026, 11, 16, 8, 30, tzinfo=dt.UTC)
FILE: Final = "data/desk.jsonl"

TASK_YAML: Final = """\
version: 1
task:
  name: service-desk
  about: Answers what customers of an energy supplier ask its service desk, for staff to check.
  input: One message of a customer.
  output: The answer that the desk wants, in three sentences at most.
  must: [the date or the price that was asked for, what the customer has to do]
  must_not: ["I am an AI", "/[0-9]{16}/"]
data:
  - path: data/*.jsonl
    name: desk
    fields: {id: id, input: question, target: answer, date: date, kind: kind, tags: [region]}
rules:
  kinds:
    drop: [memo, mail, smalltalk]
  max_age:
    days: 1095
    except: [{field: landmark, is: "true", why: rulings that still bind}]
  languages: [en]
  words: {min_target: 4, max_target: 120}
  personal: mask
  boilerplate: strip
slices:
  - field: region
  - field: kind
metrics:
  - {name: key_points, options: {from: tags.points}}
  - name: must_not
  - name: rouge_l
gates:
  - {metric: key_points, kind: gain, against: prompted, at_least: 0.05}
  - {metric: must_not, kind: level, at_least: 0.95}
  - {metric: nats, kind: no_worse, against: prompted, margin: 0.05}
  - {metric: helpful, kind: level, at_least: 0.8, people: required}
people:
  approve: [head of service desk]
  rubric: [{name: helpful, question: "Could this be sent as it is?"}]
  raters: 2
split: {test: 0.2, review: 0.1, folds: 5, seed: 7}
train: {model: smollm2-135m, epochs: 4, seed: 7}
costs: {currency: EUR, machine_hour: 0.35, person_hour: 48}
"""

_DROPS: Final = (
    # step, code, share of the rows read, the rule, the key that asked for it, evidence, the text
    (
        "read",
        "D08",
        0.006,
        "not valid JSON",
        "",
        "unexpected end of data",
        '{"id": "b-17", "question": "My bill',
    ),
    (
        "kind",
        "D01",
        0.055,
        "kind is one of memo, mail, smalltalk",
        "rules.kinds.drop",
        "memo",
        "Memo to all teams: the canteen is closed on Friday, the lift is being repaired.",
    ),
    (
        "age",
        "D06",
        0.085,
        "older than 1095 days",
        "rules.max_age.days",
        "dated 2022-03-14, 1347 days old",
        "The tariff Green Basic costs 19.8 cents per kWh, valid from 14 March 2022.",
    ),
    (
        "broken",
        "D08",
        0.03,
        "the answer is cut off",
        "rules.broken",
        "ends with “and you will receive the”",
        "Please send the reading by Friday and you will receive the",
    ),
    (
        "exact",
        "D03",
        0.07,
        "same text after normalisation; the first is kept",
        "rules.exact_duplicates",
        "",
        "",
    ),
    (
        "near",
        "D04",
        0.045,
        "90 % of the words agree; the first is kept",
        "rules.near_duplicates",
        "similarity 0.94",
        "",
    ),
    ("leaks", "D11", 0.012, "same text as a row of the test set", "built-in", "identical", ""),
)
_CHANGES: Final = (
    ("repair", "D08", 0.04, "mojibake repaired", "rules.repair", "â‚¬ → €"),
    ("personal", "D07", 0.08, "email address masked", "rules.personal", "1 email address"),
    (
        "boilerplate",
        "D05",
        0.11,
        "recurring signature stripped",
        "rules.boilerplate",
        "Kind regards, your service team",
    ),
)


@dataclass(frozen=True)
class SampleProject:
    """What `sample_project` made.

    Attributes:
        file: The definition, as read from the folder.
        store: The project's store, open.
        rows: Every desk row that was kept, by id.
    """

    file: TaskFile
    store: Store
    rows: Mapping[str, DeskRow]


def sample_project(
    folder: Path,
    *,
    rows: int = 812,
    outcome: Outcome = "INCONCLUSIVE",
    versions: int = 1,
    stages: Sequence[str] = STAGES,
    seed: int = 7,
    hostile: Sequence[str] = (),
) -> SampleProject:
    """Fill a folder with a project: definition, raw rows, runs and artifacts of every stage.

    Args:
        folder: Where to; made if it is not there.
        rows: How many raw rows.
        outcome: ``GO`` (better; people have spoken), ``NO-GO`` (no gain), ``INCONCLUSIVE`` (people
            still to ask).
        versions: How many times the whole way was gone; later versions have more rows and a better
            model.
        stages: Which stages have run.
        seed: Of every draw.
        hostile: Texts to plant in questions, answers, evidence and outputs.
    """
    (folder / "data").mkdir(parents=True, exist_ok=True)
    path = folder / "tunewell.yaml"
    path.write_text(TASK_YAML, encoding="utf-8")
    file = parse_task(TASK_YAML, path=path, environment={})
    store = Store(folder)
    kept: dict[str, DeskRow] = {}
    for version in range(versions):
        age = versions - 1 - version
        factory = _Factory(
            file=file,
            store=store,
            start=START - dt.timedelta(days=9 * age),
            seed=seed,
            hostile=tuple(hostile),
            skill={"GO": 0.88, "NO-GO": 0.42, "INCONCLUSIVE": 0.80}[outcome] - 0.14 * age,
            spoken=outcome == "GO" and not age,
        )
        kept = factory.run(rows - 90 * age, stages)
    return SampleProject(file, store, kept)


@dataclass
class _Factory:
    file: TaskFile
    store: Store
    start: dt.datetime
    seed: int
    hostile: tuple[str, ...]
    skill: float
    spoken: bool

    def run(self, rows: int, stages: Sequence[str]) -> dict[str, DeskRow]:
        kept: dict[str, DeskRow] = {}
        if "curate" in stages:
            dataset_digest, dataset, kept = self.curate(rows)
        if "split" in stages:
            split_digest, split = self.split(dataset_digest, dataset, sorted(kept))
        if "train" in stages:
            trained_digest = self.train(dataset_digest, dataset, split_digest, split)
        if "evaluate" in stages:
            evaluated = self.evaluate(dataset_digest, split_digest, trained_digest, split, kept)
        if "verdict" in stages:
            self.verdict(evaluated)
        return kept

    # --- the stages -------------------------------------------------------------------------------

    def curate(self, count: int) -> tuple[str, Dataset, dict[str, DeskRow]]:
        draw = np.random.default_rng(self.seed)
        fates = draw.permutation(_fates(count))
        rows = [desk_row(i, seed=self.seed) for i in range(count)]
        kept = {row.id: row for row, fate in zip(rows, fates, strict=True) if fate < 0}
        changes = draw.random((count, len(_CHANGES)))
        receipts: list[Receipt] = []
        lines: list[str] = []
        for i, (row, fate) in enumerate(zip(rows, fates, strict=True)):
            place = f"{FILE}:{i + 1}"
            other = rows[i - 1].id
            lines.append(self._raw(row, int(fate)))
            receipts += self._receipts(row, place, int(fate), changes[i], other)
        (self.file.root / FILE).write_text(
            "\n".join(lines) + "\n", encoding="utf-8", errors="replace"
        )
        examples = [_example(row) for row in kept.values()]
        receipt_digest = self.store.put_table(receipts_to_table(receipts), sort=["row", "order"])
        dataset = Dataset(
            id=digest(sorted(kept)),
            rows=len(kept),
            examples=self.store.put_examples(examples),
            receipts=receipt_digest,
            read=count,
        )
        output = self.store.put_value(dataset)
        findings = _curate_findings(receipts, count, self.file)
        shown = self.store.put_value(_shown(rows, fates, self.hostile))
        self._save(
            "curate",
            0,
            11.8,
            {},
            {"dataset": output, "shown": shown},
            counts={"read": count, "kept": len(kept)},
            findings=findings,
            peak_mb=412,
        )
        return output, dataset, kept

    def _raw(self, row: DeskRow, fate: int) -> str:
        text = _DROPS[fate][6] if fate >= 0 else ""
        if fate == 0:
            return text
        record = {
            "id": row.id,
            "kind": row.kind,
            "region": row.region,
            "date": row.date.isoformat(),
            "question": row.question,
            "answer": text or row.answer,
        }
        return json.dumps(record, ensure_ascii=False)

    def _receipts(
        self, row: DeskRow, place: str, fate: int, chance: NDArray[np.float64], other: str
    ) -> list[Receipt]:
        found: list[Receipt] = []
        name = row.id if fate != 0 else place
        if fate != 0:
            for (step, code, share, rule, key, evidence), p in zip(_CHANGES, chance, strict=True):
                if p < share:
                    found.append(
                        Receipt(
                            row=name,
                            place=place,
                            step=step,
                            order=len(found),
                            action="changed",
                            code=code,
                            rule=rule,
                            cites=self.file.where(key),
                            evidence=evidence,
                        )
                    )
        if fate < 0:
            return [
                *found,
                Receipt(
                    row=name, place=place, step="end", order=len(found), action="kept", rule="kept"
                ),
            ]
        step, code, _, rule, key, evidence, _ = _DROPS[fate]
        cites = key if key in {"", "built-in"} else self.file.where(key)
        if self.hostile and len(evidence) % 2:
            evidence = self.hostile[len(row.question) % len(self.hostile)]
        found.append(
            Receipt(
                row=name,
                place=place,
                step=step,
                order=len(found),
                action="dropped",
                rule=rule,
                code=code,
                cites=cites or "built-in",
                evidence=evidence,
                other=other if code in {"D03", "D04", "D11"} else "",
            )
        )
        return found

    def split(self, dataset_digest: str, dataset: Dataset, ids: Sequence[str]) -> tuple[str, Split]:
        section = self.file.spec.split
        draw = np.random.default_rng(section.seed).permutation(len(ids)) / len(ids)
        parts = []
        for name, share in zip(ids, draw, strict=True):
            rest = (share - section.test - section.review) / (1 - section.test - section.review)
            part = (
                "test"
                if share < section.test
                else "review"
                if rest < 0
                else f"fold-{int(rest * section.folds)}"
            )
            parts.append(Assignment(id=name, family=name, part=part))
        split = Split(
            dataset=dataset.id, folds=section.folds, seed=section.seed, assignments=tuple(parts)
        )
        output = self.store.put_value(split)
        leak = Estimate(
            value=0.0,
            low=0.0,
            high=0.004,
            n=len(split.ids("test")),
            method="Clopper-Pearson",
            unit="share",
        )
        finding = Finding(
            code="D11",
            status="clear",
            stage="split",
            estimate=leak,
            why="No family is cut: no test row has a copy among the training rows.",
        )
        self._save(
            "split",
            1,
            0.9,
            {"dataset": dataset_digest},
            {"split": output},
            findings=(finding,),
            peak_mb=260,
        )
        return output, split

    def train(self, dataset_digest: str, dataset: Dataset, split_digest: str, split: Split) -> str:
        trace = sample_trace(split, seed=self.seed)
        recipe = self.file.spec.train.model_copy(update={"epochs": 2})
        held_out, train, gap = readings(trace)
        adapter = self.store.files.put_folder(
            {
                "adapter_config.json": json.dumps({"r": recipe.rank}).encode(),
                "README.md": f"Sample {self.skill}".encode(),
            }
        )
        model = ModelVersion(
            id=adapter[:12],
            base=recipe.model,
            adapter=adapter,
            recipe=recipe,
            dataset=dataset.id,
            split=split_digest,
            trained_on=len(split.all_folds),
        )
        stored = self.store.files.put_bytes(trace_to_bytes(trace), suffix=".safetensors")
        trained = Trained(
            model=model,
            trace=stored,
            best_epoch=2.0,
            held_out_loss=held_out,
            train_loss=train,
            tokens=52_480,
            tokens_per_s=158.0,
            notes=("Folds train the top quarter of the layers; the final all.",),
        )
        output = self.store.put_value(trained)
        finding = Finding(
            code="T01",
            status="clear",
            stage="train",
            estimate=gap,
            threshold=Threshold(value=0.5, origin="built-in"),
            why="At its best epoch the held-out loss is "
            f"{gap.value:.2f} nats above the training loss.",
        )
        self._save(
            "train",
            2,
            291.0,
            {"dataset": dataset_digest, "split": split_digest},
            {"trained": output, "trace": stored, "adapter": adapter},
            findings=(finding,),
            peak_mb=1730,
        )
        return output

    def evaluate(
        self,
        dataset: str,
        split_digest: str,
        trained: str,
        split: Split,
        kept: Mapping[str, DeskRow],
    ) -> tuple[str, SampleEvaluation]:
        made = sample_evaluation(
            [kept[i] for i in split.ids("test")],
            skills={"base": 0.12, "prompted": 0.46, "tuned": self.skill},
            store=self.store,
            seed=self.seed,
            hostile=self.hostile,
        )
        output = self.store.put_value(made.evaluation)
        adapter = self.store.get_value(trained, Trained).model.adapter
        examples = self.store.get_value(dataset, Dataset).examples
        inputs = {"dataset": dataset, "examples": examples, "split": split_digest}
        inputs["trained"] = trained
        inputs["adapter"] = adapter
        self._save(
            "evaluate",
            3,
            168.0,
            inputs,
            {"evaluation": output},
            findings=made.findings,
            peak_mb=1540,
        )
        return output, made

    def verdict(self, evaluated: tuple[str, SampleEvaluation]) -> None:
        output, made = evaluated
        if self.spoken:
            for i in range(40):
                self.store.say(
                    "judgement", f"item-{i}", author="head of service desk", record={"minutes": 1.2}
                )
        earlier = [
            f for stage in STAGES[:4] if (run := self.store.last_run(stage)) for f in run.findings
        ]
        verdict = sample_verdict(made, self.file, findings=earlier, spoken=self.spoken)
        self._save(
            "verdict",
            4,
            0.2,
            {"evaluation": output},
            {"verdict": self.store.put_value(verdict)},
            peak_mb=190,
        )

    def _save(
        self,
        stage: str,
        number: int,
        seconds: float,
        inputs: dict[str, str],
        outputs: dict[str, str],
        *,
        counts: dict[str, int] | None = None,
        findings: tuple[Finding, ...] = (),
        peak_mb: int = 0,
    ) -> None:
        started = self.start + dt.timedelta(hours=(0, 1, 2, 26, 27)[number])
        parameters: dict[str, Any] = {"definition": self.file.definition}
        self.store.save_run(
            Run(
                id=f"{started:%Y%m%dT%H%M%S}-{stage}",
                stage=stage,
                status="finished",
                inputs=inputs,
                outputs=outputs,
                key=run_key(stage, inputs=inputs, parameters=parameters, seed=self.seed),
                parameters=parameters,
                code="0.1.0",
                packages={"daft": "0.7.26", "numpy": "2.4.6", "torch": "2.13.0"},
                seed=self.seed,
                counts=counts or {},
                findings=findings,
                started=started,
                seconds=seconds,
                peak_bytes=peak_mb << 20,
            )
        )


def _fates(count: int) -> NDArray[np.int64]:
    fates = np.full(count, -1)
    at = 0
    for i, drop in enumerate(_DROPS):
        n = max(round(drop[2] * count), 1)
        fates[at : at + n] = i
        at += n
    return fates


def _example(row: DeskRow) -> Example:
    messages = (
        Message(role="user", content=row.question),
        Message(role="assistant", content=row.answer),
    )
    return Example(
        id=row.id,
        messages=messages,
        source="desk",
        kind=row.kind,
        date=row.date,
        tags={"region": row.region, "points": " | ".join(row.points)},
    )


def _shown(rows: Sequence[DeskRow], fates: NDArray[np.int64], hostile: Sequence[str]) -> Shown:
    """The map of the rows, and edited copies of a few.

    Rows whose text was spoiled are on the map by themselves.
    """
    from tunewell.similar.vectors import available

    ends = [_DROPS[fate][1] if fate >= 0 else KEPT for fate in fates.tolist()]
    texts = [
        (_DROPS[fate][6] if fate > 0 else "") or row.question
        for row, fate in zip(rows, fates.tolist(), strict=True)
    ]
    names = [row.id for row in rows]
    draw = random.Random(3)
    family = [
        Kin(
            code="D04",
            size=2,
            members=(
                Member(row=row.id, asked=row.question + said, answer=row.answer, dropped=False),
                Member(
                    row=f"{row.id}-copy",
                    asked=edit(row.question, 0.2, draw) + said,
                    answer=edit(row.answer, 0.1, draw),
                    note="similarity 0.86",
                ),
            ),
        )
        for row, said in zip(
            rows[:6], [*[f" {text}" for text in hostile][:6], *[""] * 6], strict=False
        )
    ]
    return Shown(
        map=make_map(names, texts, ends) if available() else None,
        why="the part 'vectors' is not installed",
        families=tuple(family),
        numbers={"D04": 31},
    )


def _curate_findings(receipts: Sequence[Receipt], read: int, file: TaskFile) -> tuple[Finding, ...]:
    found = []
    for code in sorted({r.code for r in receipts if r.code}):
        of_code = [r for r in receipts if r.code == code]
        rows = tuple(dict.fromkeys(r.row for r in of_code))
        estimate = Estimate.exact(len(rows), n=read)
        dropped = sum(r.action == "dropped" for r in of_code)
        found.append(
            Finding(
                code=code,
                status="found",
                stage="curate",
                estimate=estimate,
                rows=rows[:50],
                why=f"{len(rows)} of {read} rows, {dropped} of them dropped, the others repaired.",
                remedy="nothing to do; tunewell why ROW shows what was done",
            )
        )
    found.append(
        Finding(
            code="E01",
            status="found",
            stage="curate",
            blocking=True,
            why=f"Nobody has approved the definition yet ({', '.join(file.spec.people.approve)}).",
            remedy="tunewell approve --as 'head of service desk'",
        )
    )
    found.append(
        Finding(
            code="D02",
            status="unchecked",
            stage="curate",
            why="There is no sample of production traffic to compare with.",
        )
    )
    return tuple(found)
