"""What this package uses of the objects that transformers makes, as types.

The library itself is imported where it is needed, and carries no types of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from transformers import GenerationConfig, PreTrainedConfig


class AddedToken(Protocol):
    """A token that was added to a vocabulary, such as ``<|im_end|>``."""

    content: str
    special: bool
    lstrip: bool
    rstrip: bool


class ChatTokenizer(Protocol):
    """A tokenizer with a chat template (``PreTrainedTokenizerBase``)."""

    chat_template: str | None
    eos_token_id: int | None

    @property
    def added_tokens_decoder(self) -> Mapping[int, AddedToken]:
        """Added tokens by their id."""
        ...

    def __call__(
        self, text: str, *, add_special_tokens: bool = ..., split_special_tokens: bool = ...
    ) -> Mapping[str, list[int]]:
        """``input_ids`` among others."""
        ...

    def decode(
        self,
        token_ids: list[int],
        *,
        skip_special_tokens: bool = ...,
        clean_up_tokenization_spaces: bool = ...,
    ) -> str:
        """The text of token ids."""
        ...

    def apply_chat_template(
        self,
        conversation: Sequence[Mapping[str, str]],
        *,
        tokenize: bool,
        add_generation_prompt: bool,
        date_string: str,
    ) -> str:
        """The conversation as the model's template writes it."""
        ...


class LogitsOutput(Protocol):
    """What a causal language model returns."""

    @property
    def logits(self) -> torch.Tensor:
        """Shape (rows, positions, vocabulary)."""
        ...


class CausalNetwork(Protocol):
    """A causal language model (``PreTrainedModel`` with an output map)."""

    config: PreTrainedConfig
    generation_config: GenerationConfig | None

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its weights."""
        ...

    def get_input_embeddings(self) -> torch.nn.Module:
        """The map from token ids to states."""
        ...

    def get_output_embeddings(self) -> torch.nn.Module | None:
        """The map from states to logits."""
        ...

    def __call__(self, input_ids: torch.Tensor, **options: Any) -> LogitsOutput:
        """Logits of token ids of shape (rows, positions)."""
        ...
