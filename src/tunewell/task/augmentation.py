"""Which synthetic rows are wanted, who writes them, and what they may cost."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tunewell.types import Value

Varied = Literal["variation", "counterfactual", "edit"]

NAME = r"^[a-z0-9][a-z0-9_.=-]*$"


class CellCondition(Value):
    """What must hold of every row of a cell.

    Attributes:
        where: Which text it is about: ``input``, ``target`` or ``both`` together (key ``in``).
        has: Every one of these texts is there (case ignored; ``/…/`` is a pattern).
        has_not: None of these is.
        words: Fewest and most words; 0 = no limit.
        as_parent: ``same``: as in the parent, but for case and white space. ``other``: not so.
    """

    where: Annotated[Literal["input", "target", "both"], Field(alias="in")] = "target"
    has: tuple[str, ...] = ()
    has_not: tuple[str, ...] = ()
    words: tuple[int, int] = (0, 0)
    as_parent: Literal["", "same", "other"] = ""

    @field_validator("has", "has_not")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            _check_pattern(item)
        return value

    @field_validator("words")
    @classmethod
    def _limits(cls, value: tuple[int, int]) -> tuple[int, int]:
        fewest, most = value
        if fewest < 0 or (most and most < fewest):
            raise ValueError("words are the fewest and the most, such as [5, 60]")
        return value


def _check_pattern(item: str) -> None:
    if not item:
        raise ValueError("an empty text is in every row")
    if len(item) > 2 and item.startswith("/") and item.endswith("/"):
        try:
            re.compile(item[1:-1])
        except re.error as error:
            raise ValueError(f"{item!r} is not a valid pattern: {error}") from None


class AugmentCell(Value):
    """One kind of synthetic row.

    Attributes:
        name: Of the cell, in small letters.
        rows: How many accepted rows it ends with.
        vary: What differs from the parent: parties, amounts, dates, tone, region …
        about: What is wanted, in words: the generator reads it.
        kind: ``variation``: the same case told anew. ``counterfactual``: one fact of the input
            changes, and the answer accordingly. ``edit``: a small change of the input is the point.
        parents: Rows that may be parents, by field: ``{region: north}``; all training rows if
            empty. A value may be a list.
        rows_of: Ids of the rows that may be parents; any if empty.
        holds: What must hold of every row.
        set: Fields that the new row gets, such as ``{region: north}``; its ``kind`` and ``date``
            (in quotes: ``"2026-05-31"``) too.
        by: A rule that writes the rows instead of a model: the name of a perturbation of
            ``tunewell stress``.
    """

    name: str = Field(pattern=NAME, max_length=80)
    rows: int = Field(ge=1)
    vary: tuple[str, ...] = ()
    about: str = ""
    kind: Varied = "variation"
    parents: Mapping[str, str | tuple[str, ...]] = Field(default_factory=dict)
    rows_of: tuple[str, ...] = ()
    holds: tuple[CellCondition, ...] = ()
    set: Mapping[str, str] = Field(default_factory=dict)
    by: str = ""

    @field_validator("set")
    @classmethod
    def _date(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        date = value.get("date")
        if date is not None:
            try:
                dt.date.fromisoformat(date)
            except ValueError:
                raise ValueError(f"date must be like 2026-05-31, got {date!r}") from None
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.vary or self.about or self.by):
            raise ValueError("say what varies (vary), what is wanted (about), or a rule (by)")
        return self


class GeneratorSpec(Value):
    """A model that writes rows.

    Attributes:
        model: Name of weights on this machine; of the model behind ``url`` where that is given.
        url: An OpenAI-compatible server, such as ``http://localhost:8000/v1``.
        key_variable: Environment variable that holds the key.
        in_flight: Most requests at a time; fewer while the server says that there are too many.
        timeout_s: Longest wait for one answer, in seconds.
        share: Of the requests, beside the shares of the others.
        prompt_price: Price of a million prompt tokens.
        answer_price: Price of a million generated tokens.
    """

    model: str = Field(min_length=1)
    url: str = ""
    key_variable: str = "OPENAI_API_KEY"
    in_flight: int = Field(default=16, ge=1)
    timeout_s: float = Field(default=120.0, gt=0)
    share: float = Field(default=1.0, gt=0)
    prompt_price: float = Field(default=0.0, ge=0)
    answer_price: float = Field(default=0.0, ge=0)


class AugmentBudget(Value):
    """What may be spent on one augmentation; 0 = no limit.

    Attributes:
        rows: Most candidates that are asked for.
        tokens: Most tokens, prompts and answers together.
        cost: Most money, at the generators' prices.
        minutes: Longest time of one run of the command; what is in flight then is not waited for.
    """

    rows: int = Field(default=0, ge=0)
    tokens: int = Field(default=0, ge=0)
    cost: float = Field(default=0.0, ge=0)
    minutes: float = Field(default=0.0, ge=0)


class AugmentLimits(Value):
    """Where acceptance draws its lines; similarities are of word sequences, in [0, 1].

    Attributes:
        copy: From here on a row is a copy of its parent or of another training row.
        elsewhere: Below this share of its telling words a row has left its parent; 0 = what two
            rows of the project have in common by chance, as measured.
        near: From here on two synthetic rows are near-duplicates.
        leak: From here on a row that is nearer to an evaluation row than its parent is counts as a
            leak, beside every pair that D11 finds.
        new: Least share of its word pairs that neither its parent nor an accepted sibling has.
    """

    copy_of: Annotated[float, Field(alias="copy", gt=0, le=1)] = 0.9
    elsewhere: float = Field(default=0.0, ge=0, lt=1)
    near: float = Field(default=0.65, gt=0, le=1)
    leak: float = Field(default=0.55, gt=0, le=1)
    new: float = Field(default=0.05, ge=0, lt=1)


class AugmentSection(Value):
    """Synthetic rows: what is wanted, who writes it, what it may cost, when it is used.

    Attributes:
        cells: What is wanted, a kind of row each.
        generators: Who writes: one model or several at once.
        budget: What may be spent.
        tries: How often a candidate whose reply cannot be read is asked for again.
        temperature: Of the generators.
        max_new_tokens: Longest reply.
        least_rate: A cell stops when the interval of its acceptance rate lies below this.
        glossary: Right term to the wrong ones that nobody may use for it.
        limits: Where acceptance draws its lines.
        judge: A model that has the last word on a row: a name of weights, or ``NAME@URL``.
        checked: How many accepted rows go to experts.
        take_up: Whether ``tunewell run`` trains on accepted rows: ``proved`` = once
            ``tunewell augment trial`` has shown that they pay; ``always``; ``never``.
        seed: Of parents, order and sampling.
    """

    cells: tuple[AugmentCell, ...] = ()
    generators: tuple[GeneratorSpec, ...] = ()
    budget: AugmentBudget = AugmentBudget()
    tries: int = Field(default=3, ge=1)
    temperature: float = Field(default=0.9, ge=0)
    max_new_tokens: int = Field(default=512, ge=1)
    least_rate: float = Field(default=0.1, gt=0, lt=1)
    glossary: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    limits: AugmentLimits = AugmentLimits()
    judge: str = ""
    checked: int = Field(default=50, ge=0)
    take_up: Literal["proved", "always", "never"] = "proved"
    seed: int = 0

    @field_validator("cells")
    @classmethod
    def _different_names(cls, value: tuple[AugmentCell, ...]) -> tuple[AugmentCell, ...]:
        times = Counter(cell.name for cell in value)
        repeated = sorted(name for name, count in times.items() if count > 1)
        if repeated:
            raise ValueError(f"two cells have one name: {', '.join(repeated)}")
        return value
