"""Pages: their text in reading order, their title and the date that they state."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from tunewell.checks.page_dates import find_page_date
from tunewell.curate.reading.documents.document import Document, tidy
from tunewell.curate.reading.documents.limits import without_comments

_PARAGRAPHS = "p div section article table ul ol blockquote pre hr header footer main dd dt".split()
_LINES = ("br", "li", "tr")
_HEADINGS = {f"h{level}": f"\n\n{'#' * level} " for level in range(1, 7)}

_BREAK_BEFORE = {
    **dict.fromkeys(_PARAGRAPHS, "\n\n"),
    **dict.fromkeys(_LINES, "\n"),
    **_HEADINGS,
}
"""What an element begins with: a paragraph, a line, or a heading of its level."""

_BREAK_AFTER = {
    **dict.fromkeys(_BREAK_BEFORE, "\n"),
    **dict.fromkeys(_HEADINGS, "\n\n"),
}

_SKIPPED = frozenset("script style nav noscript template svg button iframe select".split())

_TAG = re.compile(r"<[^<>]*>")
_TAG_INSIDE = re.compile(r"<[/a-zA-Z]")

Attributes = list[tuple[str, str | None]]


class _Reader(HTMLParser):
    """Text in reading order without scripts and navigation.

    Attributes:
        parts: Text and breaks, in order.
        title: Its title.
        swallowed: The tag that has swallowed text, if there is one.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title = ""
        self.swallowed = ""
        self._in_title = False

        # Open elements without content, and where in `parts` they began.
        self._hiding: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        self._check(self.get_starttag_text() or "", f"<{tag}>")
        if self._in_title and tag in _BREAK_BEFORE:  # the title was never closed
            self._in_title = False
            self.swallowed = self.swallowed or "<title>"
            self.parts.append(self.title)

        if tag in _SKIPPED:
            self._hiding.append((tag, len(self.parts)))
        elif tag == "title":
            self._in_title = True
        elif tag in _BREAK_BEFORE:
            self.parts.append(_BREAK_BEFORE[tag])

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._show(tag)
        elif tag == "title":
            self._in_title = False
        else:
            self.parts.append(_BREAK_AFTER.get(tag, ""))

    def handle_decl(self, decl: str) -> None:
        self._check(decl, "<!>")

    def unknown_decl(self, data: str) -> None:
        self._check(data, "<![>")

    def handle_pi(self, data: str) -> None:
        self._check(data, "<?>")

    def _check(self, tag: str, name: str) -> None:
        """A tag with another tag in it has swallowed text: a quote or a bracket is not closed."""
        if not self.swallowed and _TAG_INSIDE.search(tag[1:]):
            self.swallowed = name

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        else:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _show(self, tag: str) -> None:
        """Forget what stood in an element without content, now that it is closed."""
        for depth in reversed(range(len(self._hiding))):
            name, start = self._hiding[depth]
            if name == tag:
                del self.parts[start:]
                del self._hiding[depth:]
                return

    def unclosed(self) -> str:
        """The element without content that never ends.

        Its text is kept, for all the rest of the page stands in it.
        """
        unclosed = [name for name, _ in self._hiding]
        if self._in_title:
            self.parts.append(self.title)
            unclosed = ["title"]
        if self.rawdata.strip():  # behind an open <script> the parser gives nothing
            self.parts.append(_without_tags(self.rawdata))
        return next(iter(unclosed), "")


def _without_tags(text: str) -> str:
    return _TAG.sub("\n\n", text)


def from_html(text: str) -> Document:
    r"""Text, title and stated date of a page.

    Example:
        >>> page = "<title>T</title><meta name=date content=2024-05-01><h1>A</h1><p>b<script>x"
        >>> from_html(page + "</script>").text
        '# A\n\nb'
    """
    reader = _Reader()
    text = without_comments(text)
    try:
        reader.feed(text)
        reader.close()
    except AssertionError as error:  # html.parser on a damaged marked section
        return Document(tidy(_without_tags(text)), note=f"not HTML: {error}")

    unclosed = reader.unclosed()
    note = ""
    if unclosed:
        note = f"<{unclosed}> is never closed: what follows it is kept"
    elif reader.swallowed:
        note = f"{reader.swallowed} is not closed: it has swallowed text"
    return Document(
        text=tidy("".join(reader.parts)),
        date=find_page_date(text),
        title=" ".join(reader.title.split()),
        note=note,
    )
