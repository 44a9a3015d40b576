"""Any decoder of transformers with ``model.layers``, in its own layers around our linears."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from tunewell.errors import ModelError
from tunewell.train.lora.bank import Bank, Site
from tunewell.train.lora.bank_linear import BankLinear
from tunewell.train.lora.kernels import taken
from tunewell.train.lora.network import soft_cap


class _StopError(Exception):
    def __init__(self, hidden: Any) -> None:
        super().__init__()
        self.hidden = hidden


class HookedDecoder:
    """Any decoder of transformers with ``model.layers``, in its own layers. See `FrozenDecoder`."""

    cuts, transposed = True, False

    def __init__(self, model: Any) -> None:
        self._whole, self._model, self._config = model, model.model, model.config
        self.layers = len(self._model.layers)
        self.width = int(model.config.hidden_size)
        self.head = model.lm_head.weight
        self.cap = soft_cap(model.config)
        self._linears: dict[str, BankLinear] = {}

    def sites(self, targets: Sequence[str], first: int) -> list[tuple[tuple[Site, ...], int]]:
        """See `FrozenDecoder`."""
        found: list[tuple[tuple[Site, ...], int]] = []
        for i in range(first, self.layers):
            for name, module in list(self._model.layers[i].named_modules()):
                if name.rsplit(".", 1)[-1] not in targets or not hasattr(module, "weight"):
                    continue
                full = f"model.layers.{i}.{name}"
                if full not in self._linears:
                    self._linears[full] = BankLinear(module)
                    self._whole.set_submodule(full, self._linears[full])
                out, inputs = module.weight.shape
                found.append(((Site(full, i, int(inputs), int(out)),), int(out)))
        return found

    def embed(self, ids: Any) -> Any:
        """See `FrozenDecoder`."""

        def stop(_: Any, args: Any, kwargs: Any) -> None:
            raise _StopError(args[0] if args else kwargs["hidden_states"])

        hook = self._model.layers[0].register_forward_pre_hook(stop, with_kwargs=True)
        try:
            self._model(input_ids=ids, use_cache=False)
        except _StopError as stopped:
            return stopped.hidden
        finally:
            hook.remove()
        raise ModelError("the model never reached its first layer")

    def run(
        self, hidden: Any, *, first: int, last: int, bank: Bank | None = None, wanted: Any = None
    ) -> Any:
        """See `FrozenDecoder`."""
        from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

        shape = hidden.shape
        h = hidden.reshape(-1, *shape[2:])
        config, core = self._config, self._model
        for name, linear in self._linears.items():
            linear.work = (
                next(((bank, g) for g in bank.groups if g.sites[0].name == name), None)
                if bank
                else None
            )
        position = torch.arange(h.shape[1], device=h.device)[None]
        types = getattr(config, "layer_types", None)
        if types is None:
            window = getattr(config, "sliding_window", None)
            types = ["sliding_attention" if window else "full_attention"] * self.layers
        make = {
            "full_attention": create_causal_mask,
            "sliding_attention": create_sliding_window_causal_mask,
        }
        # Without positions: with them transformers looks for packed rows, and a GPU would be waited
        # for.
        given = {
            "config": config,
            "inputs_embeds": h,
            "attention_mask": None,
            "past_key_values": None,
            "position_ids": None,
        }
        kinds = set(types[first:last])
        masks = {t: make[t](**given) for t in kinds}
        several = "layer_type" in inspect.signature(core.rotary_emb.forward).parameters
        turns = {
            t: core.rotary_emb(h, position, t) if several else core.rotary_emb(h, position)
            for t in kinds
        }
        for i in range(first, last):
            t = types[i]
            h = core.layers[i](
                h,
                attention_mask=masks[t],
                position_embeddings=turns[t],
                position_ids=position,
                past_key_values=None,
                use_cache=False,
            )
        return h.view(shape) if wanted is None else taken(h, wanted).view(*wanted.shape, -1)

    def finish(self, hidden: Any) -> Any:
        """See `FrozenDecoder`."""
        return self._model.norm(hidden)
