"""A model on this machine.

transformers for the network, our own loop for generation, LoRA adapters on one base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from tunewell.errors import ModelError
from tunewell.model.base import (
    GenerateOptions,
    Generation,
    Progress,
    ProgressCount,
    TargetScore,
    check_as_many,
    cut_at_stops,
    not_answered,
    not_heard,
    not_scored,
)
from tunewell.model.chat import ChatFormat, Encoded
from tunewell.model.network import Network, Precision
from tunewell.model.tools import tools_for
from tunewell.model.weights import Weights, resolve
from tunewell.types import Message

if TYPE_CHECKING:
    from tunewell.model.decode import DecodingPrompt
    from tunewell.model.libraries import CausalNetwork

T = TypeVar("T")
BATCH_TOKENS: Final = 16_384
BATCH_ROWS: Final = 128

# Target positions whose logits are held together, 200 KB each for SmolLM2.
SCORED_AT_ONCE: Final = 512


class LocalModel:
    """A causal language model on this machine, with or without an adapter.

    The same calls give the same results. In bfloat16 the sums depend a little on the shape of the
    batch, so an answer may differ from the one that the prompt gets alone; sampling draws for each
    prompt from its own seed.

    Args:
        weights: From `tunewell.model.weights.resolve`, or a name for it.
        adapter: Folder of an adapter in PEFT format (safetensors only).
        dtype: ``bfloat16``, ``float16`` or ``float32``; by default bfloat16 where the processor
            multiplies it natively.
        device: As torch names it; by default ``cuda`` where there is one, else ``cpu``.
        batch_tokens: Most tokens (prompts, answers and padding) that one batch holds. 16,384 of
            them are 380 MB of cache for SmolLM2-135M.
        name: Overrides the name in reports.

    Raises:
        ModelError: The weights or the adapter cannot be used.
        MissingExtraError: The extra ``train`` is not installed.
    """

    def __init__(
        self,
        weights: Weights | str,
        adapter: Path | None = None,
        *,
        dtype: Precision | None = None,
        device: str | None = None,
        batch_tokens: int = BATCH_TOKENS,
        name: str | None = None,
    ) -> None:
        self.weights = resolve(weights) if isinstance(weights, str) else weights
        self.batch_tokens = batch_tokens
        self._network = Network.load(self.weights, dtype, device)
        self._digest: str | None = None
        self._name = name
        if adapter is not None:
            self._take(adapter)

    @property
    def name(self) -> str:
        """The weights' name; with an adapter ``+`` and the first 12 characters of its digest."""
        if self._name:
            return self._name
        if self._digest:
            return f"{self.weights.name}+{self._digest[:12]}"
        return self.weights.name

    @property
    def chat(self) -> ChatFormat:
        """How this model's tokenizer writes conversations."""
        return self._network.chat

    @property
    def context_tokens(self) -> int:
        """Longest sequence that the model was made for."""
        return self._network.context

    @property
    def dtype(self) -> str:
        """The precision that it computes in."""
        return str(self._network.model.dtype).removeprefix("torch.")

    def with_adapter(self, adapter: Path | None, *, name: str | None = None) -> LocalModel:
        """The same base weights (shared, not copied) with another adapter, or with none."""
        other = object.__new__(LocalModel)
        other.weights = self.weights
        other.batch_tokens = self.batch_tokens
        other._network = self._network
        other._digest = None
        other._name = name
        if self._network.private:
            other._network = self._fresh_network()
        if adapter is not None:
            other._take(adapter)
        return other

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
        told: Callable[[int, Sequence[int]], None] | None = None,
    ) -> list[Generation]:
        """One answer per prompt, in batches of like length.

        See `tunewell.model.base.Model.generate`.

        Args:
            prompts: Conversations that the model continues.
            options: How.
            progress: Called with (done, total).
            tools: Definitions of the tools that each prompt may call, as JSON; none = none.
            told: Called after every token with the place of the prompt and the ids so far.
        """
        from tunewell.model.decode import Choice, Decoder, common_start

        options = options or GenerateOptions()
        results: dict[int, Generation] = {}
        rows: list[DecodingPrompt] = []
        for i, (prompt, known) in enumerate(
            zip(prompts, tools_for(tools, len(prompts)), strict=True)
        ):
            prepared = self._prepare(i, prompt, options, known)
            if isinstance(prepared, Generation):
                results[i] = prepared
            else:
                rows.append(prepared)

        done = ProgressCount(progress, len(prompts))
        done.add(len(results))
        choice = Choice(options.temperature, options.top_p)
        stopped = _telling(_stopper(self.chat, options.stop), told)
        shared = common_start(rows)
        costs = [len(row.ids) + options.max_new_tokens for row in rows]
        with self._ready() as model:
            decoder = Decoder(model, self._network.end_ids)
            for batch in _batches(rows, costs, self.batch_tokens):
                decoder.run(batch, choice, stopped, shared=shared)
                for row in batch:
                    results[row.index] = self._generation(row, options.stop)
                done.add(len(batch))
        return [results[i] for i in range(len(prompts))]

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        """How probable each target is after its prompt.

        Logits in float32 and at the target's positions only.
        """
        check_as_many(prompts, targets)
        results: dict[int, TargetScore] = {}
        rows: list[tuple[int, Encoded]] = []
        known = tools_for(tools, len(prompts))
        for i, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            encoded = self._encode(prompt, target, known[i])
            if isinstance(encoded, TargetScore):
                results[i] = encoded
            else:
                rows.append((i, encoded))

        done = ProgressCount(progress, len(prompts))
        done.add(len(results))
        costs = [self._scoring_cost(encoded) for _, encoded in rows]
        with self._ready() as model:
            for batch in _batches(rows, costs, self.batch_tokens):
                sums = self._network.nats(model, [encoded for _, encoded in batch])
                for (i, encoded), nats in zip(batch, sums, strict=True):
                    results[i] = TargetScore(nats=nats, tokens=len(encoded.target_ids))
                done.add(len(batch))
        return [results[i] for i in range(len(prompts))]

    def _prepare(
        self, index: int, prompt: tuple[Message, ...], options: GenerateOptions, tools: str
    ) -> DecodingPrompt | Generation:
        """The prompt as the decoder takes it, or the result where it cannot be answered."""
        from tunewell.model.decode import DecodingPrompt, draws_for

        why = not_heard(prompt)
        if why:
            return not_answered(why)
        try:
            ids = self.chat.encode(prompt, tools=tools).ids
        except ModelError as error:
            return not_answered(error.message)
        room = self.context_tokens - len(ids)
        if room < 1 or not ids:
            return not_answered(
                f"a prompt of {len(ids)} tokens in a context of {self.context_tokens}",
                prompt_tokens=len(ids),
            )
        return DecodingPrompt(
            index,
            ids,
            limit=min(options.max_new_tokens, room),
            draws=draws_for(options.seed, ids) if options.temperature > 0 else None,
        )

    def _encode(
        self, prompt: tuple[Message, ...], target: str, tools: str
    ) -> Encoded | TargetScore:
        """The conversation as ids, or the result where it cannot be scored."""
        why = not_heard(prompt)
        if why:
            return not_scored(why)
        try:
            encoded = self.chat.encode_answer(
                prompt, target, max_tokens=self.context_tokens, tools=tools
            )
        except ModelError as error:
            return not_scored(error.message)
        if not encoded.fits:
            return not_scored(f"{len(encoded.ids)} tokens in a context of {self.context_tokens}")
        return encoded

    def _scoring_cost(self, encoded: Encoded) -> int:
        """Tokens of a batch that a row takes up: by its length or, if more, by its logits."""
        by_logits = len(encoded.target_ids) * self.batch_tokens // SCORED_AT_ONCE
        return max(len(encoded.ids), by_logits)

    def _generation(self, row: DecodingPrompt, stops: Sequence[str]) -> Generation:
        return Generation(
            text=cut_at_stops(self.chat.decode(row.out), stops),
            prompt_tokens=len(row.ids),
            tokens=len(row.out),
            finish="length" if row.ended == "length" else "stop",
        )

    def _take(self, folder: Path) -> None:
        from tunewell.model.adapter import attach, read_adapter, through_peft

        adapter = read_adapter(folder)
        if not adapter.plain:
            network = self._fresh_network()
            network.model = through_peft(network.model, adapter)
            network.private = True
            self._network = network
        elif adapter.digest not in self._network.attached:
            attach(self._network.model, adapter)
            self._network.attached.add(adapter.digest)
        self._digest = adapter.digest

    def _fresh_network(self) -> Network:
        """The base weights once more, of the same precision and on the same device."""
        device = str(self._network.model.device)
        return Network.load(self.weights, self.dtype, device)

    @contextmanager
    def _ready(self) -> Iterator[CausalNetwork]:
        """The network with this model's adapter on, held for one call."""
        import torch

        from tunewell.model.adapter import switch

        with self._network.lock, torch.inference_mode():
            if not self._network.private:
                switch(self._network.model, self._digest)
            yield self._network.model


