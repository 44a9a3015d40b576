"""A small project with all that the review app needs: rows, a split, an evaluation of two arms."""

from __future__ import annotations

from pathlib import Path

from tunewell.lineage import record
from tunewell.store import Store
from tunewell.store.rows import receipts_to_table
from tunewell.task import TaskFile, load_task
from tunewell.types import (
    Assignment,
    Dataset,
    Estimate,
    Evaluation,
    Example,
    Level,
    Message,
    MetricInfo,
    Prediction,
    Receipt,
    Split,
    digest,
)

TASK = """\
version: 1
task:
  name: lumenta-desk
  about: First answers of an electricity supplier's service desk.
  input: A customer's message.
  output: An answer with the right form, its deadline and one next step.
data: [{path: raw.jsonl}]
slices: [{field: region}]
metrics: [{name: must_not}]
gates:
  - {metric: faithful, kind: level, at_least: 0.8, people: required}
  - {metric: faithful, kind: no_worse, margin: 0.05, against: prompted, people: required}
people:
  approve: [owner]
  raters: 2
  minutes_per_verdict: 1.5
  guideline: guideline.md
  rubric:
    - {name: faithful,
       question: "Does the answer say what the handbook says and nothing else?", scale: yes/no}
    - {name: helpful, question: "How well does it help this customer?", scale: 1-5}
  error_tags: [wrong amount, wrong deadline, missing next step, rude]
  span_labels: [amount, deadline, form]
  row_labels: [billing, outage, moving house, meter]
"""

GUIDELINE = """\
# What counts as faithful
- Every amount, form and deadline stands in the handbook of July 2025.
- An answer that promises money is never faithful.

# Marks
- Mark amounts with their currency, deadlines with their number of days.
- Mark a form by its number only.

If you are not sure, say so: press S.
"""

ASKED = (
    (
        "billing",
        "My bill for June says 184.20 EUR, twice what I paid in May, and nobody was at home "
        "for two weeks. Which form do I need to have the reading checked, and by when do you "
        "have to answer?",
        "Please send form B-12 with a photo of your meter. We check the reading within 14 "
        "days. Next step: send the photo.",
        "Please send us a letter. We will refund 92.10 EUR. Next step: wait.",
    ),
    (
        "outage",
        "Since eight this morning the whole of Birch Lane has been without power. My mother "
        "is on an oxygen concentrator, so please tell me whom to call and how long this can "
        "take.",
        "Call 0800 55 112 now: homes with medical devices come first. Outages in the north "
        "are repaired within 6 hours. Next step: give the number of your meter.",
        "We are sorry for the outage. Please be patient. Next step: check our web page.",
    ),
    (
        "moving house",
        "We move out of Harbour Street 14 on 30 September. Do I give notice myself, and what "
        "happens to the 45 EUR that I have paid in advance?",
        "Send form M-3 at least 10 days before you move. What was paid in advance goes into "
        "the final bill within 6 weeks. Next step: note the reading on the day you hand over "
        "the keys.",
        "Send form M-3 at least 10 days before you move. What was paid in advance goes into "
        "the final bill within 6 weeks. Next step: note the reading on the day you hand over "
        "the keys.",
    ),
    (
        "meter",
        "The display of my meter has shown E-07 since Sunday and the red light blinks. Is "
        "that dangerous, and does the new meter cost me 80 EUR as my neighbour says?",
        "E-07 means an empty battery; it is not dangerous. The exchange is free within 21 "
        "days of your report. Next step: report it with form Z-1.",
        "E-07 means an empty battery. A new meter costs 80 EUR. Next step: pay the invoice.",
    ),
)


def examples(count: int) -> list[Example]:
    """Rows for the test set (``t…``) and the review pool (``r…``)."""
    out = []
    for i in range(count):
        kind, question, good, _ = ASKED[i % len(ASKED)]
        for part in ("t", "r"):
            messages = (
                Message(role="system", content="You are the service desk."),
                Message(role="user", content=f"{question}\n\nCustomer number {4000 + i}."),
                Message(role="assistant", content=good),
            )
            tags = {"region": ("north", "south")[i // 4 % 2]}
            out.append(Example(id=f"{part}{i:04}", messages=messages, kind=kind, tags=tags))
    return out


def receipts_of(rows: list[Example]) -> list[Receipt]:
    """What curation did to each row: one was mended, all were kept."""
    found = []
    for number, row in enumerate(rows, 1):
        place = f"raw.jsonl:{number}"
        kept = Receipt(row=row.id, place=place, step="end", order=1, action="kept", rule="kept")
        mended = Receipt(
            row=row.id,
            place=place,
            step="repair",
            order=0,
            action="changed",
            rule="white space at the ends is cut",
            cites="built-in",
            code="D04",
            evidence="2 characters",
        )
        found += [mended, kept]
    return found


def make_project(
    folder: Path, *, rows: int = 24, answers: dict[str, str] | None = None
) -> tuple[TaskFile, Store]:
    """A project with test rows and as many in the review pool, evaluated for two arms.

    The arms are ``prompted`` and ``tuned``.

    Args:
        folder: Where to.
        rows: How many of each.
        answers: Outputs of the tuned arm by row, instead of the usual ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    (folder / "guideline.md").write_text(GUIDELINE, encoding="utf-8")
    file = load_task(folder)
    store = Store(folder)
    all_rows = examples(rows)
    dataset = Dataset(
        id=digest([e.id for e in all_rows]),
        rows=len(all_rows),
        examples=store.put_examples(all_rows),
        receipts=store.put_table(receipts_to_table(receipts_of(all_rows)), sort=["row", "order"]),
    )
    parts = {"t": "test", "r": "review"}
    split = Split(
        dataset=dataset.id,
        folds=2,
        seed=0,
        assignments=tuple(
            Assignment(id=e.id, family=f"f{e.id}", part=parts[e.id[0]]) for e in all_rows
        ),
    )
    with record(store, "curate", inputs={}, parameters={}) as run:
        run.outputs["dataset"] = store.put_value(dataset)
    with record(store, "split", inputs={"dataset": run.outputs["dataset"]}, parameters={}) as run:
        run.outputs["split"] = store.put_value(split)
    evaluate(store, dataset, [e for e in all_rows if e.id.startswith("t")], answers or {})
    return file, store


def evaluate(
    store: Store, dataset: Dataset, rows: list[Example], answers: dict[str, str]
) -> Evaluation:
    """Record an evaluation whose outputs are known."""
    predictions = []
    for e in rows:
        _, _, good, bad = ASKED[int(e.id[1:]) % len(ASKED)]
        predictions.append(Prediction(example=e.id, arm="tuned", text=answers.get(e.id, good)))
        predictions.append(Prediction(example=e.id, arm="prompted", text=bad))
    estimate = Estimate(value=1.0, low=0.9, high=1.0, n=len(rows), method="Wilson")
    metric = MetricInfo(name="must_not", title="Nothing forbidden", own=True, validated=True)
    with record(store, "evaluate", inputs={"examples": dataset.examples}, parameters={}) as run:
        result = Evaluation(
            arms=("prompted", "tuned"),
            rows=tuple(e.id for e in rows),
            metrics=(metric,),
            predictions=store.put_value(predictions),
            scores=store.put_value([]),
            levels=(Level(arm="tuned", metric="must_not", estimate=estimate),),
            comparisons=(),
            clusters=tuple(f"f{e.id}" for e in rows),
            slices={"region": tuple(e.field("region") for e in rows)},
        )
        run.outputs |= {"evaluation": store.put_value(result), "predictions": result.predictions}
    return result
