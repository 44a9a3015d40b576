"""DOCX files: their paragraphs and headings, and the day they were last modified."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from tunewell.curate.reading.documents.document import (
    MAX_BYTES,
    Document,
    Unreadable,
    stated_day,
    tidy,
)

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARAGRAPH = f"{_W}p"
_TEXT = f"{_W}t"
_SPACES = {f"{_W}tab": "\t", f"{_W}br": "\n"}
_STYLE = f"{_W}pPr/{_W}pStyle"
_HEADING = re.compile(r"(?i)heading\s*(\d)")

_CORE = "docProps/core.xml"

_NO_ARCHIVE = (
    zipfile.BadZipFile,
    KeyError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zlib.error,
)
"""What `zipfile` raises on something that is none, or is damaged."""


def from_docx(path: Path) -> Document:
    """Paragraphs and headings of a DOCX file, with the day it was last modified.

    Raises:
        Unreadable: The archive is broken, too large or holds no text.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = _xml(archive, "word/document.xml")
            core = _xml(archive, _CORE) if _CORE in archive.namelist() else None
    except _NO_ARCHIVE as error:
        raise Unreadable(f"not a DOCX file: {error}") from None
    except (ElementTree.ParseError, ValueError, zipfile.LargeZipFile) as error:
        raise Unreadable(f"broken DOCX file: {error}") from None

    paragraphs = [_text_of(paragraph) for paragraph in root.iter(_PARAGRAPH)]
    modified = _modified(core) if core is not None else ""
    return Document(tidy("\n\n".join(paragraphs)), stated_day(modified))


def _text_of(paragraph: ElementTree.Element) -> str:
    """The text of a paragraph; of a heading, with its level."""
    pieces = []
    for node in paragraph.iter():
        if node.tag == _TEXT:
            pieces.append(node.text or "")
        else:
            pieces.append(_SPACES.get(node.tag, ""))
    text = "".join(pieces)

    style = paragraph.find(_STYLE)
    name = style.get(f"{_W}val", "") if style is not None else ""
    heading = _HEADING.match(name)
    if heading and text.strip():
        return f"{'#' * int(heading[1])} {text}"
    return text


def _modified(core: ElementTree.Element) -> str:
    """What the file says of its last change."""
    stated = [element.text for element in core.iterfind(".//{*}modified")]
    return next(filter(None, stated), "")


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise ValueError(f"{name} is larger than {MAX_BYTES >> 20} MiB unpacked")
    data = archive.read(name)
    # Entity expansion is the only use of these here.
    if b"<!DOCTYPE" in data[:2048] or b"<!ENTITY" in data:
        raise ValueError("it declares entities")
    return ElementTree.fromstring(data)
