"""The record that every stage writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from tunewell.types.findings import Finding
from tunewell.types.speeds import Speed
from tunewell.types.values import Value


class Run(Value):
    """The record that every stage writes: what went in, what came out, how, and what it took.

    Attributes:
        id: Sortable unique name.
        stage: ``curate``, ``split`` …
        key: Digest of stage, inputs and parameters: a finished run with this key need not be
            repeated.
        status: ``finished``; ``failed`` with ``error``; ``started`` while under way or after a
            kill.
        inputs: Name to artifact digest.
        outputs: Name to artifact digest.
        parameters: Resolved configuration that decided the result.
        code: Version and, in a checkout, revision of Tunewell.
        packages: Name to version of the libraries that matter.
        seed: Of everything random.
        counts: Rows in, rows out …
        findings: What it saw.
        started: When, UTC.
        seconds: Wall time.
        peak_bytes: Peak resident memory of the process.
        speeds: How fast each arm wrote recordings down, where rows are heard.
        error: Why it failed.
        reused_from: Id of the finished run that this one took over, if it did nothing itself.
    """

    id: str
    stage: str
    key: str
    status: Literal["started", "finished", "failed"]
    inputs: Mapping[str, str] = Field(default_factory=dict)
    outputs: Mapping[str, str] = Field(default_factory=dict)
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    code: str = ""
    packages: Mapping[str, str] = Field(default_factory=dict)
    seed: int = 0
    counts: Mapping[str, int] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    started: dt.datetime
    seconds: float = 0.0
    peak_bytes: int = 0
    speeds: tuple[Speed, ...] = ()
    error: str = ""
    reused_from: str = ""
