"""The answers that `tunewell init` collects, and the ``tunewell.yaml`` it writes from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from tunewell.task import FieldMap
from tunewell.types import Value
from tunewell.types.turns import Preferences

ReportOnly = Literal["exact_duplicates", "near_duplicates", "boilerplate", "broken", "personal"]
"""Rules that can report rows instead of dropping them."""

DEFAULT_TOKENS = 1024
"""Of `train.max_tokens`."""

SMALLER_IS_BETTER = ("word_errors", "character_errors", "words_on_no_speech")

METRICS_PAGE = "the page metrics of the reference"

COSTS_PART = """\
# Prices for cost estimates; 0 = not counted.
costs: {currency: EUR, machine_hour: 0, person_hour: 0}
"""


class GateAnswer(Value):
    """A metric with its threshold, on all rows and on every value of a slice field."""

    metric: str
    kind: str
    value: float
    slices: str = ""


class MetricAnswer(Value):
    """A metric with its options."""

    name: str
    options: Mapping[str, str | tuple[str, ...]] = Field(default_factory=dict)


class Answers(Value):
    """What `tunewell init` asks for, in the order in which it asks.

    ``tunewell init --answers FILE`` reads the same as YAML or JSON.

    Attributes:
        fields: Of each path of ``data``, which of its columns is what.
        metrics: Metrics with options; those that gates name need no entry.
        report_only: Rules that are to report rows instead of dropping them.
        max_tokens: Longer rows are not trained on.
        max_new_tokens: Longest answer in evaluation.
        stratify: Field whose values are spread evenly over test set and folds.
        preferences: What is learned of rows with a better and a worse answer.
        replay_kinds: Kinds of rows that are heard and only mixed in, against forgetting.
    """

    name: str
    about: str
    input: str
    output: str
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    keep_kinds: tuple[str, ...] = ()
    drop_kinds: tuple[str, ...] = ()
    max_age_days: int = Field(default=0, ge=0)
    keep_whatever_age: str = ""
    slices: tuple[str, ...] = ()
    gates: tuple[GateAnswer, ...] = ()
    approve: tuple[str, ...] = ("owner",)
    question_to_people: str = ""
    data: tuple[str, ...] = ("data/*.jsonl",)
    test_data: str = ""
    fields: Mapping[str, FieldMap] = Field(default_factory=dict)
    metrics: tuple[MetricAnswer, ...] = ()
    report_only: tuple[ReportOnly, ...] = ()
    test_share: float = Field(default=0.2, ge=0, lt=1)
    review_share: float = Field(default=0.1, ge=0, lt=1)
    stratify: str = ""
    folds: int = Field(default=5, ge=2)
    shots: int = Field(default=3, ge=0)
    max_tokens: int = Field(default=1024, ge=16)
    max_new_tokens: int = Field(default=96, ge=1)
    preferences: Preferences = "leave_out"
    model: str = "smollm2-135m"
    replay_kinds: tuple[str, ...] = ()

    @property
    def hears(self) -> bool:
        """Whether the model hears."""
        from tunewell.model.speech.weights import is_speech_model

        return is_speech_model(self.model)


def write_yaml(answers: Answers, *, languages: Sequence[str] = ()) -> str:
    """The text of ``tunewell.yaml`` for these answers, with comments.

    Args:
        answers: What the user said.
        languages: Those of the data, where it could be read; without them no row is held to one.

    Example:
        >>> from pathlib import Path
        >>> from tunewell.task import parse_task
        >>> answers = Answers(
        ...     name="demo", about="Answers questions.", input="a question", output="an answer"
        ... )
        >>> text = write_yaml(answers)
        >>> parse_task(text, path=Path("tunewell.yaml"), environment={}).spec.task.name
        'demo'
    """
    parts = [
        _task_part(answers, languages[0] if languages else "en"),
        _data_part(answers),
        _rules_part(answers, languages),
        _slices_part(answers),
        _metrics_part(answers),
        _gates_part(answers),
        _people_part(answers),
        _split_part(answers),
        _train_part(answers),
        COSTS_PART,
    ]
    return "\n".join(parts)


def _q(text: str) -> str:
    """A YAML scalar for any text (JSON strings are YAML)."""
    return json.dumps(text, ensure_ascii=False)


def _list(items: Sequence[str]) -> str:
    return "[" + ", ".join(map(_q, items)) + "]"


def _block(items: Sequence[str], *, indent: int) -> str:
    """One item a line, below its key."""
    if not items:
        return " []"
    start = "\n" + " " * indent + "- "
    return "".join(start + _q(item) for item in items)


def _task_part(answers: Answers, language: str) -> str:
    return f"""\
