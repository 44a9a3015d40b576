"""DOCX files: their paragraphs and headings, and the day they were last modified."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from tunewell.checks.date_columns import read_date
from tunewell.curate.reading.documents.document import (
    MAX_BYTES,
    Document,
    Unreadable,
    tidy,
)
from tunewell.curate.reading.documents.limits import bounded_tree, paragraphs

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

    modified = _modified(core) if core is not None else ""
    return Document(
        tidy("\n\n".join(paragraphs(root))), read_date(modified).day if modified else None
    )


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
    return bounded_tree(data)
