"""What a run will do, said beforehand: time, disk and money, by speeds measured on this machine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tunewell.curate.reading.data_files import find_files, sources_of
from tunewell.json_text import parse_json
from tunewell.model.speech.weights import is_speech_model, weights_of
from tunewell.platforms import processor_name
from tunewell.plurals import per_cent, plural
from tunewell.project import Project
from tunewell.task import TaskFile, TaskSpec
from tunewell.types import Value, digest

MEASURED_FOR_S = 24 * 3600

BYTES_PER_TOKEN = 4.2
"""Of English text in the usual row formats, where no file can be sampled."""

SAMPLE_BYTES = 64 << 10
"""Of the first training file, to count tokens in."""

BYTES_OF_BF16 = 2
BYTES_OF_FP32 = 4

RECORDING_TOKENS = 30
"""Of a transcript, about."""

RECORDINGS = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff"})
"""Suffixes of files that are no rows."""

RECORDING_POSITIONS = 1500
"""States that a Whisper encoder makes of any recording."""

TYPICAL_ANSWER = 48
"""Tokens: most answers end long before ``evaluate.max_new_tokens``."""

START_S: Mapping[str, float] = {
    "curate": 2.0,
    "split": 1.0,
    "train": 10.0,
    "evaluate": 8.0,
    "verdict": 1.0,
}
"""What a stage takes however little there is to do: loading libraries and weights."""

CURATED_ROWS_PER_S = 5_000
SPLIT_ROWS_PER_S = 50_000
"""Lower than `bench/results/curation-doctor.json` shows on two cores, so as not to promise much."""

COPIES = 3
"""The rows as read, the dataset and its receipts are each about as large as the files."""

ADAPTER_SHARE = 0.2
"""Fold adapters, checkpoints and the final adapter, of the size of the weights."""


class Speeds(Value):
    """Measured on this machine, in tokens per second.

    Attributes:
        train: Of training at the depth of the final adapter.
        folds: Of training at the folds' depth, over the cached trunk.
        trunk: Of filling the trunk's cache (a forward pass).
        generate: Of batched generation.
    """

    train: float
    folds: float
    trunk: float
    generate: float


USUAL = Speeds(train=390, folds=390, trunk=1000, generate=80)
USUAL_WEIGHTS_BYTES = 269_000_000
"""Measured with smollm2-135m on two cores (`tests/examples/test_desk_demo.py`)."""


USUAL_HEARD = Speeds(train=300, folds=300, trunk=40, generate=60)
USUAL_HEARD_WEIGHTS_BYTES = 151_000_000
"""Measured with whisper-tiny-en on one core beside other work (`bench.speech.against_seq2seq`).

