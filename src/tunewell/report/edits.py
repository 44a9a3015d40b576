"""Two texts side by side with the edits marked, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from markupsafe import Markup

from tunewell.report.text import visible

LONGEST: Final = 220
"""Words of each text that are compared and shown."""

_TOKEN: Final = re.compile(r"\S+\s*")


def edits(before: str, after: str, *, most: int = LONGEST) -> tuple[Markup, Markup]:
    """Both texts as HTML: what only the first has stands in ``<del>``, what only the second has in ``<ins>``.

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
    a, b = _TOKEN.findall(before), _TOKEN.findall(after)
    left, right = a[:most], b[:most]
    same = SequenceMatcher(
        None, [w.strip() for w in left], [w.strip() for w in right], autojunk=False
    )
    one: list[str] = []
    other: list[str] = []
    for what, i, j, k, m in same.get_opcodes():
        if what == "equal":
            one.append(visible("".join(left[i:j])))
            other.append(visible("".join(right[k:m])))
        else:
            one.append(_marked("del", left[i:j]))
            other.append(_marked("ins", right[k:m]))
    return _whole(one, len(a) - most), _whole(other, len(b) - most)


def _marked(tag: str, words: Sequence[str]) -> str:
    text = "".join(words)
    kept = text.rstrip()
    return f"<{tag}>{visible(kept)}</{tag}>{visible(text[len(kept) :])}" if kept else ""


def _whole(parts: Sequence[str], cut: int) -> Markup:
    more = f'<span class="cut"> … {cut:,} more words</span>' if cut > 0 else ""
    return Markup("<bdi>" + "".join(parts).rstrip() + more + "</bdi>")
