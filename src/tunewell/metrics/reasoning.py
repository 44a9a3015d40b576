"""The answer of a model that thinks aloud: what it says after its reasoning."""

from __future__ import annotations

import re
from typing import Final

ONLY_REASONING: Final = "only reasoning, no answer"

_NAME = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|seed:think)"
_PAIRS: Final = (
    # <think> … </think>, as DeepSeek, Qwen, Seed and most others write it
    (rf"<\s*{_NAME}\s*>", rf"<\s*/\s*{_NAME}\s*>"),
    # [THINK] … [/THINK] (Mistral)
    (r"\[THINK\]", r"\[/THINK\]"),
    # ◁think▷ … ◁/think▷ (Kimi)
    (r"◁think▷", r"◁/think▷"),
    # <|START_THINKING|> … <|END_THINKING|> (Cohere)
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    # <|begin_of_thought|> … <|end_of_thought|> (Open Thoughts, Sky-T1)
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
)
_OPENS: Final = re.compile(
    rf"^[ \t]*(?:{'|'.join(opening for opening, _ in _PAIRS)})",
    re.IGNORECASE | re.MULTILINE,
)
"""Only at the start of a line: a tag within a sentence is spoken about, not used."""
_CLOSES: Final = re.compile("|".join(closing for _, closing in _PAIRS), re.IGNORECASE)

_HARMONY_FINAL: Final = re.compile(
    r"<\|channel\|>\s*final\s*(?:<\|constrain\|>\w+)?<\|message\|>"
    r"|assistant\s*final(?=\S|\s)"
)
_HARMONY_OPENS: Final = re.compile(
    r"\s*(?:<\|start\|>assistant)?(?:<\|channel\|>\s*(?:analysis|commentary)|analysis(?=[A-Z]))"
)
"""Open models of OpenAI: channels with their control tokens or, without those, bare names."""
_HARMONY_ENDS: Final = re.compile(r"<\|(?:end|return)\|>\s*$")
_ANSWER: Final = re.compile(
    r"<\|(?:begin_of_solution|START_RESPONSE)\|>|<\|(?:end_of_solution|END_RESPONSE)\|>"
)


def answer_of(text: str) -> str:
    r"""What an output says apart from its reasoning; empty if it never got beyond that.

    Blocks that are never closed reach to the end; where only the end of a block stands, the chat
    template opened it. An output without reasoning is returned as it is.

    Example:
        >>> answer_of("<think>\nSo it is 5.\n</think>\n\n6"), answer_of("So it is 5.</think> 6")
        ('6', '6')
        >>> answer_of("<think>So it is"), answer_of("5")
        ('', '5')
    """
    harmony = _HARMONY_OPENS.match(text)
    if harmony:
        return _last_channel(text)
    without = _without_blocks(text)
    return text if without is None else _ANSWER.sub("", without).strip()


def is_only_reasoning(text: str) -> bool:
    """Whether an output holds reasoning and no answer."""
    return bool(text.strip()) and not answer_of(text).strip()


def _last_channel(text: str) -> str:
    finals = list(_HARMONY_FINAL.finditer(text))
    if not finals:
        return ""
    return _HARMONY_ENDS.sub("", text[finals[-1].end() :]).strip()


def _without_blocks(text: str) -> str | None:
    """The text between and after its blocks; None if it has none."""
    kept: list[str] = []
    place = 0
    found = False
    while True:
        opening = _OPENS.search(text, place)
        closing = _CLOSES.search(text, opening.end() if opening else place)
        unopened = _CLOSES.search(text, place)
        if unopened and (opening is None or unopened.start() < opening.start()):
            # Everything before an end that nothing opened is reasoning.
            kept = []
            place = unopened.end()
        elif opening and closing:
            kept.append(text[place : opening.start()])
            place = closing.end()
        elif opening:
            kept.append(text[place : opening.start()])
            return "".join(kept)
        else:
            break
        found = True
    kept.append(text[place:])
    return "".join(kept) if found else None
