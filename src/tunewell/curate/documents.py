"""Documents to text: HTML, e-mail, DOCX and PDF, cut into chunks along their own structure.

Chunks of one document are siblings: they carry the document's name as their group, so that no split
    cuts it.
"""

from __future__ import annotations

import datetime as dt
import email
import email.message
import email.policy
import email.utils
import logging
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from tunewell.curate.document_limits import (
    bounded_tree,
    page_texts,
    paragraphs,
    without_comments,
)
from tunewell.errors import MissingExtraError

CHUNK_WORDS = 600
"""A document longer than this is cut at headings, then paragraphs, then sentences."""

MAX_BYTES = 256 << 20
"""Of one document, unpacked."""


class Unreadable(ValueError):
    """A document that gives no text; the message says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """Text of a document.

    Attributes:
        text: Paragraphs, separated by blank lines; headings begin with ``#``.
        date: The day that the document states of itself, if it does.
        title: Its title or subject.
        note: What was mended in reading it, in words; empty if nothing was.
    """

    text: str
    date: dt.date | None = None
    title: str = ""
    note: str = ""


# --- HTML -----------------------------------------------------------------------------------------

_BLOCKS = frozenset(
    "p div section article li tr table ul ol blockquote pre br hr header footer main dd dt".split()
)
_SKIPPED = frozenset("script style nav noscript template svg button iframe select".split())
_HEADINGS = frozenset(f"h{i}" for i in range(1, 7))
_DATE_NAMES = (
    "article:published_time",
    "datepublished",
    "dc.date",
    "dcterms.created",
    "date",
    "pubdate",
    "last-modified",
    "article:modified_time",
    "datemodified",
)


class _Reader(HTMLParser):
    """Text in reading order without scripts and navigation, and the dates that the page states."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.dates: dict[str, str] = {}
        self.title = ""
        self._in_title = False
        self.swallowed = ""
        self._hiding: list[
            tuple[str, int]
        ] = []  # open elements without content, and where in `parts` they began

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._check(self.get_starttag_text() or "", f"<{tag}>")
        if self._in_title and (tag in _BLOCKS or tag in _HEADINGS):  # the title was never closed
            self._in_title, self.swallowed = False, self.swallowed or "<title>"
            self.parts.append(self.title)
        if tag in _SKIPPED:
            self._hiding.append((tag, len(self.parts)))
        elif tag == "meta":
            name = (
                values.get("property") or values.get("name") or values.get("itemprop") or ""
            ).lower()
            if name in _DATE_NAMES and values.get("content"):
                self.dates.setdefault(name, values["content"])
        elif tag == "time" and values.get("datetime"):
            self.dates.setdefault("time", values["datetime"])
        elif tag == "title":
            self._in_title = True
        elif tag in _HEADINGS:
            self.parts.append("\n\n" + "#" * int(tag[1]) + " ")
        elif tag in _BLOCKS:
            self.parts.append("\n" if tag in ("br", "li", "tr") else "\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._show(tag)
        elif tag == "title":
            self._in_title = False
        elif tag in _HEADINGS or tag in _BLOCKS:
            self.parts.append("\n\n" if tag in _HEADINGS else "\n")

    def handle_decl(self, decl: str) -> None:
        self._check(decl, "<!>")

    def unknown_decl(self, data: str) -> None:
        self._check(data, "<![>")

    def handle_pi(self, data: str) -> None:
        self._check(data, "<?>")

    def _check(self, tag: str, name: str) -> None:
        """A tag with another tag in it has swallowed text: a quote or a bracket is not closed."""
        if not self.swallowed and re.search(r"<[/a-zA-Z]", tag[1:]):
            self.swallowed = name

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        else:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _show(self, tag: str) -> None:
        """Forget what stood in an element without content, now that it is closed."""
        depth = next(
            (i for i in reversed(range(len(self._hiding))) if self._hiding[i][0] == tag), None
        )
        if depth is not None:
            del self.parts[self._hiding[depth][1] :]
            del self._hiding[depth:]

    def unclosed(self) -> str:
        """The element without content that never ends: its text is kept, for all the rest of the page stands in it."""
        if self._in_title:
            self.parts.append(self.title)
        if self.rawdata.strip():  # behind an open <script> the parser gives nothing
            self.parts.append(re.sub(r"<[^<>]*>", "\n\n", self.rawdata))
        return "title" if self._in_title else self._hiding[0][0] if self._hiding else ""


def from_html(text: str) -> Document:
    r"""Text, title and stated date of a page.

    Example:
        >>> from_html("<title>T</title><meta name=date content=2024-05-01><h1>A</h1><p>b<script>x</script>").text
        '# A\n\nb'
    """
    reader = _Reader()
    text = without_comments(text)
    try:
        reader.feed(text)
        reader.close()
    except AssertionError as error:  # html.parser on a damaged marked section
        return Document(_tidy(re.sub(r"<[^<>]*>", "\n\n", text)), None, "", f"not HTML: {error}")
    found = [reader.dates[name] for name in (*_DATE_NAMES, "time") if name in reader.dates]
    date = next((day for value in found if (day := _iso(value))), None)
    open_ = reader.unclosed()
    note = f"<{open_}> is never closed: what follows it is kept" if open_ else ""
    note = note or (
        f"{reader.swallowed} is not closed: it has swallowed text" if reader.swallowed else ""
    )
    return Document(_tidy("".join(reader.parts)), date, " ".join(reader.title.split()), note)


def _iso(text: str) -> dt.date | None:
    match = re.match(r"\s*(\d{4})-(\d\d)-(\d\d)", text)
    try:
        return dt.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _tidy(text: str) -> str:
    lines = [line.strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


# --- e-mail ---------------------------------------------------------------------------------------

_QUOTED = re.compile(
    r"^(?:>|On .{5,80} wrote:\s*$|Am .{5,80} schrieb.*:\s*$|-{2,} ?Original Message)", re.IGNORECASE
)


def from_email(data: bytes) -> Document:
    """Body of a mail without what it quotes, with its date and subject.

    Raises:
        Unreadable: It has no text.
    """
    mail = email.message_from_bytes(data, policy=email.policy.default)
    body = mail.get_body(preferencelist=("plain", "html"))
    if body is None:
        raise Unreadable("the mail has no text")
    try:
        content = str(body.get_content())
    except (LookupError, ValueError) as error:
        raise Unreadable(f"the mail's text cannot be decoded: {error}") from None
    page = from_html(content) if body.get_content_type() == "text/html" else Document(content)
    lines: list[str] = []
    for line in page.text.replace("\r\n", "\n").split("\n"):
        if _QUOTED.match(line):
            if line.startswith(">"):
                continue
            break
        lines.append(line)
    try:
        date = email.utils.parsedate_to_datetime(str(mail["Date"])).date() if mail["Date"] else None
    except (TypeError, ValueError):
        date = None
    return Document(
        _tidy("\n".join(lines)), date, str(mail["Subject"] or ""), page.note or _unread(mail, body)
    )


def _unread(mail: email.message.EmailMessage, body: email.message.MIMEPart) -> str:
    """What of a mail is not in its text: attachments, damaged parts; not the same text as HTML."""
    leaves = [part for part in mail.walk() if not part.is_multipart() and part is not body]
    other = "text/html" if body.get_content_type() == "text/plain" else ""
    names = [
        f"{p.get_content_type()} {p.get_filename() or ''}".strip()
        for p in leaves
        if p.get_content_type() != other
    ]
    around = [
        name for name in ("preamble", "epilogue") if str(getattr(mail, name, None) or "").strip()
    ]
    faults = sorted({type(fault).__name__ for part in mail.walk() for fault in part.defects})
    parts = ", ".join([*names, *around, *faults])
    return f"not read, or damaged: {parts}" if parts else ""


# --- DOCX -----------------------------------------------------------------------------------------

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def from_docx(path: Path) -> Document:
    """Paragraphs and headings of a DOCX file, with the day it was last modified.

    Raises:
        Unreadable: The archive is broken, too large or holds no text.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = _xml(archive, "word/document.xml")
            core = (
                _xml(archive, "docProps/core.xml")
                if "docProps/core.xml" in archive.namelist()
                else None
            )
    except (
        zipfile.BadZipFile,
        KeyError,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
    ) as error:
        raise Unreadable(f"not a DOCX file: {error}") from None
    except (ElementTree.ParseError, ValueError, zipfile.LargeZipFile) as error:
        raise Unreadable(f"broken DOCX file: {error}") from None
    parts = paragraphs(root)
    dates = (
        []
        if core is None
        else [e.text for e in core.iter() if e.tag.endswith("}modified") and e.text]
    )
    return Document(_tidy("\n\n".join(parts)), _iso(dates[0]) if dates else None)


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise ValueError(f"{name} is larger than {MAX_BYTES >> 20} MiB unpacked")
    data = archive.read(name)
    if (
        b"<!DOCTYPE" in data[:2048] or b"<!ENTITY" in data
    ):  # entity expansion is the only use of these here
        raise ValueError("it declares entities")
    return bounded_tree(data)


# --- PDF ------------------------------------------------------------------------------------------


def from_pdf(path: Path) -> Document:
    """Text of a PDF file.

    Raises:
        Unreadable: It is broken, locked or has no text (scanned pages).
        MissingExtraError: The reader is not installed.
    """
    try:
        from pypdf import PdfReader
    except ImportError:
        raise MissingExtraError("text", needed_for="reading PDF files") from None
    logging.getLogger("pypdf").setLevel(
        logging.CRITICAL
    )  # it tells of every fault that it works around
    try:
        reader = PdfReader(path)
        pages = page_texts(reader.pages)
        created = (
            reader.metadata.modification_date or reader.metadata.creation_date
            if reader.metadata
            else None
        )
    except Exception as error:  # whatever a parser makes of a damaged file, the file is a reject
        raise Unreadable(
            f"not a PDF file that can be read: {type(error).__name__}: {error}"
        ) from None
    text = "\n\n".join(pages)
    if not text.strip():
        raise Unreadable(
            f"{len(pages)} pages without text: scanned? It needs text recognition first"
        )
    return Document(_tidy(text), created.date() if created else None)


READERS: dict[str, Callable[[Path], Document]] = {
    ".docx": from_docx,
    ".pdf": from_pdf,
    ".eml": lambda path: from_email(path.read_bytes()),
}
"""By suffix; HTML goes through `from_html` after its encoding is known."""


# --- chunks ---------------------------------------------------------------------------------------


def chunks(text: str, *, words: int = CHUNK_WORDS) -> list[str]:
    r"""Cut a text at headings, then paragraphs, then sentences, into parts of at most about ``words`` words.

    Example:
        >>> chunks("# A\n\none two\n\n# B\n\nthree", words=4)
        ['# A\n\none two', '# B\n\nthree']
    """
    if len(text.split()) <= words:
        return [text]
    done: list[str] = []
    held: list[str] = []
    size = 0
    for piece in _pieces(text, words):
        n = len(piece.split())
        if held and (size + n > words or (piece.startswith("#") and size > words // 4)):
            done.append("\n\n".join(held))
            held, size = [], 0
        held.append(piece)
        size += n
    return [*done, "\n\n".join(held)]


def _pieces(text: str, words: int) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        if len(paragraph.split()) <= words:
            if paragraph.strip():
                yield paragraph.strip()
            continue
        held: list[str] = []
        for sentence in re.split(r"(?<=[.!?])\s+", paragraph):
            parts = sentence.split()
            for at in range(0, len(parts), words):
                piece = parts[at : at + words]
                if held and len(held) + len(piece) > words:
                    yield " ".join(held)
                    held = []
                held += piece
        if held:
            yield " ".join(held)
