"""Asks generators for candidates, many at a time, until each has a row or a reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Final

from tunewell.augment.allowance import Allowance, SpentUpError
from tunewell.augment.journal import Journal, JournalLine
from tunewell.augment.nouns import Candidate, GenerationCost
from tunewell.augment.replies import read_reply
from tunewell.augment.written_rows import ReplyError, WrittenRow
from tunewell.errors import ModelError
from tunewell.model.base import GenerateOptions, Generation, Model
from tunewell.task import GeneratorSpec
from tunewell.types import Example, Message, digest

LOCAL_BATCH: Final = 16
"""Prompts that a model on this machine answers together."""

Prompt = Callable[[Candidate], tuple[Message, ...]]


@dataclass(frozen=True)
class Generator:
    """A model that writes rows.

    Attributes:
        spec: How it is asked and what it costs.
        model: The model.
        together: Prompts of one call: 1 at a server, where every request goes by itself.
    """

    spec: GeneratorSpec
    model: Model
    together: int = 1

    def price(self, reply: Generation) -> float:
        """What a reply cost."""
        prompt = reply.prompt_tokens * self.spec.prompt_price
        return (prompt + reply.tokens * self.spec.answer_price) / 1e6


@dataclass(frozen=True)
class NoRow:
    """Why no row came for a candidate.

    Attributes:
        kind: As it is counted.
        evidence: What was seen last.
    """

    kind: str
    evidence: str = ""


@dataclass(frozen=True)
class Progressed:
    """How far the asking is.

    Attributes:
        done: Candidates of this round that are settled.
        total: Candidates of this round.
        cost: What everything so far has taken.
        seconds_left: At the present pace; None before there is one.
    """

    done: int
    total: int
    cost: GenerationCost
    seconds_left: float | None


Answer = WrittenRow | NoRow
Watcher = Callable[[Progressed], None]


class RowAsker:
    """Asks for candidates; what the journal holds is not asked for again.

    Args:
        generators: Who writes.
        journal: Where replies are kept.
        prompt: Gives the conversation that asks for a candidate.
        parents: Rows by id.
        options: Of generation; every try has a seed of its own.
        tries: Requests for a candidate before it is given up.
        allowance: What may be spent.
        watch: Told of progress.
    """

    def __init__(
        self,
        generators: Sequence[Generator],
        journal: Journal,
        prompt: Prompt,
        parents: Mapping[str, Example],
        *,
        options: GenerateOptions,
        tries: int,
        allowance: Allowance,
        watch: Watcher | None = None,
    ) -> None:
        self._generators = generators
        self._journal = journal
        self._prompt = prompt
        self._parents = parents
        self._options = options
        self._tries = tries
        self._allowance = allowance
        self._watch = watch
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._cost = GenerationCost()
        self._counting = threading.Lock()
        self._known: dict[str, list[JournalLine]] = {}
        for line in journal.lines:
            self._known.setdefault(line.ref, []).append(line)

    @property
    def cost(self) -> GenerationCost:
        """What all replies took, those of earlier runs of the program included."""
        seconds = round(time.monotonic() - self._began, 3)
        return self._cost.model_copy(update={"seconds": seconds})

    def _count(self, line: JournalLine) -> None:
        with self._counting:
            before = self._cost
            self._cost = GenerationCost(
                requests=before.requests + 1,
                prompt_tokens=before.prompt_tokens + line.reply.prompt_tokens,
                tokens=before.tokens + line.reply.tokens,
                cost=before.cost + line.price,
            )

    def ask(self, candidates: Sequence[Candidate]) -> dict[int, Answer]:
        """Rows, or reasons, by the number of the candidate.

        Those that the budget did not reach are not among them.

        Raises:
            ModelError: What concerns all requests: no such model, a refused key, no server.
        """
        answers: dict[int, Answer] = {}
        waiting = []
        for candidate in candidates:
            known = self._from_journal(candidate)
            if known is None:
                waiting.append(candidate)
            else:
                answers[candidate.number] = known
        if waiting:
            answers |= self._send(waiting, settled=len(answers))
        return answers

    def _from_journal(self, candidate: Candidate) -> Answer | None:
        """What earlier replies say of a candidate; None while it may be asked for again."""
        lines = self._known.get(candidate.ref, [])
        last: NoRow | None = None
        for line in lines:
            self._count(line)
            self._allowance.spent(line.reply.prompt_tokens + line.reply.tokens, line.price)
        for line in lines:
            try:
                return read_reply(line.reply, candidate, self._parents[candidate.parent])
            except ReplyError as error:
                last = NoRow(error.kind, error.evidence)
        return last if len(lines) >= self._tries else None

    def _send(
        self,
        candidates: Sequence[Candidate],
        *,
        settled: int,
    ) -> dict[int, Answer]:
        answers: dict[int, Answer] = {}
        fatal: ModelError | None = None
        most = sum(generator.spec.in_flight for generator in self._generators)
        batches = iter(list(self._batches(candidates)))
        open_: set[Future[dict[int, Answer]]] = set()
        try:
            while True:
                open_ |= self._start(batches, most - len(open_))
                if not open_:
                    break
                seconds = self._allowance.seconds_left
                done, open_ = wait(open_, timeout=seconds, return_when=FIRST_COMPLETED)
                if not done and self._allowance.is_over:
                    self._stop.set()
                    break
                for future in done:
                    try:
                        answers |= future.result()
                    except ModelError as error:
                        fatal = fatal or error
                        self._stop.set()
                    except SpentUpError:
                        self._stop.set()
                self._tell(settled + len(answers), settled + len(candidates))
        except BaseException:
            # Nobody waits for the requests in flight, and none is tried again.
            self._stop.set()
            raise
        if fatal is not None:
            raise fatal
        return answers

    def _start(
        self,
        batches: Iterator[list[Candidate]],
        places: int,
    ) -> set[Future[dict[int, Answer]]]:
        """Start as many batches as there are places."""
        started: set[Future[dict[int, Answer]]] = set()
        while len(started) < places and not self._stop.is_set():
            batch = next(batches, None)
            if batch is None:
                break
            started.add(_in_background(self._settle, batch))
        return started

    def _batches(self, candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
        """Candidates that go to one generator in one call."""
        waiting: dict[int, list[Candidate]] = {}
        for candidate in candidates:
            batch = waiting.setdefault(candidate.generator, [])
            batch.append(candidate)
            if len(batch) >= self._generators[candidate.generator].together:
                yield waiting.pop(candidate.generator)
        yield from waiting.values()

    def _settle(self, batch: list[Candidate]) -> dict[int, Answer]:
        """Ask for candidates until each has a row or no more tries."""
        answers: dict[int, Answer] = {}
        tried = {c.number: len(self._known.get(c.ref, [])) for c in batch}
        while batch:
            replies = self._call(batch, tried)
            left = []
            for candidate, reply in zip(batch, replies, strict=True):
                tried[candidate.number] += 1
                try:
                    parent = self._parents[candidate.parent]
                    answers[candidate.number] = read_reply(reply, candidate, parent)
                except ReplyError as error:
                    if tried[candidate.number] < self._tries and error.again:
                        left.append(candidate)
                    else:
                        answers[candidate.number] = NoRow(error.kind, error.evidence)
            batch = left
        return answers

    def _call(
        self,
        batch: Sequence[Candidate],
        tried: Mapping[int, int],
    ) -> list[Generation]:
        """One call of a generator; every reply is in the journal before anybody sees it."""
        if self._stop.is_set():
            raise SpentUpError
        generator = self._generators[batch[0].generator]
        prompts = [self._prompt(candidate) for candidate in batch]
        first = batch[0]
        seed = int(digest([first.ref, tried[first.number]])[:7], 16)
        reserved = self._most(generator, prompts)
        self._allowance.reserve(*reserved)
        replies: list[Generation] = []
        try:
            options = self._options.model_copy(update={"seed": seed})
            replies = generator.model.generate(prompts, options=options)
            for candidate, reply in zip(batch, replies, strict=True):
                line = JournalLine(
                    ref=candidate.ref,
                    attempt=tried[candidate.number],
                    generator=generator.model.name,
                    reply=reply,
                    price=generator.price(reply),
                )
                self._journal.write(line)
                self._count(line)
        finally:
            tokens = sum(reply.prompt_tokens + reply.tokens for reply in replies)
            self._allowance.settle(reserved, tokens, sum(map(generator.price, replies)))
        return replies

    def _most(
        self, generator: Generator, prompts: Sequence[Sequence[Message]]
    ) -> tuple[int, float]:
        """Tokens and money that a call can use at most: a token is at least a byte."""
        texts = [turn.content for prompt in prompts for turn in prompt]
        prompt_tokens = sum(len(text.encode("utf-8", "replace")) for text in texts)
        tokens = self._options.max_new_tokens * len(prompts)
        prompt_price = prompt_tokens * generator.spec.prompt_price
        price = (prompt_price + tokens * generator.spec.answer_price) / 1e6
        return prompt_tokens + tokens, price

    def _tell(
        self,
        done: int,
        total: int,
    ) -> None:
        if self._watch is None:
            return
        passed = time.monotonic() - self._began
        left = passed / done * (total - done) if done else None
        self._watch(Progressed(done, total, self.cost, left))


def _in_background(
    settle: Callable[[list[Candidate]], dict[int, Answer]],
    batch: list[Candidate],
) -> Future[dict[int, Answer]]:
    """Settle a batch in a thread that the end of the program does not wait for."""
    future: Future[dict[int, Answer]] = Future()

    def work() -> None:
        try:
            future.set_result(settle(batch))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future
