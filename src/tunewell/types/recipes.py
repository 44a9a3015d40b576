"""Everything that decides a training run."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tunewell.types.rows import Sparse
from tunewell.types.turns import Preferences, Turns


class Recipe(Sparse):
    """Everything that decides a training run.

    Attributes:
        model: Name of the base model (``smollm2-135m``, a hub id, a folder, a GGUF file).
        rank: LoRA rank.
        alpha: LoRA scale; the update is multiplied by alpha / rank.
        dropout: Dropout before the adapter's A matrix, in [0, 1).
        weight_decay: Decoupled weight decay of AdamW.
        label_smoothing: Mass given to all other tokens, in [0, 1).
        noise: NEFTune noise scale, on the input of the first layer that carries adapters: the
            embeddings at full depth, the states at the cut in the folds (0 = off).
        replay: Share of an epoch's tokens that are general rows, against forgetting, in [0, 0.5].
        rate: Peak learning rate.
        epochs: Passes over the rows, at most.
        warmup: Share of the steps with a rising rate.
        layers: Share of the layers, from the top, that carry adapters, in (0, 1].
        fold_layers: The same for the K folds, which only compare.
        tokens_per_batch: Token budget of one optimiser step.
        max_tokens: Rows longer than this are not used (and are recorded as such), never cut.
        max_train_tokens: Cap on the distinct training tokens (0 = none): rows are drawn by seed
            until it is reached.
        patience: Evaluations without a better held-out loss before a run stops.
        targets: Which linear maps carry adapters.
        seed: Of everything random.
        forgetting_tasks: Tasks of lm-evaluation-harness that are answered before and after training
            (T04): its names (it may fetch their data), or paths of task files (``.yaml``) from the
            project's folder.
        forgetting_documents: Documents of such a task, at most.
        backend: What trains the final adapter: ``tunewell`` (one process) or ``trl`` (several GPUs,
            see ``machine``). Folds and check run are always our own.
        turns: Which answers of a conversation are learned and evaluated: ``all`` that the assistant
            gives (but those with weight 0), or only the ``last``.
        preferences: What is learned of a row that holds a chosen and a rejected answer: nothing
            (``leave_out``), or the ``chosen`` one. The rejected one is never learned.
        replay_kinds: Of rows that are heard, the kinds that are general speech: they are not
            learned as the task's own, but mixed in by ``replay`` and measured for forgetting (T04).
    """

    model: str = "smollm2-135m"
    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    noise: float = Field(default=0.0, ge=0)
    replay: float = Field(default=0.0, ge=0, le=0.5)
    rate: float = Field(default=5e-4, gt=0)
    epochs: int = Field(default=3, ge=1)
    warmup: float = Field(default=0.06, ge=0, lt=1)
    layers: float = Field(default=1.0, gt=0, le=1)
    fold_layers: float = Field(default=0.25, gt=0, le=1)
    tokens_per_batch: int = Field(default=1024, ge=16)
    max_tokens: int = Field(default=1024, ge=16)
    max_train_tokens: int = Field(default=0, ge=0)
    patience: int = Field(default=1, ge=1)
    targets: tuple[str, ...] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )
    seed: int = 0
    forgetting_tasks: tuple[str, ...] = ()
    forgetting_documents: int = Field(default=100, ge=2)
    backend: Literal["tunewell", "trl"] = "tunewell"
    turns: Turns = "all"
    preferences: Preferences = "leave_out"
    replay_kinds: tuple[str, ...] = ()

    sparse: ClassVar[frozenset[str]] = frozenset({"replay_kinds"})
