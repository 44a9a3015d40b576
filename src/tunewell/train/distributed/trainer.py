"""TRL's SFTTrainer with our steps, our rate plan and our start: the same recipe by other hands.

What differs from our own loop: dropout is drawn for every token (PEFT's) and not for every row, and
sums are taken in another order. Everything else is held to it by tests: without dropout the losses
of a whole run agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewell.errors import MissingExtraError, ModelError
from tunewell.model.load import load_model
from tunewell.train.distributed.job_files import Order, SharedWork
from tunewell.train.distributed.sampler import Shares, Sharing, passes
from tunewell.train.lora.bank import BETAS, EPSILON, PREFIX, rate_at

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from torch import Tensor
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR
    from torch.utils.data import DataLoader
    from transformers import PretrainedConfig, PreTrainedModel, TrainerCallback
    from trl import SFTConfig, SFTTrainer

NOT_TRAINED_ON = -100
"""The label of tokens without a loss, as PyTorch and transformers have it."""


def build(
    order: Order,
    work: SharedWork,
    start: Mapping[str, Tensor],
    folder: Path,
    callbacks: Sequence[TrainerCallback],
) -> SFTTrainer:
    """The trainer, ready to go.

    Args:
        order: What to do.
        work: Rows and steps.
        start: Values of the adapter before the first step, by PEFT's names.
        folder: Where checkpoints go.
        callbacks: Of the trainer.

    Raises:
        MissingExtraError: TRL is not installed.
        ModelError: PEFT puts adapters elsewhere than we do, or the processes did not come together
            as ordered.
    """
    try:
        import trl
    except ImportError as error:
        raise MissingExtraError("trl", needed_for="train.backend: trl") from error
    from transformers import AutoTokenizer

    # First the settings: they set up the processes.
    options = settings(order, work, folder)
    # On the processor: the trainer itself takes it to its place, whole or in shares.
    base = Path(order.base)
    model = load_model(
        base,
        config=still(order.base),
        dtype=order.dtype,
        device="cpu",
    )
    trainer = trainer_of(trl.SFTTrainer)(
        order=order,
        work=work,
        model=model,
        args=options,
        data_collator=collate,
        train_dataset=dataset_of(work),
        processing_class=AutoTokenizer.from_pretrained(
            order.base, local_files_only=True, trust_remote_code=False
        ),
        peft_config=lora_of(order, start),
        callbacks=list(callbacks),
    )
    _set_adapter(trainer.model, start)
    _check_together(trainer, order)
    if order.recipe.noise:
        add_noise(trainer.model.get_base_model(), order.cut, order.recipe.noise)
    return trainer


# --- the base, the adapter, the rows --------------------------------------------------------------


def still(base: str) -> PretrainedConfig:
    """The configuration of a base without dropout of its own.

    It is frozen, and the recipe's dropout is the adapter's.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    for part in (config, config.get_text_config()):
        for name, value in part.to_dict().items():
            if "drop" in name and isinstance(value, float):
                setattr(part, name, 0.0)
    return config


def lora_of(order: Order, names: Iterable[str]) -> LoraConfig:
    """PEFT's configuration, for the very maps that our own network has adapters on."""
    from peft import LoraConfig

    tail = ".lora_A.weight"
    maps = [n.removeprefix(PREFIX).removesuffix(tail) for n in names if n.endswith(tail)]
    return LoraConfig(
        r=order.recipe.rank,
        lora_alpha=order.recipe.alpha,
        lora_dropout=order.recipe.dropout,
        target_modules=maps,
        bias="none",
        task_type="CAUSAL_LM",
    )


def _set_adapter(model: torch.nn.Module, start: Mapping[str, Tensor]) -> None:
    """Let training begin at given values; every one must find its place and no place be left.

    Raises:
        ModelError: They do not match.
    """
    import torch

    places = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            places[name.replace(".default.weight", ".weight")] = parameter
    odd = sorted(set(places) ^ set(start))
    if odd:
        raise ModelError(
            f"PEFT has {len(places)} adapter tensors in this model and our own network "
            f"{len(start)}; they differ in {len(odd)}, such as '{odd[0].removeprefix(PREFIX)}'.",
            hint=(
                "train.backend: tunewell, or name train.targets that only the decoder's layers have"
            ),
        )
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(start[name])


def dataset_of(work: SharedWork) -> Dataset:
    """Rows as TRL takes them, the loss on the targets alone.

    The last one is idle: two tokens without a target.
    """
    import pyarrow as pa
    from datasets import Dataset

    ids, labels = [], []
    for row in work.rows:
        under_loss = np.isin(np.arange(len(row.ids)), row.places)
        ids.append(row.ids)
        labels.append(np.where(under_loss, row.ids, NOT_TRAINED_ON))
    ids.append(np.repeat(work.ids[0][:1], 2))
    labels.append(np.full(2, NOT_TRAINED_ON))

    ends = np.cumsum([0, *(len(i) for i in ids)])
    columns = {}
    for name, values in (("input_ids", ids), ("labels", labels)):
        flat = pa.array(np.concatenate(values).astype(np.int32))
        columns[name] = pa.LargeListArray.from_arrays(pa.array(ends.astype(np.int64)), flat)
    return Dataset(pa.table(columns))


