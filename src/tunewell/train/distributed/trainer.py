"""TRL's SFTTrainer with our steps, our rate plan and our start: the same recipe by other hands.

What differs from our own loop: dropout is drawn for every token (PEFT's) and not for every row, and
sums are taken in another order. Everything else is held to it by tests: without dropout the losses
of a whole run agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.errors import MissingExtraError, ModelError
from tunewell.model.load import load_model
from tunewell.train.distributed.job_files import Order, SharedWork
from tunewell.train.distributed.sampler import Shares
from tunewell.train.lora.bank import rate_at

PREFIX = "base_model.model."


def build(
    order: Order, work: SharedWork, start: dict[str, Any], folder: Path, callbacks: list[Any]
) -> Any:
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

    options = settings(order, work, folder)
    # On the processor: the trainer itself takes it to its place, whole or in shares.
    model = load_model(Path(order.base), config=still(order.base), dtype=order.dtype, device="cpu")
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
        callbacks=callbacks,
    )
    _set_adapter(trainer.model, start)
    _check_together(trainer, order)
    if order.recipe.noise:
        add_noise(trainer.model.get_base_model(), order.cut, order.recipe.noise)
    return trainer


def still(base: str) -> Any:
    """The configuration of a base without dropout of its own: it is frozen, and the recipe's is the adapter's."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    for part in {id(c): c for c in (config, config.get_text_config())}.values():
        for name, value in part.to_dict().items():
            if "drop" in name and isinstance(value, float):
                setattr(part, name, 0.0)
    return config


def settings(order: Order, work: SharedWork, folder: Path) -> Any:
    """Our recipe as TRL's configuration."""
    from trl import SFTConfig

    recipe, cuda = order.recipe, order.device == "cuda"
    count = Shares(
        work.steps,
        work.lengths,
        process=0,
        processes=order.processes,
        budget=order.pass_tokens,
        idle=0,
    ).passes
    return SFTConfig(
        output_dir=str(folder),
        use_cpu=not cuda,
        bf16=order.dtype == "bfloat16",
        activation_checkpointing=cuda,
        use_liger_kernel=cuda and _has_liger(),
        per_device_train_batch_size=1,  # passes come from `Shares`, as many for every step
        gradient_accumulation_steps=count,
        num_train_epochs=1,  # all epochs are one list of steps
        learning_rate=recipe.rate,
        weight_decay=recipe.weight_decay,
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        optim="adamw_torch_fused",
        max_grad_norm=1.0,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        router_aux_loss_coef=0.0,
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
        seed=recipe.seed,
        save_strategy="no",  # `tunewell.train.distributed.worker.Keeper` says when
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        push_to_hub=False,
        fsdp=True if order.sharding == "fsdp" else None,
    )


def _has_liger() -> bool:
    from importlib.util import find_spec

    return find_spec("liger_kernel") is not None


def lora_of(order: Order, names: Iterable[str]) -> Any:
    """PEFT's configuration, for the very maps that our own network has adapters on."""
    from peft import LoraConfig

    recipe, tail = order.recipe, ".lora_A.weight"
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=[
            n.removeprefix(PREFIX).removesuffix(tail) for n in names if n.endswith(tail)
        ],
        bias="none",
        task_type="CAUSAL_LM",
    )


def dataset_of(work: SharedWork) -> Any:
    """Rows as TRL takes them, the loss on the target alone.

    The last one is idle: two tokens without a target.
    """
    import pyarrow as pa
    from datasets import Dataset

    ids = [*work.ids, np.repeat(work.ids[0][:1], 2)]
    labels = [
        np.where(np.arange(len(i)) < s, -100, i) for i, s in zip(work.ids, work.starts, strict=True)
    ]
    labels.append(np.full(2, -100))
    ends = pa.array(np.concatenate([[0], np.cumsum([len(i) for i in ids])]).astype(np.int64))
    columns = {
        n: pa.LargeListArray.from_arrays(ends, pa.array(np.concatenate(v).astype(np.int32)))
        for n, v in (("input_ids", ids), ("labels", labels))
    }
    return Dataset(pa.table(columns))


