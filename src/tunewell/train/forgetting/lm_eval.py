"""T04 on tasks of lm-evaluation-harness: each document answered without and with the adapter, in the same process.

Sources: lm-eval 0.4.13 (``lm_eval.api.model.TemplateLM``, ``simple_evaluate``, ``TaskManager``).
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import TaskError
from tunewell.train.forgetting.losses import passes
from tunewell.train.lora.batches import plan
from tunewell.train.lora.rows import TrainRow
from tunewell.train.lora.states import FreshStates

MAX_TOKENS = 2048
"""Of a document; longer ones lose their beginning, as lm-eval does it."""

ANSWER_TOKENS = 256
"""Of an answer that a task lets the model write, where the task does not say."""


PLACE = "train.forgetting_tasks"
SEED = 1234
"""Of lm-eval's examples in the prompt; its own default."""


def is_file(name: str) -> bool:
    """Whether a task is named by the path of its file.

    Example:
        >>> is_file("tasks/tariffs.yaml"), is_file("arc_easy")
        (True, False)
    """
    return Path(name).suffix in {".yaml", ".yml"}


def loaded_tasks(name: str) -> list[Any]:
    """Task objects of a name.

    A file's data files are taken from the file's folder, and nothing is fetched for it.
    """
    from lm_eval.tasks import TaskManager

    with (
        _quiet(),
        contextlib.chdir(Path(name).parent if is_file(name) else Path.cwd()),
        _told(name),
    ):
        manager = TaskManager(include_defaults=not is_file(name))
        return list(manager.load([name])["tasks"].values())


def samples_of(model: Any, name: str, loaded: list[Any], limit: int) -> dict[str, Any]:
    """What lm-eval says of a model on the documents of a task: its samples and metrics."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    seeds = dict.fromkeys(
        ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed"), SEED
    )
    with _quiet(), _told(name):
        manager = TaskManager(
            include_defaults=False
        )  # its index takes seconds to read, and the tasks are loaded
        return dict(
            simple_evaluate(
                model=model,
                tasks=loaded,
                limit=limit,
                bootstrap_iters=0,
                task_manager=manager,
                **seeds,
            )
        )


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (
        Exception
    ) as error:  # lm-eval and datasets have no common ancestor for what can be wrong with a task
        raise TaskError(
            [(PLACE, f"lm-eval cannot run '{name}': {error}")],
            hint="try it alone: lm-eval run --tasks NAME --limit 2",
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without lm-eval's progress bars and log lines."""
    log = logging.getLogger("lm_eval")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        log.setLevel(level)