def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Rows padded on the right.

    Masks follow the lengths, as the padding token may be one that is meant.
    """
    import torch

    longest = max(len(row["input_ids"]) for row in rows)
    shape = (len(rows), longest)
    ids = torch.zeros(shape, dtype=torch.long)
    mask = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, NOT_TRAINED_ON, dtype=torch.long)
    for i, row in enumerate(rows):
        size = len(row["input_ids"])
        ids[i, :size] = torch.as_tensor(row["input_ids"])
        labels[i, :size] = torch.as_tensor(row["labels"])
        mask[i, :size] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def add_noise(
    model: PreTrainedModel,
    cut: int,
    noise: float,
) -> None:
    """NEFTune's noise on the input of the first trained layer while training.

    As our own loop adds it.

    Args:
        model: The base model with its adapters.
        cut: Number of that layer; a model that keeps its layers elsewhere is one layer, and its
            input the embeddings.
        noise: NEFTune's alpha.
    """
    import torch

    def noisy(hidden: Tensor) -> Tensor:
        tokens, width = hidden.shape[-2:]
        size = noise / math.sqrt(tokens * width)
        return hidden + torch.empty_like(hidden).uniform_(-size, size)

    def before(module: torch.nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (noisy(args[0]), *args[1:]) if module.training else None

    def after(
        module: torch.nn.Module,
        _: tuple[Tensor, ...],
        out: Tensor,
    ) -> Tensor:
        return noisy(out) if module.training else None

    layers = getattr(getattr(model, "model", None), "layers", None)
    if layers is None:
        model.get_input_embeddings().register_forward_hook(after)
    else:
        layers[cut].register_forward_pre_hook(before)


# --- the trainer ----------------------------------------------------------------------------------


def _sharing(order: Order) -> Sharing:
    return Sharing(order.processes, budget=order.pass_tokens)


def settings(
    order: Order,
    work: SharedWork,
    folder: Path,
) -> SFTConfig:
    """Our recipe as TRL's configuration."""
    from trl import SFTConfig

    recipe = order.recipe
    cuda = order.device == "cuda"
    has_liger = find_spec("liger_kernel") is not None
    return SFTConfig(
        output_dir=str(folder),
        use_cpu=not cuda,
        bf16=order.dtype == "bfloat16",
        activation_checkpointing=cuda,
        use_liger_kernel=cuda and has_liger,
        per_device_train_batch_size=1,  # passes come from `Shares`, as many for every step
        gradient_accumulation_steps=passes(work.steps, work.lengths, _sharing(order)),
        num_train_epochs=1,  # all epochs are one list of steps
        learning_rate=recipe.rate,
        weight_decay=recipe.weight_decay,
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        adam_epsilon=EPSILON,
        optim="adamw_torch_fused",
        max_grad_norm=1.0,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        router_aux_loss_coef=0.0,
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
        seed=recipe.seed,
        save_strategy="no",  # `tunewell.train.distributed.checkpoints` says when
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        push_to_hub=False,
        fsdp=True if order.sharding == "fsdp" else None,
    )


def trainer_of(base: type[SFTTrainer]) -> type[SFTTrainer]:
    """SFTTrainer (given, as importing it takes seconds) with what is ours."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader

    class StepTrainer(base):
        """Trains on given steps."""

        def __init__(self, *, order: Order, work: SharedWork, **options: Any) -> None:
            self.order = order
            self.work = work
            super().__init__(**options)

        def get_train_dataloader(self) -> DataLoader:
            """This process's passes.

            Not prepared by accelerate, which would share them out once more.
            """
            own = Shares(
                self.work.steps,
                self.work.lengths,
                Sharing(self.args.world_size, budget=self.order.pass_tokens),
                process=self.args.process_index,
                idle=len(self.work.ids),
            )
            return DataLoader(self.train_dataset, batch_sampler=own, collate_fn=collate)

        def create_scheduler(
            self, num_training_steps: int, optimizer: Optimizer | None = None
        ) -> LambdaLR:
            """Our rate plan, over the steps that were planned (not those that are done)."""
            if getattr(self, "lr_scheduler", None) is not None:
                return self.lr_scheduler
            horizon, warmup = self.order.horizon, self.order.recipe.warmup
            self.lr_scheduler: Any = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer,
                lambda step: rate_at(
                    step,
                    steps=horizon,
                    peak=1.0,
                    warmup=warmup,
                ),
            )
            self._created_lr_scheduler = True
            return self.lr_scheduler

        def compute_loss(
            self,
            model: torch.nn.Module,
            inputs: dict[str, Tensor],
            return_outputs: bool = False,
            num_items_in_batch: Tensor | None = None,
        ) -> Tensor:
            """TRL's own; with label smoothing one pass instead of its two (and its warning)."""
            smoothing = self.order.recipe.label_smoothing
            if not smoothing or return_outputs or num_items_in_batch is None:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            labels = inputs.pop("labels")[:, 1:].flatten()
            logits = model(**inputs, use_cache=False).logits[:, :-1].flatten(0, 1).float()
            total = cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum")
            return total / num_items_in_batch * self.accelerator.num_processes

        def create_model_card(self, *_: object, **__: object) -> None:
            """Ours is written where the version is made."""

    return StepTrainer


def _check_together(trainer: SFTTrainer, order: Order) -> None:
    """Libraries fall back in silence: say so instead.

    One process instead of several, DDP instead of FSDP.

    Raises:
        ModelError: They did.
    """
    wanted = "NO"
    if order.sharding == "fsdp":
        wanted = "FSDP"
    elif order.processes > 1:
        wanted = {"cpu": "MULTI_CPU", "cuda": "MULTI_GPU"}[order.device]
    processes = trainer.accelerator.num_processes
    kind = trainer.accelerator.distributed_type.value
    if (processes, kind) != (order.processes, wanted):
        raise ModelError(
            f"{order.processes} processes ({wanted}) were ordered, accelerate came up with "
            f"{processes} ({kind}).",
            hint=(
                "look for settings of accelerate in the environment, or set machine.processes: 1"
            ),
        )
