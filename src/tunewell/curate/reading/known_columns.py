"""Names of columns that are known, and what they hold."""

from __future__ import annotations

import re

TURNS = (
    "messages",
    "conversations",
    "conversation",
    "contents",
    "turns",
    "dialogue",
    "dialog",
    "chat",
    "utterances",
    "items",
    "data",
)
"""Columns that hold a list of turns."""

ASKED = (
    "instruction",
    "prompt",
    "question",
    "query",
    "input",
    "user_prompt",
    "user_input",
    "user_message",
    "problem",
    "question_stem",
    "goal",
    "input_text",
    "text_input",
    "document",
    "article",
    "dialogue",
    "dialog",
    "conversation",
    "original_text",
    "source_text",
    "text",
    "user",
    "human",
    "sentence",
    "ctx",
    "content",
    "message",
    "context",
    "source",
)
"""Columns of the question; the surest first. ``source`` may name where a row is from."""

ANSWERS = (
    "completion",
    "response",
    "answer",
    "output",
    "target",
    "answers",
    "output_text",
    "text_output",
    "reply",
    "assistant",
    "bot",
    "gpt",
    "solution",
    "summary",
    "highlights",
    "section_text",
    "reference_summary",
    "target_text",
    "model_answer",
    "model_response",
    "correct_answer",
    "best_answer",
    "expected_output",
    "ground_truth",
    "human_answer",
)
"""Columns of the answer; two of them with different values cannot both be it."""

LATER_ANSWERS = (
    "reference_answer",
    "gold_answer",
    "expected_answer",
    "canonical_solution",
    "code",
    "sql",
    "sql_query",
    "gold_sql",
    "gold_query",
    "reference",
    "gold",
    "expected",
)
"""Columns of the answer where none of the usual ones is there."""

CLASSES = (
    "label_text",
    "label_name",
    "intent_text",
    "category_name",
    "label",
    "category",
    "intent",
    "class",
    "sentiment",
)
"""Columns of a class: the answer where there is no other, and the question is a text.

Names come first: the number of a class says nothing.
"""

CLASSED = ("text", "sentence", "query", "question", "utterance", "input", "content", "document")

CONTEXT = (
    "input",
    "context",
    "contexts",
    "ctx",
    "passage",
    "passages",
    "documents",
    "document",
    "paragraph",
    "article",
    "story",
    "background",
    "knowledge",
    "premise",
    "support",
    "schema",
)
SYSTEM = (
    "system",
    "system_prompt",
    "system_message",
    "systeminstruction",
    "system_instruction",
    "sys",
    "preamble",
    "meta_instruction",
)
HISTORY = ("history", "chat_history", "conversation_history", "past_turns")

MEDIA_COLUMN = re.compile(
    r"(images?|photos?|pictures?|audios?|videos?|speech)(_(path|file|url)s?)?"
)
"""Columns that hold pictures, recordings or films, if their value is one."""
