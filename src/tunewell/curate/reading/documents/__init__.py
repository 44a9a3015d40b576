"""Documents to text: HTML, e-mail, DOCX and PDF, cut into chunks along their own structure.

Chunks of one document are siblings: they carry the document's name as their group, so that no split
cuts it.
"""

from __future__ import annotations

from tunewell.curate.reading.documents.chunks import chunks
from tunewell.curate.reading.documents.document import Document, Unreadable
from tunewell.curate.reading.documents.docx import from_docx
from tunewell.curate.reading.documents.html import from_html
from tunewell.curate.reading.documents.mail import from_email
from tunewell.curate.reading.documents.pdf import from_pdf

__all__ = [
    "Document",
    "Unreadable",
    "chunks",
    "from_docx",
    "from_email",
    "from_html",
    "from_pdf",
]
