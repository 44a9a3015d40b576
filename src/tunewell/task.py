"""What a good answer is: the project's definition, read from ``tunewell.yaml``.

Values come from default < file < environment (``TUNEWELL__TRAIN__EPOCHS=2``) < flag (``--set
train.epochs=2``), and `TaskFile.where` says which, so that every drop and every gate can cite the
line that asked for it.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from tunewell.errors import TaskError, UserError
from tunewell.languages import language_code
from tunewell.types import Recipe, Value, digest

FILE_NAME = "tunewell.yaml"
ENV_PREFIX = "TUNEWELL__"

Format = Literal["auto", "messages", "sharegpt", "alpaca", "prompt_completion", "fields", "text"]


class TaskSection(Value):
    """The task itself, in words. Everything else follows from it.

    Attributes:
        name: Short name.
        about: What the model is for, and for whom.
        input: What goes in.
        output: What comes out.
        must: What a good answer must contain.
        must_not: What it must never contain; plain text is matched literally (case ignored),
            ``/…/`` is a pattern.
        instruction: System turn that every row gets which has none of its own; empty = none.
        language: Language of the answers, as a code or a name.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    about: str = Field(min_length=10)
    input: str = Field(min_length=3)
    output: str = Field(min_length=3)
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    instruction: str = ""
    language: str = "en"

    @field_validator("language", mode="before")
    @classmethod
    def _code_of_language(cls, value: object) -> str:
        return language_code(value)

    @field_validator("must_not")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if len(item) > 2 and item.startswith("/") and item.endswith("/"):
                try:
                    re.compile(item[1:-1])
                except re.error as error:
                    raise ValueError(f"{item!r} is not a valid pattern: {error}") from None
        return value


class FieldMap(Value):
    """Which column of the user's rows is which of ours.

    Of several columns between bars (``group: urls | doc``) the first that is not empty counts; not
    for input, target, date, system and tags.

    Attributes:
        input: Column of the input text (or see ``DataSource.template``).
        target: Column of the answer.
        id: Column of the user's own id.
        system: Column of a system turn.
        kind: Column of the kind of document.
        date: Column of the date.
        source: Column that names the source.
        group: Column of the document, conversation or patient.
        parent: Column of the row it was made from.
        tags: Further columns to keep as tags.
    """

    input: str = ""
    target: str = ""
    id: str = ""
    system: str = ""
    kind: str = ""
    date: str = ""
    source: str = ""
    group: str = ""
    parent: str = ""
    tags: tuple[str, ...] = ()


class DataSource(Value):
    """Files of one system.

    Attributes:
        path: File, folder or glob, relative to tunewell.yaml; ``$NAME`` is taken from the
            environment.
        name: What to call it; the file's name if empty.
        role: ``train`` (curated, split) or ``test`` (the project's own test set: never trained on).
        format: How the rows look; ``auto`` looks for itself.
        fields: The user's own column names (format ``fields``, and to add dates, groups … to the
            others).
        template: How the input is made of several columns: ``"Question: {question}"``. Only plain
            names in braces.
        kind: Kind of every row that has none of its own.
        limit: Read at most this many rows (0 = all).
    """

    path: str = Field(min_length=1)
    name: str = ""
    role: Literal["train", "test"] = "train"
    format: Format = "auto"
    fields: FieldMap = FieldMap()
    template: str = ""
    kind: str = ""
    limit: int = Field(default=0, ge=0)

    @field_validator("template")
    @classmethod
    def _plain_names(cls, value: str) -> str:
        for part in re.findall(r"\{([^{}]*)\}", value):
            if not re.fullmatch(r"[A-Za-z_][\w .-]*", part):
                raise ValueError(f"only plain column names may stand in braces, got {{{part}}}")
        return value


