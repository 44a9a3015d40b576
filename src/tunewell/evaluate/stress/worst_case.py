"""The worst perturbation of a row within a budget: adversarial, not only random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunewell.evaluate.arms import Arm
from tunewell.evaluate.lookup import nats_per_token
from tunewell.evaluate.stress.perturbations import PERTURBATIONS, Perturbation
from tunewell.model.base import Model
from tunewell.types import Example, Value

Candidate = tuple[Example, tuple[str, ...]]
"""A perturbed row, and the names of the perturbations that made it."""


class Worst(Value):
    """The worst that was found for a row.

    Attributes:
        example: The perturbed row.
        path: Names of the perturbations, in the order in which they were applied.
        clean: Loss of the right answer for the row as it is, nats per token.
        loss: The same for the perturbed row.
        tried: How many perturbed rows were scored.
    """

    example: Example
    path: tuple[str, ...]
    clean: float
    loss: float
    tried: int


def worst_perturbation(
    model: Model,
    arm: Arm,
    example: Example,
    *,
    budget: int = 64,
    steps: int = 2,
    keep: int = 2,
    kinds: Sequence[str] = (),
    seed: int = 0,
) -> Worst:
    """Search for the perturbation under which the right answer becomes least probable.

    A beam over up to ``steps`` changes, of perturbations that keep the right answer only. Scoring
    the given answer is cheap, so dozens of candidates cost less than one generated answer.

    Args:
        model: Scores the answers.
        arm: Makes the prompts.
        example: The clean row, with its target.
        budget: Most candidates to score.
        steps: Most perturbations on top of each other.
        keep: Beam: how many of the worst go on to the next step.
        kinds: Names of `PERTURBATIONS`; all that keep the answer if empty.
        seed: Of the candidates.

    Returns:
        The worst candidate; the row itself, with an empty path, if none is worse.
    """
    usable = []
    for name, kind in PERTURBATIONS.items():
        if kind.effect == "same" and (not kinds or name in kinds):
            usable.append(kind)

    clean = _losses(model, arm, [example])[0]
    worst = Worst(
        example=example,
        path=(),
        clean=clean,
        loss=clean,
        tried=0,
    )
    beam: list[Candidate] = [(example, ())]
    tried = 0
    for step in range(steps):
        share = (budget - tried) // (steps - step)
        candidates = _candidates(usable, beam, share, seed + step)
        if not candidates:
            break
        losses = _losses(model, arm, [row for row, _ in candidates])
        tried += len(candidates)
        ranked = sorted(range(len(candidates)), key=lambda i: -losses[i])
        beam = [candidates[i] for i in ranked[:keep]]
        loss = losses[ranked[0]]
        if loss > worst.loss:
            row, path = beam[0]
            worst = Worst(
                example=row,
                path=path,
                clean=clean,
                loss=loss,
                tried=tried,
            )

    found = example
    if worst.path:
        own = {"id": f"{example.id}~worst", "parent": example.id}
        found = worst.example.model_copy(update=own)
    return worst.model_copy(update={"tried": tried, "example": found})


def _candidates(
    kinds: Sequence[Perturbation],
    beam: Sequence[Candidate],
    count: int,
    seed: int,
) -> list[Candidate]:
    """Up to ``count`` different rows: every kind on every row of the beam, seed after seed."""
    found: dict[str, Candidate] = {}
    for turn in range(max(1, count)):
        before = len(found)
        for candidate in _perturbed(kinds, beam, 1000 * seed + turn):
            found.setdefault(candidate[0].input, candidate)
        if len(found) >= count or len(found) == before:
            break
    return list(found.values())[:count]


def _perturbed(
    kinds: Sequence[Perturbation], beam: Sequence[Candidate], seed: int
) -> Iterator[Candidate]:
    """Every row of the beam with one more perturbation, of each kind that it does not have yet."""
    for row, path in beam:
        for kind in kinds:
            if kind.name in path:
                continue
            made = kind(row, seed=seed)
            if made is not None:
                yield made, (*path, kind.name)


def _losses(model: Model, arm: Arm, rows: Sequence[Example]) -> list[float]:
    scored = model.score([arm.prompt(e) for e in rows], [e.target for e in rows])
    return [nats_per_token(s, otherwise=0.0) for s in scored]
