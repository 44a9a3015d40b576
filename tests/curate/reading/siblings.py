"""Records as vendors, hubs and trainers write them, each with what must be read of it.

A turn is written in one line: who speaks, what is said, and the calls; ``~`` stands before thought.
"""

from __future__ import annotations

import json
from typing import Any

Q, A, W = "Where is the meter?", "In the cellar.", "On the roof."
USER = {"role": "user", "content": Q}
SAYS = {"role": "assistant", "content": A}
ARGUMENTS = {"a": 1}
CALL = {"name": "get", "arguments": ARGUMENTS}
CALLED = '{"name": "get", "arguments": {"a": 1}}'
ASKED = [("user", Q), ("assistant", A)]
WITH_CALL = [("user", Q), ("assistant", CALLED), ("tool", "x"), ("assistant", A)]

Turns = list[tuple[str, str]]

CHATS: dict[str, tuple[dict[str, Any], Turns]] = {
    "openai, reference answer": (
        {"messages": [USER], "reference_answer": A},
        ASKED,
    ),
    "openai, batch request": (
        {"custom_id": "r1", "method": "POST", "body": {"model": "m", "messages": [USER, SAYS]}},
        ASKED,
    ),
    "openai, stored completion": (
        {"request": {"messages": [USER]}, "response": {"choices": [{"message": SAYS}]}},
        ASKED,
    ),
    "openai, responses": (
        {
            "input": [USER],
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": A}],
                },
            ],
        },
        [("user", Q), ("assistant", f"~Hm.~{A}")],
    ),
    "gemini, thought": (
        {
            "contents": [
                {"role": "user", "parts": [{"text": Q}]},
                {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": A}]},
            ]
        },
        [("user", Q), ("assistant", f"~Hm.~{A}")],
    ),
    "gemini, results of a function": (
        {
            "contents": [
                {"role": "user", "parts": {"text": Q}},
                {"role": "model", "parts": [{"functionCall": {"name": "get", "args": ARGUMENTS}}]},
                {
                    "role": "function",
                    "parts": [{"functionResponse": {"name": "get", "response": {"b": 2}}}],
                },
                {"role": "model", "parts": [{"text": A}]},
            ]
        },
        [("user", Q), ("assistant", CALLED), ("tool", '{"b": 2}'), ("assistant", A)],
    ),
    "palm, context": (
        {
            "context": "Be brief.",
            "messages": [{"author": "user", "content": Q}, {"author": "bot", "content": A}],
        },
        [("system", "Be brief."), *ASKED],
    ),
    "bedrock, reasoning": (
        {
            "messages": [
                {"role": "user", "content": [{"text": Q}]},
                {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "Hm."}}},
                        {"text": A},
                    ],
                },
            ]
        },
        [("user", Q), ("assistant", f"~Hm.~{A}")],
    ),
    "anthropic, document": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "document", "source": {"type": "text", "data": "A house."}},
                        {"type": "text", "text": Q},
                    ],
                },
                SAYS,
            ]
        },
        [("user", f"A house.\n{Q}"), ("assistant", A)],
    ),
    "cohere, message and history": (
        {
            "preamble": "Be brief.",
            "chat_history": [
                {"role": "USER", "message": "Hi"},
                {"role": "CHATBOT", "message": "Ho"},
            ],
            "message": Q,
            "response": A,
        },
        [("system", "Be brief."), ("user", "Hi"), ("assistant", "Ho"), *ASKED],
    ),
    "cohere, tool plan": (
        {
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "tool_plan": "I look.",
                    "tool_calls": [{"id": "g", "type": "function", "function": CALL}],
                },
                {"role": "tool", "tool_call_id": "g", "content": "x"},
                SAYS,
            ]
        },
        [("user", Q), ("assistant", f"~I look.~{CALLED}"), ("tool", "x"), ("assistant", A)],
    ),
    "cohere, tool results": (
        {
            "messages": [
                USER,
                {"role": "Chatbot", "tool_calls": [{"name": "get", "parameters": ARGUMENTS}]},
                {"role": "Tool", "tool_results": [{"outputs": [1]}]},
                SAYS,
            ]
        },
        [("user", Q), ("assistant", CALLED), ("tool", '[{"outputs": [1]}]'), ("assistant", A)],
    ),
    "hermes, calls in the text": (
        {
            "conversations": [
                {"from": "human", "value": Q},
                {"from": "gpt", "value": f"<tool_call>\n{CALLED}\n</tool_call>"},
                {"from": "tool", "value": "<tool_response>\nx\n</tool_response>"},
                {"from": "gpt", "value": A},
            ]
        },
        WITH_CALL,
    ),
    "mistral, calls in the text": (
        {"messages": [USER, {"role": "assistant", "content": f"[TOOL_CALLS][{CALLED}]"}]},
        [("user", Q), ("assistant", CALLED)],
    ),
    "turns under items": (
        {"items": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
        ASKED,
    ),
    "several right answers": ({"question": Q, "answer": [A, "Down."]}, ASKED),
    "an answer with aliases": (
        {"question": Q, "answer": {"value": A, "aliases": ["Down."]}},
        ASKED,
    ),
    "a list that is one answer": (
        {"prompt": Q, "completion": ["a", "b"]},
        [("user", Q), ("assistant", '["a", "b"]')],
    ),
    "code": ({"text": Q, "code": A, "test_list": ["x"]}, ASKED),
    "canonical solution": ({"prompt": Q, "canonical_solution": A}, ASKED),
    "the name of a class": ({"text": Q, "label": 3, "label_text": A}, ASKED),
    "distractors": (
        {"question": Q, "correct_answer": "b", "distractor1": "c", "distractor2": "a"},
        [("user", f"{Q}\n\nA. a\nB. b\nC. c"), ("assistant", "B. b")],
    ),
    "dumped twice": ({"messages": json.dumps(json.dumps([USER, SAYS]))}, ASKED),
    "numpy in a cell": (
        {"messages": f"[{{'role': 'user', 'content': '{Q}'}}\n {SAYS}]"},
        ASKED,
    ),
}

