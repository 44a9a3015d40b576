"""K adapters over one frozen base: their parameters, in one block per kind, and their optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from tunewell.train.arrays import Singles
from tunewell.train.lora.device import far, uniform
from tunewell.types import Recipe, digest

PREFIX = "base_model.model."
"""Before the name of a map in PEFT's names of tensors."""

BETAS = (0.9, 0.999)
EPSILON = 1e-8
"""Of AdamW (Loshchilov and Hutter 2019), as PyTorch and TRL have them."""

STATE = ("values", "mean", "square")
"""What a later process needs to go on."""


@dataclass(frozen=True)
class Site:
    """One frozen linear map that carries adapters.

    Attributes:
        name: Its name in the model, such as ``model.layers.7.self_attn.q_proj``.
        layer: Number of its layer.
        inputs: Width of its input.
        outputs: Width of its output.
        start: Its first output within the product that it is computed with.
    """

    name: str
    layer: int
    inputs: int
    outputs: int
    start: int = 0

    @property
    def width(self) -> int:
        """Inputs and outputs: values of its adapter for one rank."""
        return self.inputs + self.outputs

    @property
    def leaf(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]


class MatrixProduct(NamedTuple):
    """One product of the frozen base, and the adapted maps in it.

    Attributes:
        sites: The maps; they have one input.
        outputs: Of the whole product, those of maps without adapters included.
    """

    sites: tuple[Site, ...]
    outputs: int


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
    a: torch.Tensor
    b: torch.Tensor
    mask: torch.Tensor | None = None

    @property
    def inputs(self) -> int:
        """Width of the input that all of its maps have."""
        return self.sites[0].inputs

    @property
    def width(self) -> int:
        """Values of its adapters for one rank."""
        return sum(site.width for site in self.sites)


class _SiteView(NamedTuple):
    """Values of one map, and where its B is in the group's.

    ``a`` has shape (K, rank, inputs), ``b`` (K, rank, outputs).
    """

    site: Site
    a: torch.Tensor
    b: torch.Tensor
    rows: slice
    columns: slice


class _GroupView(NamedTuple):
    """Values of one group: all of its A's as one block, and each map by itself."""

    group: SiteGroup
    a: torch.Tensor
    sites: list[_SiteView]


