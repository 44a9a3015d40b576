"""Documents of others, read in bounded depth, size and time."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

MOST_DEPTH = 200
MOST_ELEMENTS = 2_000_000
"""Of the XML in a DOCX file: a book of 1,000 pages has some 500,000 elements, 30 deep."""


# --- HTML

_COMMENTS = (("<!--", "-->"), ("<![", "]>"), ("<?", ">"))
"""Beginnings and ends of what is not shown."""

MOST_OPEN_TAGS = 2_000
"""More tags than this that never close are text: a parser goes back over each of them."""


def without_comments(text: str) -> str:
    """A page without its comments, sections and instructions, in time linear in its length.

    The parser looks for the end of each from its beginning; where there is none, a page of nothing
    but beginnings takes quadratic time. What is not closed is left as it is, once.
    """
    for begin, end in _COMMENTS:
        text = _cut(text, begin, end)
    tail = text[text.rfind(">") + 1 :]
    if tail.count("<") > MOST_OPEN_TAGS:
        text = text[: len(text) - len(tail)] + tail.replace("<", "&lt;")
    return text


def _cut(text: str, begin: str, end: str) -> str:
    kept: list[str] = []
    at = 0
    while True:
        start = text.find(begin, at)
        if start < 0:
            break
        stop = text.find(end, start + len(begin))
        if stop < 0:
            # Not closed: the first stays for the parser to tell of, the others are no beginnings.
            rest = text[start + len(begin) :].replace(begin, " ")
            return "".join([*kept, text[at:start], begin, rest])
        kept.append(text[at:start])
        at = stop + len(end)
    return "".join([*kept, text[at:]])


# --- DOCX

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def bounded_tree(data: bytes) -> ElementTree.Element:
    """The tree of an XML file, unless it is deeper or larger than any document is.

    Raises:
        ValueError: It is.
    """
    depth = elements = 0
    root: ElementTree.Element | None = None
    for event, element in ElementTree.iterparse(io.BytesIO(data), events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        root = element if root is None else root
        depth += 1
        elements += 1
        if depth > MOST_DEPTH:
            raise ValueError(f"its elements are nested more than {MOST_DEPTH} deep")
        if elements > MOST_ELEMENTS:
            raise ValueError(f"it has more than {MOST_ELEMENTS} elements")
    if root is None:
        raise ValueError("it is empty")
    return root


def paragraphs(root: ElementTree.Element) -> list[str]:
    """The text of every paragraph in one pass: text belongs to the innermost one around it."""
    finished: list[tuple[int, str]] = []
    open_: list[_Paragraph] = []
    began = 0
    # One entry for each element to come; None closes a paragraph.
    stack: list[ElementTree.Element | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            done = open_.pop()
            finished.append((done.number, done.text()))
            continue
        if node.tag == f"{_W}p":
            open_.append(_Paragraph(began, _heading_level(node)))
            began += 1
            stack.append(None)
        elif open_ and node.tag in _TEXT_OF:
            open_[-1].parts.append(_TEXT_OF[node.tag] or node.text or "")
        stack.extend(reversed(node))
    return [text for _, text in sorted(finished)]


@dataclass
class _Paragraph:
    """A paragraph that is being read."""

    number: int
    level: int
    parts: list[str] = field(default_factory=list)

    def text(self) -> str:
        text = "".join(self.parts)
        return f"{'#' * self.level} {text}" if self.level and text.strip() else text


_TEXT_OF = {f"{_W}t": "", f"{_W}tab": "\t", f"{_W}br": "\n"}


def _heading_level(paragraph: ElementTree.Element) -> int:
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    name = style.get(f"{_W}val", "") if style is not None else ""
    level = re.match(r"(?i)heading\s*(\d)", name)
    return int(level[1]) if level else 0