class Kinds(Value):
    """Which kinds of document count. ``keep`` empty = all but those of ``drop``."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Exemption(Value):
    """Rows that a rule spares: those whose field has one of these values (``{field: landmark, is: ["true"]}``)."""

    field: str
    values: Annotated[tuple[str, ...], Field(alias="is")]
    why: str = ""

    @field_validator("values", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        values = value if isinstance(value, (list, tuple)) else [value]
        return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


class MaxAge(Value):
    """How old a row may be.

    Attributes:
        days: Older than this is stale.
        as_of: The day to count from; the newest date in the data if not given, so that reruns
            repeat.
        undated: What becomes of rows without a date.
        exceptions: Rows that are kept whatever their age (landmarks). ``except`` in the file.
    """

    days: int = Field(ge=1)
    as_of: dt.date | None = None
    undated: Literal["keep", "drop"] = "keep"
    exceptions: Annotated[tuple[Exemption, ...], Field(alias="except")] = ()


class WordLimits(Value):
    """Fewest and most words of the input and of the target; 0 = no limit.

    In Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan, which have no spaces between words,
    a character (with its vowel and tone marks) counts as a word.
    """

    min_input: int = Field(default=1, ge=0)
    max_input: int = Field(default=0, ge=0)
    min_target: int = Field(default=1, ge=0)
    max_target: int = Field(default=0, ge=0)


class Templates(Value):
    """How many rows of one template (one text with slots) are kept.

    Attributes:
        max_per_family: Most rows of a family; 0 = no limit, families are only reported.
        keep: Which rows stay: ``diverse`` (the most fillings of the slots), ``newest`` or
            ``first``.
    """

    max_per_family: int = Field(default=0, ge=0)
    keep: Literal["diverse", "newest", "first"] = "diverse"


class Rules(Value):
    """What belongs and what does not. A rule that drops is cited, with its line, by every drop.

    Attributes:
        kinds: D01.
        max_age: D06.
        languages: D08: languages of input and target, as codes or names; empty = any. Rows whose
            language cannot be told are kept.
        words: D08.
        repair: Whether certain repairs (mojibake, control characters, white space) are made.
        broken: D08: empty or cut-off targets, refusals, degenerate repetition, wrong role order.
        personal: D07: what becomes of personal data and secrets.
        recogniser: D07: who finds names and addresses too: ``context`` (built in, fast, sees only
            names that a title, a greeting, an introduction or a signature gives away), ``rampart``
            (a small model on this machine, extra ``names``) or the project's own
            ``FILE.py:function``; empty = nobody.
        exact_duplicates: D03: which of the copies is kept.
        near_duplicates: D04.
        superseded: D06: rows that state what the facts file, or newer rows in the same words, no
            longer say.
        facts: D06: the facts file (see the metric ``currency``, whose file counts if this is
            empty).
        contradictions: D09: same input, different target; ``newest`` keeps the newest if all are
            dated.
        boilerplate: D05: recurring signatures, footers, disclaimers.
        templates: D05: many rows from one text with slots.
        max_reject_share: The run fails when a larger share of the input rows cannot be read.
    """

    kinds: Kinds = Kinds()
    max_age: MaxAge | None = None
    languages: tuple[str, ...] = ()
    words: WordLimits = WordLimits()
    repair: bool = True
    broken: Literal["drop", "report"] = "drop"
    personal: Literal["mask", "drop", "report"] = "mask"
    recogniser: str = Field(default="", pattern=r"^(|context|rampart|[\w./-]+\.py:[A-Za-z_]\w*)$")
    exact_duplicates: Literal["first", "newest", "report"] = "first"
    near_duplicates: Literal["drop", "report"] = "drop"
    superseded: Literal["drop", "report"] = "report"
    facts: str = ""
    contradictions: Literal["newest", "drop", "report"] = "report"
    boilerplate: Literal["strip", "report"] = "strip"
    templates: Templates = Templates()
    max_reject_share: float = Field(default=0.2, ge=0, le=1)

    @field_validator("languages", mode="before")
    @classmethod
    def _codes_of_languages(cls, value: object) -> tuple[str, ...]:
        named = value if isinstance(value, (list, tuple)) else [value]
        return tuple(dict.fromkeys(map(language_code, named)))


class Slice(Value):
    """A field by which results are shown separately, with the share of each value in the target population."""

    field: str
    target: Mapping[str, float] = Field(default_factory=dict)


class MetricSpec(Value):
    """A metric of the task. ``options`` are the metric's own (see ``docs/reference/metrics``)."""

    name: str = Field(min_length=1)
    options: Mapping[str, Any] = Field(default_factory=dict)


class Gate(Value):
    """One condition for release.

    Attributes:
        metric: Name of a metric of ``metrics``, or a criterion of ``review``.
        kind: ``level`` (the tuned model's own value), ``gain`` (difference to ``against``),
            ``no_worse`` (difference to ``against`` not below minus ``margin``).
        at_least: Threshold where bigger is better.
        at_most: Threshold where smaller is better.
        margin: Of ``no_worse``, in the metric's unit.
        against: Which arm to compare with.
        slices: Also on every value of this slice field, corrected for their number.
        people: ``required`` = INCONCLUSIVE until people have spoken.
    """

    metric: str
    kind: Literal["level", "gain", "no_worse"] = "gain"
    at_least: float | None = None
    at_most: float | None = None
    margin: float = Field(default=0.0, ge=0)
    against: Literal["base", "prompted", "production"] = "prompted"
    slices: str = ""
    people: Literal["required", "not needed"] = "not needed"

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.kind != "no_worse" and (self.at_least is None) == (self.at_most is None):
            raise ValueError("give exactly one of at_least and at_most")
        return self


