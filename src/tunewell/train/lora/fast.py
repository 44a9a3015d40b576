"""Llama-shaped decoders in our own layers: Llama, SmolLM, Mistral, Qwen 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tunewell.train.lora.attention import attention
from tunewell.train.lora.bank import Bank, MatrixProduct, Site, SiteGroup
from tunewell.train.lora.kernels import add_norm, lora, rms_norm, swiglu, taken
from tunewell.train.lora.network import soft_cap

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

FAST = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Families that compute what `FastDecoder` computes."""

QKV, O, GATE_UP, DOWN = "qkv", "o", "gu", "down"  # noqa: E741

PRODUCTS = {
    QKV: ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    O: ("self_attn.o_proj",),
    GATE_UP: ("mlp.gate_proj", "mlp.up_proj"),
    DOWN: ("mlp.down_proj",),
}
"""The four products of a layer, and the maps of one input that each of them computes."""

PRODUCT_OF = {
    name.rpartition(".")[2]: product for product, names in PRODUCTS.items() for name in names
}
"""Last part of a map's name to its product."""


def is_plain(config: PretrainedConfig) -> bool:
    """Whether the model computes exactly what `FastDecoder` computes."""
    if config.model_type not in FAST or config.hidden_act != "silu":
        return False
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        return False
    # The others have a field of this name too, and do not use it where all layers see everything.
    if config.model_type == "mistral":
        return getattr(config, "sliding_window", None) is None
    return True


