"""A pitfall, measured, and the limit it was held against."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field

from tunewell.types.figures import Estimate
from tunewell.types.values import Value

Status = Literal["found", "clear", "unchecked", "accepted"]


class Threshold(Value):
    """A limit and where it came from (``tunewell.yaml:52``, ``built-in``)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    value: float
    origin: str = Field(alias="from", serialization_alias="from")


class Acceptance(Value):
    """A person took a finding on.

    Attributes:
        code: Of the pitfall.
        reason: In their words.
        until: The last day on which it holds.
        author: Who it was, or is said to have been.
        at: When, UTC.
        signed: Whether their account was signed in; else it is a claim from the command line.
    """

    code: str
    reason: str
    until: dt.date
    author: str
    at: dt.datetime
    signed: bool = False


class Finding(Value):
    """A pitfall, measured.

    Attributes:
        code: Of the catalogue in `tunewell.pitfalls`.
        status: ``found``, ``clear``, ``unchecked`` (``why`` says why) or ``accepted``.
        stage: Which stage saw it.
        why: One sentence with the figure.
        estimate: The measured value.
        threshold: What it was held against.
        slice: Where, if not everywhere (``region=north``).
        rows: Ids of the affected rows.
        remedy: What to do, as a command where there is one.
        blocking: Whether it stops a release.
        unconfirmed: Whether it waits for a person's word: a blocking one then leaves the verdict
            INCONCLUSIVE.
        acceptance: Who accepted it, and why.
        families: Groups of ids (near-duplicates, templates).
        pairs: Evidence of two rows, such as ``{"train": …, "eval": …, "kind": …}``.
        spans: Evidence within a row, such as ``{"row": …, "start": 3, "end": 9, "type": "email"}``.
    """

    code: str = Field(pattern=r"^[DTEL]\d\d$")
    status: Status
    stage: str
    why: str
    estimate: Estimate | None = None
    threshold: Threshold | None = None
    slice: str = ""
    rows: tuple[str, ...] = ()
    remedy: str = ""
    blocking: bool = False
    unconfirmed: bool = False
    acceptance: Acceptance | None = None
    families: tuple[tuple[str, ...], ...] = ()
    pairs: tuple[Mapping[str, str], ...] = ()
    spans: tuple[Mapping[str, str | int], ...] = ()
