"""Any decoder of transformers with ``model.layers``, in its own layers around our linears."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor

from tunewell.errors import ModelError
from tunewell.train.lora.bank import Bank, MatrixProduct, Site
from tunewell.train.lora.bank_linear import BankLinear, put_to_work
from tunewell.train.lora.kernels import taken
from tunewell.train.lora.network import soft_cap

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


class _StopError(Exception):
    """Ends a pass at the first layer; carries its input."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden


class HookedDecoder:
    """A decoder of transformers in its own layers.

    See `tunewell.train.lora.network.FrozenDecoder`.
    """

    cuts = True
    transposed = False
    part = ""

    def __init__(self, model: PreTrainedModel) -> None:
        self._whole = model
        self._model = model.model
        self._config = model.config
        self.layers = len(self._model.layers)
        self.width = int(model.config.hidden_size)
        self.head = model.lm_head.weight
        self.cap = soft_cap(model.config)
        self._types = _layer_types(model.config, self.layers)
        self._linears: dict[str, BankLinear] = {}

    def sites(self, targets: Sequence[str], first: int) -> list[MatrixProduct]:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        found = []
        for i in range(first, self.layers):
            for name, module in list(self._model.layers[i].named_modules()):
                if name.rpartition(".")[2] in targets and hasattr(module, "weight"):
                    found.append(self._product(f"model.layers.{i}.{name}", i, module))
        return found

    def _product(
        self,
        name: str,
        layer: int,
        module: torch.nn.Module,
    ) -> MatrixProduct:
        """One linear map as a product of its own; ours takes its place."""
        if name not in self._linears:
            self._linears[name] = BankLinear(module)
            self._whole.set_submodule(name, self._linears[name])
        outputs, inputs = (int(n) for n in module.weight.shape)
        return MatrixProduct((Site(name, layer, inputs, outputs),), outputs)

    def embed(self, ids: Tensor) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`."""

        def stop(
            _: torch.nn.Module,
            args: tuple[Tensor, ...],
            kwargs: dict[str, Tensor],
        ) -> NoReturn:
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
        self,
        hidden: Tensor,
        *,
        first: int,
        last: int,
        bank: Bank | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        put_to_work(self._linears, bank)
        h = hidden.reshape(-1, *hidden.shape[2:])
        kinds = set(self._types[first:last])
        position = torch.arange(h.shape[1], device=h.device)[None]
        masks = self._masks(h, kinds)
        turns = self._turns(h, position, kinds)
        for i in range(first, last):
            kind = self._types[i]
            h = self._model.layers[i](
                h,
                attention_mask=masks[kind],
                position_embeddings=turns[kind],
                position_ids=position,
                past_key_values=None,
                use_cache=False,
            )
        if wanted is None:
            return h.view(hidden.shape)
        return taken(h, wanted).view(*wanted.shape, -1)

    def _masks(self, h: Tensor, kinds: Iterable[str]) -> dict[str, Tensor | None]:
        """Attention masks by kind of layer."""
        from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

        make = {
            "full_attention": create_causal_mask,
            "sliding_attention": create_sliding_window_causal_mask,
        }
        # Without positions: with them transformers looks for packed rows, and a GPU would be waited
        # for.
        given = {
            "config": self._config,
            "inputs_embeds": h,
            "attention_mask": None,
            "past_key_values": None,
            "position_ids": None,
        }
        return {kind: make[kind](**given) for kind in kinds}

    def _turns(
        self,
        h: Tensor,
        position: Tensor,
        kinds: Iterable[str],
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Rotary positions by kind of layer; most models have one for all."""
        rotary = self._model.rotary_emb
        if "layer_type" in inspect.signature(rotary.forward).parameters:
            return {kind: rotary(h, position, kind) for kind in kinds}
        return {kind: rotary(h, position) for kind in kinds}

    def finish(self, hidden: Tensor) -> Tensor:
        """See `tunewell.train.lora.network.FrozenDecoder`."""
        return self._model.norm(hidden)


def _layer_types(config: PretrainedConfig, layers: int) -> Sequence[str]:
    """What each layer looks at: everything before it, or a window."""
    named = getattr(config, "layer_types", None)
    if named is not None:
        return list(named)
    window = getattr(config, "sliding_window", None)
    return ["sliding_attention" if window else "full_attention"] * layers
