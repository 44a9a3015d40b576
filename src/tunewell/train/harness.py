"""T04 on tasks of lm-evaluation-harness: each document answered without and with the adapter, in the same process.

Sources: lm-eval 0.4.13 (``lm_eval.api.model.TemplateLM``, ``simple_evaluate``, ``TaskManager``).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import MissingExtraError, TaskError
from tunewell.stats import difference
from tunewell.train.batches import plan
from tunewell.train.forgetting import LIMIT, ForgettingMeter, passes, relative_change
from tunewell.train.rows import TrainRow
from tunewell.types import Estimate, Finding, Recipe, Threshold

MAX_TOKENS = 2048
"""Of a document; longer ones lose their beginning, as lm-eval does it."""

ANSWER_TOKENS = 256
"""Of an answer that a task lets the model write, where the task does not say."""

DROP = 0.05
"""T04: largest fall of a task's score."""

PLACE = "train.forgetting_tasks"
SEED = 1234
"""Of lm-eval's examples in the prompt; its own default."""


@dataclass(frozen=True)
class Harness:
    """Tasks to run before and after.

    Attributes:
        names: Of lm-eval, or paths of task files.
        limit: Documents of a task at most.
    """

    names: tuple[str, ...]
    limit: int


def harness(recipe: Recipe, folder: Path) -> Harness:
    """The tasks that a recipe names, paths taken from the project's folder.

    Asked before anything expensive.

    Raises:
        MissingExtraError: Tasks are named and lm-eval is not installed.
        TaskError: A task file is not there.
    """
    names = recipe.forgetting_tasks
    if names and importlib.util.find_spec("lm_eval") is None:
        raise MissingExtraError(
            "lm-eval", needed_for=f"train.forgetting_tasks ({', '.join(names)})"
        )
    found = []
    for name in names:
        path = folder / name
        if is_file(name) and not path.is_file():
            raise TaskError(
                [(PLACE, f"there is no task file '{path}'")],
                hint="paths are taken from the folder of tunewell.yaml",
            )
        found.append(str(path.resolve()) if is_file(name) else name)
    return Harness(tuple(found), recipe.forgetting_documents)


def task_digests(recipe: Recipe, folder: Path) -> dict[str, str]:
    """What a recipe's tasks are, for the key of a run: SHA-256 of a file, the version of lm-eval for a name."""
    found = {}
    for name in recipe.forgetting_tasks:
        path = folder / name
        there = is_file(name) and path.is_file()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if there else _version()
    return found


def _version() -> str:
    try:
        return importlib.metadata.version("lm_eval")
    except importlib.metadata.PackageNotFoundError:
        return ""


def is_file(name: str) -> bool:
    """Whether a task is named by the path of its file.

    Example:
        >>> is_file("tasks/tariffs.yaml"), is_file("arc_easy")
        (True, False)
    """
    return Path(name).suffix in {".yaml", ".yml"}


@dataclass(frozen=True, eq=False)
class TaskScores:
    """One metric of one task, document by document.

    Attributes:
        task: As it was named.
        metric: Of lm-eval: ``acc``, ``exact_match``, ``word_perplexity`` …
        higher_is_better: Of the metric.
        scores: Without and with the adapter, shape (2, documents); nats a unit for a perplexity.
        units: Words or bytes of each document for a perplexity, else None.
    """

    task: str
    metric: str
    higher_is_better: bool
    scores: NDArray[np.float64]
    units: NDArray[np.float64] | None


def run_tasks(
    network: Any, tokenizer: Any, recipe: Any, cut: int, values: Any, tasks: Harness
) -> list[TaskScores]:
    """Answer every document without and with an adapter.

    Args:
        network: The frozen base.
        tokenizer: Its.
        recipe: Of the adapter.
        cut: First layer with adapters.
        values: Of the adapter's bank.
        tasks: Which.

    Raises:
        TaskError: lm-eval does not know a task, or cannot load or score it.
    """
    scorers = [Scorer(network, tokenizer, recipe, cut, v) for v in (None, values)]
    found = []
    for name in tasks.names:
        loaded = _loaded(name)
        runs = [_samples(_language_model(s), name, loaded, tasks.limit) for s in scorers]
        found.append(_paired(name, *runs))
    return found


def _loaded(name: str) -> list[Any]:
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


def _samples(model: Any, name: str, loaded: list[Any], limit: int) -> dict[str, Any]:
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


