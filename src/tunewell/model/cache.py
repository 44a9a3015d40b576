"""Keys and values of a batch under way: written in place, and by some of its rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

ROOM: Final = 64  # positions that the cache grows by


@dataclass(frozen=True)
class PromptPart:
    """Some rows of a batch, whose prompts are read together.

    Attributes:
        rows: Which rows.
        rows_in_all: How many the batch has.
        longest: Positions of the batch's longest prompt; all prompts end at the same one.
    """

    rows: slice
    rows_in_all: int
    longest: int

    @property
    def count(self) -> int:
        """How many rows."""
        return int(self.rows.stop - self.rows.start)


class KeysValues(NamedTuple):
    """Keys and values of one layer, each of shape (rows, heads, positions, width)."""

    keys: torch.Tensor
    values: torch.Tensor


class RoomyLayer(DynamicLayer):
    """A cache layer with room at the end: a step writes one position instead of copying all."""

    keys: torch.Tensor
    values: torch.Tensor
    is_initialized: bool
    _held_keys: torch.Tensor
    _held_values: torch.Tensor

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args: object,
        **kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes new positions behind those held, and gives all."""
        if not self.is_initialized:
            self._begin(
                key_states[:, :, :0],
                value_states[:, :, :0],
            )
            self._show(0)

        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        capacity = self._held_keys.shape[2]
        if end > capacity:
            self._held_keys = _with_room(self.keys, key_states, end)
            self._held_values = _with_room(self.values, value_states, end)

        self._held_keys[:, :, start:end] = key_states
        self._held_values[:, :, start:end] = value_states
        self._show(end)
        return self.keys, self.values

    def take(self, part: PromptPart, new: KeysValues, begun: KeysValues | None) -> None:
        """Writes the prompts of some rows.

        Args:
            part: Which rows.
            new: Theirs.
            begun: What all prompts begin with; None where they share nothing.
        """
        longest = part.longest
        if not self.is_initialized:
            self._begin(
                _empty(new.keys, part),
                _empty(new.values, part),
            )
            self._show(longest)

        start = longest - new.keys.shape[2]
        self._held_keys[part.rows, :, start:longest] = new.keys
        self._held_values[part.rows, :, start:longest] = new.values

        # The common beginning lies in front of each row's own padding.
        if begun is not None:
            shared = begun.keys.shape[2]
            self._held_keys[part.rows, :, :shared] = begun.keys
            self._held_values[part.rows, :, :shared] = begun.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keeps these rows (a row may come several times)."""
        end = self.keys.shape[2]
        self._held_keys = self._held_keys.index_select(0, indices)
        self._held_values = self._held_values.index_select(0, indices)
        self._show(end)

    def _begin(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self._held_keys = keys
        self._held_values = values
        self.dtype = keys.dtype
        self.device = keys.device
        self.is_initialized = True

    def _show(self, end: int) -> None:
        """Makes the positions up to ``end`` those that attention sees."""
        self.keys = self._held_keys[:, :, :end]
        self.values = self._held_values[:, :, :end]


class PartLayer(DynamicLayer):
    """A cache layer of some rows while their prompts are read.

    It writes into the layer that holds all rows.

    Args:
        whole: That layer.
        part: The rows.
        common: The layer of what all prompts begin with, of one row; None = nothing.
    """

    def __init__(self, whole: RoomyLayer, part: PromptPart, common: RoomyLayer | None) -> None:
        super().__init__()
        self._whole = whole
        self._part = part
        self._begun: KeysValues | None = None
        if common is not None:
            self.keys = common.keys.expand(part.count, -1, -1, -1)
            self.values = common.values.expand(part.count, -1, -1, -1)
            self._begun = KeysValues(self.keys, self.values)
            self.is_initialized: bool = True

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args: object,
        **kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes these rows' prompts, and gives them behind what all begin with."""
        new = KeysValues(key_states, value_states)
        self._whole.take(self._part, new, self._begun)
        if self._begun is None:
            return new
        return (
            torch.cat((self._begun.keys, key_states), 2),
            torch.cat((self._begun.values, value_states), 2),
        )


def _empty(like: torch.Tensor, part: PromptPart) -> torch.Tensor:
    """Keys or values of a whole batch before its prompts are read: zeros, with room."""
    _, heads, _, width = like.shape
    positions = part.longest + ROOM
    return like.new_zeros((part.rows_in_all, heads, positions, width))


def _with_room(old: torch.Tensor, like: torch.Tensor, length: int) -> torch.Tensor:
    """The old positions with room behind them."""
    batch, heads, _, width = like.shape
    new = like.new_empty((batch, heads, length + ROOM, width))
    new[:, :, : old.shape[2]] = old
    return new


def make_cache(config: PreTrainedConfig) -> DynamicCache:
    """A key-value cache for a model.

    In-place layers, except where the model has layers of its own kind.
    """
    cache = DynamicCache(config=config)
    for i, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer:
            cache.layers[i] = RoomyLayer()
    if not cache.layers:
        cache.layer_class_to_replicate = RoomyLayer
    return cache
