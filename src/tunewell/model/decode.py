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
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray

from tunewell.model.cache import PartLayer, PromptPart, RoomyLayer, make_cache

if TYPE_CHECKING:
    from transformers.cache_utils import DynamicCache

    from tunewell.model.libraries import CausalNetwork

LEAVE: Final = 8  # a batch is packed anew when one in so many of its rows has ended
SHARED: Final = 16  # shortest common beginning that is worth computing apart

# Tokens of padding that a part less may cost: on a processor, on a GPU.
PART: Final = {False: 64, True: 8192}


def alike(lengths: Sequence[int], *, overhead: int) -> list[slice]:
    """Rows of falling length in parts, so that padding, and an overhead for each part, cost least.

    Example:
        >>> alike([100, 98, 10, 9, 9], overhead=20)
        [slice(0, 2, None), slice(2, 5, None)]
    """
    # least[end]: least cost of the first `end` rows; start[end]: where their last part begins.
    least = [0]
    start = [0]
    for end in range(1, len(lengths) + 1):
        costs = []
        for begin in range(end):
            padded = lengths[begin] * (end - begin)
            costs.append(least[begin] + overhead + padded)
        lowest = min(costs)
        least.append(lowest)
        start.append(costs.index(lowest))

    parts: list[slice] = []
    end = len(lengths)
    while end:
        parts.insert(0, slice(start[end], end))
        end = start[end]
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

    def draw(self) -> float:
        """The next uniform number in [0, 1)."""
        return self.draws.random() if self.draws else 0.5