Tokens are those of transcripts.
"""


class PlannedStage(Value):
    """One stage: what it will do and how long that takes, in seconds."""

    name: str
    what: str
    seconds: float
    reused: bool = False


class Plan(Value):
    """The whole way.

    Attributes:
        task: Its name.
        rows: Rows in the files, about.
        tokens: Tokens in the training files, about.
        stages: In order.
        seconds: Together.
        disk_bytes: How much will be written, about.
        money: Machine time and tokens at the prices of ``costs``.
        currency: Of the money.
        basis: Where the estimate comes from.
    """

    task: str
    rows: int
    tokens: int
    stages: tuple[PlannedStage, ...]
    seconds: float
    disk_bytes: int
    money: float
    currency: str
    basis: str


def make_plan(project: Project, *, only: bool = False) -> Plan:
    """Estimate a run before it begins, and note what it is about to do.

    A stage counts as reusable when it finished since a run of the same definition over the same
    files began.

    Args:
        project: The project.
        only: Whether nothing follows: then nothing is noted, and this machine's speeds are taken
            from an earlier run, or from a typical machine, instead of being measured.
    """
    file, store = project.file, project.store
    spec = file.spec
    sizes = {role: _sizes(file, role) for role in ("train", "test")}
    base = _BaseModel.of(spec.train.model)
    speeds, measured = _speeds(spec, base, only=only)
    tokens = base.tokens(sizes["train"], _files_of(file, "train"))
    work = _Work(spec, sizes["train"], sizes["test"], tokens, speeds)

    begun = _begun(project, noted=not only)
    order = store.run_numbers()
    stages = []
    for stage in work.stages():
        last = store.last_run(stage.name)
        reused = begun is not None and last is not None and order[last.id] > begun
        stages.append(
            stage.model_copy(update={"seconds": 0.0, "reused": True}) if reused else stage
        )

    seconds = sum(stage.seconds for stage in stages)
    costs = spec.costs
    machine = seconds / 3600 * costs.machine_hour
    of_tokens = tokens * spec.train.epochs / 1e6 * costs.million_tokens
    files = sizes["train"].size_bytes + sizes["test"].size_bytes
    return Plan(
        task=spec.task.name,
        rows=sizes["train"].rows + sizes["test"].rows,
        tokens=tokens,
        stages=tuple(stages),
        seconds=seconds,
        disk_bytes=COPIES * files + base.adapter_bytes + base.trunk_bytes(tokens),
        money=machine + of_tokens,
        currency=costs.currency,
        basis=f"sizes of the files, the model's own tokenizer and shape, {measured}",
    )


class _Size(NamedTuple):
    """Of the files of one role: rows, about, and bytes."""

    rows: int
    size_bytes: int


@dataclass(frozen=True)
class _BaseModel:
    """What the plan needs to know of the base model.

    Attributes:
        folder: Its files.
        hidden: Width of its hidden states.
        weights_bytes: Size of its weights.
        hears: Whether its rows are recordings.
    """

    folder: Path
    hidden: int
    weights_bytes: int
    hears: bool = False

    @classmethod
    def of(cls, name: str) -> _BaseModel:
        """The base model of that name."""
        folder = weights_of(name).folder
        config = parse_json((folder / "config.json").read_text(encoding="utf-8"))
        text = config.get("text_config") or config
        hidden = int(text.get("hidden_size") or text.get("n_embd") or text.get("d_model") or 0)
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        return cls(folder, hidden, size, is_speech_model(name))

    def usual_speeds(self) -> Speeds:
        """What two cores without matrix units reach, by the size of the weights."""
        usual, weights = USUAL, USUAL_WEIGHTS_BYTES
        if self.hears:
            usual, weights = USUAL_HEARD, USUAL_HEARD_WEIGHTS_BYTES
        share = weights / max(self.weights_bytes, 1) * (os.cpu_count() or 1) / 2
        values = usual.model_dump()
        return Speeds.model_validate({name: value * share for name, value in values.items()})

    @property
    def adapter_bytes(self) -> int:
        """Adapters and checkpoints, about: each a small share of the weights."""
        return int(ADAPTER_SHARE * self.weights_bytes)

    def trunk_bytes(self, tokens: int) -> int:
        """Of the cached states below the folds' adapters: one of bf16 for every token.

        Of a recording, what the encoder makes of it.
        """
        if self.hears:
            return tokens // RECORDING_TOKENS * RECORDING_POSITIONS * self.hidden * BYTES_OF_FP32
        return tokens * self.hidden * BYTES_OF_BF16

    def tokens(self, size: _Size, files: Iterable[Path]) -> int:
        """Tokens in the training files, about."""
        if self.hears:
            return size.rows * RECORDING_TOKENS
        return int(size.size_bytes / self.bytes_per_token(files))

    def bytes_per_token(self, files: Iterable[Path]) -> float:
        """How many bytes of the first file one token takes, by the model's own tokenizer."""
        for path in files:
            with path.open("rb") as handle:
                sample = handle.read(SAMPLE_BYTES)
            if b"\0" in sample:
                # Packed rows (Parquet, archives) are no text to count tokens of.
                continue
            count = self._tokens_in(sample.decode("utf-8", "replace"))
            return len(sample) / count if count else BYTES_PER_TOKEN
        return BYTES_PER_TOKEN

    def _tokens_in(self, text: str) -> int:
        fast = self.folder / "tokenizer.json"
        if fast.is_file():
            # A tenth of the time that importing transformers takes.
            from tokenizers import Tokenizer

            return len(Tokenizer.from_file(str(fast)).encode(text).ids)
        from tunewell.model.chat import load_tokenizer

        return len(load_tokenizer(self.folder)(text)["input_ids"])


