"""The network behind `LocalModel`: loaded once, scored with logits at the target's positions only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from tunewell.errors import MissingExtraError, ModelError
from tunewell.model.chat import ChatFormat, chat_format, load_tokenizer
from tunewell.model.weights import Weights

Precision = Literal["bfloat16", "float16", "float32"]
FINE_HEAD_BYTES: Final = (
    2 << 30
)  # largest output map that is kept in float32 beside the model, for scoring


class Network:
    """A loaded causal language model with its tokenizer, shared by `LocalModel`s with different adapters.

    Attributes:
        model: The transformers model, frozen, in eval mode.
        chat: How its tokenizer writes conversations.
        lock: Held during a call: adapters are switched on the shared weights.
        attached: Digests of the adapters beside the weights.
        private: Whether PEFT changed the weights' modules, so that they cannot be shared.
        context: Longest sequence that it was made for, in tokens.
        end_ids: Tokens that end an answer.
    """

    def __init__(self, model: Any, chat: ChatFormat) -> None:
        self.model = model
        self.chat = chat
        self.lock = threading.Lock()
        self.attached: set[str] = set()
        self.private = False
        config = model.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
        eos = model.generation_config.eos_token_id if model.generation_config else None
        own = eos if isinstance(eos, list) else [eos] if eos is not None else []
        self.end_ids = chat.end_ids | frozenset(int(i) for i in own)
        self._fine: Any = None

    @classmethod
    def load(cls, weights: Weights, dtype: str | None, device: str | None) -> Network:
        """Reads the weights.

        Raises:
            ModelError: transformers cannot load them.
            MissingExtraError: The extra ``train`` is not installed.
        """
        try:
            import torch
            from transformers import AutoModelForCausalLM
            from transformers.utils import logging
        except ImportError as error:
            raise MissingExtraError(
                "train", needed_for=f"Running '{weights.name}' on this machine"
            ) from error
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            model = AutoModelForCausalLM.from_pretrained(
                str(weights.folder),
                dtype=getattr(torch, dtype or best_dtype(place)),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(
                f"The model '{weights.name}' in '{weights.folder}' cannot be loaded: {error}"
            ) from error
        finally:
            if bars:
                logging.enable_progress_bar()
        model = model.eval().requires_grad_(False).to(place)
        _lay_out_for_head(model)
        return cls(model, chat_format(load_tokenizer(weights.folder)))

    def nats(self, model: Any, batch: Sequence[tuple[int, tuple[int, ...], int]]) -> list[float]:
        """Sum of -log p over the target tokens of each row (index, ids, start of the target)."""
        import torch

        width = max(len(ids) for _, ids, _ in batch)
        padded = torch.zeros((len(batch), width), dtype=torch.long)
        places: list[int] = []
        wanted: list[int] = []
        owner: list[int] = []
        for r, (_, ids, start) in enumerate(batch):
            padded[r, : len(ids)] = torch.tensor(ids)
            places += [r * width + t - 1 for t in range(start, len(ids))]
            wanted += ids[start:]
            owner += [r] * (len(ids) - start)
        device = model.device
        with self._only_at(model, torch.tensor(places, device=device)):
            # Padding stands on the right, where causal attention never looks: no mask, and the fast
            # kernel.
            logits = model(input_ids=padded.to(device), use_cache=False).logits[0].float()
        picked = logits.gather(1, torch.tensor(wanted, device=device)[:, None])[:, 0]
        losses = (torch.logsumexp(logits, -1) - picked).double().cpu()
        sums = torch.zeros(len(batch), dtype=torch.float64).index_add_(
            0, torch.tensor(owner), losses
        )
        return [max(0.0, float(s)) for s in sums]

    @contextmanager
    def _only_at(self, model: Any, places: Any) -> Iterator[None]:
        """Makes the output map compute these flat positions alone, in float32 where it is small enough."""
        import torch

        head = model.get_output_embeddings()
        usual: Callable[[Any], Any] = head.forward
        if (
            self._fine is None
            and isinstance(head, torch.nn.Linear)
            and head.weight.numel() * 4 <= FINE_HEAD_BYTES
        ):
            bias = None if head.bias is None else head.bias.float()
            self._fine = (head.weight.float(), bias)

        def forward(hidden: Any) -> Any:
            chosen = hidden.reshape(-1, hidden.shape[-1]).index_select(0, places)[None]
            return (
                usual(chosen)
                if self._fine is None
                else torch.nn.functional.linear(chosen.float(), *self._fine)
            )

        head.forward = forward
        try:
            yield
        finally:
            del head.forward


def _lay_out_for_head(model: Any) -> None:
    """Let the output map see its input in one piece.

    The state of the last position alone is a slice with gaps, for which PyTorch multiplies row by
    row and copies the
    whole map for each: 25 rows of SmolLM2-135M took 4.5 s and 1.35 GB instead of 0.015 s and
        nothing.
    """

    def pack(_: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0].contiguous(), *args[1:])

    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(pack)


def best_dtype(device: str) -> Precision:
    """``bfloat16`` where the device multiplies it natively (2-3 times as fast as float32), else ``float32``."""
    import torch

    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    native = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    found = any(getattr(torch.cpu, name)() for name in native if hasattr(torch.cpu, name))
    return "bfloat16" if found else "float32"