class Scorer:
    """Log-likelihoods and greedy answers of the base (values None) or of the base with an adapter."""

    def __init__(self, network: Any, tokenizer: Any, recipe: Any, cut: int, values: Any) -> None:
        self.network, self.tokenizer, self._recipe, self._cut, self._values = (
            network,
            tokenizer,
            recipe,
            cut,
            values,
        )

    def encode(self, text: str) -> list[int]:
        """Token ids without special tokens."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @property
    def end(self) -> int:
        """The token that ends a text."""
        return int(self.tokenizer.eos_token_id)

    @property
    def start(self) -> int:
        """The token before a text that has no beginning: the tokenizer's own, else the one that ends a text."""
        own = self.tokenizer.bos_token_id
        return self.end if own is None else int(own)

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[tuple[float, bool]]:
        """For each (context, continuation): log p of the continuation, and whether it is the greedy one."""
        rows = []
        for i, (context, target) in enumerate(pairs):
            ids = [*context, *target][-MAX_TOKENS:]
            rows.append(TrainRow(str(i), np.asarray(ids, np.int32), max(1, len(ids) - len(target))))
        if not rows:
            return []
        found = np.empty(len(rows))
        job = self._job(rows)
        for which in passes(job):
            made = job._by_row(which, _signed_nats, _signed_sum)
            found[which[0]] = made[0][which[0]]
        return [(-abs(float(v)), bool(v <= 0)) for v in found]

    def write(self, context: list[int], *, until: Sequence[str], tokens: int) -> str:
        """Greedy continuation up to the first of ``until``, the end token or so many tokens."""
        ids = context[-(MAX_TOKENS - tokens) :] or [self.start]
        start, text = len(ids), ""
        while len(ids) - start < tokens and not any(u in text for u in until if u):
            ids = [*ids, self.next_token(ids)]
            if ids[-1] == self.end:
                break
            text = self.tokenizer.decode(ids[start:], skip_special_tokens=True)
        ends = [at for at in (text.find(u) for u in until if u) if at >= 0]
        return text[: min(ends, default=len(text))]

    def next_token(self, ids: list[int]) -> int:
        """The most probable token after some."""
        import torch

        job = self._job([TrainRow("0", np.asarray(ids, np.int32), len(ids) - 1)])
        job.bank.refresh()
        batch = plan(job.lengths, [np.arange(1)], budget=len(ids))[0]
        with torch.no_grad():
            hidden = self.network.run(
                job.states(batch), first=self._cut, last=self.network.layers, bank=job.bank
            )
            logits = (
                self.network.finish(hidden.reshape(-1, hidden.shape[-1])[-1:]) @ self.network.head.T
            )
        return int(logits.argmax())

    def _job(self, rows: Sequence[TrainRow]) -> Any:
        from tunewell.train.lora.job import Job

        everything = np.ones((1, len(rows)), np.bool_)
        job = Job(
            self.network,
            rows,
            recipe=self._recipe,
            cut=self._cut,
            train=~everything,
            measure=everything,
            trunk=FreshStates(self.network, rows, self._cut) if self._cut else None,
        )
        if self._values is not None:
            job.bank.values.copy_(self._values)
        return job


def _signed_nats(final: Any, head: Any, labels: Any, *, cap: float = 0.0) -> Any:
    """-log p of each label, with its sign changed where the label is the most probable token."""
    import torch

    from tunewell.train.lora.kernels import greedy_hits, negative_log_likelihood

    nats = negative_log_likelihood(final, head, labels, cap=cap)
    return torch.where(greedy_hits(final, head, labels, cap=cap), -nats, nats)


def _signed_sum(values: NDArray[np.float64]) -> float:
    """Nats of a target, with the sign changed where every token of it is the most probable one."""
    total = float(np.abs(values).sum())
    return -total if (values <= 0).all() else total


def language_model(scorer: Scorer) -> Any:
    """A scorer as lm-eval wants it; what it says of a task is lm-eval's own doing."""
    from lm_eval.api.model import TemplateLM
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    class Ours(TemplateLM):
        @property
        def eot_token_id(self) -> int:
            return scorer.end

        @property
        def prefix_token_id(self) -> int:
            return scorer.start

        def tok_encode(
            self, string: str, add_special_tokens: bool | None = None, **_: Any
        ) -> list[int]:
            return scorer.encode(string)

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
            return scorer.score([(context, target) for _, context, target in requests])

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
            pairs, owner = [], []
            for i, request in enumerate(requests):
                windows = get_rolling_token_windows(
                    scorer.encode(request.args[0]), scorer.start, MAX_TOKENS, 1
                )
                made = [make_disjoint_window(w) for w in windows]
                pairs += made
                owner += [i] * len(made)
            sums = np.bincount(
                owner, [nats for nats, _ in scorer.score(pairs)], minlength=len(requests)
            )
            return [float(s) for s in sums]

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            found = []
            for request in requests:
                context, how = request.args
                until = how.get("until") or []
                tokens = min(int(how.get("max_gen_toks", ANSWER_TOKENS)), MAX_TOKENS // 2)
                found.append(
                    scorer.write(
                        scorer.encode(context),
                        until=[until] if isinstance(until, str) else until,
                        tokens=tokens,
                    )
                )
            return found

    return Ours()
