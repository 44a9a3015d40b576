"""The frozen base model, cut at a layer: below it nothing is trained and nothing needs a gradient.

Llama-shaped decoders (Llama, SmolLM, Mistral, Qwen 2 and 3) run through `FastDecoder`, with our own
layers; any other decoder of transformers that keeps its layers in ``model.layers`` runs through
`HookedDecoder`, its own layers around our linears; the rest is trained whole
(`tunewell.train.whole`).
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch

from tunewell.errors import MissingExtraError, ModelError
from tunewell.train.bank import Bank, Site, SiteGroup
from tunewell.train.device import best_device
from tunewell.train.kernels import add_norm, attention, lora, rms_norm, swiglu, taken

FAST = frozenset({"llama", "mistral", "qwen2", "qwen3"})


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


def best_type() -> Any:
    """bf16 where the processor (or GPU) has instructions for it, else fp32."""
    if torch.cuda.is_available():
        return (
            torch.bfloat16
            if torch.cuda.is_bf16_supported(including_emulation=False)
            else torch.float32
        )
    with suppress(AttributeError, RuntimeError):
        if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
            return torch.bfloat16
    return torch.float32


def load_network(
    folder: Path, *, dtype: Any = None, fast: bool = True, device: Any = None
) -> FrozenDecoder:
    """The base model of a folder in Hugging Face layout, frozen.

    Args:
        folder: From `tunewell.model.weights.resolve`.
        dtype: Type to compute in; `best_type` if None.
        fast: Whether our own layers may be used where they fit.
        device: Where to compute; `tunewell.train.device.best_device` if None.

    Raises:
        ModelError: It is no decoder that we can cut.
    """
    try:
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtraError("train", needed_for="Training") from error
    _keep_memory()
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype or best_type(),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"The model in '{folder}' cannot be loaded: {error}") from error
    finally:
        if bars:
            logging.enable_progress_bar()
    model.eval().requires_grad_(False).to(device or best_device())
    core = getattr(model, "model", None)
    if not all(hasattr(core, name) for name in ("layers", "norm", "rotary_emb", "embed_tokens")):
        from tunewell.train.whole import WholeDecoder

        return WholeDecoder(model)
    return FastDecoder(model) if fast and _is_plain(model.config) else HookedDecoder(model)


def _is_plain(config: Any) -> bool:
    """Whether the model computes exactly what `FastDecoder` computes."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windows = getattr(config, "sliding_window", None) if config.model_type == "mistral" else None
    return (
        config.model_type in FAST
        and config.hidden_act == "silu"
        and kinds == {"full_attention"}
        and windows is None
    )


def _keep_memory() -> None:
    """Let freed memory stay with the process: each step asks for the same blocks again."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(
            -3, 32 << 20
        )  # M_MMAP_THRESHOLD: fresh pages cost more than the arithmetic on them
        libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD


def release_memory() -> None:
    """Give back to the system (or to other processes on the GPU) what was kept.

    For the end of a training.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _scoped(config: Any) -> float:
    return float(getattr(config, "final_logit_softcapping", None) or 0.0)


class FastDecoder:
    """Llama-shaped decoders in our own layers. See `FrozenDecoder`."""

    cuts, transposed = True, False

    def __init__(self, model: Any) -> None:
        self._model = model.model
        self.layers = len(self._model.layers)
        self.width = int(model.config.hidden_size)
        self.head = model.lm_head.weight
        self.cap = _scoped(model.config)
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


class _StopError(Exception):
    def __init__(self, hidden: Any) -> None:
        super().__init__()
        self.hidden = hidden


class BankLinear(torch.nn.Module):
    """A frozen linear of someone else's layer, with our adapters where a bank is at work.

    Args:
        linear: The frozen map.
        transposed: Whether its weight is (inputs, outputs).
        copied: Whether the output is handed on as a copy, for layers that change it in place.
    """

    def __init__(self, linear: Any, *, transposed: bool = False, copied: bool = False) -> None:
        super().__init__()
        self._copied = copied
        self.weight = linear.weight.t() if transposed else linear.weight
        self.bias = linear.bias
        self.work: tuple[Bank, SiteGroup] | None = None

    def forward(self, x: Any) -> Any:
        """See `torch.nn.Linear`."""
        if self.work is None:
            return torch.nn.functional.linear(x, self.weight, self.bias)
        bank, group = self.work
        flat = x.reshape(len(bank.adapters), -1, x.shape[-1])
        out = lora(flat, self.weight, self.bias, group.a, group.b, group.mask).view(
            *x.shape[:-1], -1
        )
        return out.clone() if self._copied else out


class HookedDecoder:
    """Any decoder of transformers with ``model.layers``, in its own layers. See `FrozenDecoder`."""

    cuts, transposed = True, False

    def __init__(self, model: Any) -> None:
        self._whole, self._model, self._config = model, model.model, model.config
        self.layers = len(self._model.layers)
        self.width = int(model.config.hidden_size)
        self.head = model.lm_head.weight
        self.cap = _scoped(model.config)
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
