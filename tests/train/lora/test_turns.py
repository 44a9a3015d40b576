"""Every answer of a conversation is a target: the same tokens as TRL and transformers train."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.model.chat import chat_format
from tunewell.model.weights import Weights
from tunewell.train.explain import explain
from tunewell.train.lora.rows import encode_rows, owners_of
from tunewell.types import Example, Message, ToolCall

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{{ '<|begin|>' }}{% for m in messages %}<|head|>{{ m.role }}<|/head|>\n\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|eot|>{% endgeneration %}"
    "{% else %}{{ m.content }}<|eot|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|head|>assistant<|/head|>\n\n{% endif %}"
)
MISTRAL = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}</s>{% endgeneration %}"
    "{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}"
)
GEMMA = (
    "{% for m in messages %}{% set role = 'model' if m.role == 'assistant' else m.role %}"
    "<start_of_turn>{{ role }}\n{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}<end_of_turn>{% endgeneration %}"
    "{% else %}{{ m.content }}<end_of_turn>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
TEMPLATES = {
    "chatml": (CHATML, []),
    "llama": (LLAMA, ["<|begin|>", "<|head|>", "<|/head|>", "<|eot|>"]),
    "mistral": (MISTRAL, ["[INST]", "[/INST]", "</s>"]),
    "gemma": (GEMMA, ["<start_of_turn>", "<end_of_turn>"]),
}
DIALOGUE = ["When is it due?", "On the fifth.", "And the next?", "In June, again."]


def tokenizer_of(tokenizer: Any, kind: str) -> Any:
    template, special = TEMPLATES[kind]
    made = copy.deepcopy(tokenizer)
    made.add_special_tokens({"additional_special_tokens": special})
    made.chat_template = template
    return made


def conversation(*texts: str, weights: dict[int, float] | None = None, **more: Any) -> Example:
    turns = []
    for place, text in enumerate(texts):
        weight = (weights or {}).get(place)
        if place % 2:
            turns.append(Message(role="assistant", content=text, weight=weight))
        else:
            turns.append(Message(role="user", content=text))
    return Example(id="chat", messages=tuple(turns), **more)


@pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)
@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_the_tokens_under_the_loss_are_those_of_transformers_and_trl(
    tiny: Weights, tokenizer: Any, kind: str, tmp_path: Path
) -> None:
    """Theirs mark the end of turn too, as the templates put it within their generation."""
    trl = pytest.importorskip("trl")
    from datasets import Dataset

    made = tokenizer_of(tokenizer, kind)
    row = encode_rows([conversation(*DIALOGUE)], made, max_tokens=500).rows[0]

    messages = [
        {"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(DIALOGUE)
    ]
    theirs = made.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    masks = theirs["assistant_masks"]
    # Behind the last end of turn a template may write white space, which nobody trains.
    assert list(row.ids) == theirs["input_ids"][: len(row.ids)]
    assert row.places.tolist() == np.flatnonzero(masks).tolist()

    trainer = trl.SFTTrainer(
        str(tiny.folder),
        args=trl.SFTConfig(
            str(tmp_path), assistant_only_loss=True, report_to="none", use_cpu=True, bf16=False
        ),
        train_dataset=Dataset.from_list([{"messages": messages}]),
        processing_class=made,
    )
    labels = np.asarray(trainer.train_dataset[0]["labels"])
    assert row.places.tolist() == np.flatnonzero(labels != -100).tolist()


def test_each_answer_stands_behind_what_the_model_sees_in_use(tokenizer: Any) -> None:
    example = conversation(*DIALOGUE)
    rows = encode_rows([example], tokenizer, max_tokens=500)
    row = rows.rows[0]
    assert rows.names == ("chat#1", "chat#2")
    assert owners_of(rows.rows).tolist() == [0, 0]
    for (start, _), place in zip(row.spans, (1, 3), strict=True):
        prompt = chat_format(tokenizer).encode(example.messages[:place]).ids
        assert tuple(row.ids[:start].tolist()) == prompt
    assert "of 2 answers" in str(explain(example, tokenizer, max_tokens=500)).splitlines()[0]


def test_a_template_that_rewrites_history_gives_a_row_for_each_answer(tokenizer: Any) -> None:
    made = copy.deepcopy(tokenizer)
    written = "{{ m.content }}<|im_end|>{% end"
    made.chat_template = CHATML.replace(written, f"so: {written}")
    rows = encode_rows([conversation(*DIALOGUE)], made, max_tokens=500)
    assert [row.names for row in rows.rows] == [("chat#1",), ("chat#2",)]
    assert [row.id for row in rows.rows] == ["chat", "chat"]


def test_what_is_not_learned(tokenizer: Any) -> None:
    light = conversation(*DIALOGUE, weights={1: 0.0})
    rows = encode_rows([light], tokenizer, max_tokens=500)
    assert (rows.names, rows.context) == (("chat",), 1)
    last = encode_rows([conversation(*DIALOGUE)], tokenizer, max_tokens=500, turns="last")
    assert (last.names, last.context) == (("chat",), 1)
    assert last.key == rows.key
    bad = encode_rows([conversation("Hi", "no", label="bad")], tokenizer, max_tokens=500)
    assert (bad.rows, bad.bad) == ((), ("chat",))

    pair = conversation("Hi", "yes", rejected=(Message(role="assistant", content="no"),))
    left = encode_rows([pair], tokenizer, max_tokens=500)
    assert (left.rows, left.preferences) == ((), ("chat",))
    chosen = encode_rows([pair], tokenizer, max_tokens=500, preferences="chosen")
    assert chosen.names == ("chat",)


def test_answers_that_do_not_fit_are_named_and_the_others_learned(tokenizer: Any) -> None:
    example = conversation("Hi", "yes", "x" * 300, "z")
    rows = encode_rows([example], tokenizer, max_tokens=200)
    assert (rows.names, rows.too_long) == (("chat#1",), ("chat#2",))


def test_calls_and_tools_are_written_by_the_template(tokenizer: Any) -> None:
    made = copy.deepcopy(tokenizer)
    made.chat_template = (
        "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "{% for c in m.tool_calls or [] %}[call {{ c.function.name }} "
        "{{ c.function.arguments.city }}]{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    call = ToolCall(name="weather", arguments=json.dumps({"city": "Oslo <|im_end|>"}))
    turns = (
        Message(role="user", content="Rain?"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="yes"),
        Message(role="assistant", content="It rains."),
    )
    example = Example(id="t", messages=turns, tools='[{"name": "weather"}]')
    row = encode_rows([example], made, max_tokens=900).rows[0]
    texts = [made.decode(row.ids[start:end]) for start, end in row.spans]
    assert texts == ["[call weather Oslo <|im_end|>]<|im_end|>", "It rains.<|im_end|>"]
    wanted = '[{"type": "function", "function": {"name": "weather"}}]'
    assert wanted in made.decode(row.ids)


def test_case_of_chats_of_four_answers_each(tokenizer: Any) -> None:
    """The case `60-only-last-answer`: all 12 answers are learned."""
    folder = Path(__file__).parents[4] / "shared/cases/data/60-only-last-answer"
    path = folder / "train.jsonl"
    if not path.is_file():
        pytest.skip("the shared cases are not here")
    examples = []
    for i, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        turns = tuple(Message(**turn) for turn in json.loads(line)["messages"])
        examples.append(Example(id=str(i), messages=turns))
    rows = encode_rows(examples, tokenizer, max_tokens=4000)
    assert (len(rows.rows), len(rows.names), rows.context) == (3, 12, 0)
