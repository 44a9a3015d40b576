"""The task itself, in words."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from tunewell.languages import language_code
from tunewell.types import Value


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
            if not _is_pattern(item):
                continue
            try:
                re.compile(item[1:-1])
            except re.error as error:
                raise ValueError(f"{item!r} is not a valid pattern: {error}") from None
        return value


def _is_pattern(item: str) -> bool:
    return len(item) > 2 and item.startswith("/") and item.endswith("/")