_LLAMA_3 = "<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>"

RENDERED: dict[str, tuple[str, Turns]] = {
    "llama 2": (f"<s>[INST] {Q} [/INST] {A} </s><s>[INST] And? [/INST] Ok. </s>", []),
    "llama 3 tools": (
        _LLAMA_3.format("user", Q)
        + _LLAMA_3.format("assistant", '{"name": "get", "parameters": {"a": 1}}')
        + _LLAMA_3.format("ipython", "x")
        + _LLAMA_3.format("assistant", A),
        WITH_CALL,
    ),
    "llama 3 python tag": (
        _LLAMA_3.format("user", Q)
        + _LLAMA_3.format("assistant", f"<|python_tag|>{CALLED}")
        + _LLAMA_3.format("ipython", "x")
        + _LLAMA_3.format("assistant", A),
        WITH_CALL,
    ),
    "chatml tools": (
        f"<|im_start|>user\n{Q}<|im_end|>\n"
        f"<|im_start|>assistant\n<tool_call>\n{CALLED}\n</tool_call><|im_end|>\n"
        "<|im_start|>user\n<tool_response>\nx\n</tool_response><|im_end|>\n"
        f"<|im_start|>assistant\n{A}<|im_end|>\n",
        WITH_CALL,
    ),
    "phi 4": (
        f"<|im_start|>user<|im_sep|>{Q}<|im_end|><|im_start|>assistant<|im_sep|>{A}<|im_end|>",
        ASKED,
    ),
    "mistral": (
        f"<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]{Q}[/INST]{A}</s>",
        [("system", "Be brief."), *ASKED],
    ),
    "cohere": (
        f"<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>{Q}<|END_OF_TURN_TOKEN|>"
        f"<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{A}<|END_OF_TURN_TOKEN|>",
        ASKED,
    ),
    "granite": (
        f"<|start_of_role|>user<|end_of_role|>{Q}<|end_of_text|>\n"
        f"<|start_of_role|>assistant<|end_of_role|>{A}<|end_of_text|>",
        ASKED,
    ),
    "openchat": (
        f"<s>GPT4 Correct User: {Q}<|end_of_turn|>GPT4 Correct Assistant: {A}<|end_of_turn|>",
        ASKED,
    ),
    "internlm": (f"<|User|>:{Q}<eoh>\n<|Bot|>:{A}<eoa>\n", ASKED),
    "baichuan": (f"<reserved_106>{Q}<reserved_107>{A}</s>", ASKED),
    "gpt-oss": (
        f"<|start|>user<|message|>{Q}<|end|><|start|>assistant<|channel|>analysis<|message|>Hm."
        f"<|end|><|start|>assistant<|channel|>final<|message|>{A}<|return|>",
        [("user", Q), ("assistant", f"~Hm.~{A}")],
    ),
    "gemma 4": (f"<bos><|turn>user\n{Q}<turn|>\n<|turn>model\n{A}<turn|>\n", ASKED),
    "deepseek": (
        f"<｜begin▁of▁sentence｜>Be brief.<｜User｜>{Q}<｜Assistant｜>{A}<｜end▁of▁sentence｜>",
        [("system", "Be brief."), *ASKED],
    ),
    "glm": (f"[gMASK]<sop><|user|>\n{Q}<|assistant|>\n{A}", ASKED),
    "kimi": (
        f"<|im_user|>user<|im_middle|>{Q}<|im_end|>"
        f"<|im_assistant|>assistant<|im_middle|>{A}<|im_end|>",
        ASKED,
    ),
    "exaone": (f"[|user|]{Q}\n[|assistant|]{A}[|endofturn|]\n", ASKED),
}
RENDERED["llama 2"] = (RENDERED["llama 2"][0], [*ASKED, ("user", "And?"), ("assistant", "Ok.")])

