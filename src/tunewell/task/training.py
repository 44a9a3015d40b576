"""Where the model is trained, and what machines and people cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewell.types import Value


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


class Costs(Value):
    """Prices for the estimates of money, in ``currency``; zero = not counted.

    Attributes:
        currency: Of all of them.
        machine_hour: Of training and evaluating.
        person_hour: Of people who annotate, review and sign.
        million_tokens: Of tokens that are trained on, or billed by an endpoint.
        wrong_answer: Of one wrong answer in use: what it costs to put it right.
        retraining: Of one retraining in all; 0 = the machine hours of the last one.
        label: Of one row that a person labels; 0 = ``people.minutes_per_verdict`` at
            ``person_hour``.
    """

    currency: str = "EUR"
    machine_hour: float = Field(default=0.0, ge=0)
    person_hour: float = Field(default=0.0, ge=0)
    million_tokens: float = Field(default=0.0, ge=0)
    wrong_answer: float = Field(default=0.0, ge=0)
    retraining: float = Field(default=0.0, ge=0)
    label: float = Field(default=0.0, ge=0)