class FastDecoder:
    """Llama-shaped decoders in our own layers.

    See `tunewell.train.lora.network.FrozenDecoder`.
    """

    cuts = True
    transposed = False
    part = ""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model.model
        self.layers = len(self._model.layers)
        self.width = int(model.config.hidden_size)
        self.head = model.lm_head.weight
        self.cap = soft_cap(model.config)
        self._eps = float(model.config.rms_norm_eps)
        self._layers = [_FastLayer(layer, i) for i, layer in enumerate(self._model.layers)]

    def sites(self, targets: Sequence[str], first: int) -> list[MatrixProduct]:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        found = []
        for layer in self._layers[first:]:
            found += layer.products(targets)
        return found

    def embed(self, ids: Tensor) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        return self._model.embed_tokens(ids)

    def run(
        self,
        hidden: Tensor,
        *,
        first: int,
        last: int,
        bank: Bank | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        k, rows, tokens, width = hidden.shape
        states = _States(hidden.reshape(k, rows * tokens, width), None)
        given = _Given(
            rows=rows,
            tokens=tokens,
            turn=self._turn(hidden),
            groups=_by_place(bank),
            eps=self._eps,
        )
        for i in range(first, last):
            only = wanted if i == last - 1 else None
            states = self._layers[i].run(states, given, only)
        return states.added().view(k, rows, -1, width)

    def _turn(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine of the rotary positions, each of shape (tokens, head width / 2)."""
        position = torch.arange(hidden.shape[2], device=hidden.device)[None]
        cos, sin = self._model.rotary_emb(hidden[0, :1], position)
        half = cos.shape[-1] // 2
        return cos[0, :, :half].contiguous(), sin[0, :, :half].contiguous()

    def finish(self, hidden: Tensor) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        return rms_norm(hidden, self._model.norm.weight, self._eps)


Groups = Mapping[tuple[int, str], SiteGroup]
"""Number of a layer and name of a product to the adapters there."""


def _by_place(bank: Bank | None) -> Groups:
    if bank is None:
        return {}
    return {(g.sites[0].layer, PRODUCT_OF[g.sites[0].leaf]): g for g in bank.groups}


class _States(NamedTuple):
    """States in two parts, each (K, rows * tokens, width): whoever normalises them adds them up."""

    x: Tensor
    more: Tensor | None

    def added(self) -> Tensor:
        return self.x if self.more is None else self.x + self.more


@dataclass(frozen=True, eq=False)
class _Given:
    """What all layers of one pass have in common."""

    rows: int
    tokens: int
    turn: tuple[Tensor, Tensor]
    groups: Groups
    eps: float


class _FastLayer:
    """One layer.

    Maps of the same input are one matrix, of which the model's own weights become views.
    """

    def __init__(self, layer: torch.nn.Module, number: int) -> None:
        att = layer.self_attn
        self._number = number
        self._width = int(att.head_dim)
        self._scale = float(getattr(att, "scaling", self._width**-0.5))
        self._norms = (layer.input_layernorm.weight, layer.post_attention_layernorm.weight)
        self._q_norm = getattr(getattr(att, "q_norm", None), "weight", None)
        self._k_norm = getattr(getattr(att, "k_norm", None), "weight", None)
        self._maps: dict[str, tuple[Tensor, Tensor | None]] = {}
        self._products: dict[str, MatrixProduct] = {}
        for product, names in PRODUCTS.items():
            linears = [layer.get_submodule(name) for name in names]
            self._maps[product] = _joined(linears)
            self._products[product] = _product(names, linears, number)
        # Key heads, which groups of query heads share.
        self._few = self._products[QKV].sites[1].outputs // self._width

    def products(self, targets: Sequence[str]) -> list[MatrixProduct]:
        """Those that hold maps of these names, with those maps alone."""
        found = []
        for sites, outputs in self._products.values():
            chosen = tuple(site for site in sites if site.leaf in targets)
            if chosen:
                found.append(MatrixProduct(chosen, outputs))
        return found

    def run(
        self,
        states: _States,
        given: _Given,
        wanted: Tensor | None,
    ) -> _States:
        """The layer.

        Where only some states are wanted, the others are left out as soon as they have been looked
        at: behind attention.
        """
        k = states.x.shape[0]
        x, normed = add_norm(*states, self._norms[0], given.eps)
        mixed = self._attention(normed, given)
        if wanted is not None:
            mixed, x = taken(mixed, wanted), taken(x, wanted)
        mixed = self._linear(O, mixed.view(k, -1, mixed.shape[-1]), given)

        x, normed = add_norm(x, mixed, self._norms[1], given.eps)
        inner = swiglu(self._linear(GATE_UP, normed, given))
        return _States(x, self._linear(DOWN, inner, given))

    def _attention(self, normed: Tensor, given: _Given) -> Tensor:
        """What attention mixes, before the output map."""
        rows, few = normed.shape[0] * given.rows, self._few
        both = self._linear(QKV, normed, given)
        both = both.view(rows, given.tokens, -1, self._width)
        if self._q_norm is not None:
            queries = both.shape[2] - 2 * few
            q, key, value = both.split([queries, few, few], 2)
            q = rms_norm(q, self._q_norm, given.eps)
            key = rms_norm(key, self._k_norm, given.eps)
            both = torch.cat([q, key, value], 2)
        return attention(both, *given.turn, few, scale=self._scale)

    def _linear(
        self,
        product: str,
        value: Tensor,
        given: _Given,
    ) -> Tensor:
        """A product, with adapters where there are any."""
        weight, bias = self._maps[product]
        group = given.groups.get((self._number, product))
        if group is None:
            return torch.nn.functional.linear(value, weight, bias)
        return lora(value, weight, bias, group.a, group.b, group.mask)


def _product(
    names: Sequence[str],
    linears: Sequence[torch.nn.Linear],
    number: int,
) -> MatrixProduct:
    """Maps one above the other as one product of a layer."""
    sites = []
    start = 0
    for name, linear in zip(names, linears, strict=True):
        outputs, inputs = (int(n) for n in linear.weight.shape)
        sites.append(Site(f"model.layers.{number}.{name}", number, inputs, outputs, start))
        start += outputs
    return MatrixProduct(tuple(sites), start)


def _joined(linears: Sequence[torch.nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Weights (and biases) one above the other; the linears keep views of them."""
    weights = [linear.weight.data for linear in linears]
    weight = torch.cat(weights) if len(weights) > 1 else weights[0]
    start = 0
    for linear in linears:
        end = start + linear.weight.shape[0]
        linear.weight.data = weight[start:end]
        start = end
    if linears[0].bias is None:
        return weight, None
    return weight, torch.cat([linear.bias.data for linear in linears])
