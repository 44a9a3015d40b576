"""What training configurations have in common: the recipe, the batch, what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tunewell.importers.blueprint import Blueprint
from tunewell.importers.plain_values import listed, text
from tunewell.importers.source_keys import SourceKeys
from tunewell.importers.training.reasons import FULL

MOST_TOKENS_PER_BATCH: Final = 65_536
ALL_LINEAR: Final = ("all", "all-linear")
OURS: Final = frozenset(
    {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
)


def number(value: Any) -> float | None:
    """A number, also where it is written as text (``5e-5`` is text in YAML 1.1)."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if found == found and abs(found) != float("inf") else None


def take_model(plan: Blueprint, source: SourceKeys, key: str) -> None:
    """The base model, which Tunewell fetches only where the user names it."""
    model = source.get(key)
    if not isinstance(model, str) or not model.strip():
        source.leave(key, "a base model is named by text")
        return
    plan.fit(source, key, "train.model")
    plan.about = f"Fine-tunes {model} as the imported configuration did."


def take_epochs(plan: Blueprint, source: SourceKeys, key: str) -> None:
    """Passes over the rows: whole ones, and at least one."""
    epochs = number(source.get(key))
    if epochs is None or epochs <= 0:
        source.leave(key, "train.epochs is a whole number of at least 1")
        return
    whole = max(1, round(epochs))
    if whole == epochs:
        source.carry(key, "train.epochs", "at most so many: a run stops when it gets worse")
    else:
        source.change(key, "train.epochs", f"passes are whole here: {epochs:g} became {whole}")
    plan.set("train", "epochs", whole)


def take_batch(
    plan: Blueprint,
    source: SourceKeys,
    *,
    rows: Sequence[str],
    tokens: int,
) -> None:
    """Rows of an optimiser step as tokens of one.

    Args:
        plan: The project in the making.
        source: The configuration.
        rows: Keys whose product is the number of rows: micro batch, accumulation.
        tokens: Most tokens of a row.
    """
    given = [(key, number(source.get(key))) for key in rows if source.has(key)]
    product = 1.0
    for key, value in given:
        if value is None or value <= 0:
            source.leave(key, "a batch has a positive number of rows")
        else:
            product *= value
            source.change(
                key,
                "train.tokens_per_batch",
                "a step is counted in tokens here: rows of a step times half the longest row",
            )
    if any(value for _, value in given):
        budget = int(product * tokens / 2)
        plan.set("train", "tokens_per_batch", min(max(budget, 256), MOST_TOKENS_PER_BATCH))


def take_targets(plan: Blueprint, source: SourceKeys, key: str) -> None:
    """Which linear maps carry adapters."""
    given = source.get(key)
    if given is None:
        source.leave(key, "")
        return
    if given in ALL_LINEAR:
        source.carry(key, "train.targets", "all linear maps is the default")
        return
    names = text(given).split(",") if text(given) else listed(given)
    wanted = [str(name).strip() for name in names]
    known = [name for name in wanted if name in OURS]
    if not known:
        source.leave(key, "train.targets knows the maps of decoder blocks by their usual names")
        return
    plan.set("train", "targets", known)
    dropped = ", ".join(name for name in wanted if name not in OURS)
    if dropped:
        source.change(key, "train.targets", f"without {dropped}")
    else:
        source.carry(key, "train.targets")


def take_adapter(plan: Blueprint, source: SourceKeys, key: str, *, plain: Sequence[str]) -> None:
    """Whether adapters were trained: Tunewell trains nothing else.

    Args:
        plan: The project in the making.
        source: The configuration.
        key: Of the method.
        plain: Its values that mean LoRA.
    """
    method = str(source.get(key) or "")
    if method in plain:
        source.carry(key, "train", "adapters, LoRA")
        return
    if source.has(key):
        source.change(key, "train", f"{FULL}; this was {method!r}")
    plan.notes.append(
        "Your configuration did not train plain LoRA adapters; this project does, with train.rank "
        f"{plan.sections.get('train', {}).get('rank', 16)}. Its results are not comparable with "
        "those of the old run until both are evaluated on the same held-out rows."
    )


def take_held_out(plan: Blueprint, source: SourceKeys, key: str) -> bool:
    """The share or number of rows that were held out; whether there were any."""
    size = number(source.get(key))
    if not size or size < 0:
        source.change(key, "split", "nothing was held out; the split now holds out rows")
        return False
    if size < 1:
        share = min(max(size, 0.05), 0.5)
        plan.sections.setdefault("split", {})["test"] = round(share, 4)
        why = "rows held out are of other families than those trained on, and a review pool is kept"
        if share != size:
            why += f"; {size:g} became {share:g}, since verdicts need rows"
        source.change(key, "split.test", why)
    else:
        source.change(
            key,
            "split.test",
            "a share here, 20 %: families of rows are held out, not a number of rows",
        )
    return True


def take_steps(source: SourceKeys, key: str) -> None:
    """A number of steps, where Tunewell counts passes."""
    steps = number(source.get(key))
    if steps is not None and steps > 0:
        source.leave(
            key, "a run is bounded by train.epochs and train.max_train_tokens, not by steps"
        )
    else:
        source.leave(key, "no limit, as here")
