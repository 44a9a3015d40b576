"""What `tunewell init` proposes, from what it saw in the data."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tunewell.cli.init_yaml import DEFAULT_TOKENS, Answers, GateAnswer, MetricAnswer, ReportOnly
from tunewell.curate.dry_run import DryRun
from tunewell.curate.first_look import DataLook
from tunewell.curate.first_look.look import AnswerLook
from tunewell.curate.reading.data_files import holds_recordings, is_about_data, is_test_name
from tunewell.model.speech.weights import SPEECH_DEFAULT
from tunewell.stats.ratios import FEWEST_CLUSTERS
from tunewell.types.rows import NO_SPEECH

BYTES_PER_TOKEN: Final = 2.5
"""Fewer than any of our texts has: a proposal that is too long costs little, one too short all."""

MOST_TOKENS: Final = 8192
"""Longer rows are a decision of the user's: they cost memory."""

MOST_NEW_TOKENS: Final = 512
LONG_ROW_TOKENS: Final = 512
"""From here on, solved examples would crowd the question out of the prompt."""

DOCUMENT_BYTES: Final = 1500
"""A question of this length is a document: its answer is held against it."""

SMALL: Final = 100
VERY_SMALL: Final = 40
"""Rows below which there are fewer folds, and no review pool."""

QUESTION: Final = "Is the answer right and complete?"

REPLAYED: Final = ("general", NO_SPEECH)
"""Kinds of rows that are heard and are no part of the task: they are mixed in."""

FEWER_ERRORS: Final = -0.02
"""Errors per word that training has to save."""

USUAL_TEST_SHARE: Final = 0.2
MOST_TEST_SHARE: Final = 0.4
"""Of few speakers more than that would leave too few to train on."""

HEARD_TOKENS: Final = 96
"""Room for a transcript at the least: models that begin to repeat themselves show it."""

DATA_SUFFIXES: Final = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".xlsx")

_REPORTS: Final[dict[str, ReportOnly]] = {
    "exact duplicates": "exact_duplicates",
    "near duplicates": "near_duplicates",
    "broken": "broken",
}
"""The rule that a step of curation follows."""


def data_in(folder: Path) -> tuple[str, ...]:
    """The data files of a folder, as paths relative to it; those in ``data`` or ``raw`` too.

    A folder in it that holds recordings is one source.
    """
    found = []
    for inner in (folder, folder / "data", folder / "raw"):
        for path in sorted(inner.glob("*")) if inner.is_dir() else ():
            is_rows = path.suffix.lower() in DATA_SUFFIXES and not is_about_data(path)
            if is_rows or holds_recordings(path):
                found.append(str(path.relative_to(folder)))
    return tuple(found)


def test_set_among(paths: Sequence[str]) -> str:
    """The one path that is named as a test set, beside others that are not; else empty."""
    named = [path for path in paths if is_test_name(Path(path).name)]
    return named[0] if len(named) == 1 and len(paths) > 1 else ""


def name_for(folder: Path) -> str:
    """A short name for the task, from its folder's.

    Example:
        >>> name_for(Path("/somewhere/My Desk"))
        'my-desk'
    """
    name = folder.resolve().name.lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "task"


def propose(look: DataLook, data: Sequence[str], folder: Path, *, owner: str) -> Answers:
    """A definition that fits the data, as answers to every question of ``tunewell init``.

    Args:
        look: What is in the data.
        data: As ``data.path`` in tunewell.yaml, test set included.
        folder: Of the project.
        owner: Who approves the definition.
    """
    if look.hears:
        return _heard(look, data, folder, owner=owner)
    test = test_set_among(data)
    answers = look.answers
    gates, metrics, question = _measures(look)
    goes_in, comes_out = _in_words(look)
    row_tokens = int(answers.longest_row_bytes / BYTES_PER_TOKEN)
    return Answers(
        name=name_for(folder),
        about=f"Gives {comes_out} for {goes_in}.",
        input=goes_in,
        output=comes_out,
        slices=look.slices,
        gates=gates,
        metrics=metrics,
        approve=(owner,),
        question_to_people=question,
        data=tuple(path for path in data if path != test),
        test_data=test,
        fields={path: fields for path, fields in look.fields.items() if path != test},
        test_share=0.25 if look.rows < SMALL else 0.2,
        review_share=0.0 if look.rows < VERY_SMALL else 0.1,
        folds=3 if look.rows < SMALL else 5,
        shots=1 if row_tokens > LONG_ROW_TOKENS else 3,
        # No tokenizer makes more tokens than bytes; the limit costs nothing where rows are shorter.
        max_tokens=_enough_tokens(answers.longest_row_bytes),
        max_new_tokens=_enough_new_tokens(answers),
        # Left out, rows of this kind would leave nothing to train on.
        preferences="chosen" if look.preferences > look.rows / 2 else "leave_out",
    )


