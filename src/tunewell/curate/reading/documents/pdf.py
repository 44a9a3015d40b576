"""PDF files that hold text."""

from __future__ import annotations

import logging
from pathlib import Path

from tunewell.curate.reading.documents.document import (
    Document,
    Unreadable,
    tidy,
)
from tunewell.curate.reading.documents.limits import page_texts
from tunewell.errors import MissingExtraError


def from_pdf(path: Path) -> Document:
    """Text of a PDF file, with the day that it states of itself.

    Raises:
        Unreadable: It is broken, locked or has no text (scanned pages).
        MissingExtraError: The reader is not installed.
    """
    try:
        from pypdf import PdfReader
    except ImportError:
        raise MissingExtraError("text", needed_for="reading PDF files") from None
    # It tells of every fault that it works around.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(path)
        pages = page_texts(reader.pages)
        about = reader.metadata
        stated = (about.modification_date or about.creation_date) if about else None
    except Exception as error:  # whatever a parser makes of a damaged file, the file is a reject
        why = f"{type(error).__name__}: {error}"
        raise Unreadable(f"not a PDF file that can be read: {why}") from None

    text = "\n\n".join(pages)
    if not text.strip():
        raise Unreadable(
            f"{len(pages)} pages without text: scanned? It needs text recognition first"
        )
    return Document(tidy(text), stated.date() if stated else None)
