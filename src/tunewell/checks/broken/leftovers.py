r"""What a conversion left in a text: literal escapes (``\n``), entities, tags, template marks."""

from __future__ import annotations

import re

from tunewell.checks.verbatim import is_structured

_HINT = re.compile(r"\\[nrtu\"]|&\w|&#|<|\[/?INST\]|### ")
_ESCAPE = re.compile(
    r"(?<![\\\w:])\\n(?=\\n|[A-ZÄÖÜÉ\d*•-])|(?<=[.!?:,;)\w])\\n(?:\\n|[-*•\d]|(?=[A-ZÄÖÜÉÀ]))|"
    r"\w\\u00[0-9a-f]{2}\w|\\\"\w"
)
_PATH = re.compile(r"[A-Za-z]:\\|\\\\\w|\\[a-mo-z]\w+\\")
_SPEAKS_OF_ESCAPES = re.compile(
    r"escap|newline|new line|line break|backslash|regex|regular exp|json|latex|zeilenumbruch|"
    r"html|xml|markup|entit|\btags?\b|token|template|format",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|nbsp|apos|#39|#x27|#34|[lr]dquo|[lr]squo|[nm]dash|hellip|#\d{3,5});"
)
_TAG = re.compile(
    r"</?(?:p|br|div|span|b|i|u|strong|em|ul|ol|li|a|font|td|tr|table|h[1-6])"
    r"(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|user|assistant|"
    r"system|end)\|>|"
    r"\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|^### (?:Response|Instruction|Input|"
    r"Assistant|Human):",
    re.MULTILINE,
)
_USUAL = 0.05
"""Share of targets with markup from which markup belongs to the set."""


def leftovers(target: str, asked: str, *, markup_share: float) -> str:
    r"""What a conversion left in a target; empty if there is nothing.

    Args:
        target: The target.
        asked: What it answers: a question about HTML has tags in its answer.
        markup_share: Share of the set's targets that hold markup.

    Example:
        >>> leftovers("We open at nine.\\nBring a form.", "When?", markup_share=0.0)
        'literal escape \\n'
        >>> leftovers("It costs 5 &amp; more.", "How much?", markup_share=0.0)
        'markup &amp;'
    """
    if not _HINT.search(target) or _SPEAKS_OF_ESCAPES.search(f"{asked}\n{target}"):
        return ""
    mark = _TEMPLATE.search(target)
    if mark:
        return f"mark of a chat template {mark[0]}"
    if "`" in target:
        return ""
    escape = _ESCAPE.search(target)
    if escape and not _PATH.search(target) and not is_structured(target.replace("\\n", " ")):
        return f"literal escape {escape[0][:12]}"
    return "" if markup_share >= _USUAL else _markup(target, asked)


def _markup(target: str, asked: str) -> str:
    """Tags and entities in prose whose question has none."""
    if _TAG.search(asked) or _ENTITY.search(asked):
        return ""
    found = _ENTITY.search(target)
    if found is None and not target.lstrip().startswith("<"):
        found = _TAG.search(target)
    return f"markup {found[0][:30]}" if found else ""
