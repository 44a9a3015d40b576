"""Decoders whose layers cannot be cut: trained whole, from the token embeddings to the output map.

GPT-2, GPT-NeoX, OPT, BLOOM, Falcon and the like keep their layers elsewhere or wire them otherwise.
They run as transformers runs them, with our linears in the place of theirs; no state is cached,
every adapter is at full depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from tunewell.errors import ModelError
from tunewell.train.lora.bank import Bank, Site
from tunewell.train.lora.bank_linear import BankLinear
from tunewell.train.lora.kernels import taken

HINT = "choose a Llama, Qwen, Gemma, Mistral or SmolLM model"


class WholeDecoder:
    """A decoder of transformers as one single layer. See `tunewell.train.lora.network.Network`.

    Where none of the recipe's maps is there by name, every linear map but the output embedding
    carries adapters.

    Args:
        model: A causal language model, frozen.

    Raises:
        ModelError: Its logits are not its last states times its output embedding.
    """

    layers = 1
    cuts = False
    cap = 0.0

    def __init__(self, model: Any) -> None:
        self._whole = model
        self._body: Any = getattr(model, model.base_model_prefix, None)
        output, entry = model.get_output_embeddings(), model.get_input_embeddings()
        if (
            self._body is None
            or output is None
            or entry is None
            or getattr(output, "bias", None) is not None
        ):
            raise ModelError(
                f"'{model.config.model_type}' is no decoder that can be trained here.", hint=HINT
            )
        self._entry, self._output = entry, output
        self.head = output.weight
        self.width = int(entry.weight.shape[1])
        self._longest = int(getattr(model.config, "max_position_embeddings", 0) or 0)
        self._linears: dict[str, BankLinear] = {}
        self.transposed = any(_transposed(m) for _, m in self._maps())
        self._check()

    def _check(self) -> None:
        ids = torch.arange(8, device=self.head.device)[None] % self.head.shape[0]
        with torch.no_grad():
            wanted = self._whole(input_ids=ids, use_cache=False).logits.float()
            got = (self.run(self.embed(ids)[None], first=0, last=1)[0] @ self.head.T).float()
        if wanted.shape != got.shape or not torch.allclose(
            wanted, got, rtol=0.02, atol=0.02 * float(wanted.std())
        ):
            kind = self._whole.config.model_type
            raise ModelError(
                f"'{kind}' is no decoder that can be trained here: its logits are not its states times its output map.",
                hint=HINT,
            )

    def _maps(self) -> Iterator[tuple[str, Any]]:
        for name, module in self._whole.named_modules():
            if module is not self._output and (
                isinstance(module, torch.nn.Linear | BankLinear) or _transposed(module)
            ):
                yield name, module

    def sites(self, targets: Sequence[str], first: int) -> list[tuple[tuple[Site, ...], int]]:
        """See `tunewell.train.lora.network.Network`."""
        every = list(self._maps())
        chosen = [(name, m) for name, m in every if name.rsplit(".", 1)[-1] in targets] or every
        found: list[tuple[tuple[Site, ...], int]] = []
        for name, module in chosen:
            if name not in self._linears:
                own = isinstance(module, BankLinear)
                made = (
                    module
                    if own
                    else BankLinear(module, transposed=_transposed(module), copied=True)
                )
                self._linears[name] = made
                self._whole.set_submodule(name, self._linears[name])
            out, inputs = self._linears[name].weight.shape
            found.append(((Site(name, 0, int(inputs), int(out)),), int(out)))
        return found

    def embed(self, ids: Any) -> Any:
        """See `tunewell.train.lora.network.Network`.

        Raises:
            ModelError: The rows are longer than the model's table of positions.
        """
        if self._longest and ids.shape[1] > self._longest:
            raise ModelError(
                f"a row has {ids.shape[1]} tokens, and this model knows positions up to {self._longest} only",
                hint=f"train.max_tokens: {self._longest}",
            )
        return self._entry(ids)

    def run(
        self, hidden: Any, *, first: int, last: int, bank: Bank | None = None, wanted: Any = None
    ) -> Any:
        """See `tunewell.train.lora.network.Network`; the last normalisation is part of it."""
        if first == last:
            return hidden
        for name, linear in self._linears.items():
            linear.work = (
                next(((bank, g) for g in bank.groups if g.sites[0].name == name), None)
                if bank
                else None
            )
        out = self._body(inputs_embeds=hidden.reshape(-1, *hidden.shape[2:]), use_cache=False)
        states = out.last_hidden_state
        return (
            states.view(*hidden.shape[:3], -1)
            if wanted is None
            else taken(states, wanted).view(*wanted.shape, -1)
        )

    def finish(self, hidden: Any) -> Any:
        """See `tunewell.train.lora.network.Network`."""
        return hidden


def _transposed(module: Any) -> bool:
    """Whether it is GPT-2's linear map, which keeps its weight as (inputs, outputs)."""
    return type(module).__name__ == "Conv1D" and hasattr(module, "nf")