class Bank:
    """K adapters.

    Dropout zeroes inputs of A, drawn for every row anew and shared by the tokens of the row
    (variational dropout, Gal and Ghahramani 2016): it then acts on a copy of A for each row and
    costs next to nothing, where a draw for every token costs as much as the matrix products.

    Args:
        products: Products of the base that carry adapters.
        recipe: Rank, alpha, dropout, seed.
        adapters: Number of each adapter; it decides its initial values and its dropout, whoever
            trains beside it.
        like: A tensor of the type and device that the model computes in.
    """

    def __init__(
        self,
        products: Sequence[MatrixProduct],
        *,
        recipe: Recipe,
        adapters: Sequence[int],
        like: torch.Tensor,
    ) -> None:
        self.adapters = tuple(adapters)
        self.rank = recipe.rank
        self.scale = recipe.alpha / recipe.rank
        self._dropout = recipe.dropout
        self._seed = recipe.seed
        self.groups = [self._group(product, like) for product in products]

        self.values = torch.from_numpy(self._first_values()).to(like.device)
        self.mean = torch.zeros_like(self.values)
        self.square = torch.zeros_like(self.values)
        self.steps = 0
        self._adam: torch.optim.AdamW | None = None
        self._masks: list[torch.Tensor] = []
        self.refresh()

    def _group(self, product: MatrixProduct, like: torch.Tensor) -> SiteGroup:
        """Leaves for a product."""
        sites, outputs = product
        adapters, rows = len(self.adapters), self.rank * len(sites)
        kind = {"dtype": like.dtype, "device": like.device, "requires_grad": True}
        a = torch.empty(adapters, rows, sites[0].inputs, **kind)
        b = torch.zeros(adapters, rows, outputs, **kind)
        return SiteGroup(sites, outputs, a=a, b=b)

    def _first_values(self) -> Singles:
        """Every A as drawn, every B zero, shape (K, values)."""
        size = sum(self.rank * group.width for group in self.groups)
        first = np.zeros((len(self.adapters), size), np.float32)
        for group, start in zip(self.groups, self._starts(), strict=True):
            place = start
            for site in group.sites:
                end = place + self.rank * site.inputs
                for i, adapter in enumerate(self.adapters):
                    drawn = _initial(site, self.rank, seed=self._seed, adapter=adapter)
                    first[i, place:end] = drawn.ravel()
                place = end
        return first

    def _starts(self) -> list[int]:
        """Where each group begins in a row of ``values``: the A's of its sites, then their B's."""
        sizes = [self.rank * group.width for group in self.groups]
        return [0, *np.cumsum(sizes)[:-1].tolist()]

    def _views(self, flat: torch.Tensor) -> Iterator[_GroupView]:
        """Values (or gradients) of each group, as they are in its leaves."""
        for group, start in zip(self.groups, self._starts(), strict=True):
            yield self._view(group, flat, start)

    def _view(
        self,
        group: SiteGroup,
        flat: torch.Tensor,
        start: int,
    ) -> _GroupView:
        adapters, rank = len(self.adapters), self.rank
        rows = rank * len(group.sites)
        end = start + rows * group.inputs
        a = flat[:, start:end].view(adapters, rows, group.inputs)
        sites = []
        for number, site in enumerate(group.sites):
            start, end = end, end + rank * site.outputs
            b = flat[:, start:end].view(adapters, rank, site.outputs)
            own_rows = slice(number * rank, (number + 1) * rank)
            columns = slice(site.start, site.start + site.outputs)
            sites.append(_SiteView(site, a[:, own_rows], b, own_rows, columns))
        return _GroupView(group, a, sites)

    @torch.no_grad()
    def refresh(self, *, step: int | None = None, rows: int = 1) -> None:
        """Copy the fp32 values into what the model computes with.

        With the dropout of a step, or without any.

        Args:
            step: Of which the dropout is drawn; None = none.
            rows: Of each adapter in that step.
        """
        for group, a, sites in self._views(self.values):
            group.a.copy_(a)
            for view in sites:
                group.b[:, view.rows, view.columns] = view.b * self.scale
        self._masks = []
        if step is not None and self._dropout:
            self._masks = self._draw(step, rows)
        self.select(0, rows)

    def select(self, start: int, end: int) -> None:
        """Let these rows of the step be the ones at hand."""
        for i, group in enumerate(self.groups):
            group.mask = self._masks[i][:, start:end] if self._masks else None

    def _draw(self, step: int, rows: int) -> list[torch.Tensor]:
        """Dropout of a step: a mask for each group, shape (K, rows, inputs)."""
        widths = [group.inputs for group in self.groups]
        like = self.groups[0].a
        keep = []
        for adapter in self.adapters:
            key = (self._seed, 1, adapter, step)
            keep.append(uniform(key, (rows, sum(widths)), like.device) >= self._dropout)
        scaled = torch.stack(keep).to(like.dtype).mul_(1 / (1 - self._dropout))
        return list(scaled.split(widths, 2))

    @torch.no_grad()
    def gradients(self) -> torch.Tensor:
        """Gradients of all values, shape (K, values), fp32; the leaves' own are cleared."""
        out = torch.empty_like(self.values)
        for group, a, sites in self._views(out):
            if group.a.grad is None:
                a.zero_()
                for view in sites:
                    view.b.zero_()
                continue
            a.copy_(group.a.grad)
            for view in sites:
                view.b.copy_(group.b.grad[:, view.rows, view.columns]).mul_(self.scale)
            group.a.grad = None
            group.b.grad = None
        return out

    @torch.no_grad()
    def step(
        self,
        *,
        rate: float,
        weight_decay: float,
        longest: float = 1.0,
    ) -> None:
        """One step of AdamW for every adapter, each gradient cut to length ``longest``."""
        grad = self.gradients()
        norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
        # On a GPU they are scaled in any case: to look would be to wait for it.
        if far(grad.device) or bool((norm > longest).any()):
            grad.mul_((longest / (norm + 1e-6)).clamp_(max=1.0))

        if self._adam is None:
            self._adam = self._optimiser()
        self._adam.param_groups[0].update(lr=rate, weight_decay=weight_decay)
        self.values.grad = grad
        self._adam.step()
        self.values.grad = None
        self.steps += 1

    def _optimiser(self) -> torch.optim.AdamW:
        """One pass over the memory instead of eleven.

        Made when first needed, because a restored bank has its own averages.
        """
        adam = torch.optim.AdamW(
            [self.values],
            betas=BETAS,
            eps=EPSILON,
            fused=True,
        )
        adam.state[self.values] = {
            "step": torch.tensor(float(self.steps), device=self.values.device),
            "exp_avg": self.mean,
            "exp_avg_sq": self.square,
        }
        return adam

    def tensors(self, place: int) -> dict[str, Singles]:
        """One adapter as PEFT names it.

        ``base_model.model.<site>.lora_A.weight`` has shape (rank, inputs), ``lora_B`` (outputs,
        rank).
        """
        out: dict[str, Singles] = {}
        for view in self._sites():
            name_a, name_b = _peft_names(view.site)
            out[name_a] = view.a[place].cpu().numpy().copy()
            out[name_b] = view.b[place].T.cpu().contiguous().numpy().copy()
        return out

    @torch.no_grad()
    def put(self, place: int, tensors: Mapping[str, Singles]) -> None:
        """Let one adapter have the values of `tensors`, as it gives them."""
        for view in self._sites():
            name_a, name_b = _peft_names(view.site)
            view.a[place].copy_(torch.from_numpy(tensors[name_a]))
            view.b[place].copy_(torch.from_numpy(tensors[name_b]).T)

    def _sites(self) -> Iterator[_SiteView]:
        """Values of every map."""
        for view in self._views(self.values):
            yield from view.sites

    def state(self) -> dict[str, Singles]:
        """Everything that a later process needs to go on."""
        return {name: getattr(self, name).cpu().numpy() for name in STATE}

    def restore(self, state: Mapping[str, Singles], *, steps: int) -> None:
        """Go on from a `state`."""
        for name in STATE:
            getattr(self, name).copy_(torch.from_numpy(np.array(state[name])))
        self.steps = steps
        self._adam = None
        self.refresh()


def _peft_names(site: Site) -> tuple[str, str]:
    """PEFT's names of a map's A and B."""
    start = f"{PREFIX}{site.name}.lora_"
    return f"{start}A.weight", f"{start}B.weight"


def _initial(
    site: Site,
    rank: int,
    *,
    seed: int,
    adapter: int,
) -> Singles:
    """A as PEFT begins it: uniform within ±1/√inputs (Kaiming with a = √5); B begins at zero."""
    key = int(digest([seed, adapter, site.name, rank])[:16], 16)
    bound = 1 / math.sqrt(site.inputs)
    drawn = np.random.default_rng(key).uniform(-bound, bound, (rank, site.inputs))
    return drawn.astype(np.float32)


def rate_at(
    step: int,
    *,
    steps: int,
    peak: float,
    warmup: float,
) -> float:
    """Learning rate: rising over the warm-up, then falling in a straight line to zero at the end.

    Example:
        >>> [round(rate_at(s, steps=10, peak=1.0, warmup=0.2), 3) for s in (0, 1, 5, 9)]
        [0.5, 1.0, 0.625, 0.125]
    """
    rising = math.ceil(steps * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * max(0.0, (steps - step) / max(1, steps - rising))