# What a good answer is. Everything else follows from it; `tunewell approve` signs it.
version: 1

task:
  name: {_q(answers.name)}
  about: {_q(answers.about)}
  input: {_q(answers.input)}
  output: {_q(answers.output)}
  must:{_block(answers.must, indent=4)}
  # plain text is matched literally, /…/ is a pattern
  must_not:{_block(answers.must_not, indent=4)}
  # system turn for rows that have none of their own
  instruction: ""
  language: {_language(language)}
"""


def _data_part(answers: Answers) -> str:
    lines = [
        "# Where the rows are. Formats are recognised (messages, ShareGPT, Alpaca,",
        "# prompt/completion, CSV, Parquet, text); your own columns: format: fields,",
        "# fields: {input: question, target: answer, date: created, id: key}",
        "data:",
    ]
    lines += [_source(path, answers.fields.get(path)) for path in answers.data]
    if answers.test_data:
        lines.append(f"  - {{path: {_q(answers.test_data)}, role: test}}   # never trained on")
    return "\n".join(lines) + "\n"


def _source(path: str, fields: FieldMap | None) -> str:
    """A line for a source, with the columns that its files do not explain themselves."""
    named = fields.model_dump(exclude_defaults=True, mode="json") if fields else {}
    if not named:
        return f"  - path: {_q(path)}"
    columns = ", ".join(f"{name}: {_columns(value)}" for name, value in named.items())
    return f"  - path: {_q(path)}\n    fields: {{{columns}}}"


def _columns(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _rules_part(answers: Answers, languages: Sequence[str]) -> str:
    keep, drop = _list(answers.keep_kinds), _list(answers.drop_kinds)
    lines = [
        "# What belongs and what does not. Every drop cites the line that asked for it.",
        "rules:",
        f"  kinds: {{keep: {keep}, drop: {drop}}}",
        *_age_lines(answers),
        _languages_line(languages),
        "  # Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan: a character counts as a word",
        "  words: {min_target: 1}",
        f"  personal: {_or_report(answers, 'personal', 'mask'):6}        # mask, drop or report",
        f"  exact_duplicates: {_or_report(answers, 'exact_duplicates', 'first')} "
        "# first, newest or report",
        f"  near_duplicates: {_or_report(answers, 'near_duplicates', 'drop')}   # drop or report",
        *_reported(answers),
        "  contradictions: report  # newest, drop or report",
    ]
    return "\n".join(lines) + "\n"


def _or_report(answers: Answers, rule: ReportOnly, otherwise: str) -> str:
    return "report" if rule in answers.report_only else otherwise


def _reported(answers: Answers) -> list[str]:
    """The rules that are in the file only where they are not to drop anything."""
    rules: tuple[ReportOnly, ...] = ("boilerplate", "broken")
    return [f"  {rule}: report" for rule in rules if rule in answers.report_only]


def _languages_line(languages: Sequence[str]) -> str:
    if not languages:
        return "  # languages: [en]      # any, unless named; rows too short to tell are kept"
    named = ", ".join(map(_language, languages))
    return f"  languages: [{named}]       # those of the data; rows too short to tell are kept"


def _language(code: str) -> str:
    """A code as YAML reads it: a bare ``no`` would be false."""
    return '"no"' if code == "no" else code


def _age_lines(answers: Answers) -> list[str]:
    if not answers.max_age_days:
        exception = "{field: landmark, is: ['true']}"
        return [f"  # max_age: {{days: 730, undated: keep, except: [{exception}]}}"]

    lines = ["  max_age:", f"    days: {answers.max_age_days}", "    undated: keep"]
    field, equals, value = answers.keep_whatever_age.partition("=")
    if equals:
        exception = f"{{field: {_q(field.strip())}, is: [{_q(value.strip())}]}}"
        lines += ["    except:", f"      - {exception}"]
    return lines


def _slices_part(answers: Answers) -> str:
    fields = "".join(f"\n  - {{field: {_q(field)}}}" for field in answers.slices)
    return (
        "# Results are broken down by the values of these fields; add `target:` shares to measure "
        f"gaps.\nslices:{fields or ' []'}\n"
    )


def _metrics_part(answers: Answers) -> str:
    own = {metric.name: metric for metric in answers.metrics}
    names = sorted({*own, *(gate.metric for gate in answers.gates)}) or ["token_f1"]
    lines = [
        "# What is measured on every held-out answer: `tunewell config` shows the options,",
        f"# {METRICS_PAGE} lists the metrics.",
        "metrics:",
        *(f"  - {_metric(name, own.get(name))}" for name in names),
    ]
    return "\n".join(lines) + "\n"


def _metric(name: str, own: MetricAnswer | None) -> str:
    if own is None or not own.options:
        return f"{{name: {name}}}"
    options = ", ".join(f"{key}: {_option(value)}" for key, value in own.options.items())
    return f"{{name: {name}, options: {{{options}}}}}"


def _option(value: str | tuple[str, ...]) -> str:
    return _q(value) if isinstance(value, str) else _list(value)


def _gates_part(answers: Answers) -> str:
    kinds = {metric.name: metric.options.get("metric") for metric in answers.metrics}
    gates = []
    for gate in answers.gates:
        is_smaller = (kinds.get(gate.metric) or gate.metric) in SMALLER_IS_BETTER
        gates.append(_gate(gate, hears=answers.hears, is_smaller=is_smaller))
    if answers.question_to_people:
        gates.append("{metric: people_say_yes, kind: level, at_least: 0.8, people: required}")
    lines = [
        "# What decides. GO and NO-GO need the whole interval on one side of the threshold.",
        "gates:",
        *(f"  - {gate}" for gate in gates),
    ]
    if not gates:
        lines[-1] = (
            "gates: []   # none yet: the verdict is INCONCLUSIVE until one of the task's own "
            "metrics guards it"
        )
    return "\n".join(lines) + "\n"


def _gate(gate: GateAnswer, *, hears: bool, is_smaller: bool) -> str:
    if gate.kind == "no_worse":
        limit = f"margin: {abs(gate.value)}"
    elif is_smaller:
        limit = f"at_most: {gate.value}"
    else:
        limit = f"at_least: {gate.value}"
    # A model that hears takes no prompt.
    against = ", against: base" if hears and gate.kind != "level" else ""
    slices = f", slices: {gate.slices}" if gate.slices else ""
    return f"{{metric: {gate.metric}, kind: {gate.kind}, {limit}{against}{slices}}}"


def _people_part(answers: Answers) -> str:
    text = f"# Who has to agree.\npeople:\n  approve: {_list(answers.approve)}\n"
    if answers.question_to_people:
        question = _q(answers.question_to_people)
        text += f"  rubric:\n    - {{name: people_say_yes, question: {question}, scale: yes/no}}\n"
    return text


def _split_part(answers: Answers) -> str:
    by = f", stratify: {answers.stratify}" if answers.stratify else ""
    return (
        "# Test set, review pool and folds; families (copies, groups, parents) stay together.\n"
        f"split: {{test: {answers.test_share:g}, review: {answers.review_share:g}, "
        f"folds: {answers.folds}, seed: 0{by}}}\n"
    )


def _train_part(answers: Answers) -> str:
    if answers.hears:
        return _speech_part(answers)
    longer = "" if answers.max_tokens == DEFAULT_TOKENS else f", max_tokens: {answers.max_tokens}"
    better = "" if answers.preferences == "leave_out" else ", preferences: chosen"
    return f"""\
# The training recipe; `tunewell config` prints every value with its default.
train: {{model: {_q(answers.model)}, epochs: 3, dropout: 0.05, weight_decay: 0.01{longer}{better}}}

# How arms are compared.
evaluate: {{shots: {answers.shots}, max_new_tokens: {answers.max_new_tokens}}}
"""


def _speech_part(answers: Answers) -> str:
    mixed_in = ""
    if answers.replay_kinds:
        mixed_in = f"\n  replay: 0.3\n  replay_kinds: {_list(answers.replay_kinds)}"
    return f"""\
# The training recipe; whisper-tiny-en knows English alone: for other languages give the folder of
# another Whisper model. Rows of replay_kinds are mixed in, against forgetting.
train:
  model: {_q(answers.model)}
  epochs: 10
  tokens_per_batch: 256      # of transcripts: about eight recordings a step{mixed_in}

# How arms are compared.
evaluate: {{max_new_tokens: {answers.max_new_tokens}}}
"""