def _batches(rows: Sequence[T], costs: Sequence[int], budget: int) -> Iterator[list[T]]:
    """Rows of like cost together, the dearest first.

    Rows × dearest stays within the budget, except where one row alone is beyond it.
    """
    dearest_first = sorted(range(len(rows)), key=lambda i: (-costs[i], i))
    start = 0
    while start < len(rows):
        dearest = costs[dearest_first[start]]
        fitting = budget // max(1, dearest)
        end = start + max(1, min(BATCH_ROWS, fitting))
        yield [rows[i] for i in dearest_first[start:end]]
        start = end


def _stopper(chat: ChatFormat, stops: Sequence[str]) -> Callable[[DecodingPrompt], bool]:
    """Whether the answer so far holds a stop string.

    Only its end is looked at, as long as a stop string can be.
    """
    if not stops:
        return lambda _: False
    longest = max(len(stop.encode()) for stop in stops) + 4

    def stopped(row: DecodingPrompt) -> bool:
        end = chat.decode(row.out[-longest:])
        return any(stop in end for stop in stops)

    return stopped


def _telling(
    stopped: Callable[[DecodingPrompt], bool],
    told: Callable[[int, Sequence[int]], None] | None,
) -> Callable[[DecodingPrompt], bool]:
    """The same, telling of every token."""
    if told is None:
        return stopped

    def telling(row: DecodingPrompt) -> bool:
        told(row.index, row.out)
        return stopped(row)

    return telling
