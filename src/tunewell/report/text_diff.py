"""Two texts side by side with the edits marked, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from markupsafe import Markup

from tunewell.plurals import plural
from tunewell.report.safe_text import visible

LONGEST: Final = 220
"""Words of each text that are compared and shown."""

_TOKEN: Final = re.compile(r"\S+\s*")


def edits(
    before: str,
    after: str,
    *,
    most: int = LONGEST,
) -> tuple[Markup, Markup]:
    """Both texts as HTML, with what only one of them has marked.

    What only the first has is in ``<del>``, what only the second has in ``<ins>``.

    Args:
        before: Any text; hostile text is escaped.
        after: Likewise.
        most: Words of each that are shown; what is cut is said.

    Example:
        >>> edits("pay the <b>bill</b> now", "pay a <b>bill</b> now")[0]
        Markup('<bdi>pay <del>the</del> &lt;b&gt;bill&lt;/b&gt; now</bdi>')
        >>> edits("pay now", "pay it now")[1]
        Markup('<bdi>pay <ins>it</ins> now</bdi>')
    """
    words_before, words_after = _TOKEN.findall(before), _TOKEN.findall(after)
    left, right = words_before[:most], words_after[:most]
    matcher = SequenceMatcher(None, _stripped(left), _stripped(right), autojunk=False)
    one: list[str] = []
    other: list[str] = []
    for what, i, j, k, m in matcher.get_opcodes():
        if what == "equal":
            one.append(visible("".join(left[i:j])))
            other.append(visible("".join(right[k:m])))
        else:
            one.append(_marked("del", left[i:j]))
            other.append(_marked("ins", right[k:m]))
    before_html = _whole(one, cut=len(words_before) - most)
    after_html = _whole(other, cut=len(words_after) - most)
    return before_html, after_html


def _stripped(words: Sequence[str]) -> list[str]:
    return [word.strip() for word in words]


def _marked(tag: str, words: Sequence[str]) -> str:
    text = "".join(words)
    kept = text.rstrip()
    if not kept:
        return ""
    space_after = visible(text[len(kept) :])
    return f"<{tag}>{visible(kept)}</{tag}>{space_after}"


def _whole(parts: Sequence[str], *, cut: int) -> Markup:
    text = "".join(parts).rstrip()
    if cut > 0:
        text += f'<span class="cut"> … {plural(cut, "more word", "more words")}</span>'
    return Markup(f"<bdi>{text}</bdi>")