SIDES: dict[str, dict[str, Any]] = {
    "winner": {
        "conversation_a": [USER, {"role": "assistant", "content": W}],
        "conversation_b": [USER, SAYS],
        "winner": "model_b",
    },
    "a column for each": {
        "prompt": Q,
        "response_a": A,
        "response_b": W,
        "winner_model_a": 1,
        "winner_model_b": 0,
        "winner_tie": 0,
    },
    "numbers": {"instruction": Q, "output_1": W, "output_2": A, "preference": 2},
    "counted from nought": {
        "prompt": Q,
        "response_0": A,
        "response_1": W,
        "better_response_id": 0,
    },
    "history": {"history": Q, "human_ref_A": W, "human_ref_B": A, "labels": 0},
    "a chat that ends in the better answer": {
        "messages": [USER, SAYS],
        "chosen": [USER, SAYS],
        "rejected": [USER, {"role": "assistant", "content": W}],
    },
}

FRAMES: dict[str, str] = {
    "values under a header": json.dumps([["question", "answer"], [Q, A], ["b", "c"]]),
    "rows of a server": json.dumps(
        {
            "features": [{"name": "question"}],
            "rows": [
                {"row_idx": 0, "row": {"question": Q, "answer": A}},
                {"row_idx": 1, "row": {"question": "b", "answer": "c"}},
            ],
        }
    ),
    "objects of Python": f"{ {'question': Q, 'answer': A} }\n"
    f"{ {'question': 'b', 'answer': 'c'} }\n",
    "a text sequence": f"\x1e{json.dumps({'question': Q, 'answer': A})}\n"
    '\x1e{"question": "b", "answer": "c"}\n',
    "rows with a version": json.dumps(
        {"version": "1.1", "data": [{"question": Q, "answer": A}, {"question": "b", "answer": "c"}]}
    ),
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "one turn of a tree": (
        {"message_id": "m", "parent_id": None, "role": "prompter", "text": Q},
        "one turn of a chat",
    ),
    "ranked answers": (
        {"prompt": Q, "answers": [{"answer": A, "rank": 1}, {"answer": W, "rank": 2}]},
        "2 answers with a 'rank' each",
    ),
    "a tie": (
        {"prompt": Q, "response_a": A, "response_b": W, "winner": "tie"},
        "neither answer is better",
    ),
    "an unknown winner": (
        {"prompt": Q, "response_a": A, "response_b": W, "winner": "gpt-4"},
        "names neither",
    ),
    "a picture in the file": (
        {"prompt": Q, "completion": A, "anything": {"bytes": "iVBOR", "path": None}},
        "image input",
    ),
    "a path to a picture": ({"prompt": Q, "completion": A, "photo": "img/1.jpg"}, "image input"),
    "talk of marks": (
        {"text": "In the manual [INST] opens a turn and [/INST] ends it."},
        "cannot be split into turns",
    ),
}
