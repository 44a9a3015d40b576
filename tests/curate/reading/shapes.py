"""Records of every shape, written by hand after the formats' documents, and what each says."""

from __future__ import annotations

import json
from typing import Any

Q, A = "Where is the meter?", "In the cellar."
ASKED = ("user", Q)
ANSWERED = ("assistant", A)
CHAT = [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]
CALL = {"name": "find", "arguments": {"what": "meter"}}
CALLED = ("assistant", '{"name": "find", "arguments": {"what": "meter"}}')
TOOLS = [{"type": "function", "function": {"name": "find"}}]

Turns = list[tuple[str, str]]


def tool_turn(**more: Any) -> dict[str, Any]:
    function = {"name": "find", "arguments": json.dumps(CALL["arguments"])}
    call = {"id": "c1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


SHAPES: dict[str, tuple[dict[str, Any], Turns]] = {
    "openai": ({"messages": CHAT}, [ASKED, ANSWERED]),
    "openai parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": Q}]}, CHAT[1]]},
        [ASKED, ANSWERED],
    ),
    "openai developer": (
        {"messages": [{"role": "developer", "content": "Be brief."}, *CHAT]},
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "openai tools": ({"messages": [CHAT[0], tool_turn()], "tools": TOOLS}, [ASKED, CALLED]),
    "openai empty text beside a call": (
        {"messages": [CHAT[0], tool_turn(content="")]},
        [ASKED, CALLED],
    ),
    "openai sentence beside a call": (
        {"messages": [CHAT[0], tool_turn(content="I look.")]},
        [ASKED, ("assistant", f"I look.\n{CALLED[1]}")],
    ),
    "openai function_call": (
        {
            "messages": [
                CHAT[0],
                {
                    "role": "assistant",
                    "function_call": {"name": "find", "arguments": '{"what": "meter"}'},
                },
            ],
            "functions": [{"name": "find"}],
        },
        [ASKED, CALLED],
    ),
    "openai responses": (
        {
            "messages": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": Q}]},
                {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "cellar"},
                {"role": "assistant", "content": [{"type": "output_text", "text": A}]},
            ]
        },
        [ASKED, ("assistant", '{"name": "find", "arguments": {}}'), ("tool", "cellar"), ANSWERED],
    ),
    "anthropic": (
        {
            "system": "Be brief.",
            "messages": [
                CHAT[0],
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "I look."},
                        {"type": "tool_use", "id": "t", "name": "find", "input": {"what": "meter"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t", "content": "cellar"}],
                },
                CHAT[1],
            ],
        },
        [
            ("system", "Be brief."),
            ASKED,
            ("assistant", f"I look.\n{CALLED[1]}"),
            ("tool", "cellar"),
            ANSWERED,
        ],
    ),
    "bedrock": (
        {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": Q}]},
                {"role": "assistant", "content": [{"text": A}]},
            ],
        },
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "bedrock tools": (
        {
            "messages": [
                {"role": "user", "content": [{"text": Q}]},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "toolUse": {
                                "toolUseId": "t",
                                "name": "find",
                                "input": {"what": "meter"},
                            }
                        }
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"toolResult": {"toolUseId": "t", "content": [{"json": {"at": "cellar"}}]}}
                    ],
                },
                {"role": "assistant", "content": [{"text": A}]},
            ]
        },
        [ASKED, CALLED, ("tool", '{"at": "cellar"}'), ANSWERED],
    ),
    "gemini": (
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": Q}]},
                {"role": "model", "parts": [{"text": A}]},
            ],
        },
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "gemini tools": (
        {
            "contents": [
                {"role": "user", "parts": [{"text": Q}]},
                {
                    "role": "model",
                    "parts": [{"functionCall": {"name": "find", "args": {"what": "meter"}}}],
                },
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "find", "response": {"at": "cellar"}}}],
                },
                {"role": "model", "parts": [{"text": A}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "find"}]}],
        },
        [ASKED, CALLED, ("tool", '{"at": "cellar"}'), ANSWERED],
    ),
    "gemini pairs": ({"text_input": Q, "output": A}, [ASKED, ANSWERED]),
    "palm": ({"input_text": Q, "output_text": A}, [ASKED, ANSWERED]),
    "cohere": (
        {
            "messages": [
                {"role": "System", "content": "Be brief."},
                {"role": "User", "content": Q},
                {"role": "Chatbot", "content": A},
            ]
        },
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
        [ASKED, ANSWERED],
    ),
    "sharegpt calls": (
        {
            "conversations": [
                {"from": "human", "value": Q},
                {"from": "function_call", "value": json.dumps(CALL)},
                {"from": "observation", "value": "cellar"},
                {"from": "gpt", "value": A},
            ],
            "tools": json.dumps(TOOLS),
            "system": "Be brief.",
        },
        [("system", "Be brief."), ASKED, CALLED, ("tool", "cellar"), ANSWERED],
    ),
    "speakers": (
        {"conversation": [{"speaker": "customer", "text": Q}, {"speaker": "agent", "text": A}]},
        [ASKED, ANSWERED],
    ),
    "pairs of turns": (
        {"conversation": [{"human": Q, "assistant": A}, {"human": "And?", "assistant": "No."}]},
        [ASKED, ANSWERED, ("user", "And?"), ("assistant", "No.")],
    ),
    "xtuner": (
        {"conversation": [{"system": "Be brief.", "input": Q, "output": A}]},
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "ultrachat": ({"id": "0", "data": [Q, A]}, [ASKED, ANSWERED]),
    "lists of turns": (
        {"dialog": [Q, A, "And?", "No."]},
        [ASKED, ANSWERED, ("user", "And?"), ("assistant", "No.")],
    ),
    "arrow columns": (
        {"messages": {"role": ["user", "assistant"], "content": [Q, A]}},
        [ASKED, ANSWERED],
    ),
    "alpaca": ({"instruction": Q, "input": "", "output": A}, [ASKED, ANSWERED]),
    "alpaca input": (
        {"instruction": "Answer.", "input": Q, "output": A},
        [("user", f"Answer.\n\n{Q}"), ANSWERED],
    ),
    "alpaca history": (
        {
            "instruction": Q,
            "input": "",
            "output": A,
            "system": "Be brief.",
            "history": [["Hello?", "Hello."]],
        },
        [("system", "Be brief."), ("user", "Hello?"), ("assistant", "Hello."), ASKED, ANSWERED],
    ),
    "swift": (
        {"query": Q, "response": A, "history": [], "system": "Be brief."},
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "dolly": (
        {"instruction": Q, "context": "The house has a cellar.", "response": A, "category": "qa"},
        [("user", f"{Q}\n\nThe house has a cellar."), ANSWERED],
    ),
    "question and context": (
        {"question": Q, "context": "A house.", "answer": A},
        [("user", f"{Q}\n\nA house."), ANSWERED],
    ),
    "question and documents": (
        {"question": Q, "documents": ["One.", "Two."], "answer": A},
        [("user", f"{Q}\n\nOne.\n\nTwo."), ANSWERED],
    ),
    "squad": (
        {"question": Q, "context": "A house.", "answers": {"text": [A], "answer_start": [3]}},
        [("user", f"{Q}\n\nA house."), ANSWERED],
    ),
    "openorca": (
        {"system_prompt": "Be brief.", "question": Q, "response": A},
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "capital letters": ({"Question": Q, "Answer": A}, [ASKED, ANSWERED]),
    "trl": ({"prompt": CHAT[:1], "completion": CHAT[1:]}, [ASKED, ANSWERED]),
    "summary": ({"article": Q, "highlights": A}, [ASKED, ANSWERED]),
    "calls as answers": (
        {"query": Q, "tools": json.dumps(TOOLS), "answers": json.dumps([CALL])},
        [ASKED, CALLED],
    ),
    "json in a cell": ({"messages": json.dumps(CHAT)}, [ASKED, ANSWERED]),
    "python in a cell": ({"messages": str(CHAT)}, [ASKED, ANSWERED]),
    "hermes": (
        {
            "conversations": [
                {"from": "system", "value": "Tools."},
                {"from": "human", "value": Q},
                {"from": "gpt", "value": A},
            ]
        },
        [("system", "Tools."), ASKED, ANSWERED],
    ),
    "choices by index": (
        {"question": Q, "choices": ["In the cellar.", "On the roof."], "answer": 0},
        [("user", f"{Q}\n\nA. In the cellar.\nB. On the roof."), ("assistant", f"A. {A}")],
    ),
    "choices by letter": (
        {"question": Q, "A": "On the roof.", "B": A, "answer": "B"},
        [("user", f"{Q}\n\nA. On the roof.\nB. {A}"), ("assistant", f"B. {A}")],
    ),
    "choices of arc": (
        {
            "question": Q,
            "choices": {"text": ["Roof", A], "label": ["1", "2"]},
            "answerKey": "2",
        },
        [("user", f"{Q}\n\n1. Roof\n2. {A}"), ("assistant", f"2. {A}")],
    ),
    "choices of hellaswag": (
        {"ctx": Q, "endings": ["Roof", A], "label": "1"},
        [("user", f"{Q}\n\nA. Roof\nB. {A}"), ("assistant", f"B. {A}")],
    ),
    "choices of medqa": (
        {"question": Q, "options": {"A": "Roof", "B": A}, "answer": A, "answer_idx": "B"},
        [("user", f"{Q}\n\nA. Roof\nB. {A}"), ("assistant", f"B. {A}")],
    ),
    "choices of medmcqa": (
        {"question": Q, "opa": "Roof", "opb": A, "opc": "Hall", "opd": "Yard", "cop": 1},
        [("user", f"{Q}\n\nA. Roof\nB. {A}\nC. Hall\nD. Yard"), ("assistant", f"B. {A}")],
    ),
    "choices of winogrande": (
        {"sentence": Q, "option1": "Roof", "option2": A, "answer": "2"},
        [("user", f"{Q}\n\nA. Roof\nB. {A}"), ("assistant", f"B. {A}")],
    ),
    "chatml": (
        {"text": f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n{A}<|im_end|>\n"},
        [ASKED, ANSWERED],
    ),
    "llama 2": ({"text": f"<s>[INST] {Q} [/INST] {A} </s>"}, [ASKED, ANSWERED]),
    "llama 2 system": (
        {"text": f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{Q} [/INST] {A} </s>"},
        [("system", "Be brief."), ASKED, ANSWERED],
    ),
    "llama 3": (
        {
            "text": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
            f"{Q}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{A}<|eot_id|>"
        },
        [ASKED, ANSWERED],
    ),
    "gemma": (
        {
            "text": f"<bos><start_of_turn>user\n{Q}<end_of_turn>\n"
            f"<start_of_turn>model\n{A}<end_of_turn>\n"
        },
        [ASKED, ANSWERED],
    ),
    "phi": ({"text": f"<|user|>\n{Q}<|end|>\n<|assistant|>\n{A}<|end|>"}, [ASKED, ANSWERED]),
    "zephyr": ({"text": f"<|user|>\n{Q}</s>\n<|assistant|>\n{A}</s>"}, [ASKED, ANSWERED]),
    "deepseek": (
        {"text": f"<｜begin▁of▁sentence｜><｜User｜>{Q}<｜Assistant｜>{A}<｜end▁of▁sentence｜>"},
        [ASKED, ANSWERED],
    ),
    "guanaco": ({"text": f"### Human: {Q}### Assistant: {A}"}, [ASKED, ANSWERED]),
    "vicuna": ({"text": f"USER: {Q} ASSISTANT: {A}</s>"}, [ASKED, ANSWERED]),
    "rendered alpaca": (
        {"text": f"### Instruction:\n{Q}\n\n### Response:\n{A}"},
        [ASKED, ANSWERED],
    ),
    "claude": (
        {"prompt": f"\n\nHuman: {Q}\n\nAssistant:", "completion": f" {A}"},
        [ASKED, ANSWERED],
    ),
    "rendered prompt": (
        {
            "prompt": f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n",
            "completion": f"{A}<|im_end|>",
        },
        [ASKED, ANSWERED],
    ),
    "glaive": (
        {"system": "SYSTEM: Be brief.", "chat": f"USER: {Q}\n\n\nASSISTANT: {A} <|endoftext|>"},
        [("system", "SYSTEM: Be brief."), ASKED, ANSWERED],
    ),
    "axolotl segments": (
        {"segments": [{"label": False, "text": Q}, {"label": True, "text": A}]},
        [ASKED, ANSWERED],
    ),
    "empty column first": (
        {"prompt": Q, "completion": None, "response": A, "messages": []},
        [ASKED, ANSWERED],
    ),
    "same answer twice": ({"question": Q, "answer": A, "response": A}, [ASKED, ANSWERED]),
}
"""By name: a record and its turns."""

WORSE = "On the moon."
BAD = {"role": "assistant", "content": WORSE}

PREFERENCES: dict[str, dict[str, Any]] = {
    "flat": {"prompt": Q, "chosen": A, "rejected": WORSE},
    "implicit prompt": {"chosen": CHAT, "rejected": [CHAT[0], BAD]},
    "explicit prompt": {"prompt": CHAT[:1], "chosen": CHAT[1:], "rejected": [BAD]},
    "prompt and whole chats": {"prompt": Q, "chosen": CHAT, "rejected": [CHAT[0], BAD]},
    "openai": {
        "input": {"messages": CHAT[:1], "tools": []},
        "preferred_output": CHAT[1:],
        "non_preferred_output": [BAD],
    },
    "llamafactory": {
        "conversations": [{"from": "human", "value": Q}],
        "chosen": {"from": "gpt", "value": A},
        "rejected": {"from": "gpt", "value": WORSE},
    },
    "alpaca list": {"instruction": Q, "input": "", "output": [A, WORSE]},
    "hh": {
        "chosen": f"\n\nHuman: {Q}\n\nAssistant: {A}",
        "rejected": f"\n\nHuman: {Q}\n\nAssistant: {WORSE}",
    },
    "swift": {"query": Q, "response": A, "rejected_response": WORSE},
    "messages and rejected": {"messages": CHAT[:1], "chosen": A, "rejected": WORSE},
    "json in cells": {"chosen": json.dumps(CHAT), "rejected": json.dumps([CHAT[0], BAD])},
}
"""By name: a record in which one answer is better."""
