"""The pitfalls that make fine-tuning fail, as data.

Every finding, gate, report line and help page refers to one of them.
"""

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


_PITFALLS = (
    Pitfall(
        code="D01",
        area="data",
        name="off-task rows",
        measured=(
            "relevance of each row to the task; kinds of document that do not belong (memos, "
            "personal mail, small talk)"
        ),
        remedy="drop by rule, with the rule shown",
        command="set rules.kinds in tunewell.yaml, then: tunewell curate",
    ),
    Pitfall(
        code="D02",
        area="data",
        name="wrong exam",
        measured=(
            "distance between training rows and the traffic to come; domain terms that training "
            "never mentions"
        ),
        remedy="add rows of the missing kind; refuse a public set that does not fit",
    ),
    Pitfall(
        code="D03",
        area="data",
        name="exact duplicates",
        measured="same row after normalisation of case, white space, Unicode and punctuation",
        remedy="keep one; which one is a rule",
        command="tunewell curate",
    ),
    Pitfall(
        code="D04",
        area="data",
        name="near duplicates",
        measured="edited copies, verified pair by pair",
        remedy="keep one of each family",
        command="tunewell curate",
    ),
    Pitfall(
        code="D05",
        area="data",
        name="boilerplate and template families",
        measured="text that recurs across rows; families of rows made from one template",
        remedy="strip the boilerplate, cap each family",
        command="tunewell curate",
    ),
    Pitfall(
        code="D06",
        area="data",
        name="stale rows",
        measured=(
            "date of each row against the age rule, with its exceptions; undated rows; facts that "
            "a newer row supersedes"
        ),
        remedy="drop, keep by exception, or date",
        command="set rules.max_age in tunewell.yaml, then: tunewell curate",
    ),
    Pitfall(
        code="D07",
        area="data",
        name="personal data and secrets",
        measured="structured identifiers with their check digits, secrets, names",
        remedy="mask, drop, or accept in writing",
        command="set rules.personal: mask in tunewell.yaml, then: tunewell curate",
    ),
    Pitfall(
        code="D08",
        area="data",
        name="broken rows",
        measured=(
            "empty or cut-off target, mojibake, refusals, degenerate repetition, wrong role "
            "order, over the token limit, wrong language"
        ),
        remedy="repair where it is certain, else drop",
        command="tunewell curate",
    ),
    Pitfall(
        code="D09",
        area="data",
        name="contradictions",
        measured="same or nearly the same input, different target",
        remedy="send to adjudication",
    ),
    Pitfall(
        code="D10",
        area="data",
        name="label errors",
        measured="rows whose target the held-out folds find improbable",
        remedy="send the worst first to review",
    ),
    Pitfall(
        code="D11",
        area="data",
        name="leaks",
        measured=(
            "training rows that are, or are close to, a test row: exact, normalised, edited, "
            "paraphrased, siblings"
        ),
        remedy="move whole families to one side",
        command="tunewell split",
    ),
    Pitfall(
        code="D12",
        area="data",
        name="too few rows",
        measured="the learning curve at growing shares, with a forecast",
        remedy="collect more of the kind that is named, or stop collecting",
    ),
    Pitfall(
        code="D13",
        area="data",
        name="narrow data",
        measured="effective number of clusters, sources, speakers; share of the largest",
        remedy="widen; a list of what is missing",
    ),
    Pitfall(
        code="D14",
        area="data",
        name="slice gaps",
        measured="share of each slice in training against the target population",
        remedy="collect or augment there",
    ),
    Pitfall(
        code="D15",
        area="data",
        name="unfaithful augmentation",
        measured=(
            "synthetic rows that copy their parent, touch the evaluation set, break terms, or add "
            "nothing new"
        ),
        remedy="reject with the reason kept; let experts look at a sample",
        command="tunewell augment review",
    ),
    Pitfall(
        code="D16",
        area="data",
        name="unreliable labels",
        measured="agreement between annotators with an interval; no gold set",
        remedy="clarify the guideline, annotate again",
    ),
    Pitfall(
        code="T01",
        area="training",
        name="overfitting",
        measured="training against held-out loss over all folds, with an interval",
        remedy="stop earlier, regularise, widen the data",
        command="lower train.epochs or raise train.dropout, then: tunewell train",
    ),
    Pitfall(
        code="T02",
        area="training",
        name="memorisation",
        measured=(
            "loss of a row when it was trained on against when it was not; regurgitation from a "
            "prefix"
        ),
        remedy="drop repeats, stop earlier",
    ),
    Pitfall(
        code="T03",
        area="training",
        name="new-group failure",
        measured="leave-one-group-out: a new source, speaker, client, hospital",
        remedy="diversify; the group that fails is named",
    ),
    Pitfall(
        code="T04",
        area="training",
        name="forgetting",
        measured="general ability before and after, with the smallest change that could be seen",
        remedy="mix in general rows, lower the rank or the rate",
    ),
    Pitfall(
        code="T05",
        area="training",
        name="no gain",
        measured="fine-tuned model against the same base model with its best prompt, paired",
        remedy="do not ship; a prompt is enough",
    ),
    Pitfall(
        code="T06",
        area="training",
        name="fragile result",
        measured="spread over seeds and folds against the gain claimed",
        remedy="more folds, or claim less",
    ),
    Pitfall(
        code="T07",
        area="training",
        name="wrong plumbing",
        measured=(
            "chat template mismatch, loss taken on the prompt, padding in the loss, targets cut "
            "off, unknown tokens"
        ),
        remedy="the exact line to change",
    ),
    Pitfall(
        code="E01",
        area="evaluation",
        name="generic metrics only",
        measured=(
            "no metric of the task's own with a threshold guards the gate, or nobody has approved "
            "the definition"
        ),
        remedy="the task's own metrics, named by its owner",
        command="tunewell approve",
    ),
    Pitfall(
        code="E02",
        area="evaluation",
        name="unvalidated judge",
        measured="a model's verdicts never compared with people's, or they disagree",
        remedy="label rows; intervals are corrected by them",
    ),
    Pitfall(
        code="E03",
        area="evaluation",
        name="sample too small",
        measured="the difference that this sample could detect against the one claimed",
        remedy="more held-out rows",
    ),
    Pitfall(
        code="E04",
        area="evaluation",
        name="raters disagree",
        measured="agreement below the rubric's floor; one rater out of line with the rest",
        remedy="clarify the rubric; adjudicate",
    ),
    Pitfall(
        code="E05",
        area="evaluation",
        name="brittle under stress",
        measured="failure rate under each perturbation against the clean rate, paired",
        remedy="augment with that perturbation",
    ),
    Pitfall(
        code="E06",
        area="evaluation",
        name="worse on a slice",
        measured="paired difference on each slice, corrected for the number of slices",
        remedy="block, or accept in writing",
        command="tunewell accept E06 --reason … --until DATE",
    ),
    Pitfall(
        code="E07",
        area="evaluation",
        name="unsupported statements",
        measured="numbers, dates, names and claims of the output that the input does not bear out",
        remedy="review; train on corrected rows",
    ),
    Pitfall(
        code="E08",
        area="evaluation",
        name="outdated or wrong facts",
        measured="values in an answer against the facts file at the question's date",
        remedy="new rows for the changed facts; review",
    ),
    Pitfall(
        code="E09",
        area="evaluation",
        name="worn-out test set",
        measured="how often this test set has been looked at; how many rows were corrected",
        remedy="draw fresh rows",
    ),
    Pitfall(
        code="E10",
        area="evaluation",
        name="no better than trivial",
        measured=(
            "the candidate against the commonest answer, the copied input and the nearest training "
            "row's answer; constant or nearly constant outputs"
        ),
        remedy="look at the outputs; do not ship",
    ),
    Pitfall(
        code="E11",
        area="evaluation",
        name="incomplete outputs",
        measured=(
            "share of held-out rows whose output is missing, null, cut off at the token limit, "
            "refused or unreadable, by arm"
        ),
        remedy="complete them; never leave them out",
    ),
    Pitfall(
        code="L01",
        area="deployment",
        name="shipped untested",
        measured="no blind A/B or panel review before promotion",
        remedy="run one",
    ),
    Pitfall(
        code="L02",
        area="deployment",
        name="invalid A/B",
        measured="sample-ratio mismatch, peeking, broken blinding, length giving the arm away",
        remedy="which check failed, and how to repair it",
    ),
    Pitfall(
        code="L03",
        area="deployment",
        name="input drift",
        measured="traffic against the reference window, at a stated false-alarm budget",
        remedy="review a sample; D02 again",
    ),
    Pitfall(
        code="L04",
        area="deployment",
        name="quality drift",
        measured="judged or human-scored quality against the reference, same budget",
        remedy="review; decide",
    ),
    Pitfall(
        code="L05",
        area="deployment",
        name="knowledge drift",
        measured="answers that were right and no longer are",
        remedy="new rows, newer date rule",
    ),
    Pitfall(
        code="L06",
        area="deployment",
        name="judge drift",
        measured="the judge against its frozen anchor set",
        remedy="re-validate the judge, do not retrain",
    ),
    Pitfall(
        code="L07",
        area="deployment",
        name="overdue",
        measured="age of the model against its retraining schedule and measured decay",
        remedy="retrain by the date given",
    ),
    Pitfall(
        code="L08",
        area="deployment",
        name="no business effect",
        measured="KPI before and after with its control, season and interval",
        remedy="say so",
    ),
    Pitfall(
        code="L09",
        area="deployment",
        name="anomalous answers",
        measured="answers unlike anything reviewed, with a bound on what is missed",
        remedy="review the queue",
    ),
    Pitfall(
        code="L10",
        area="deployment",
        name="instrumentation or provider changed",
        measured=(
            "fields, lists of values, clocks, templates, prompt or provider version against the "
            "reference"
        ),
        remedy="fix the measurement; do not retrain",
        command="tunewell watch",
    ),
)

CATALOGUE: dict[str, Pitfall] = {entry.code: entry for entry in _PITFALLS}
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
