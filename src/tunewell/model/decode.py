"""The loop that writes answers: a batch of token ids in, ids out, nothing computed twice.

What makes it faster than ``transformers.generate`` (bench/generation): the key-value cache is written in place instead
of being copied at every step, rows that have ended leave the batch, and a beginning that all prompts share
(instruction, few shots) is computed once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM: Final = 64  # positions that the cache grows by
LEAVE: Final = 8  # a batch is packed anew when one in so many of its rows has ended
SHARED: Final = 16  # shortest common beginning that is worth computing apart


class RoomyLayer(DynamicLayer):
    """A cache layer with room at the end: a step writes one position instead of copying all of them."""

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Writes new positions behind those held, and gives all."""
        if not self.is_initialized:
            self.dtype, self.device = key_states.dtype, key_states.device
            self.is_initialized: bool = True
            self._held: list[Any] = [key_states[:, :, :0], value_states[:, :, :0]]
            self.keys, self.values = self._held
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        if end > self._held[0].shape[2]:
            self._held = [_with_room(self.keys, key_states, end), _with_room(self.values, value_states, end)]
        for held, new in zip(self._held, (key_states, value_states), strict=True):
            held[:, :, start:end] = new
        self.keys, self.values = (held[:, :, :end] for held in self._held)
        return self.keys, self.values

    def batch_select_indices(self, indices: Any) -> None:
        """Keeps these rows (a row may come several times)."""
        end = self.keys.shape[2]
        self._held = [held.index_select(0, indices) for held in self._held]
        self.keys, self.values = (held[:, :, :end] for held in self._held)


def _with_room(old: Any, like: Any, length: int) -> Any:
    batch, heads, _, width = like.shape
    new = like.new_empty((batch, heads, length + ROOM, width))
    new[:, :, : old.shape[2]] = old
    return new


def make_cache(config: Any) -> Any:
    """A key-value cache for a model: in-place layers, except where the model has layers of its own kind."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    if not cache.layers:
        cache.layer_class_to_replicate = RoomyLayer
    return cache


@dataclass
class Row:
    """One prompt on its way.

    Attributes:
        index: Its place in the caller's list.
        ids: The prompt.
        limit: Most tokens to generate.
        out: What was generated so far, without the token that ended it.
        ended: ``stop`` or ``length`` once it is finished, else empty.
        draws: Source of uniform numbers for sampling, of this prompt alone.
    """

    index: int
    ids: tuple[int, ...]
    limit: int
    out: list[int] = field(default_factory=list)
    ended: str = ""
    draws: np.random.Generator | None = None

    def take(self, token: int, end_ids: frozenset[int], stopped: Callable[[Row], bool]) -> None:
        """Adds a generated token and notes whether the answer has ended."""
        if token in end_ids:
            self.ended = "stop"
            return
        self.out.append(token)
        if stopped(self):
            self.ended = "stop"
        elif len(self.out) >= self.limit:
            self.ended = "length"


def draws_for(seed: int, ids: Sequence[int]) -> np.random.Generator:
    """Uniform numbers that depend on the seed and the prompt alone, not on what else is in the batch."""
    key = hashlib.sha256(np.asarray([seed, *ids], np.int64).tobytes()).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key[:16], np.uint64)))


def common_start(rows: Sequence[Row]) -> int:
    """How many ids all prompts begin with, at most all but one of the shortest; 0 where not worth it."""
    if len(rows) < 2:
        return 0
    first, last = min(r.ids for r in rows), max(r.ids for r in rows)
    most = min(len(r.ids) for r in rows) - 1
    same = next((i for i in range(most) if first[i] != last[i]), most)
    return same if same >= SHARED else 0


@dataclass(frozen=True)
class Choice:
    """How the next token is chosen.

    Attributes:
        temperature: 0 = the most probable.
        top_p: Nucleus mass.
    """

    temperature: float
    top_p: float

    def pick(self, logits: Any, rows: Sequence[Row]) -> list[int]:
        """One token for each row; ``logits`` has shape (rows, vocabulary)."""
        if self.temperature <= 0:
            return [int(i) for i in logits.max(dim=-1).indices.tolist()]  # argmax takes three times as long on a CPU
        p = torch.softmax(logits.float() / self.temperature, -1)
        order = None
        if self.top_p < 1:
            p, order = torch.sort(p, dim=-1, descending=True, stable=True)
            p = torch.where(p.cumsum(-1) - p < self.top_p, p, torch.zeros_like(p))
        mass = p.double().cumsum(-1)
        u = torch.tensor([r.draws.random() if r.draws else 0.5 for r in rows], dtype=torch.float64).to(mass.device)
        at = torch.searchsorted(mass, u[:, None] * mass[:, -1:], right=True).clamp(max=p.shape[-1] - 1)
        at = torch.minimum(at, (p > 0).int().cumsum(-1).argmax(-1, keepdim=True))  # rounding never picks a p of 0
        return [int(i) for i in (at if order is None else order.gather(1, at))[:, 0].tolist()]


class Decoder:
    """Writes answers for one batch after another.

    Args:
        model: A causal language model of transformers, in eval mode.
        end_ids: Tokens that end an answer.
    """

    def __init__(self, model: Any, end_ids: frozenset[int]) -> None:
        self._model = model
        self._end_ids = end_ids

    def run(self, rows: list[Row], choice: Choice, stopped: Callable[[Row], bool], *, shared: int = 0) -> None:
        """Fills ``out`` and ``ended`` of every row. The first ``shared`` ids are the same in all of them."""
        device = self._model.device
        cache = self._begin(rows, shared)
        longest = max(len(r.ids) for r in rows)
        padded = np.zeros((len(rows), longest - shared), np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        mask[:, :shared] = 1
        for i, row in enumerate(rows):
            tail = row.ids[shared:]
            padded[i, longest - shared - len(tail) :] = tail
            mask[i, longest - len(tail) :] = 1
        seen = torch.from_numpy(mask).to(device)
        positions = (seen.cumsum(-1) - 1).clamp(min=0)[:, shared:]
        even = all(len(r.ids) == longest for r in rows)
        logits = self._step(torch.from_numpy(padded).to(device), None if even else seen, positions, cache)
        position = positions[:, -1:]
        alive = list(rows)
        while True:
            tokens = choice.pick(logits, alive)
            for row, token in zip(alive, tokens, strict=True):
                if not row.ended:
                    row.take(token, self._end_ids, stopped)
            keep = [i for i, row in enumerate(alive) if not row.ended]
            if not keep:
                return
            if len(keep) < len(alive) and (len(alive) - len(keep)) * LEAVE >= len(alive):
                index = torch.tensor(keep, device=device)
                cache.batch_select_indices(index)
                seen, position = seen.index_select(0, index), position.index_select(0, index)
                alive, tokens = [alive[i] for i in keep], [tokens[i] for i in keep]
            seen = torch.cat([seen, seen.new_ones((len(alive), 1))], 1)
            position = position + 1
            even = all(len(r.ids) == longest for r in alive)  # to ask the mask would be to wait for a GPU
            logits = self._step(torch.tensor(tokens, device=device)[:, None], None if even else seen, position, cache)

    def _begin(self, rows: Sequence[Row], shared: int) -> Any:
        """A cache that holds the common beginning of the prompts, once for each row."""
        if not shared:
            return make_cache(self._model.config)
        ids = rows[0].ids[:shared]
        cache = make_cache(self._model.config)
        one = torch.tensor([ids], device=self._model.device)
        self._model(input_ids=one, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.batch_select_indices(torch.zeros(len(rows), dtype=torch.long, device=self._model.device))
        return cache

    def _step(self, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
        return self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
