"""The worst perturbation of a row within a budget: adversarial, not only random."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.evaluate.arms import Arm
from tunewell.evaluate.stress.kinds import PERTURBATIONS, Perturbation
from tunewell.model.base import Model
from tunewell.types import Example, Value


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
    usable = [
        k for n, k in PERTURBATIONS.items() if k.effect == "same" and (not kinds or n in kinds)
    ]
    clean = _losses(model, arm, [example])[0]
    best = Worst(example=example, path=(), clean=clean, loss=clean, tried=0)
    beam: list[tuple[Example, tuple[str, ...]]] = [(example, ())]
    tried = 0
    for step in range(steps):
        share = (budget - tried) // (steps - step)
        candidates = _candidates(usable, beam, share, seed + step)
        if not candidates:
            break
        losses = _losses(model, arm, [e for e, _ in candidates])
        tried += len(candidates)
        ranked = sorted(range(len(candidates)), key=lambda i: -losses[i])
        beam = [candidates[i] for i in ranked[:keep]]
        if losses[ranked[0]] > best.loss:
            found, path = candidates[ranked[0]]
            best = Worst(example=found, path=path, clean=clean, loss=losses[ranked[0]], tried=tried)
    final = (
        best.example.model_copy(update={"id": f"{example.id}~worst", "parent": example.id})
        if best.path
        else example
    )
    return best.model_copy(update={"tried": tried, "example": final})


def _candidates(
    kinds: Sequence[Perturbation],
    beam: Sequence[tuple[Example, tuple[str, ...]]],
    count: int,
    seed: int,
) -> list[tuple[Example, tuple[str, ...]]]:
    """Up to ``count`` different rows: every kind on every row of the beam, with one seed after the other."""
    out: dict[str, tuple[Example, tuple[str, ...]]] = {}
    for turn in range(max(1, count)):
        before = len(out)
        for row, path in beam:
            for kind in kinds:
                if kind.name in path:
                    continue
                made = kind(row, seed=1000 * seed + turn)
                if made is not None and len(out) < count:
                    out.setdefault(made.input, (made, (*path, kind.name)))
        if len(out) >= count or len(out) == before:
            break
    return list(out.values())


def _losses(model: Model, arm: Arm, rows: Sequence[Example]) -> list[float]:
    found = model.score([arm.prompt(e) for e in rows], [e.target for e in rows])
    return [t.nats / t.tokens if t.tokens else 0.0 for t in found]
