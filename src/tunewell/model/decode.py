"""The loop that writes answers: a batch of token ids in, ids out, nothing computed twice.

What makes it faster than ``transformers.generate`` (bench/generation): the key-value cache is
written in place instead of being copied at every step, rows that have ended leave the batch, a
beginning that all prompts share (instruction, few shots) is computed once, and prompts are read in
parts of like length, so that little of it is padding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch

from tunewell.model.cache import PartLayer, RoomyLayer, make_cache

LEAVE: Final = 8  # a batch is packed anew when one in so many of its rows has ended
SHARED: Final = 16  # shortest common beginning that is worth computing apart
PART: Final = {
    False: 64,
    True: 8192,
}  # tokens of padding that a part less may cost: on a processor, on a GPU


def alike(lengths: Sequence[int], *, overhead: int) -> list[slice]:
    """Rows of falling length in parts, so that padding, and an overhead for each part, cost least.

    Example:
        >>> alike([100, 98, 10, 9, 9], overhead=20)
        [slice(0, 2, None), slice(2, 5, None)]
    """
    best, cut = [0], [0]
    for end in range(1, len(lengths) + 1):
        costs = [best[start] + overhead + lengths[start] * (end - start) for start in range(end)]
        cut.append(min(range(end), key=costs.__getitem__))
        best.append(costs[cut[-1]])
    parts: list[slice] = []
    end = len(lengths)
    while end:
        parts.insert(0, slice(cut[end], end))
        end = cut[end]
    return parts


@dataclass
class DecodingPrompt:
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

    def take(
        self, token: int, end_ids: frozenset[int], stopped: Callable[[DecodingPrompt], bool]
    ) -> None:
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


def common_start(rows: Sequence[DecodingPrompt]) -> int:
    """How many ids all prompts begin with, at most all but one of the shortest.

    0 where not worth it.
    """
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

    def pick(self, logits: Any, rows: Sequence[DecodingPrompt]) -> list[int]:
        """One token for each row; ``logits`` has shape (rows, vocabulary)."""
        if self.temperature <= 0:
            return [
                int(i) for i in logits.max(dim=-1).indices.tolist()
            ]  # argmax takes three times as long on a CPU
        p = torch.softmax(logits.float() / self.temperature, -1)
        order = None
        if self.top_p < 1:
            p, order = torch.sort(p, dim=-1, descending=True, stable=True)
            p = torch.where(p.cumsum(-1) - p < self.top_p, p, torch.zeros_like(p))
        mass = p.double().cumsum(-1)
        u = torch.tensor(
            [r.draws.random() if r.draws else 0.5 for r in rows], dtype=torch.float64
        ).to(mass.device)
        at = torch.searchsorted(mass, u[:, None] * mass[:, -1:], right=True).clamp(
            max=p.shape[-1] - 1
        )
        at = torch.minimum(
            at, (p > 0).int().cumsum(-1).argmax(-1, keepdim=True)
        )  # rounding never picks a p of 0
        return [int(i) for i in (at if order is None else order.gather(1, at))[:, 0].tolist()]


def _mask(rows: Sequence[DecodingPrompt], shared: int) -> Any:
    """1 where a row, padded between what all begin with and its own, has a token.

    Shape (rows, longest).
    """
    longest = max(len(r.ids) for r in rows)
    at = np.arange(longest)[None]
    tails = np.asarray([len(r.ids) - shared for r in rows])[:, None]
    return ((at < shared) | (at >= longest - tails)).astype(np.int64)


class Decoder:
    """Writes answers for one batch after another.

    Args:
        model: A causal language model of transformers, in eval mode.
        end_ids: Tokens that end an answer.
    """

    def __init__(self, model: Any, end_ids: frozenset[int]) -> None:
        self._model = model
        self._end_ids = end_ids

    def run(
        self,
        rows: list[DecodingPrompt],
        choice: Choice,
        stopped: Callable[[DecodingPrompt], bool],
        *,
        shared: int = 0,
    ) -> None:
        """Fills ``out`` and ``ended`` of every row.

        The first ``shared`` ids are the same in all of them.
        """
        device = self._model.device
        rows = sorted(rows, key=lambda r: -len(r.ids))
        longest = len(rows[0].ids)
        cache, logits = self._read(rows, shared)
        seen = torch.from_numpy(_mask(rows, shared)).to(device)
        position = torch.tensor([len(r.ids) - 1 for r in rows], device=device)[:, None]
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
            even = all(
                len(r.ids) == longest for r in alive
            )  # to ask the mask would be to wait for a GPU
            logits = self._step(
                torch.tensor(tokens, device=device)[:, None],
                None if even else seen,
                position,
                cache,
            )

    def _read(self, rows: Sequence[DecodingPrompt], shared: int) -> tuple[Any, Any]:
        """The cache of all prompts, and the logits behind them.

        Rows from the longest to the shortest.
        """
        config, device = self._model.config, self._model.device
        whole = make_cache(config)
        common = self._common(rows[0], shared) if shared else None
        parts = alike([len(r.ids) - shared for r in rows], overhead=PART[device.type != "cpu"])
        if (
            len(parts) < 2
            or not whole.layers
            or any(type(layer) is not RoomyLayer for layer in whole.layers)
        ):
            if common is not None:
                common.batch_select_indices(torch.zeros(len(rows), dtype=torch.long, device=device))
            whole = common or whole
            return whole, self._prompts(rows, shared, whole)
        logits = []
        begun = common.layers if common is not None else [None] * len(whole.layers)
        for part in parts:
            cache = make_cache(config)
            cache.layers = [
                PartLayer(layer, part, len(rows), len(rows[0].ids), first)
                for layer, first in zip(whole.layers, begun, strict=True)
            ]
            logits.append(self._prompts(rows[part], shared, cache))
        return whole, torch.cat(logits)

    def _common(self, row: DecodingPrompt, shared: int) -> Any:
        """A cache of what all prompts begin with, of one row."""
        cache = make_cache(self._model.config)
        one = torch.tensor([row.ids[:shared]], device=self._model.device)
        self._model(input_ids=one, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache

    def _prompts(self, rows: Sequence[DecodingPrompt], shared: int, cache: Any) -> Any:
        """Logits behind prompts whose first ``shared`` ids the cache holds."""
        mask = _mask(rows, shared)
        padded = np.zeros((len(rows), mask.shape[1] - shared), np.int64)
        for i, row in enumerate(rows):
            padded[i, mask.shape[1] - len(row.ids) :] = row.ids[shared:]
        positions = (mask.cumsum(-1) - 1).clip(min=0)[:, shared:]
        device = self._model.device
        seen = None if mask.all() else torch.from_numpy(mask).to(device)
        return self._step(
            torch.from_numpy(padded).to(device), seen, torch.from_numpy(positions).to(device), cache
        )

    def _step(self, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
        return self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