@dataclass(frozen=True)
class _Work:
    """What each stage will do, and how long that takes.

    Attributes:
        spec: The definition.
        train: Size of the training files.
        test: Size of the project's own test set.
        tokens: In the training files.
        speeds: Of this machine.
    """

    spec: TaskSpec
    train: _Size
    test: _Size
    tokens: int
    speeds: Speeds

    @property
    def train_tokens(self) -> float:
        """Tokens that are trained on in one epoch."""
        parts = self.spec.split
        drawn_test = 0.0 if self.test.rows else parts.test
        kept = self.tokens * (1.0 - parts.review - drawn_test)
        limit = self.spec.train.max_train_tokens
        return min(kept, limit) if limit else kept

    @property
    def held_out(self) -> int:
        """Rows of the test set."""
        drawn = int(self.train.rows * self.spec.split.test)
        sizes = (
            self.test.rows or drawn,
            self.spec.split.max_test_rows,
            self.spec.evaluate.max_rows,
        )
        limits = [size for size in sizes if size]
        return min(limits, default=0)

    @property
    def arms(self) -> int:
        """Models that answer: base, prompted, tuned and those that the definition names."""
        usual = 2 if is_speech_model(self.spec.train.model) else 3
        return usual + len(self.spec.evaluate.arms)

    @property
    def train_s(self) -> float:
        """Seconds of the folds, of the check at full depth and of the final adapter."""
        recipe, folds = self.spec.train, self.spec.split.folds
        trunk = self.train_tokens / self.speeds.trunk
        of_folds = recipe.epochs * (folds - 1) * self.train_tokens / self.speeds.folds
        # The check run is as long as the final one.
        of_final = 2 * recipe.epochs * self.train_tokens / self.speeds.train
        return START_S["train"] + trunk + of_folds + of_final

    @property
    def evaluate_s(self) -> float:
        """Seconds of all arms' answers."""
        length = min(self.spec.evaluate.max_new_tokens, TYPICAL_ANSWER)
        tokens = self.arms * self.held_out * length
        return START_S["evaluate"] + tokens / self.speeds.generate

    def stages(self) -> Iterator[PlannedStage]:
        """Every stage, in order."""
        recipe, folds = self.spec.train, self.spec.split.folds
        rows = self.train.rows + self.test.rows
        yield PlannedStage(
            name="curate",
            what=f"{plural(rows, 'row')}: repair, rules, duplicates, leaks",
            seconds=START_S["curate"] + rows / CURATED_ROWS_PER_S,
        )
        yield PlannedStage(
            name="split",
            what=f"test set, review pool, {plural(folds, 'fold')}",
            seconds=START_S["split"] + rows / SPLIT_ROWS_PER_S,
        )
        by_trl = " through TRL (taken to be as fast as ours)" if recipe.backend == "trl" else ""
        where = f"on {per_cent(recipe.fold_layers)} of the layers, a check run"
        if is_speech_model(recipe.model):
            where = "on the decoder"
        yield PlannedStage(
            name="train",
            what=f"{plural(folds, 'fold')} x {plural(recipe.epochs, 'epoch')} {where}, "
            f"the final adapter{by_trl}",
            seconds=self.train_s,
        )
        yield PlannedStage(
            name="evaluate",
            what=f"{plural(self.arms, 'arm')} on {plural(self.held_out, 'held-out row')}",
            seconds=self.evaluate_s,
        )
        yield PlannedStage(
            name="verdict",
            what=plural(len(self.spec.gates), "gate"),
            seconds=START_S["verdict"],
        )


