"""The frozen base model, cut at a layer: below it nothing is trained and nothing needs a gradient.

Llama-shaped decoders (Llama, SmolLM, Mistral, Qwen 2 and 3) run through `FastDecoder`, with our own
layers; any other decoder of transformers that keeps its layers in ``model.layers`` runs through
`HookedDecoder`, its own layers around our linears; the rest is trained whole
(`tunewell.train.lora.whole`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tunewell.train.lora.bank import Bank, Site


class FrozenDecoder(Protocol):
    """A frozen decoder.

    Attributes:
        layers: Number of layers.
        width: Of the hidden states.
        head: Output embedding, shape (vocabulary, width).
        cap: Soft cap of the logits, 0 = none.
        cuts: Whether it can be cut at a layer; if not, every adapter is at full depth.
        transposed: Whether its maps keep their weights as (inputs, outputs), as GPT-2's do.
    """

    layers: int
    width: int
    head: Any
    cap: float
    cuts: bool
    transposed: bool

    def sites(self, targets: Sequence[str], first: int) -> list[tuple[tuple[Site, ...], int]]:
        """The linear maps of these names from layer ``first`` on, by the product that computes them (its outputs)."""
        ...

    def embed(self, ids: Any) -> Any:
        """Token ids (rows, tokens) to the input of the first layer (rows, tokens, width)."""
        ...

    def run(
        self, hidden: Any, *, first: int, last: int, bank: Bank | None = None, wanted: Any = None
    ) -> Any:
        """States before layer ``first`` to states before layer ``last``: (adapters, rows, tokens, width) both.

        ``wanted`` are the places (of all tokens, counted through) whose states are asked for, as
        many of each row: (adapters, rows, few) gives (adapters, rows, few, width).
        """
        ...

    def finish(self, hidden: Any) -> Any:
        """The last normalisation, on states of any leading shape."""
        ...


def soft_cap(config: Any) -> float:
    """Soft cap of the logits that a configuration asks for, 0 = none."""
    return float(getattr(config, "final_logit_softcapping", None) or 0.0)
