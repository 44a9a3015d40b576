"""The frozen base model, cut at a layer: below it nothing is trained and nothing needs a gradient.

Llama-shaped decoders (Llama, SmolLM, Mistral, Qwen 2 and 3) run through
`tunewell.train.lora.fast`, with our own layers; any other decoder of transformers that keeps its
layers in ``model.layers`` runs through `tunewell.train.lora.hooked`, its own layers around our
linears; the rest is trained whole (`tunewell.train.lora.whole`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from tunewell.train.lora.bank import Bank, MatrixProduct

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class FrozenDecoder(Protocol):
    """A frozen decoder.

    Attributes:
        layers: Number of layers.
        width: Of the hidden states.
        head: Output embedding, shape (vocabulary, width).
        cap: Soft cap of the logits, 0 = none.
        cuts: Whether it can be cut at a layer; if not, every adapter is at full depth.
        transposed: Whether its maps keep their weights as (inputs, outputs), as GPT-2's do.
        part: Where its layers are in a model that has others besides, such as
            ``model.decoder.layers``; empty where it is the whole model.
    """

    layers: int
    width: int
    head: Tensor
    cap: float
    cuts: bool
    transposed: bool
    part: str

    def sites(self, targets: Sequence[str], first: int) -> list[MatrixProduct]:
        """The linear maps of these names from layer ``first`` on, by the product they are in."""
        ...

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (rows, tokens) to the input of the first layer (rows, tokens, width)."""
        ...

    def run(
        self,
        hidden: Tensor,
        *,
        first: int,
        last: int,
        bank: Bank | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """States before layer ``first`` to states before layer ``last``.

        Both of shape (adapters, rows, tokens, width). ``wanted`` are the places (of all tokens,
        counted through) whose states are asked for, as many of each row: (adapters, rows, few)
        gives (adapters, rows, few, width).
        """
        ...

    def finish(self, hidden: Tensor) -> Tensor:
        """The last normalisation, on states of any leading shape."""
        ...


def soft_cap(config: PretrainedConfig) -> float:
    """Soft cap of the logits that a configuration asks for, 0 = none."""
    return float(getattr(config, "final_logit_softcapping", None) or 0.0)