class RubricCriterion(Value):
    """What people are asked about an answer.

    Attributes:
        name: Of the criterion, as gates name it.
        question: As people read it.
        scale: ``yes/no`` or ``1-5``.
        signed: Whether the verdict is a sign-off: a yes (4 or 5 points) names the place in the
            source that bears it out, and it counts only as long as the guideline stays the same.
    """

    name: str
    question: str
    scale: Literal["yes/no", "1-5"] = "yes/no"
    signed: bool = False


class People(Value):
    """Who has to agree.

    Attributes:
        approve: Who must approve the definition (``tunewell approve --as NAME``) before E01 is
            clear.
        rubric: What reviewers are asked.
        raters: How many people see each row.
        minutes_per_verdict: For the estimate of effort.
        guideline: Text file that people work by, relative to tunewell.yaml; its digest is kept with
            every verdict.
        error_tags: Kinds of error that a reviewer may tick.
        span_labels: What annotators mark in the text (entities, arguments, conclusions).
        row_labels: Labels of a whole row, of which annotators choose one.
        looks: ``once`` = people's gates are read when the panel is done; ``any`` = their intervals
            hold at every look, so that a panel may be stopped as soon as a gate is settled. They
            are wider.
    """

    approve: tuple[str, ...] = ("owner",)
    rubric: tuple[RubricCriterion, ...] = ()
    raters: int = Field(default=2, ge=1)
    minutes_per_verdict: float = Field(default=1.0, gt=0)
    guideline: str = ""
    error_tags: tuple[str, ...] = ()
    span_labels: tuple[str, ...] = ()
    row_labels: tuple[str, ...] = ()
    looks: Literal["once", "any"] = "once"


class SplitSection(Value):
    """How the rows are divided. Shares are of families, by rows."""

    test: float = Field(default=0.2, ge=0, lt=1)
    review: float = Field(default=0.1, ge=0, lt=1)
    folds: int = Field(default=5, ge=2)
    max_test_rows: int = Field(default=0, ge=0)
    stratify: str = ""
    seed: int = 0