def _paired(name: str, before: dict[str, Any], after: dict[str, Any]) -> TaskScores:
    """The first metric of a task, its documents side by side; subtasks of a group together."""
    columns: list[list[Any]] = [[], []]
    metric, higher = "", True
    for task, samples in sorted(before["samples"].items()):
        directions = before["higher_is_better"][task]
        own = next(m for m in directions if m in samples[0]["metrics"])
        if metric and own != metric:
            raise TaskError(
                [(PLACE, f"the subtasks of '{name}' have no common metric")],
                hint="name the subtasks",
            )
        metric, higher = own, directions[own] is not False
        kept = samples[0]["filter"]
        for column, run in zip(columns, (samples, after["samples"][task]), strict=True):
            column += [
                s[metric] for s in sorted(run, key=lambda s: s["doc_id"]) if s["filter"] == kept
            ]
    values = np.asarray(columns, np.float64)
    if values.ndim == 3:  # (log-likelihood, words or bytes) of a perplexity
        units = values[0, :, 1]
        return TaskScores(name, metric, False, -values[..., 0] / units, units)
    return TaskScores(name, metric, higher, values, None)


def task_finding(scores: TaskScores, *, drop: float = DROP) -> Finding:
    """T04 of one task.

    Args:
        scores: From `run_tasks`.
        drop: Largest fall of the score, in units of the score; of a perplexity's nats the rise that
            text may have.

    Example:
        >>> made = np.array([[1.0, 1, 1, 1, 0, 1, 1, 1], [1, 1, 0, 1, 0, 1, 1, 1]])
        >>> task_finding(TaskScores("sums", "acc", True, made, None)).status
        'unchecked'
    """
    worse, estimate, seen = _loss_of(scores)
    limit = drop if scores.units is None else LIMIT
    status = "found" if worse.low > limit else "clear" if worse.high <= limit else "unchecked"
    name = Path(scores.task).stem if is_file(scores.task) else scores.task
    unit = "points" if scores.units is None else "% of the nats"
    why = (
        f"{scores.metric} of {name} changed by {100 * estimate.value:+.1f} [{100 * estimate.low:+.1f}, "
        f"{100 * estimate.high:+.1f}] {unit} ({estimate.n} documents; {100 * seen:.2g} would have been seen)."
    )
    return Finding(
        code="T04",
        status=status,
        stage="train",
        slice=f"lm-eval={name}",
        why=why,
        estimate=estimate,
        threshold=Threshold(value=limit if worse is estimate else -limit, origin="built-in"),
        remedy="" if status == "clear" else _remedy(status),
    )


def _remedy(status: str) -> str:
    if status == "unchecked":
        return "more documents: raise train.forgetting_documents"
    return "mix in general rows: train.replay: 0.05; or lower train.rate or train.rank"


def _loss_of(scores: TaskScores) -> tuple[Estimate, Estimate, float]:
    """How much worse (up is worse), the change as the metric counts it, and the smallest change that would be seen."""
    before, after = scores.scores
    if scores.units is not None:
        made = relative_change(scores.scores, scores.units, ["all"] * len(before))
        return made.estimate, made.estimate, made.detectable
    change = difference(after, before, paired=True)
    seen = (change.high - change.low) / 2 * (1 + 0.841621 / 1.959964)
    if not scores.higher_is_better:
        return change, change, seen
    worse = change.model_copy(
        update={"value": -change.value, "low": -change.high, "high": -change.low}
    )
    return worse, change, seen


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
        from tunewell.train.loop import Job

        everything = np.ones((1, len(rows)), np.bool_)
        job = Job(
            self.network,
            rows,
            recipe=self._recipe,
            cut=self._cut,
            train=~everything,
            measure=everything,
            trunk=ForgettingMeter(self.network, rows, self._cut) if self._cut else None,
        )
        if self._values is not None:
            job.bank.values.copy_(self._values)
        return job


def _signed_nats(final: Any, head: Any, labels: Any, *, cap: float = 0.0) -> Any:
    """-log p of each label, with its sign changed where the label is the most probable token."""
    import torch

    from tunewell.train.kernels import greedy_hits, negative_log_likelihood

    nats = negative_log_likelihood(final, head, labels, cap=cap)
    return torch.where(greedy_hits(final, head, labels, cap=cap), -nats, nats)


def _signed_sum(values: NDArray[np.float64]) -> float:
    """Nats of a target, with the sign changed where every token of it is the most probable one."""
    total = float(np.abs(values).sum())
    return -total if (values <= 0).all() else total


def _language_model(scorer: Scorer) -> Any:
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
