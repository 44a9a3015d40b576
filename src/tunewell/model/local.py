"""A model on this machine: transformers for the network, our own loop for generation, LoRA adapters on one base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from tunewell.errors import ModelError
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.model.chat import ChatFormat
from tunewell.model.network import Network, Precision
from tunewell.model.weights import Weights, resolve
from tunewell.types import Message

T = TypeVar("T")
BATCH_TOKENS: Final = 16_384
BATCH_ROWS: Final = 128
SCORED_AT_ONCE: Final = (
    512  # target positions whose logits are held together, 200 KB each for SmolLM2
)


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
        return self._name or (
            f"{self.weights.name}+{self._digest[:12]}" if self._digest else self.weights.name
        )

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
        other.weights, other.batch_tokens, other._network = (
            self.weights,
            self.batch_tokens,
            self._network,
        )
        other._digest, other._name = None, name
        if self._network.private:
            other._network = Network.load(self.weights, self.dtype, str(self._network.model.device))
        if adapter is not None:
            other._take(adapter)
        return other

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """One answer per prompt, in batches of like length.

        See `tunewell.model.base.Model.generate`.
        """
        from tunewell.model.decode import Choice, Decoder, DecodingPrompt, common_start, draws_for

        options = options or GenerateOptions()
        results: list[Generation | None] = [None] * len(prompts)
        rows: list[DecodingPrompt] = []
        for i, prompt in enumerate(prompts):
            try:
                ids = self.chat.encode(prompt).ids
            except ModelError as error:
                results[i] = _failed(error.message)
                continue
            room = self.context_tokens - len(ids)
            if room < 1 or not ids:
                results[i] = _failed(
                    f"a prompt of {len(ids)} tokens in a context of {self.context_tokens}", len(ids)
                )
                continue
            draws = draws_for(options.seed, ids) if options.temperature > 0 else None
            rows.append(DecodingPrompt(i, ids, min(options.max_new_tokens, room), draws=draws))
        tell = _teller(progress, len(prompts))
        tell(len(prompts) - len(rows))
        shared = common_start(rows)
        stopped = _stopper(self.chat, options.stop)
        with self._ready() as model:
            decoder = Decoder(model, self._network.end_ids)
            for batch in _batches(
                rows, [len(r.ids) + options.max_new_tokens for r in rows], self.batch_tokens
            ):
                decoder.run(
                    batch, Choice(options.temperature, options.top_p), stopped, shared=shared
                )
                for row in batch:
                    results[row.index] = self._generation(row, options.stop)
                tell(len(batch))
        return [r or _failed("nothing was generated") for r in results]

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> list[TargetScore]:
        """How probable each target is after its prompt.

        Logits in float32 and at the target's positions only.
        """
        if len(prompts) != len(targets):
            raise ModelError(
                f"{len(prompts)} prompts and {len(targets)} targets: there must be as many."
            )
        results: list[TargetScore] = [TargetScore(nats=0, tokens=0, reason="not scored")] * len(
            prompts
        )
        rows: list[tuple[int, tuple[int, ...], int]] = []
        for i, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            try:
                encoded = self.chat.encode(prompt, target, max_tokens=self.context_tokens)
            except ModelError as error:
                results[i] = TargetScore(nats=0, tokens=0, reason=error.message)
                continue
            if not encoded.fits:
                why = f"{len(encoded.ids)} tokens in a context of {self.context_tokens}"
                results[i] = TargetScore(nats=0, tokens=0, reason=why)
                continue
            rows.append((i, encoded.ids, encoded.target_start))
        tell = _teller(progress, len(prompts))
        tell(len(prompts) - len(rows))
        costs = [
            max(len(ids), (len(ids) - start) * self.batch_tokens // SCORED_AT_ONCE)
            for _, ids, start in rows
        ]
        with self._ready() as model:
            for batch in _batches(rows, costs, self.batch_tokens):
                for (i, ids, start), nats in zip(
                    batch, self._network.nats(model, batch), strict=True
                ):
                    results[i] = TargetScore(nats=nats, tokens=len(ids) - start)
                tell(len(batch))
        return results

    def _generation(self, row: Any, stop: Sequence[str]) -> Generation:
        text = self.chat.decode(row.out)
        cuts = [text.index(s) for s in stop if s in text]
        return Generation(
            text=text[: min(cuts)] if cuts else text,
            prompt_tokens=len(row.ids),
            tokens=len(row.out),
            finish="length" if row.ended == "length" else "stop",
        )

    def _take(self, folder: Path) -> None:
        from tunewell.model.adapter import attach, read_adapter, through_peft

        adapter = read_adapter(folder)
        if adapter.plain:
            if adapter.digest not in self._network.attached:
                attach(self._network.model, adapter)
                self._network.attached.add(adapter.digest)
        else:
            self._network = Network.load(self.weights, self.dtype, str(self._network.model.device))
            self._network.model = through_peft(self._network.model, adapter)
            self._network.private = True
        self._digest = adapter.digest

    @contextmanager
    def _ready(self) -> Iterator[Any]:
        """The network with this model's adapter on, held for one call."""
        import torch

        from tunewell.model.adapter import switch

        with self._network.lock, torch.inference_mode():
            if not self._network.private:
                switch(self._network.model, self._digest)
            yield self._network.model


def _batches(rows: Sequence[T], costs: Sequence[int], budget: int) -> Iterator[list[T]]:
    """Rows of like cost together, the dearest first, so that rows × dearest stays within the budget."""
    order = sorted(range(len(rows)), key=lambda i: (-costs[i], i))
    batch: list[T] = []
    dearest = 0
    for i in order:
        if batch and (dearest * (len(batch) + 1) > budget or len(batch) >= BATCH_ROWS):
            yield batch
            batch = []
        if not batch:
            dearest = costs[i]
        batch.append(rows[i])
    if batch:
        yield batch


def _failed(reason: str, prompt_tokens: int = 0) -> Generation:
    return Generation(text="", prompt_tokens=prompt_tokens, tokens=0, finish="error", reason=reason)


def _teller(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if progress and more:
            progress(done, total)

    return tell


def _stopper(chat: ChatFormat, stop: Sequence[str]) -> Callable[[Any], bool]:
    """Whether the answer so far holds a stop string.

    Only its end is looked at, as long as a stop string can be.
    """
    longest = max((len(s.encode()) for s in stop), default=0) + 4

    def stopped(row: Any) -> bool:
        return any(s in chat.decode(row.out[-longest:]) for s in stop) if stop else False

    return stopped
