"""The decoder of a Whisper model, frozen, with K adapters on it.

Only the decoder carries adapters, and of its cross-attention only the queries and the output: what
it makes of a recording, keys and values, is then the same for every adapter, and computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tunewell.train.lora.bank import Bank, MatrixProduct, Site, SiteGroup
from tunewell.train.lora.bank_linear import BankLinear
from tunewell.train.lora.kernels import taken
from tunewell.train.speech.cross_attention import Heard, attend

if TYPE_CHECKING:
    from transformers import WhisperForConditionalGeneration

PRODUCTS = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.out_proj",),
    ("encoder_attn.q_proj",),
    ("encoder_attn.out_proj",),
    ("fc1",),
    ("fc2",),
)
"""The products of a layer with maps that can carry adapters, and those maps."""

LAYERS = "model.decoder.layers"

WHISPER_NAME = {"o_proj": "out_proj", "up_proj": "fc1", "down_proj": "fc2"}
"""What Whisper calls a map that other decoders have under another name."""


class WhisperDecoder:
    """A Whisper decoder as one single layer; see `tunewell.train.lora.network.FrozenDecoder`.

    It is told by `hear` which recordings the next states belong to.

    Args:
        model: The Whisper model, frozen.
    """

    layers = 1
    cuts = False
    cap = 0.0
    transposed = False
    part = LAYERS

    def __init__(self, model: WhisperForConditionalGeneration) -> None:
        self._decoder = model.model.decoder
        self.head = model.proj_out.weight
        self.width = int(model.config.d_model)
        self.longest = int(model.config.max_target_positions)
        heads = int(model.config.decoder_attention_heads)
        self._layers = [_Layer(layer, heads) for layer in self._decoder.layers]
        self._heard: list[Heard] = []

    def sites(self, targets: Sequence[str], first: int) -> list[MatrixProduct]:
        """See `tunewell.train.lora.network.FrozenDecoder`; keys and values of sounds have none."""
        wanted = {WHISPER_NAME.get(name, name) for name in targets}
        found = []
        for number, layer in enumerate(self._layers):
            for names, linear in layer.products():
                outputs, inputs = (int(n) for n in linear.weight.shape)
                each = outputs // len(names)
                sites = []
                for place, name in enumerate(names):
                    if name.rpartition(".")[2] in wanted:
                        whole = _whole_name(number, name)
                        sites.append(Site(whole, 0, inputs, each, start=place * each))
                if sites:
                    found.append(MatrixProduct(tuple(sites), outputs))
        return found

    def _put_to_work(self, bank: Bank | None) -> None:
        """Let a bank's adapters be the ones in use; None = the base alone."""
        groups: dict[str, SiteGroup] = {}
        for group in bank.groups if bank else ():
            groups |= {site.name: group for site in group.sites}
        for number, layer in enumerate(self._layers):
            for names, linear in layer.products():
                own = [groups.get(_whole_name(number, name)) for name in names]
                linear.group = next(filter(None, own), None)

    @torch.no_grad()
    def keys_and_values(self, encoded: Tensor) -> Heard:
        """What the cross-attention of each layer takes from a recording.

        Args:
            encoded: What the encoder makes of it, shape (positions, width).
        """
        return tuple(layer.heard(encoded) for layer in self._layers)

    def hear(self, heard: Sequence[Heard]) -> None:
        """Let the next states be those of transcripts of these recordings, one for each row."""
        self._heard = list(heard)

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (rows, tokens) to states (rows, tokens, width), positions included."""
        places = self._decoder.embed_positions.weight[: ids.shape[1]]
        return self._decoder.embed_tokens(ids) + places

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
        if first == last:
            return hidden
        self._put_to_work(bank)
        states = hidden.reshape(-1, *hidden.shape[2:])
        for number, layer in enumerate(self._layers):
            states = layer.run(states, [each[number] for each in self._heard])
        if wanted is None:
            return states.view(hidden.shape)
        return taken(states, wanted).view(*wanted.shape, -1)

    def finish(self, hidden: Tensor) -> Tensor:
        """The last normalisation, on states of any leading shape."""
        return self._decoder.layer_norm(hidden)


def _whole_name(layer: int, name: str) -> str:
    return f"{LAYERS}.{layer}.{name}"


class _Norms(NamedTuple):
    """The normalisations of a layer, in order."""

    own: torch.nn.Module
    cross: torch.nn.Module
    last: torch.nn.Module


class _Layer:
    """One layer: attention to the words so far, to the recording, and two maps."""

    def __init__(self, layer: torch.nn.Module, heads: int) -> None:
        self._heads = heads
        self._norms = _Norms(
            layer.self_attn_layer_norm, layer.encoder_attn_layer_norm, layer.final_layer_norm
        )
        self._keys = layer.encoder_attn.k_proj
        self._values = layer.encoder_attn.v_proj
        maps = [[layer.get_submodule(name) for name in names] for names in PRODUCTS]
        self._linears = [BankLinear(_side_by_side(each)) for each in maps]

    def products(self) -> list[tuple[tuple[str, ...], BankLinear]]:
        """Names of the maps of each product, and the product."""
        return list(zip(PRODUCTS, self._linears, strict=True))

    def heard(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of a recording, both of shape (heads, positions, width of a head)."""
        return self._by_head(self._keys(encoded)), self._by_head(self._values(encoded))

    def _by_head(self, states: Tensor) -> Tensor:
        """From (…, tokens, width) to (…, heads, tokens, width of a head)."""
        return states.unflatten(-1, (self._heads, -1)).transpose(-3, -2).contiguous()

    def run(self, states: Tensor, heard: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """States of shape (rows, tokens, width) through the layer."""
        qkv, out, cross, cross_out, widen, narrow = self._linears
        parts = qkv(self._norms.own(states)).chunk(3, -1)
        query, keys, values = map(self._by_head, parts)
        own = F.scaled_dot_product_attention(query, keys, values, is_causal=True)
        states = states + out(_together(own))

        query = self._by_head(cross(self._norms.cross(states)))
        states = states + cross_out(_together(attend(query, heard)))

        inner = F.gelu(widen(self._norms.last(states)))
        return states + narrow(inner)


def _together(by_head: Tensor) -> Tensor:
    """From (…, heads, tokens, width of a head) to (…, tokens, width)."""
    return by_head.transpose(-3, -2).flatten(-2)


def _side_by_side(maps: Sequence[torch.nn.Linear]) -> torch.nn.Linear:
    """Maps of one input as one; Whisper's keys have no bias, which is a bias of zeros."""
    if len(maps) == 1:
        return maps[0]
    biases = [m.weight.new_zeros(m.out_features) if m.bias is None else m.bias for m in maps]
    weight = torch.cat([m.weight for m in maps])
    both = torch.nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    both.weight = torch.nn.Parameter(weight, requires_grad=False)
    both.bias = torch.nn.Parameter(torch.cat(biases), requires_grad=False)
    return both