class Contender(Value):
    """A further model on the same held-out rows.

    Exactly one of ``version``, ``adapter`` and ``model``.

    Attributes:
        name: ``production`` is the model in use; gates can be ``against: production``. Any other
            name is a candidate.
        version: A version trained in this project, by its id or its beginning (``tunewell model``
            lists them).
        adapter: Folder of a PEFT adapter (safetensors) on ``train.model``, relative to
            tunewell.yaml.
        model: Name of other weights; of a model behind ``url`` where that is given.
        url: An OpenAI-compatible server, such as ``http://localhost:8000/v1``.
        prompt: Whether it gets the instruction and the solved examples of the prompted arm.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str = ""
    adapter: str = ""
    model: str = ""
    url: str = ""
    prompt: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(map(bool, (self.version, self.adapter, self.model))) != 1:
            raise ValueError("give exactly one of version, adapter and model")
        if self.url and not self.model:
            raise ValueError("a url needs the name of a model behind it")
        if self.name in ("base", "prompted", "tuned"):
            raise ValueError(f"{self.name!r} is an arm of every evaluation; take another name")
        return self


class EvaluateSection(Value):
    """How arms are compared.

    Attributes:
        prompt: Instruction of the prompted arm; the task's description if empty.
        shots: Solved examples that the prompted arm gets, drawn from the training rows.
        max_new_tokens: Longest answer.
        max_rows: At most this many held-out rows (0 = all), drawn by seed.
        max_looks: After how many looks at the test set E09 is found.
        level: Confidence of every interval.
        arms: Further models on the same rows: the one in production and any number of candidates.
    """

    prompt: str = ""
    arms: tuple[Contender, ...] = ()
    shots: int = Field(default=3, ge=0)
    max_new_tokens: int = Field(default=96, ge=1)
    max_rows: int = Field(default=0, ge=0)
    max_looks: int = Field(default=10, ge=1)
    level: float = Field(default=0.95, gt=0.5, lt=1)

    @field_validator("arms")
    @classmethod
    def _different_names(cls, value: tuple[Contender, ...]) -> tuple[Contender, ...]:
        names = [c.name for c in value]
        if len(set(names)) < len(names):
            raise ValueError(
                f"two arms have one name: {', '.join(sorted({n for n in names if names.count(n) > 1}))}"
            )
        return value


class Costs(Value):
    """Prices for the estimates of money, in ``currency``; zero = not counted."""

    currency: str = "EUR"
    machine_hour: float = Field(default=0.0, ge=0)
    person_hour: float = Field(default=0.0, ge=0)
    million_tokens: float = Field(default=0.0, ge=0)


class Machine(Value):
    """Where the final adapter is trained when ``train.backend`` is ``trl``.

    It decides how fast, never what comes out.

    Attributes:
        processes: How many train together; 0 = one for each GPU, or one where there is none.
        sharding: ``none``: every GPU holds the whole base model. ``fsdp``: each holds a share of
            every layer.
    """

    processes: int = Field(default=0, ge=0)
    sharding: Literal["none", "fsdp"] = "none"


class TaskSpec(Value):
    """The whole definition, resolved."""

    version: Literal[1] = 1
    task: TaskSection
    data: tuple[DataSource, ...] = Field(min_length=1)
    rules: Rules = Rules()
    slices: tuple[Slice, ...] = ()
    metrics: tuple[MetricSpec, ...] = ()
    gates: tuple[Gate, ...] = ()
    people: People = People()
    split: SplitSection = SplitSection()
    train: Recipe = Recipe()
    machine: Machine = Machine()
    evaluate: EvaluateSection = EvaluateSection()
    costs: Costs = Costs()
    engine: str = "native"

    @model_validator(mode="after")
    def _gates_name_metrics(self) -> Self:
        known = {m.name for m in self.metrics} | {c.name for c in self.people.rubric} | {"nats"}
        for i, gate in enumerate(self.gates):
            if gate.metric not in known:
                names = ", ".join(sorted(known))
                raise ValueError(
                    f"gates[{i}]: no metric or criterion {gate.metric!r}; known: {names}"
                )
        return self


@dataclass(frozen=True)
class TaskFile:
    """A `TaskSpec` with the place of every value.

    Attributes:
        spec: The resolved definition.
        path: The file it was read from.
        lines: Line of each key in the file, by dotted path (``rules.max_age.days``,
            ``data.0.path``).
        origins: For values that the file did not give: ``environment NAME`` or ``flag --set NAME``.
    """

    spec: TaskSpec
    path: Path
    lines: Mapping[str, int] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return self.path.parent

    def where(self, name: str) -> str:
        """Where a value came from: ``tunewell.yaml:41``, ``environment …``, ``flag …`` or ``default``.

        Args:
            name: Dotted path; if it was not given itself, the nearest part above it that was.
        """
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            key = ".".join(parts[:end])
            if key in self.origins:
                return self.origins[key]
            if key in self.lines:
                return f"{self.path.name}:{self.lines[key]}"
        return "default"

    def exactly(self, name: str) -> str:
        """Like `where`, but ``default`` unless the value itself was given."""
        if name in self.origins:
            return self.origins[name]
        return f"{self.path.name}:{self.lines[name]}" if name in self.lines else "default"

    @property
    def definition(self) -> str:
        """Digest of what has to be approved: task, rules, slices, metrics, gates and rubric."""
        spec = self.spec
        parts = {
            "task": spec.task,
            "rules": spec.rules,
            "slices": spec.slices,
            "metrics": spec.metrics,
            "gates": spec.gates,
            "rubric": spec.people.rubric,
        }
        return digest({k: _plain(v) for k, v in parts.items()})


def _plain(value: object) -> object:
    if isinstance(value, Value):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


# --- reading --------------------------------------------------------------------------------------


def load_task(
    path: Path, *, overrides: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> TaskFile:
    """Read and check a ``tunewell.yaml``.

    Args:
        path: The file, or the folder that holds it.
        overrides: ``name=value`` pairs of ``--set``, names dotted, values YAML.
        environment: Variables to read; the process's own if None.

    Raises:
        UserError: There is no such file, or it is not YAML.
        TaskError: With every fault and its line.
    """
    path = path / FILE_NAME if path.is_dir() else path
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"there is no {path.name} in {path.parent or '.'}", hint="tunewell init"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 (byte {error.start})", hint=f"save {path.name} as UTF-8"
        ) from None
    return parse_task(text, path=path, overrides=overrides, environment=environment)


def parse_task(
    text: str,
    *,
    path: Path,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> TaskFile:
    """As `load_task`, from text.

    Example:
        >>> parse_task("task: {name: A}", path=Path("tunewell.yaml"), environment={})
        Traceback (most recent call last):
        ...
        tunewell.errors.TaskError: 5 faults:
          tunewell.yaml:1: task.name: String should match pattern '^[a-z0-9][a-z0-9-]*$'. Got 'A'.
          tunewell.yaml:1: task.about: Field required.
          tunewell.yaml:1: task.input: Field required.
          tunewell.yaml:1: task.output: Field required.
          tunewell.yaml:1: data: Field required.
        <BLANKLINE>
        hint: docs/reference/tunewell-yaml.md lists every key; `tunewell init` writes a file with comments
    """
    lines: dict[str, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path.name}:{mark.line + 1}" if mark else path.name
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(
            f"not YAML: {problem}", place=place, hint="check indentation and quotes on that line"
        ) from None
    if not isinstance(values, dict):
        raise UserError(
            "the file is empty or not a mapping", place=f"{path.name}:1", hint="tunewell init"
        )
    faults = list(_note_lines(node, "", lines, path.name))
    origins = _override(values, overrides, os.environ if environment is None else environment)
    spec: TaskSpec | None = None
    try:
        spec = TaskSpec.model_validate(values)
    except ValidationError as error:
        faults += [_fault(e, lines, origins, path.name) for e in error.errors()]
    if faults or spec is None:
        raise TaskError(
            faults,
            hint="docs/reference/tunewell-yaml.md lists every key; `tunewell init` writes a file with comments",
        )
    return TaskFile(spec=spec, path=path, lines=lines, origins=origins)


def _note_lines(
    node: yaml.Node | None, prefix: str, lines: dict[str, int], name: str
) -> Iterator[tuple[str, str]]:
    """Fill ``lines`` and give the keys that stand twice (YAML would silently keep the last)."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            dotted = f"{prefix}{key.value}"
            if dotted in lines:
                yield (
                    f"{name}:{key.start_mark.line + 1}",
                    f"{dotted}: stands twice (first in line {lines[dotted]}).",
                )
            lines[dotted] = key.start_mark.line + 1
            yield from _note_lines(value, f"{dotted}.", lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[f"{prefix}{i}"] = value.start_mark.line + 1
            yield from _note_lines(value, f"{prefix}{i}.", lines, name)


def _override(
    values: dict[str, Any], overrides: Sequence[str], environment: Mapping[str, str]
) -> dict[str, str]:
    origins: dict[str, str] = {}
    settings = [
        (k.removeprefix(ENV_PREFIX).lower().replace("__", "."), v, f"environment {k}")
        for k, v in sorted(environment.items())
        if k.startswith(ENV_PREFIX)
    ]
    for item in overrides:
        dotted, equals, text = item.partition("=")
        if not equals or not dotted:
            raise UserError(
                f"--set takes name=value, got {item!r}", hint="tunewell run --set train.epochs=2"
            )
        settings.append((dotted, text, f"flag --set {dotted}"))
    for dotted, text, origin in settings:
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(
                f"{dotted}: {text!r} is not a YAML value", place=origin, hint="quote it: 'a: b'"
            ) from None
        _put(values, dotted.split("."), value, dotted)
        origins[dotted] = origin
    return origins


def _put(values: Any, parts: list[str], value: object, dotted: str) -> None:
    for part in parts[:-1]:
        if isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        elif isinstance(values, dict):
            values = values.setdefault(part, {})
        else:
            raise UserError(
                f"{dotted!r} leads nowhere: {part!r} is not a mapping", hint="tunewell config"
            )
    if isinstance(values, list) and parts[-1].isdigit() and int(parts[-1]) < len(values):
        values[int(parts[-1])] = value
    elif isinstance(values, dict):
        values[parts[-1]] = value
    else:
        raise UserError(f"{dotted!r} leads nowhere", hint="tunewell config")


def _fault(
    error: Any, lines: Mapping[str, int], origins: Mapping[str, str], name: str
) -> tuple[str, str]:
    location = [str(p) for p in error["loc"]]
    message = str(error["msg"]).removeprefix("Value error, ")
    dotted = ".".join(location)
    for end in range(len(location), 0, -1):
        key = ".".join(location[:end])
        if key in origins:
            place = origins[key]
            break
        if key in lines:
            place = f"{name}:{lines[key]}"
            break
    else:
        place = f"{name}:1"
    match = re.match(r"gates\[(\d+)\]", message)
    if not dotted and match:
        place = f"{name}:{lines.get(f'gates.{match[1]}', 1)}"
    got = error.get("input")
    shown = (
        ""
        if error["type"] == "missing" or isinstance(got, (dict, list, tuple)) or not dotted
        else f" Got {got!r}."
    )
    end_dot = "" if message.endswith(".") else "."
    return place, f"{dotted}: {message}{end_dot}{shown}" if dotted else f"{message}{end_dot}"