def _heard(look: DataLook, data: Sequence[str], folder: Path, *, owner: str) -> Answers:
    """A definition for rows that are heard."""
    test = test_set_among(data)
    replay = tuple(kind for kind in REPLAYED if kind in look.kinds)
    own = tuple(kind for kind in look.kinds if kind not in REPLAYED)
    metrics: tuple[MetricAnswer, ...] = ()
    gained = "word_errors"
    if not own:
        replay = ()
    elif replay:
        # General speech is to stay as it is: a gain is asked of the task's own rows.
        gained = "own_errors"
        metrics = (
            MetricAnswer(name=gained, options={"metric": "word_errors", "kinds": own}),
            MetricAnswer(name="word_errors"),
        )
    by_kind = "kind" if len(look.kinds) > 1 else ""
    gates = [GateAnswer(metric=gained, kind="gain", value=FEWER_ERRORS)]
    if by_kind:
        no_worse = GateAnswer(metric="word_errors", kind="no_worse", value=0.05, slices=by_kind)
        gates.append(no_worse)
    if NO_SPEECH in look.kinds:
        gates.append(GateAnswer(metric="words_on_no_speech", kind="no_worse", value=0.0))
    return Answers(
        name=name_for(folder),
        about="Writes down what is said.",
        input="a recording",
        output="the words that are said in it",
        slices=tuple(filter(None, (by_kind, *look.slices))),
        gates=tuple(gates),
        metrics=metrics,
        approve=(owner,),
        data=tuple(path for path in data if path != test),
        test_data=test,
        fields={path: fields for path, fields in look.fields.items() if path != test},
        # A mark in the place of a name is nothing that anybody says.
        report_only=("personal",),
        test_share=_test_share_of(look),
        # No gate asks people: a pool for them would only take speakers from training.
        review_share=0.0,
        stratify=by_kind,
        folds=_folds_of(look.speakers),
        max_new_tokens=max(HEARD_TOKENS, _enough_new_tokens(look.answers)),
        model=SPEECH_DEFAULT,
        replay_kinds=replay,
    )


def _test_share_of(look: DataLook) -> float:
    """So much that three speakers of the task are in the test set, for fewer give no interval."""
    own = [count for kind, count in look.speakers_of.items() if kind not in REPLAYED]
    fewest = min(own or look.speakers_of.values(), default=0)
    if not fewest:
        return USUAL_TEST_SHARE
    share = math.ceil(100 * FEWEST_CLUSTERS / fewest) / 100
    return min(MOST_TEST_SHARE, max(USUAL_TEST_SHARE, share))


def _folds_of(speakers: int) -> int:
    """Folds where every speaker is in one: some of them are in the test set."""
    return 5 if not speakers else min(5, max(2, speakers // 2))


def with_reports(answers: Answers, found: DryRun) -> Answers:
    """The answers, with rules that would take a large part of the file set to report it instead."""
    rules = [rule for step, rule in _REPORTS.items() if step in found.large]
    if "boilerplate" in found.widely_changed:
        rules.append("boilerplate")
    report_only = tuple(dict.fromkeys([*answers.report_only, *rules]))
    return answers.model_copy(update={"report_only": report_only})


def _measures(
    look: DataLook,
) -> tuple[tuple[GateAnswer, ...], tuple[MetricAnswer, ...], str]:
    """Gates, metrics with options, and the question to people."""
    if look.answers.labels:
        pattern = look.answers.pattern
        options = {"pattern": pattern} if pattern else {}
        gate = GateAnswer(metric="label", kind="gain", value=0.02)
        return (gate,), (MetricAnswer(name="label", options=options),), ""
    gates = [GateAnswer(metric="token_f1", kind="gain", value=0.02)]
    if _are_documents(look):
        gates.append(GateAnswer(metric="support", kind="no_worse", value=0.02))
    return tuple(gates), (), QUESTION


def _are_documents(look: DataLook) -> bool:
    answers = look.answers
    return answers.longest_row_bytes - answers.longest_bytes > DOCUMENT_BYTES


def _in_words(look: DataLook) -> tuple[str, str]:
    """What goes in and what comes out."""
    if look.turns > look.rows / 2:
        return "a conversation", "the next reply"
    goes_in = "a document" if _are_documents(look) else "a question or request"
    if not look.answers.labels:
        return goes_in, "a text drawn from it" if _are_documents(look) else "an answer"
    beginning = "an answer that begins with" if look.answers.pattern else "just"
    return goes_in, f"{beginning} one of {look.answers.labels} labels"


def _enough_tokens(row_tokens: int) -> int:
    """The next power of two, from the default up."""
    tokens = DEFAULT_TOKENS
    while tokens < row_tokens and tokens < MOST_TOKENS:
        tokens *= 2
    return tokens


def _enough_new_tokens(answers: AnswerLook) -> int:
    """Room for the longest answers, in steps of sixteen."""
    needed = int(answers.longest_bytes / BYTES_PER_TOKEN) + 8
    return min(MOST_NEW_TOKENS, max(16, -(-needed // 16) * 16))
