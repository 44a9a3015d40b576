"""K adapters over one frozen base: their parameters, in one block per kind, and their optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tunewell.train.lora.device import far, uniform
from tunewell.types import Recipe, digest


@dataclass(frozen=True)
class Site:
    """One frozen linear map that carries adapters.

    Attributes:
        name: Its name in the model, such as ``model.layers.7.self_attn.q_proj``.
        layer: Number of its layer.
        inputs: Width of its input.
        outputs: Width of its output.
        start: Its first output within the group that it is computed with.
    """

    name: str
    layer: int
    inputs: int
    outputs: int
    start: int = 0


@dataclass
class SiteGroup:
    """Adapted maps of one input, computed by one product, and the leaves that gradients reach.

    Attributes:
        sites: The maps.
        outputs: Of the whole product, those of maps without adapters included.
        a: Shape (K, rank * maps, inputs).
        b: Shape (K, rank * maps, outputs), zero outside the maps' own blocks, alpha / rank
            included.
        mask: Dropout of the rows at hand, shape (K, rows, inputs), or None.
    """

    sites: tuple[Site, ...]
    outputs: int
    a: Any = None
    b: Any = None
    mask: Any = None


class Bank:
    """K adapters.

    Dropout zeroes inputs of A, drawn for every row anew and shared by the tokens of the row
    (variational dropout, Gal and Ghahramani 2016): it then acts on a copy of A for each row and
    costs next to nothing, where a draw for every token costs as much as the matrix products.

    Args:
        groups: Sites by the product that computes them, with that product's outputs.
        recipe: Rank, alpha, dropout, seed.
        adapters: Number of each adapter; it decides its initial values and its dropout, whoever
            trains beside it.
        like: A tensor of the type and device that the model computes in.
    """

    def __init__(
        self,
        groups: Sequence[tuple[tuple[Site, ...], int]],
        *,
        recipe: Recipe,
        adapters: Sequence[int],
        like: Any,
    ) -> None:
        self.adapters = tuple(adapters)
        self.rank, self.scale = recipe.rank, recipe.alpha / recipe.rank
        self._dropout, self._seed = recipe.dropout, recipe.seed
        k, kind = len(self.adapters), {"dtype": like.dtype, "device": like.device}
        self.groups = [
            SiteGroup(
                sites,
                outputs,
                a=torch.empty(
                    k, self.rank * len(sites), sites[0].inputs, **kind, requires_grad=True
                ),
                b=torch.zeros(k, self.rank * len(sites), outputs, **kind, requires_grad=True),
            )
            for sites, outputs in groups
        ]
        size = sum(self.rank * (s.inputs + s.outputs) for g in self.groups for s in g.sites)
        first = np.zeros((k, size), np.float32)
        for group, start in zip(self.groups, self._starts(), strict=True):
            for j, site in enumerate(group.sites):
                place = start + j * self.rank * site.inputs
                for i, adapter in enumerate(self.adapters):
                    drawn = _initial(site, self.rank, seed=recipe.seed, adapter=adapter)
                    first[i, place : place + drawn.size] = drawn.ravel()
        self.values = torch.from_numpy(first).to(like.device)
        self.mean = torch.zeros_like(self.values)
        self.square = torch.zeros_like(self.values)
        self.steps = 0
        self._adam: Any = None
        self._masks: list[Any] = []
        self.refresh()

    def _starts(self) -> list[int]:
        """Where each group begins in a row of ``values``: the A's of its sites, then their B's."""
        sizes = [sum(self.rank * (s.inputs + s.outputs) for s in g.sites) for g in self.groups]
        return [0, *np.cumsum(sizes)[:-1].tolist()]

    def _views(self, flat: Any) -> Iterator[tuple[SiteGroup, Any, list[tuple[Any, slice, slice]]]]:
        """Of values (or gradients): each group's A, and its B's with their rows and columns in ``SiteGroup.b``."""
        k = len(self.adapters)
        for group, start in zip(self.groups, self._starts(), strict=True):
            inputs, rows = group.sites[0].inputs, self.rank * len(group.sites)
            end = start + rows * inputs
            a = flat[:, start:end].view(k, rows, inputs)
            bs = []
            for j, site in enumerate(group.sites):
                start, end = end, end + self.rank * site.outputs
                b = flat[:, start:end].view(k, self.rank, site.outputs)
                bs.append(
                    (
                        b,
                        slice(j * self.rank, (j + 1) * self.rank),
                        slice(site.start, site.start + site.outputs),
                    )
                )
            yield group, a, bs

    @torch.no_grad()
    def refresh(self, *, step: int | None = None, rows: int = 1) -> None:
        """Copy the fp32 values into what the model computes with.

        With the dropout of a step, or without any.

        Args:
            step: Of which the dropout is drawn; None = none.
            rows: Of each adapter in that step.
        """
        for group, a, bs in self._views(self.values):
            group.a.copy_(a)
            for b, rank, columns in bs:
                group.b[:, rank, columns] = b * self.scale
        self._masks = self._draw(step, rows) if step is not None and self._dropout else []
        self.select(0, rows)

    def select(self, start: int, end: int) -> None:
        """Let these rows of the step be the ones at hand."""
        for i, group in enumerate(self.groups):
            group.mask = self._masks[i][:, start:end] if self._masks else None

    def _draw(self, step: int, rows: int) -> list[Any]:
        widths = [g.sites[0].inputs for g in self.groups]
        like = self.groups[0].a
        keep = torch.stack(
            [
                uniform((self._seed, 1, adapter, step), (rows, sum(widths)), like.device)
                >= self._dropout
                for adapter in self.adapters
            ]
        )
        scaled = keep.to(like.dtype).mul_(1 / (1 - self._dropout))
        return list(scaled.split(widths, 2))

    @torch.no_grad()
    def gradients(self) -> Any:
        """Gradients of all values, shape (K, values), fp32; the leaves' own are cleared."""
        out = torch.empty_like(self.values)
        for group, a, bs in self._views(out):
            if group.a.grad is None:
                for untouched in (a, *(b for b, _, _ in bs)):
                    untouched.zero_()
                continue
            a.copy_(group.a.grad)
            for b, rows, columns in bs:
                b.copy_(group.b.grad[:, rows, columns]).mul_(self.scale)
            group.a.grad = group.b.grad = None
        return out

    @torch.no_grad()
    def step(self, *, rate: float, weight_decay: float, longest: float = 1.0) -> None:
        """One step of AdamW for every adapter, each gradient cut to length ``longest``."""
        grad = self.gradients()
        norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
        if far(grad.device) or bool(
            (norm > longest).any()
        ):  # to look would be to wait for the device
            grad.mul_((longest / (norm + 1e-6)).clamp_(max=1.0))
        self.values.grad = grad
        if self._adam is None:
            # One pass over the memory instead of eleven; made late, because a restored bank has its
            # own averages.
            self._adam = torch.optim.AdamW([self.values], betas=(0.9, 0.999), eps=1e-8, fused=True)
            steps = torch.tensor(float(self.steps), device=self.values.device)
            self._adam.state[self.values] = {
                "step": steps,
                "exp_avg": self.mean,
                "exp_avg_sq": self.square,
            }
        self._adam.param_groups[0].update(lr=rate, weight_decay=weight_decay)
        self._adam.step()
        self.values.grad = None
        self.steps += 1

    def tensors(self, place: int) -> dict[str, NDArray[np.float32]]:
        """One adapter as PEFT names it: ``base_model.model.<site>.lora_A.weight`` (rank, inputs) and ``lora_B``."""
        out: dict[str, NDArray[np.float32]] = {}
        for group, a, bs in self._views(self.values):
            for j, (site, (b, _, _)) in enumerate(zip(group.sites, bs, strict=True)):
                name = f"base_model.model.{site.name}.lora_"
                out[f"{name}A.weight"] = (
                    a[place, j * self.rank : (j + 1) * self.rank].cpu().numpy().copy()
                )
                out[f"{name}B.weight"] = b[place].T.cpu().contiguous().numpy().copy()
        return out

    @torch.no_grad()
    def put(self, place: int, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Let one adapter have the values of `tensors`, as it gives them."""
        for group, a, bs in self._views(self.values):
            for j, (site, (b, _, _)) in enumerate(zip(group.sites, bs, strict=True)):
                name = f"base_model.model.{site.name}.lora_"
                a[place, j * self.rank : (j + 1) * self.rank].copy_(
                    torch.from_numpy(tensors[f"{name}A.weight"])
                )
                b[place].copy_(torch.from_numpy(tensors[f"{name}B.weight"]).T)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Everything that a later process needs to go on."""
        return {n: getattr(self, n).cpu().numpy() for n in ("values", "mean", "square")}

    def restore(self, state: Mapping[str, NDArray[np.float32]], *, steps: int) -> None:
        """Go on from a `state`."""
        for name in ("values", "mean", "square"):
            getattr(self, name).copy_(torch.from_numpy(np.array(state[name])))
        self.steps, self._adam = steps, None
        self.refresh()


def _initial(site: Site, rank: int, *, seed: int, adapter: int) -> NDArray[np.float32]:
    """A as PEFT begins it: uniform within ±1/√inputs (Kaiming with a = √5); B begins at zero."""
    key = int(digest([seed, adapter, site.name, rank])[:16], 16)
    bound = 1 / math.sqrt(site.inputs)
    return np.random.default_rng(key).uniform(-bound, bound, (rank, site.inputs)).astype(np.float32)


def rate_at(step: int, *, steps: int, peak: float, warmup: float) -> float:
    """Learning rate: rising over the warm-up, then falling in a straight line to zero at the end.

    Example:
        >>> [round(rate_at(s, steps=10, peak=1.0, warmup=0.2), 3) for s in (0, 1, 5, 9)]
        [0.5, 1.0, 0.625, 0.125]
    """
    rising = math.ceil(steps * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * max(0.0, (steps - step) / max(1, steps - rising))