def _sizes(file: TaskFile, role: str) -> _Size:
    """Rows (about) and bytes of the files of one role."""
    rows = size = 0
    for path in _files_of(file, role):
        size += path.stat().st_size
        rows += _rows(path)
    return _Size(rows, size)


def _files_of(file: TaskFile, *roles: str) -> Iterator[Path]:
    """The files that the run will read, of sources of these roles (all, if none is named)."""
    for source, where in sources_of(file, *roles):
        yield from find_files(source, root=file.root, where=where)


def _rows(path: Path) -> int:
    """Lines of a line format, objects of a JSON file (by its braces), one for anything else.

    Read in blocks.
    """
    if path.suffix in RECORDINGS:
        # The rows are in the file that names it.
        return 0
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    mark = b"}," if path.suffix == ".json" else b"\n"
    with path.open("rb") as handle:
        marks = sum(block.count(mark) for block in iter(lambda: handle.read(1 << 20), b""))
    has_header = path.suffix in {".csv", ".tsv"}
    return max(1, marks - has_header)


def _begun(project: Project, *, noted: bool) -> int | None:
    """The newest run before a run of just this definition over just these files began.

    None if there was no such run; it can then be noted that one begins.
    """
    file, store = project.file, project.store
    files = []
    for path in _files_of(file):
        state = path.stat()
        files.append([str(path), state.st_size, state.st_mtime_ns])
    subject = digest({"spec": file.spec.model_dump(mode="json"), "files": files})
    said = store.said("begun")
    if said and said[-1].subject == subject:
        return int(said[-1].record.get("after", 0))
    if noted:
        after = max(store.run_numbers().values(), default=0)
        store.say("begun", subject, author="tunewell", record={"after": after})
    return None


def _speeds(spec: TaskSpec, base: _BaseModel, *, only: bool) -> tuple[Speeds, str]:
    """The speeds, and where they come from."""
    if base.hears:
        return base.usual_speeds(), "speeds of a usual machine"
    if not only:
        return speeds_of(spec), "speeds of this machine"
    kept = _place_of_speeds(spec)
    if kept.is_file():
        return Speeds.model_validate_json(kept.read_bytes()), "speeds of this machine"
    return base.usual_speeds(), "speeds of a usual machine (tunewell run measures this one)"


def speeds_of(spec: TaskSpec, *, row_tokens: int = 0) -> Speeds:
    """Measured on this machine, then kept for a day: other programs may have slowed it.

    Args:
        spec: The definition; its base and recipe decide the speeds.
        row_tokens: How long the rows are, about; 0 = 128.
    """
    path = _place_of_speeds(spec, row_tokens)
    if path.is_file() and time.time() - path.stat().st_mtime < MEASURED_FOR_S:
        return Speeds.model_validate_json(path.read_bytes())
    from tunewell.model.weights import resolve
    from tunewell.train import measure_speed

    weights = resolve(spec.train.model)
    found = measure_speed(weights, spec.train, row_tokens=row_tokens)
    speeds = Speeds.model_validate(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(speeds.model_dump()), encoding="utf-8")
    partial.replace(path)
    return speeds


def _place_of_speeds(spec: TaskSpec, row_tokens: int = 0) -> Path:
    """Where the speeds of this machine with these weights and this recipe are kept."""
    from tunewell.model.files import cache_folder
    from tunewell.model.weights import resolve
    from tunewell.train.stage import WORK

    recipe = spec.train
    shape = [recipe.layers, recipe.fold_layers, recipe.rank, recipe.tokens_per_batch, row_tokens]
    key = digest([_machine(), WORK, resolve(recipe.model).digest, *shape])
    return cache_folder() / "speeds" / f"{key}.json"


def _machine() -> list[str]:
    return [
        processor_name() or "cpu",
        str(os.cpu_count()),
        os.environ.get("OMP_NUM_THREADS", ""),
    ]