def draws_for(seed: int, ids: Sequence[int]) -> np.random.Generator:
    """Uniform numbers that depend on the seed and the prompt alone, not on the batch."""
    content = np.asarray([seed, *ids], np.int64).tobytes()
    digest = hashlib.sha256(content).digest()
    key = np.frombuffer(digest[:16], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def common_start(rows: Sequence[DecodingPrompt]) -> int:
    """How many ids all prompts begin with, at most all but one of the shortest.

    0 where not worth it.
    """
    if len(rows) < 2:
        return 0
    prompts = [row.ids for row in rows]
    most = min(map(len, prompts)) - 1
    # What the first and the last in order share, all between them share.
    first = np.asarray(min(prompts)[:most])
    last = np.asarray(max(prompts)[:most])
    different = np.flatnonzero(first != last)
    same = int(different[0]) if different.size else most
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

    def pick(self, logits: torch.Tensor, rows: Sequence[DecodingPrompt]) -> list[int]:
        """One token for each row; ``logits`` has shape (rows, vocabulary)."""
        if self.temperature <= 0:
            # `argmax` takes three times as long on a CPU.
            best: list[int] = logits.max(dim=-1).indices.tolist()
            return best

        p = torch.softmax(logits.float() / self.temperature, -1)
        drawn = _draw(p, rows) if self.top_p >= 1 else self._draw_from_nucleus(p, rows)
        tokens: list[int] = drawn[:, 0].tolist()
        return tokens

    def _draw_from_nucleus(self, p: torch.Tensor, rows: Sequence[DecodingPrompt]) -> torch.Tensor:
        """From the most probable tokens that hold ``top_p`` together (Holtzman et al. 2020)."""
        falling, order = torch.sort(p, dim=-1, descending=True, stable=True)
        before = falling.cumsum(-1) - falling
        nothing = torch.zeros_like(falling)
        nucleus = torch.where(before < self.top_p, falling, nothing)
        return order.gather(1, _draw(nucleus, rows))


def _draw(p: torch.Tensor, rows: Sequence[DecodingPrompt]) -> torch.Tensor:
    """A place in each row, drawn in proportion to ``p`` (rows, places); shape (rows, 1)."""
    mass = p.double().cumsum(-1)
    total = mass[:, -1:]
    uniform = [row.draw() for row in rows]
    u = torch.tensor(uniform, dtype=torch.float64).to(mass.device)
    place = torch.searchsorted(mass, u[:, None] * total, right=True)

    # Rounding never picks a place of probability 0.
    possible = (p > 0).int().cumsum(-1)
    last_possible = possible.argmax(-1, keepdim=True)
    return torch.minimum(place, last_possible)


def _mask(rows: Sequence[DecodingPrompt], shared: int) -> NDArray[np.int64]:
    """1 where a row, padded between what all begin with and its own, has a token.

    Shape (rows, longest).
    """
    lengths = np.asarray([len(row.ids) for row in rows])
    longest = lengths.max()
    own_start = longest - lengths + shared

    position = np.arange(longest)[None, :]
    own = position >= own_start[:, None]
    common = position < shared
    return (own | common).astype(np.int64)


class BatchUnderWay:
    """The rows of a batch that are still being answered, with all that shrinks along with them.

    Args:
        rows: From the longest prompt to the shortest.
        cache: Keys and values of their prompts.
        shared: How many ids all prompts begin with.
        device: Where the network is.
    """

    def __init__(
        self,
        rows: list[DecodingPrompt],
        cache: DynamicCache,
        *,
        shared: int,
        device: torch.device,
    ) -> None:
        self.rows = rows
        self.cache = cache
        self.longest = len(rows[0].ids)
        mask = torch.from_numpy(_mask(rows, shared))
        self.seen = mask.to(device)
        last = [len(row.ids) - 1 for row in rows]
        self.position = torch.tensor(last, device=device)[:, None]

    @property
    def padded(self) -> bool:
        """Whether some row is shorter than the longest; to ask the mask would wait for a GPU."""
        return any(len(row.ids) != self.longest for row in self.rows)

    def keep(self, places: list[int]) -> None:
        """Lets all other rows go."""
        index = torch.tensor(places, device=self.seen.device)
        self.cache.batch_select_indices(index)
        self.seen = self.seen.index_select(0, index)
        self.position = self.position.index_select(0, index)
        self.rows = [self.rows[place] for place in places]

    def advance(self) -> None:
        """One position further."""
        next_column = self.seen.new_ones((len(self.rows), 1))
        self.seen = torch.cat([self.seen, next_column], 1)
        self.position = self.position + 1


class Decoder:
    """Writes answers for one batch after another.

    Args:
        model: A causal language model of transformers, in eval mode.
        end_ids: Tokens that end an answer.
    """

    def __init__(self, model: CausalNetwork, end_ids: frozenset[int]) -> None:
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
        longest_first = sorted(rows, key=lambda row: -len(row.ids))
        cache, logits = self._read(longest_first, shared)
        batch = BatchUnderWay(
            longest_first,
            cache,
            shared=shared,
            device=device,
        )
        while True:
            tokens = choice.pick(logits, batch.rows)
            for row, token in zip(batch.rows, tokens, strict=True):
                if not row.ended:
                    row.take(token, self._end_ids, stopped)

            under_way = [place for place, row in enumerate(batch.rows) if not row.ended]
            if not under_way:
                return
            ended = len(batch.rows) - len(under_way)
            if ended and ended * LEAVE >= len(batch.rows):
                batch.keep(under_way)
                tokens = [tokens[place] for place in under_way]

            batch.advance()
            chosen = torch.tensor(tokens, device=device)
            logits = self._step(
                chosen[:, None],
                batch.seen if batch.padded else None,
                batch.position,
                batch.cache,
            )

    def _read(
        self, rows: Sequence[DecodingPrompt], shared: int
    ) -> tuple[DynamicCache, torch.Tensor]:
        """The cache of all prompts, and the logits behind them.

        Rows from the longest to the shortest.
        """
        common = self._common(rows[0], shared) if shared else None
        whole = make_cache(self._model.config)
        own_lengths = [len(row.ids) - shared for row in rows]
        on_gpu = self._model.device.type != "cpu"
        parts = alike(own_lengths, overhead=PART[on_gpu])
        if len(parts) > 1 and _in_place(whole):
            return whole, self._read_parts(rows, parts, whole, common)

        if common is not None:
            same = torch.zeros(len(rows), dtype=torch.long, device=self._model.device)
            common.batch_select_indices(same)
            whole = common
        return whole, self._prompts(rows, shared, whole)

    def _read_parts(
        self,
        rows: Sequence[DecodingPrompt],
        parts: Sequence[slice],
        whole: DynamicCache,
        common: DynamicCache | None,
    ) -> torch.Tensor:
        """Logits behind prompts that are read part by part, into one cache."""
        shared = 0
        begun: list[RoomyLayer | None] = [None] * len(whole.layers)
        if common is not None:
            shared = common.get_seq_length()
            begun = common.layers

        logits = []
        for rows_of_part in parts:
            part = PromptPart(
                rows_of_part,
                rows_in_all=len(rows),
                longest=len(rows[0].ids),
            )
            cache = make_cache(self._model.config)
            cache.layers = [
                PartLayer(layer, part, first)
                for layer, first in zip(whole.layers, begun, strict=True)
            ]
            logits.append(self._prompts(rows[rows_of_part], shared, cache))
        return torch.cat(logits)

    def _common(self, row: DecodingPrompt, shared: int) -> DynamicCache:
        """A cache of what all prompts begin with, of one row."""
        cache = make_cache(self._model.config)
        ids = torch.tensor([row.ids[:shared]], device=self._model.device)
        self._model(
            input_ids=ids,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return cache

    def _prompts(
        self, rows: Sequence[DecodingPrompt], shared: int, cache: DynamicCache
    ) -> torch.Tensor:
        """Logits behind prompts whose first ``shared`` ids the cache holds."""
        mask = _mask(rows, shared)
        longest = mask.shape[1]
        padded = np.zeros((len(rows), longest - shared), np.int64)
        for i, row in enumerate(rows):
            start = longest - len(row.ids)
            padded[i, start:] = row.ids[shared:]
        positions = (mask.cumsum(-1) - 1).clip(min=0)

        device = self._model.device
        return self._step(
            torch.from_numpy(padded).to(device),
            None if mask.all() else torch.from_numpy(mask).to(device),
            torch.from_numpy(positions[:, shared:]).to(device),
            cache,
        )

    def _step(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor | None,
        positions: torch.Tensor,
        cache: DynamicCache,
    ) -> torch.Tensor:
        """Logits behind the last of these positions, shape (rows, vocabulary)."""
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]


def _in_place(cache: DynamicCache) -> bool:
    """Whether all layers are ours, so that prompts can be read part by part."""
    kinds = {type(layer) for layer in cache.layers}
    return kinds == {RoomyLayer}
