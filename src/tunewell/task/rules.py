"""What belongs in the data and what does not."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, field_validator

from tunewell.languages import language_code
from tunewell.types import Value


class Kinds(Value):
    """Which kinds of document count. ``keep`` empty = all but those of ``drop``."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Exemption(Value):
    """Rows that a rule spares: those whose field has one of these values.

    ``{field: landmark, is: ["true"]}`` in the file.
    """

    field: str
    values: Annotated[tuple[str, ...], Field(alias="is")]
    why: str = ""

    @field_validator("values", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        values = value if isinstance(value, (list, tuple)) else [value]
        return tuple(_as_in_yaml(v) for v in values)


def _as_in_yaml(value: object) -> str:
    """A value as text: YAML's ``true`` stays ``true`` and does not become ``True``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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


MassRule = Literal["near_duplicates", "leaks", "broken", "languages"]
"""A rule that takes more than a fifth of a file only where a person has confirmed it."""

FaultChoice = Literal["", "drop", "report"]


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
            ``drop`` drops rows that are certainly broken and reports those that may be.
        empty: D08: blank targets and inputs, placeholders such as ``N/A``; as ``broken`` if not
            set. Where this rule or one of the next three says ``drop``, rows that may be broken
            are dropped too.
        refusal: D08: answers in which a model refuses; as ``broken`` if not set.
        cut_off: D08: answers that break off; as ``broken`` if not set.
        repetition: D08: answers that repeat themselves; as ``broken`` if not set.
        confirmed: Rules that may drop more than 20 % of the rows. Those that are not named here
            report such rows instead and leave the verdict INCONCLUSIVE.
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
    empty: FaultChoice = ""
    refusal: FaultChoice = ""
    cut_off: FaultChoice = ""
    repetition: FaultChoice = ""
    confirmed: tuple[MassRule, ...] = ()
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

    def choice_on(self, fault: str) -> FaultChoice:
        """What is set for one kind of broken row; empty where ``broken`` decides."""
        choices: dict[str, FaultChoice] = {
            "empty": self.empty,
            "refusal": self.refusal,
            "cut_off": self.cut_off,
            "repetition": self.repetition,
        }
        return choices.get(fault, "")
