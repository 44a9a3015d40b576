"""Decoders whose layers cannot be cut: trained whole, from the token embeddings to the output map.

GPT-2, GPT-NeoX, OPT, BLOOM, Falcon and the like keep their layers elsewhere or wire them otherwise.
They run as transformers runs them, with our linears in the place of theirs; no state is cached,
every adapter is at full depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tunewell.errors import ModelError
from tunewell.train.lora.bank import Bank, MatrixProduct, Site
from tunewell.train.lora.bank_linear import BankLinear, put_to_work
from tunewell.train.lora.kernels import taken

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HINT = "choose a Llama, Qwen, Gemma, Mistral or SmolLM model"

PROBE_TOKENS = 8
"""Of the row by which a model's logits are compared with ours."""

NEAR = 0.02
"""How far they may be apart, as a share of themselves and of their spread: bf16 is that coarse."""


class WholeDecoder:
    """A decoder of transformers as one single layer.

    Where none of the recipe's maps is there by name, every linear map but the output embedding
    carries adapters. See `tunewell.train.lora.network.FrozenDecoder`.

    Args:
        model: A causal language model, frozen.

    Raises:
        ModelError: Its logits are not its last states times its output embedding.
    """

    layers = 1
    cuts = False
    cap = 0.0
    part = ""

    def __init__(self, model: PreTrainedModel) -> None:
        self._whole = model
        body = getattr(model, model.base_model_prefix, None)
        output, entry = model.get_output_embeddings(), model.get_input_embeddings()
        has_parts = not any(part is None for part in (body, output, entry))
        if not has_parts or getattr(output, "bias", None) is not None:
            kind = model.config.model_type
            raise ModelError(f"'{kind}' is no decoder that can be trained here.", hint=HINT)
        self._body: torch.nn.Module = body
        self._entry = entry
        self._output = output
        self.head = output.weight
        self.width = int(entry.weight.shape[1])
        self._longest = int(getattr(model.config, "max_position_embeddings", 0) or 0)
        self._linears: dict[str, BankLinear] = {}
        self.transposed = any(_transposed(m) for _, m in self._maps())
        self._check()

    def _check(self) -> None:
        """Its logits must be what we compute."""
        ids = torch.arange(PROBE_TOKENS, device=self.head.device)[None] % self.head.shape[0]
        with torch.no_grad():
            wanted = self._whole(input_ids=ids, use_cache=False).logits.float()
            states = self.run(self.embed(ids)[None], first=0, last=1)[0]
            got = (states @ self.head.T).float()
        if wanted.shape == got.shape:
            spread = float(wanted.std())
            if torch.allclose(wanted, got, rtol=NEAR, atol=NEAR * spread):
                return
        raise ModelError(
            f"'{self._whole.config.model_type}' is no decoder that can be trained here: its logits "
            "are not its states times its output map.",
            hint=HINT,
        )

    def _maps(self) -> Iterator[tuple[str, torch.nn.Module]]:
        """Its linear maps but the last."""
        for name, module in self._whole.named_modules():
            if module is self._output:
                continue
            if isinstance(module, torch.nn.Linear | BankLinear) or _transposed(module):
                yield name, module

    def sites(self, targets: Sequence[str], first: int) -> list[MatrixProduct]:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        every = list(self._maps())
        named = [(name, m) for name, m in every if name.rpartition(".")[2] in targets]
        found = []
        for name, module in named or every:
            linear = self._linear(name, module)
            outputs, inputs = (int(n) for n in linear.weight.shape)
            found.append(MatrixProduct((Site(name, 0, inputs, outputs),), outputs))
        return found

    def _linear(self, name: str, module: torch.nn.Module) -> BankLinear:
        """Ours, in the place of a linear map."""
        if name not in self._linears:
            ours = module
            if not isinstance(module, BankLinear):
                ours = BankLinear(module, transposed=_transposed(module), copied=True)
            self._linears[name] = ours
            self._whole.set_submodule(name, ours)
        return self._linears[name]

    def embed(self, ids: Tensor) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`.

        Raises:
            ModelError: The rows are longer than the model's table of positions.
        """
        tokens = ids.shape[1]
        if self._longest and tokens > self._longest:
            raise ModelError(
                f"a row has {tokens} tokens, and this model knows positions up to "
                f"{self._longest} only",
                hint=f"train.max_tokens: {self._longest}",
            )
        return self._entry(ids)

    def run(
        self,
        hidden: Tensor,
        *,
        first: int,
        last: int,
        bank: Bank | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`; the last normalisation is part of it."""
        if first == last:
            return hidden
        put_to_work(self._linears, bank)
        flat = hidden.reshape(-1, *hidden.shape[2:])
        states = self._body(inputs_embeds=flat, use_cache=False).last_hidden_state
        if wanted is None:
            return states.view(*hidden.shape[:3], -1)
        return taken(states, wanted).view(*wanted.shape, -1)

    def finish(self, hidden: Tensor) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        return hidden


def _transposed(module: torch.nn.Module) -> bool:
    """Whether it is GPT-2's linear map, which keeps its weight as (inputs, outputs)."""
    return type(module).__name__ == "Conv1D" and hasattr(module, "nf")