def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows padded on the right.

    Masks follow the lengths, as the padding token may be one that is meant.
    """
    import torch

    longest = max(len(r["input_ids"]) for r in rows)
    out = {
        "input_ids": torch.zeros(len(rows), longest, dtype=torch.long),
        "attention_mask": torch.zeros(len(rows), longest, dtype=torch.long),
        "labels": torch.full((len(rows), longest), -100, dtype=torch.long),
    }
    for i, row in enumerate(rows):
        size = len(row["input_ids"])
        out["input_ids"][i, :size] = torch.as_tensor(row["input_ids"])
        out["labels"][i, :size] = torch.as_tensor(row["labels"])
        out["attention_mask"][i, :size] = 1
    return out


def add_noise(model: Any, cut: int, noise: float) -> None:
    """NEFTune's noise on the input of the first trained layer while training, as our own loop adds it.

    Args:
        model: The base model with its adapters.
        cut: Number of that layer; a model that keeps its layers elsewhere is one layer, and its
            input the embeddings.
        noise: NEFTune's alpha.
    """
    import torch

    def noisy(hidden: Any) -> Any:
        size = noise / math.sqrt(hidden.shape[-2] * hidden.shape[-1])
        return hidden + torch.empty_like(hidden).uniform_(-size, size)

    def before(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return (noisy(args[0]), *args[1:]) if module.training else None

    def after(module: Any, _: Any, out: Any) -> Any:
        return noisy(out) if module.training else None

    layers = getattr(getattr(model, "model", None), "layers", None)
    if layers is None:
        model.get_input_embeddings().register_forward_hook(after)
    else:
        layers[cut].register_forward_pre_hook(before)


def trainer_of(base: Any) -> Any:
    """SFTTrainer (given, as importing it takes seconds) with what is ours."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader

    class StepTrainer(base):
        """Trains on given steps."""

        def __init__(self, *, order: Order, work: SharedWork, **options: Any) -> None:
            self.order, self.work = order, work
            super().__init__(**options)

        def get_train_dataloader(self) -> Any:
            """This process's passes.

            Not prepared by accelerate, which would share them out once more.
            """
            own = Shares(
                self.work.steps,
                self.work.lengths,
                process=self.args.process_index,
                processes=self.args.world_size,
                budget=self.order.pass_tokens,
                idle=len(self.work.ids),
            )
            return DataLoader(self.train_dataset, batch_sampler=own, collate_fn=collate)

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            """Our rate plan, over the steps that were planned (not those that are done)."""
            recipe, horizon = self.order.recipe, self.order.horizon
            if getattr(self, "lr_scheduler", None) is None:
                self.lr_scheduler: Any = torch.optim.lr_scheduler.LambdaLR(
                    optimizer or self.optimizer,
                    lambda step: rate_at(step, steps=horizon, peak=1.0, warmup=recipe.warmup),
                )
                self._created_lr_scheduler = True
            return self.lr_scheduler

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            """TRL's own; with label smoothing one pass instead of its two (and its warning)."""
            smoothing = self.order.recipe.label_smoothing
            if not smoothing or return_outputs or num_items_in_batch is None:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            labels = inputs.pop("labels")[:, 1:].flatten()
            logits = model(**inputs, use_cache=False).logits[:, :-1].flatten(0, 1).float()
            total = cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum")
            return total / num_items_in_batch * self.accelerator.num_processes

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """Ours is written where the version is made."""

    return StepTrainer


def _set_adapter(model: Any, start: dict[str, Any]) -> None:
    """Let training begin at given values; every one must find its place and no place be left.

    Raises:
        ModelError: They do not match.
    """
    import torch

    places = {
        n.replace(".default.weight", ".weight"): p
        for n, p in model.named_parameters()
        if p.requires_grad
    }
    if set(places) != set(start):
        odd = sorted(set(places) ^ set(start))
        raise ModelError(
            f"PEFT has {len(places)} adapter tensors in this model and our own network {len(start)}; they differ in "
            f"{len(odd)}, such as '{odd[0].removeprefix(PREFIX)}'.",
            hint="train.backend: tunewell, or name train.targets that only the decoder's layers have",
        )
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(start[name])


def _check_together(trainer: Any, order: Order) -> None:
    """Libraries fall back in silence (one process instead of several, DDP instead of FSDP): say so instead."""
    several = {"cpu": "MULTI_CPU", "cuda": "MULTI_GPU"}[order.device]
    wanted = "FSDP" if order.sharding == "fsdp" else several if order.processes > 1 else "NO"
    found = (trainer.accelerator.num_processes, trainer.accelerator.distributed_type.value)
    if found != (order.processes, wanted):
        raise ModelError(
            f"{order.processes} processes ({wanted}) were ordered, accelerate came up with {found[0]} ({found[1]}).",
            hint="look for settings of accelerate in the environment, or set machine.processes: 1",
        )
