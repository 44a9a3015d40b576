"""The pitfalls that make fine-tuning fail, as data: what every finding, gate, report line and help page speaks of."""

from __future__ import annotations

from typing import Literal

from tunewell.errors import InternalError
from tunewell.types import Value

Area = Literal["data", "training", "evaluation", "deployment"]


class Pitfall(Value):
    """One way to fail.

    Attributes:
        code: ``D06``.
        name: ``stale rows``.
        area: Which part of the way it belongs to.
        measured: What is measured.
        remedy: What the user is told to do.
        command: The command that does or begins the remedy, where there is one.
    """

    code: str
    name: str
    area: Area
    measured: str
    remedy: str
    command: str = ""


_ROWS: tuple[tuple[str, Area, str, str, str, str], ...] = (
    (
        "D01",
        "data",
        "off-task rows",
        "relevance of each row to the task; kinds of document that do not belong (memos, personal mail, small talk)",
        "drop by rule, with the rule shown",
        "set rules.kinds in tunewell.yaml, then: tunewell curate",
    ),
    (
        "D02",
        "data",
        "wrong exam",
        "distance between training rows and the traffic to come; domain terms that training never mentions",
        "add rows of the missing kind; refuse a public set that does not fit",
        "",
    ),
    (
        "D03",
        "data",
        "exact duplicates",
        "same row after normalisation of case, white space, Unicode and punctuation",
        "keep one; which one is a rule",
        "tunewell curate",
    ),
    (
        "D04",
        "data",
        "near duplicates",
        "edited copies, verified pair by pair",
        "keep one of each family",
        "tunewell curate",
    ),
    (
        "D05",
        "data",
        "boilerplate and template families",
        "text that recurs across rows; families of rows made from one template",
        "strip the boilerplate, cap each family",
        "tunewell curate",
    ),
    (
        "D06",
        "data",
        "stale rows",
        "date of each row against the age rule, with its exceptions; undated rows; facts that a newer row supersedes",
        "drop, keep by exception, or date",
        "set rules.max_age in tunewell.yaml, then: tunewell curate",
    ),
    (
        "D07",
        "data",
        "personal data and secrets",
        "structured identifiers with their check digits, secrets, names",
        "mask, drop, or accept in writing",
        "set rules.personal: mask in tunewell.yaml, then: tunewell curate",
    ),
    (
        "D08",
        "data",
        "broken rows",
        "empty or cut-off target, mojibake, refusals, degenerate repetition, wrong role order, over the token limit, "
        "wrong language",
        "repair where it is certain, else drop",
        "tunewell curate",
    ),
    (
        "D09",
        "data",
        "contradictions",
        "same or nearly the same input, different target",
        "send to adjudication",
        "",
    ),
    (
        "D10",
        "data",
        "label errors",
        "rows whose target the held-out folds find improbable",
        "send the worst first to review",
        "",
    ),
    (
        "D11",
        "data",
        "leaks",
        "training rows that are, or are close to, a test row: exact, normalised, edited, paraphrased, siblings",
        "move whole families to one side",
        "tunewell split",
    ),
    (
        "D12",
        "data",
        "too few rows",
        "the learning curve at growing shares, with a forecast",
        "collect more of the kind that is named, or stop collecting",
        "",
    ),
    (
        "D13",
        "data",
        "narrow data",
        "effective number of clusters, sources, speakers; share of the largest",
        "widen; a list of what is missing",
        "",
    ),
    (
        "D14",
        "data",
        "slice gaps",
        "share of each slice in training against the target population",
        "collect or augment there",
        "",
    ),
    (
        "D15",
        "data",
        "unfaithful augmentation",
        "synthetic rows that copy their parent, touch the evaluation set, break terms, or add nothing new",
        "reject with the reason kept",
        "",
    ),
    (
        "D16",
        "data",
        "unreliable labels",
        "agreement between annotators with an interval; no gold set",
        "mend the guideline, annotate again",
        "",
    ),
    (
        "T01",
        "training",
        "overfitting",
        "training against held-out loss over all folds, with an interval",
        "stop earlier, regularise, widen the data",
        "lower train.epochs or raise train.dropout, then: tunewell train",
    ),
    (
        "T02",
        "training",
        "memorisation",
        "loss of a row when it was trained on against when it was not; regurgitation from a prefix",
        "drop repeats, stop earlier",
        "",
    ),
    (
        "T03",
        "training",
        "new-group failure",
        "leave-one-group-out: a new source, speaker, client, hospital",
        "diversify; the group that fails is named",
        "",
    ),
    (
        "T04",
        "training",
        "forgetting",
        "general ability before and after, with the smallest change that could be seen",
        "mix in general rows, lower the rank or the rate",
        "",
    ),
    (
        "T05",
        "training",
        "no gain",
        "fine-tuned model against the same base model with its best prompt, paired",
        "do not ship; a prompt is enough",
        "",
    ),
    (
        "T06",
        "training",
        "fragile result",
        "spread over seeds and folds against the gain claimed",
        "more folds, or claim less",
        "",
    ),
    (
        "T07",
        "training",
        "wrong plumbing",
        "chat template mismatch, loss taken on the prompt, padding in the loss, targets cut off, unknown tokens",
        "the exact line to change",
        "",
    ),
    (
        "E01",
        "evaluation",
        "generic metrics only",
        "no metric of the task's own with a threshold guards the gate, or nobody has approved the definition",
        "the task's own metrics, named by its owner",
        "tunewell approve",
    ),
    (
        "E02",
        "evaluation",
        "unvalidated judge",
        "a model's verdicts never held against people's, or they disagree",
        "label rows; intervals are corrected by them",
        "",
    ),
    (
        "E03",
        "evaluation",
        "sample too small",
        "the difference that this sample could detect against the one claimed",
        "more held-out rows",
        "",
    ),
    (
        "E04",
        "evaluation",
        "raters disagree",
        "agreement below the rubric's floor; one rater apart from the rest",
        "mend the rubric; adjudicate",
        "",
    ),
    (
        "E05",
        "evaluation",
        "brittle under stress",
        "failure rate under each perturbation against the clean rate, paired",
        "augment with that perturbation",
        "",
    ),
    (
        "E06",
        "evaluation",
        "worse on a slice",
        "paired difference on each slice, corrected for the number of slices",
        "block, or accept in writing",
        "tunewell accept E06 --reason … --until DATE",
    ),
    (
        "E07",
        "evaluation",
        "unsupported statements",
        "numbers, dates, names and claims of the output that the input does not bear out",
        "review; train on corrected rows",
        "",
    ),
    (
        "E08",
        "evaluation",
        "outdated or wrong facts",
        "values in an answer against the facts file at the question's date",
        "new rows for the changed facts; review",
        "",
    ),
    (
        "E09",
        "evaluation",
        "worn-out test set",
        "how often this test set has been looked at; how many rows were corrected",
        "draw fresh rows",
        "",
    ),
    (
        "L01",
        "deployment",
        "shipped untested",
        "no blind A/B or panel review before promotion",
        "run one",
        "",
    ),
    (
        "L02",
        "deployment",
        "invalid A/B",
        "sample-ratio mismatch, peeking, broken blinding, length giving the arm away",
        "which check failed, and how to repair it",
        "",
    ),
    (
        "L03",
        "deployment",
        "input drift",
        "traffic against the reference window, at a stated false-alarm budget",
        "review a sample; D02 again",
        "",
    ),
    (
        "L04",
        "deployment",
        "quality drift",
        "judged or human-scored quality against the reference, same budget",
        "review; decide",
        "",
    ),
    (
        "L05",
        "deployment",
        "knowledge drift",
        "answers that were right and no longer are",
        "new rows, newer date rule",
        "",
    ),
    (
        "L06",
        "deployment",
        "judge drift",
        "the judge against its frozen anchor set",
        "re-validate the judge, do not retrain",
        "",
    ),
    (
        "L07",
        "deployment",
        "overdue",
        "age of the model against its retraining schedule and measured decay",
        "retrain by the date given",
        "",
    ),
    (
        "L08",
        "deployment",
        "no business effect",
        "KPI before and after with its control, season and interval",
        "say so",
        "",
    ),
    (
        "L09",
        "deployment",
        "anomalous answers",
        "answers unlike anything reviewed, with a bound on what is missed",
        "review the queue",
        "",
    ),
)

CATALOGUE: dict[str, Pitfall] = {
    code: Pitfall(
        code=code, name=name, area=area, measured=measured, remedy=remedy, command=command
    )
    for code, area, name, measured, remedy, command in _ROWS
}
"""Every pitfall by its code."""


def pitfall(code: str) -> Pitfall:
    """The pitfall with this code.

    Raises:
        InternalError: There is none.

    Example:
        >>> pitfall("D06").name
        'stale rows'
    """
    try:
        return CATALOGUE[code]
    except KeyError:
        raise InternalError(f"no pitfall {code!r}; known: {', '.join(CATALOGUE)}") from None
