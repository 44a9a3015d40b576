"""Llama-shaped decoders in our own layers: Llama, SmolLM, Mistral, Qwen 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tunewell.train.lora.bank import Bank, Site
from tunewell.train.lora.kernels import add_norm, attention, lora, rms_norm, swiglu, taken
from tunewell.train.lora.network import soft_cap

FAST = frozenset({"llama", "mistral", "qwen2", "qwen3"})


def is_plain(config: Any) -> bool:
    """Whether the model computes exactly what `FastDecoder` computes."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windows = getattr(config, "sliding_window", None) if config.model_type == "mistral" else None
    return (
        config.model_type in FAST
        and config.hidden_act == "silu"
        and kinds == {"full_attention"}
        and windows is None
    )


class FastDecoder:
    """Llama-shaped decoders in our own layers. See `FrozenDecoder`."""

    cuts, transposed = True, False

    def __init__(self, model: Any) -> None:
        self._model = model.model
        self.layers = len(self._model.layers)
        self.width = int(model.config.hidden_size)
        self.head = model.lm_head.weight
        self.cap = soft_cap(model.config)
        self._eps = float(model.config.rms_norm_eps)
        self._layers = [
            _FastLayer(layer, f"model.layers.{i}", i) for i, layer in enumerate(self._model.layers)
        ]

    def sites(self, targets: Sequence[str], first: int) -> list[tuple[tuple[Site, ...], int]]:
        """See `FrozenDecoder`."""
        found = [g for layer in self._layers[first:] for g in layer.sites(targets)]
        return [(sites, outputs) for sites, outputs in found if sites]

    def embed(self, ids: Any) -> Any:
        """See `FrozenDecoder`."""
        return self._model.embed_tokens(ids)

    def run(
        self, hidden: Any, *, first: int, last: int, bank: Bank | None = None, wanted: Any = None
    ) -> Any:
        """See `FrozenDecoder`."""
        k, rows, tokens, width = hidden.shape
        position = torch.arange(tokens, device=hidden.device)[None]
        cos, sin = self._model.rotary_emb(hidden[0, :1], position)
        half = cos.shape[-1] // 2
        turn = (cos[0, :, :half].contiguous(), sin[0, :, :half].contiguous())
        groups = {(g.sites[0].layer, _kind(g.sites[0])): g for g in bank.groups} if bank else {}
        flat, more = hidden.reshape(k, rows * tokens, width), None
        for i, layer in enumerate(self._layers[first:last], first):
            only = wanted if i == last - 1 else None
            flat, more = layer.run(flat, more, (rows, tokens), turn, groups, self._eps, only)
        return (flat if more is None else flat + more).view(k, rows, -1, width)

    def finish(self, hidden: Any) -> Any:
        """See `FrozenDecoder`."""
        return rms_norm(hidden, self._model.norm.weight, self._eps)


KINDS = {
    "q_proj": "qkv",
    "k_proj": "qkv",
    "v_proj": "qkv",
    "o_proj": "o",
    "gate_proj": "gu",
    "up_proj": "gu",
    "down_proj": "down",
}


def _kind(site: Site) -> str:
    return KINDS[site.name.rsplit(".", 1)[-1]]


class _FastLayer:
    """One layer: maps of the same input are one matrix, of which the model's own weights become views."""

    def __init__(self, layer: Any, name: str, number: int) -> None:
        att, mlp = layer.self_attn, layer.mlp
        self._number = number
        self._width = int(att.head_dim)
        self._scale = float(getattr(att, "scaling", self._width**-0.5))
        self._norms = (layer.input_layernorm.weight, layer.post_attention_layernorm.weight)
        self._qk_norms = [
            getattr(getattr(att, n, None), "weight", None) for n in ("q_norm", "k_norm")
        ]
        self._maps: dict[str, tuple[Any, Any]] = {}
        self._sites: dict[str, list[Site]] = {}
        parts = {
            "qkv": [
                (f"{name}.self_attn.{n}", getattr(att, n)) for n in ("q_proj", "k_proj", "v_proj")
            ],
            "o": [(f"{name}.self_attn.o_proj", att.o_proj)],
            "gu": [(f"{name}.mlp.{n}", getattr(mlp, n)) for n in ("gate_proj", "up_proj")],
            "down": [(f"{name}.mlp.down_proj", mlp.down_proj)],
        }
        for kind, linears in parts.items():
            self._maps[kind] = _joined([linear for _, linear in linears])
            start, self._sites[kind] = 0, []
            for site, linear in linears:
                out, inputs = linear.weight.shape
                self._sites[kind].append(Site(site, number, int(inputs), int(out), start))
                start += int(out)

    def sites(self, targets: Sequence[str]) -> list[tuple[tuple[Site, ...], int]]:
        return [
            (
                tuple(s for s in sites if s.name.rsplit(".", 1)[-1] in targets),
                sum(s.outputs for s in sites),
            )
            for sites in self._sites.values()
        ]

    def run(
        self,
        x: Any,
        more: Any,
        shape: tuple[int, int],
        turn: Any,
        groups: Any,
        eps: float,
        wanted: Any,
    ) -> tuple[Any, Any]:
        """States x + more to states in two parts again: whoever normalises them adds them up.

        Where only some are wanted, the others are left out as soon as they have been looked at:
        behind attention.
        """

        def linear(kind: str, value: Any) -> Any:
            weight, bias = self._maps[kind]
            group = groups.get((self._number, kind))
            if group is None:
                return torch.nn.functional.linear(value, weight, bias)
            return lora(value, weight, bias, group.a, group.b, group.mask)

        k, rows = x.shape[0], x.shape[0] * shape[0]
        x, normed = add_norm(x, more, self._norms[0], eps)
        both = linear("qkv", normed).view(rows, shape[1], -1, self._width)
        few = self._sites["qkv"][1].outputs // self._width
        if self._qk_norms[0] is not None:
            q, key, value = both.split([both.shape[2] - 2 * few, few, few], 2)
            q, key = rms_norm(q, self._qk_norms[0], eps), rms_norm(key, self._qk_norms[1], eps)
            both = torch.cat([q, key, value], 2)
        mixed = attention(both, turn[0], turn[1], few, scale=self._scale)
        if wanted is not None:
            mixed, x = taken(mixed, wanted), taken(x, wanted)
        x, normed = add_norm(
            x, linear("o", mixed.view(k, -1, mixed.shape[-1])), self._norms[1], eps
        )
        return x, linear("down", swiglu(linear("gu", normed)))


def _joined(linears: list[Any]) -> tuple[Any, Any]:
    """Weights (and biases) one above the other; the linears keep views of them."""
    weight = (
        torch.cat([linear.weight.data for linear in linears])
        if len(linears) > 1
        else linears[0].weight.data
    )
    start = 0
    for linear in linears:
        end = start + linear.weight.shape[0]
        linear.weight.data = weight[start:end]
        start = end
    if linears[0].bias is None:
        return weight, None
    return weight, torch.cat([linear.bias.data for linear in linears])
