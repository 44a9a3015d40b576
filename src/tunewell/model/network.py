"""The network behind `LocalModel`: loaded once, scored with logits at the target alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from tunewell.model.chat import ChatFormat, Encoded, chat_format, load_tokenizer
from tunewell.model.load import load_model
from tunewell.model.weights import Weights

if TYPE_CHECKING:
    import torch

    from tunewell.model.libraries import CausalNetwork

    FineHead = tuple[torch.Tensor, torch.Tensor | None]

Precision = Literal["bfloat16", "float16", "float32"]

# Largest output map that is kept in float32 beside the model, for scoring.
FINE_HEAD_BYTES: Final = 2 << 30
BYTES_OF_FLOAT32: Final = 4


class Network:
    """A loaded causal language model with its tokenizer.

    `LocalModel`s with different adapters share it.

    Attributes:
        model: The transformers model, frozen, in eval mode.
        chat: How its tokenizer writes conversations.
        lock: Held during a call: adapters are switched on the shared weights.
        attached: Digests of the adapters beside the weights.
        private: Whether PEFT changed the weights' modules, so that they cannot be shared.
        context: Longest sequence that it was made for, in tokens.
        end_ids: Tokens that end an answer.
    """

    def __init__(self, model: CausalNetwork, chat: ChatFormat) -> None:
        self.model = model
        self.chat = chat
        self.lock = threading.Lock()
        self.attached: set[str] = set()
        self.private = False
        config = model.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
        self.end_ids = chat.end_ids | _own_end_ids(model)
        self._fine: FineHead | None = None

    @classmethod
    def load(cls, weights: Weights, dtype: str | None, device: str | None) -> Network:
        """Reads the weights.

        Raises:
            ModelError: transformers cannot load them.
            MissingExtraError: The extra ``train`` is not installed.
        """
        model = load_model(weights.folder, name=weights.name, dtype=dtype, device=device)
        _lay_out_for_head(model)
        return cls(model, chat_format(load_tokenizer(weights.folder)))

    def nats(self, model: CausalNetwork, batch: Sequence[Encoded]) -> list[float]:
        """Sum of -log p over the target tokens of each conversation."""
        import torch

        width = max(len(row.ids) for row in batch)
        padded = torch.zeros((len(batch), width), dtype=torch.long)
        places: list[int] = []
        wanted: list[int] = []
        owner: list[int] = []
        for r, row in enumerate(batch):
            padded[r, : len(row.ids)] = torch.tensor(row.ids)
            target = row.target_ids
            # The logits of a token stand one place before it.
            first = r * width + row.target_start - 1
            places += range(first, first + len(target))
            wanted += target
            owner += [r] * len(target)

        device = model.device
        with self._only_at(model, torch.tensor(places, device=device)):
            # Padding stands on the right, where causal attention never looks: no mask, and the fast
            # kernel.
            output = model(input_ids=padded.to(device), use_cache=False)

        logits = output.logits[0].float()
        tokens = torch.tensor(wanted, device=device)[:, None]
        log_mass = torch.logsumexp(logits, -1)
        losses = log_mass - logits.gather(1, tokens)[:, 0]

        sums = torch.zeros(len(batch), dtype=torch.float64)
        sums.index_add_(0, torch.tensor(owner), losses.double().cpu())
        nats: list[float] = sums.clamp(min=0.0).tolist()
        return nats

    @contextmanager
    def _only_at(self, model: CausalNetwork, places: torch.Tensor) -> Iterator[None]:
        """Makes the output map compute these flat positions alone.

        In float32 where it is small enough.
        """
        import torch

        head: Any = model.get_output_embeddings()
        usual: Callable[[torch.Tensor], torch.Tensor] = head.forward
        fine = self._fine_head(head)

        def forward(hidden: torch.Tensor) -> torch.Tensor:
            width = hidden.shape[-1]
            flat = hidden.reshape(-1, width)
            chosen = flat.index_select(0, places)[None]
            if fine is None:
                return usual(chosen)
            weight, bias = fine
            return torch.nn.functional.linear(chosen.float(), weight, bias)

        head.forward = forward
        try:
            yield
        finally:
            del head.forward

    def _fine_head(self, head: torch.nn.Module) -> FineHead | None:
        """Weight and bias of the output map in float32, made once; None where it is too large."""
        import torch

        if self._fine is None and isinstance(head, torch.nn.Linear):
            size_bytes = head.weight.numel() * BYTES_OF_FLOAT32
            if size_bytes <= FINE_HEAD_BYTES:
                bias = None if head.bias is None else head.bias.float()
                self._fine = (head.weight.float(), bias)
        return self._fine


def _own_end_ids(model: CausalNetwork) -> frozenset[int]:
    """Ids at which the model's own settings end an answer: none, one or several."""
    settings = model.generation_config
    end = settings.eos_token_id if settings else None
    if end is None:
        return frozenset()
    return frozenset(map(int, end if isinstance(end, list) else [end]))


def _lay_out_for_head(model: CausalNetwork) -> None:
    """Let the output map see its input in one piece.

    The state of the last position alone is a slice with gaps, for which PyTorch multiplies row by
    row and copies the whole map for each: 25 rows of SmolLM2-135M took 4.5 s and 1.35 GB instead of
    0.015 s and nothing.
    """

    def pack(_: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0].contiguous(), *args[1:])

    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(pack)
