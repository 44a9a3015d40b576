"""Keys and values of a batch under way: written in place, and by some of its rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM: Final = 64  # positions that the cache grows by


class RoomyLayer(DynamicLayer):
    """A cache layer with room at the end: a step writes one position instead of copying all of them."""

    def update(
        self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        """Writes new positions behind those held, and gives all."""
        if not self.is_initialized:
            self.dtype, self.device = key_states.dtype, key_states.device
            self.is_initialized: bool = True
            self._held: list[Any] = [key_states[:, :, :0], value_states[:, :, :0]]
            self.keys, self.values = self._held
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        if end > self._held[0].shape[2]:
            self._held = [
                _with_room(self.keys, key_states, end),
                _with_room(self.values, value_states, end),
            ]
        for held, new in zip(self._held, (key_states, value_states), strict=True):
            held[:, :, start:end] = new
        self.keys, self.values = (held[:, :, :end] for held in self._held)
        return self.keys, self.values

    def take(
        self, new: Sequence[Any], begun: Sequence[Any], part: slice, rows: int, longest: int
    ) -> None:
        """Writes the prompts of some of so many rows, all ending at the same place, behind what all begin with."""
        if not self.is_initialized:
            self.dtype, self.device = new[0].dtype, new[0].device
            self.is_initialized = True
            self._held = [t.new_zeros((rows, t.shape[1], longest + ROOM, t.shape[3])) for t in new]
            self.keys, self.values = (held[:, :, :longest] for held in self._held)
        for i, (held, states) in enumerate(zip(self._held, new, strict=True)):
            held[part, :, longest - states.shape[2] : longest] = states
            if begun:
                held[part, :, : begun[i].shape[2]] = begun[i]

    def batch_select_indices(self, indices: Any) -> None:
        """Keeps these rows (a row may come several times)."""
        end = self.keys.shape[2]
        self._held = [held.index_select(0, indices) for held in self._held]
        self.keys, self.values = (held[:, :, :end] for held in self._held)


class PartLayer(DynamicLayer):
    """A cache layer of some rows while their prompts are read: it writes into the layer that holds all rows.

    Args:
        whole: That layer.
        part: The rows.
        rows: How many there are in all.
        longest: Positions of the longest prompt.
        common: The layer of what all prompts begin with, of one row; None = nothing.
    """

    def __init__(
        self, whole: RoomyLayer, part: slice, rows: int, longest: int, common: Any
    ) -> None:
        super().__init__()
        self._place = (part, rows, longest)
        self._whole = whole
        self._begun: list[Any] = []
        if common is not None:
            count = part.stop - part.start
            self._begun = [t.expand(count, -1, -1, -1) for t in (common.keys, common.values)]
            self.keys, self.values = self._begun
            self.is_initialized: bool = True

    def update(
        self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        """Writes these rows' prompts, and gives them behind what all begin with."""
        new = (key_states, value_states)
        self._whole.take(new, self._begun, *self._place)
        if not self._begun:
            return new
        keys, values = (torch.cat(both, 2) for both in zip(self._begun, new, strict=True))
        return keys, values


def _with_room(old: Any, like: Any, length: int) -> Any:
    batch, heads, _, width = like.shape
    new = like.new_empty((batch, heads, length + ROOM, width))
    new[:, :, : old.shape[2]] = old
    return new


def make_cache(config: Any) -> Any:
    """A key-value cache for a model: in-place layers, except where the model has layers of its own kind."""
    cache = DynamicCache(config=config)
    cache.layers = [
        RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    if not cache.layers:
        cache.layer_class_to_replicate = RoomyLayer
    return cache
