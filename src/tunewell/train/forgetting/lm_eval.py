"""What lm-evaluation-harness asks of a model, answered by the base with or without an adapter.

Sources: lm-eval 0.4.13 (``lm_eval.api.model.TemplateLM``, ``simple_evaluate``, ``TaskManager``).
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewell.errors import TaskError
from tunewell.train.arrays import Floats
from tunewell.train.forgetting.losses import pass_budget
from tunewell.train.lora.rows import TrainRow

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import TemplateLM
    from lm_eval.api.task import Task
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from tunewell.train.lora.adapted import Adapted

MAX_TOKENS = 2048
"""Of a document; longer ones lose their beginning, as lm-eval does it."""

ANSWER_TOKENS = 256
"""Of an answer that a task lets the model write, where the task does not say."""

PLACE = "train.forgetting_tasks"
SEED = 1234
"""Of lm-eval's examples in the prompt; its own default."""

SEEDS = ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed")


def is_file(name: str) -> bool:
    """Whether a task is named by the path of its file.

    Example:
        >>> is_file("tasks/tariffs.yaml"), is_file("arc_easy")
        (True, False)
    """
    return Path(name).suffix in {".yaml", ".yml"}


# --- tasks ----------------------------------------------------------------------------------------


def loaded_tasks(name: str) -> list[Task]:
    """Task objects of a name.

    A file's data files are taken from the file's folder, and nothing is fetched for it.
    """
    from lm_eval.tasks import TaskManager

    folder = Path(name).parent if is_file(name) else Path.cwd()
    with _quiet(), contextlib.chdir(folder), _faults_of(name):
        manager = TaskManager(include_defaults=not is_file(name))
        return list(manager.load([name])["tasks"].values())


def samples_of(
    model: TemplateLM,
    name: str,
    loaded: list[Task],
    limit: int,
) -> dict[str, Any]:
    """What lm-eval says of a model on the documents of a task: its samples and metrics."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    with _quiet(), _faults_of(name):
        # Without the index of its own tasks: that takes seconds to read, and ours are loaded.
        manager = TaskManager(include_defaults=False)
        found = simple_evaluate(
            model=model,
            tasks=loaded,
            limit=limit,
            bootstrap_iters=0,
            task_manager=manager,
            **dict.fromkeys(SEEDS, SEED),
        )
        return dict(found)


@contextlib.contextmanager
def _faults_of(name: str) -> Iterator[None]:
    """Whatever goes wrong with a task is the task's fault."""
    try:
        yield
    # lm-eval and datasets have no common ancestor for what can be wrong with a task.
    except Exception as error:
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


# --- the model ------------------------------------------------------------------------------------


class Scorer:
    """Log-likelihoods and greedy answers of a base with one adapter.

    Args:
        adapted: The base and the adapter.
        tokenizer: The base's.
    """

    def __init__(self, adapted: Adapted, tokenizer: PreTrainedTokenizerBase) -> None:
        self.adapted = adapted
        self.tokenizer = tokenizer

    def encode(self, text: str) -> list[int]:
        """Token ids without special tokens."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @property
    def end(self) -> int:
        """The token that ends a text."""
        return int(self.tokenizer.eos_token_id)

    @property
    def start(self) -> int:
        """The token before a text that has no beginning.

        The tokenizer's own, else the one that ends a text.
        """
        own = self.tokenizer.bos_token_id
        return self.end if own is None else int(own)

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[tuple[float, bool]]:
        """For each (context, continuation): log p of the continuation, and whether it is greedy."""
        rows = []
        for i, (context, target) in enumerate(pairs):
            ids = [*context, *target][-MAX_TOKENS:]
            start = max(1, len(ids) - len(target))
            rows.append(TrainRow(str(i), np.asarray(ids, np.int32), start))
        if not rows:
            return []
        budget = pass_budget(self.adapted)
        found = self.adapted.by_row(rows, _signed_nats, _signed_sum, budget=budget)
        return [(-abs(nats), nats <= 0) for nats in found[0].astype(np.float64).tolist()]

    def write(
        self,
        context: list[int],
        *,
        until: Sequence[str],
        tokens: int,
    ) -> str:
        """Greedy continuation up to the first of ``until``, the end token or so many tokens."""
        ends = [u for u in until if u]
        ids = context[-(MAX_TOKENS - tokens) :] or [self.start]
        start, text = len(ids), ""
        while len(ids) - start < tokens and not any(u in text for u in ends):
            ids = [*ids, self.adapted.next_token(ids)]
            if ids[-1] == self.end:
                break
            text = self.tokenizer.decode(ids[start:], skip_special_tokens=True)
        cuts = [text.index(u) for u in ends if u in text]
        return text[: min(cuts, default=len(text))]


def _signed_nats(
    hidden: Tensor,
    head: Tensor,
    labels: Tensor,
    *,
    cap: float = 0.0,
) -> Tensor:
    """-log p of each label, with its sign changed where the label is the most probable token."""
    import torch

    from tunewell.train.lora.vocabulary import greedy_hits, negative_log_likelihood

    nats = negative_log_likelihood(hidden, head, labels, cap=cap)
    return torch.where(greedy_hits(hidden, head, labels, cap=cap), -nats, nats)


def _signed_sum(values: Floats) -> float:
    """Nats of a target, with the sign changed where each of its tokens is the most probable one."""
    total = float(np.abs(values).sum())
    return -total if (values <= 0).all() else total


def language_model(scorer: Scorer) -> TemplateLM:
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
            self, string: str, add_special_tokens: bool | None = None, **_: object
        ) -> list[int]:
            return scorer.encode(string)

        def _loglikelihood_tokens(
            self, requests: Sequence[tuple[object, list[int], list[int]]], **_: object
        ) -> list[tuple[float, bool]]:
            return scorer.score([(context, target) for _, context, target in requests])

        def loglikelihood_rolling(
            self, requests: Sequence[Instance], disable_tqdm: bool = False
        ) -> list[float]:
            pairs: list[tuple[list[int], list[int]]] = []
            owner: list[int] = []
            for i, request in enumerate(requests):
                ids = scorer.encode(request.args[0])
                windows = get_rolling_token_windows(ids, scorer.start, MAX_TOKENS, 1)
                made = [make_disjoint_window(w) for w in windows]
                pairs += made
                owner += [i] * len(made)
            nats = [log_p for log_p, _ in scorer.score(pairs)]
            sums = np.bincount(owner, nats, minlength=len(requests))
            return [float(s) for s in sums]

        def generate_until(
            self, requests: Sequence[Instance], disable_tqdm: bool = False
        ) -> list[str]:
            found = []
            for request in requests:
                context, how = request.args
                until = how.get("until") or []
                until = [until] if isinstance(until, str) else until
                tokens = min(int(how.get("max_gen_toks", ANSWER_TOKENS)), MAX_TOKENS // 2)
                ids = scorer.encode(context)
                found.append(scorer.write(ids, until=until, tokens=tokens))
            return found

    return Ours()
