"""The network behind `LocalModel`: loaded once, with logits at the target's positions only."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from tunewell.model.chat import ChatFormat, chat_format, load_tokenizer
from tunewell.model.load import load_model
from tunewell.model.weights import Weights

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Precision = Literal["bfloat16", "float16", "float32"]

FINE_HEAD_BYTES: Final = 2 << 30
"""Largest output map that is kept in float32 beside the model, for scoring."""

NO_LIMIT: Final = 1 << 20
"""Longest sequence of a model that does not say what it was made for."""


class Network:
    """A loaded causal language model with its tokenizer.

    `LocalModel`s with different adapters share one.

    Attributes:
        model: The transformers model, frozen, in eval mode.
        chat: How its tokenizer writes conversations.
        lock: Held during a call: adapters are switched on the shared weights.
        attached: Digests of the adapters beside the weights.
        private: Whether PEFT changed the weights' modules, so that they cannot be shared.
        context: Longest sequence that it was made for, in tokens.
        end_ids: Tokens that end an answer.
    """

    def __init__(self, model: PreTrainedModel, chat: ChatFormat) -> None:
        self.model = model
        self.chat = chat
        self.lock = threading.Lock()
        self.attached: set[str] = set()
        self.private = False
        config = model.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or NO_LIMIT)
        self.end_ids = chat.end_ids | _own_end_ids(model)
        self._fine: tuple[torch.Tensor, torch.Tensor | None] | None = None

    @classmethod
    def load(
        cls,
        weights: Weights,
        dtype: str | None,
        device: str | None,
    ) -> Network:
        """Reads the weights.

        Raises:
            ModelError: transformers cannot load them.
            MissingExtraError: The extra ``train`` is not installed.
        """
        model = load_model(
            weights.folder,
            name=weights.name,
            dtype=dtype,
            device=device,
        )
        _lay_out_for_head(model)
        return cls(model, chat_format(load_tokenizer(weights.folder)))

    def nats(
        self, model: PreTrainedModel, batch: Sequence[tuple[int, tuple[int, ...], int]]
    ) -> list[float]:
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
            made = model(input_ids=padded.to(device), use_cache=False)
            logits = made.logits[0].float()
        picked = logits.gather(1, torch.tensor(wanted, device=device)[:, None])[:, 0]
        losses = (torch.logsumexp(logits, -1) - picked).double().cpu()

        sums = torch.zeros(len(batch), dtype=torch.float64)
        sums.index_add_(0, torch.tensor(owner), losses)
        return [max(0.0, float(s)) for s in sums]

    @contextmanager
    def _only_at(self, model: PreTrainedModel, places: torch.Tensor) -> Iterator[None]:
        """Makes the output map compute these flat positions alone.

        In float32 where it is small enough.
        """
        import torch

        head = model.get_output_embeddings()
        usual = head.forward
        if self._fine is None and _may_be_fine(head):
            bias = None if head.bias is None else head.bias.float()
            self._fine = (head.weight.float(), bias)

        def forward(hidden: torch.Tensor) -> torch.Tensor:
            chosen = hidden.reshape(-1, hidden.shape[-1]).index_select(0, places)[None]
            if self._fine is None:
                return usual(chosen)
            return torch.nn.functional.linear(chosen.float(), *self._fine)

        head.forward = forward
        try:
            yield
        finally:
            del head.forward


def _own_end_ids(model: PreTrainedModel) -> frozenset[int]:
    """Tokens that end an answer by the model's own settings."""
    found = model.generation_config.eos_token_id if model.generation_config else None
    if found is None:
        return frozenset()
    return frozenset(int(i) for i in (found if isinstance(found, list) else [found]))


def _may_be_fine(head: torch.nn.Module) -> bool:
    """Whether an output map is small enough to be kept in float32 too."""
    import torch

    return isinstance(head, torch.nn.Linear) and head.weight.numel() * 4 <= FINE_HEAD_BYTES


def _lay_out_for_head(model: PreTrainedModel) -> None:
    """Let the output map see its input in one piece.

    The state of the last position alone is a slice with gaps, for which PyTorch multiplies row by
    row and copies the whole map for each: 25 rows of SmolLM2-135M took 4.5 s and 1.35 GB instead of
    0.015 s and nothing.
    """

    def pack(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (args[0].contiguous(), *args[1:])

    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(pack)
