"""Mails: what their writer wrote, without what they quote."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import email.utils
import re
from email.message import EmailMessage, MIMEPart

from tunewell.curate.reading.documents.document import (
    Document,
    Unreadable,
    tidy,
)
from tunewell.curate.reading.documents.html import from_html

_QUOTE_BEGINS = re.compile(
    r"^(?:On .{5,80} wrote:\s*$|Am .{5,80} schrieb.*:\s*$|-{2,} ?Original Message)",
    re.IGNORECASE,
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
    page = _page(body)
    return Document(
        text=tidy("\n".join(_own_lines(page.text))),
        date=_date(mail),
        title=str(mail["Subject"] or ""),
        note=page.note or _unread(mail, body),
    )


def _page(body: MIMEPart) -> Document:
    try:
        content = str(body.get_content())
    except (LookupError, ValueError) as error:
        raise Unreadable(f"the mail's text cannot be decoded: {error}") from None
    if body.get_content_type() == "text/html":
        return from_html(content)
    return Document(content)


def _own_lines(text: str) -> list[str]:
    """The lines before those that are quoted as a whole, without quoted ones between them."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if _QUOTE_BEGINS.match(line):
            break
        if not line.startswith(">"):
            lines.append(line)
    return lines


def _date(mail: EmailMessage) -> dt.date | None:
    try:
        return email.utils.parsedate_to_datetime(str(mail["Date"])).date()
    except (TypeError, ValueError):
        return None


def _unread(mail: EmailMessage, body: MIMEPart) -> str:
    """What of a mail is not in its text: attachments, damaged parts; not the same text as HTML."""
    faults: set[str] = set()
    for part in mail.walk():
        faults.update(type(fault).__name__ for fault in part.defects)
    around = {"preamble": mail.preamble, "epilogue": mail.epilogue}
    unread = [
        *_attachments(mail, body),
        *(name for name, text in around.items() if str(text or "").strip()),
        *sorted(faults),
    ]
    return f"not read, or damaged: {', '.join(unread)}" if unread else ""


def _attachments(mail: EmailMessage, body: MIMEPart) -> list[str]:
    same_as_page = "text/html" if body.get_content_type() == "text/plain" else ""
    names = []
    for part in mail.walk():
        kind = part.get_content_type()
        if part is body or part.is_multipart() or kind == same_as_page:
            continue
        names.append(f"{kind} {part.get_filename() or ''}".strip())
    return names
