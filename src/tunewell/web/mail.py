"""Links and notices of work by e-mail, through the server that the owner names.

Nothing is sent anywhere else.
"""

from __future__ import annotations

import logging
import queue
import re
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from urllib.parse import unquote, urlsplit

from pydantic import Field

from tunewell.errors import UserError
from tunewell.types import Value

TIMEOUT_S = 10.0

MOST_WAITING = 2_000
"""Messages that wait to be sent."""

log = logging.getLogger("tunewell.web")


@dataclass(frozen=True)
class _Server:
    """What the scheme of a mail server's URL stands for."""

    port: int
    security: str


SCHEMES = {
    "smtp": _Server(25, "none"),
    "smtp+starttls": _Server(587, "starttls"),
    "smtps": _Server(465, "tls"),
}
_ADDRESS = re.compile(r"[^@\s<>\"(),:;\\\[\]]{1,64}@[^@\s<>\"(),:;\\\[\]]{1,250}")


def address(text: str) -> str:
    """An e-mail address as it may be written to; empty stays empty.

    Raises:
        UserError: It is none.

    Example:
        >>> address(" ann@example.org "), address("")
        ('ann@example.org', '')
    """
    plain = text.strip()
    if plain and not _ADDRESS.fullmatch(plain):
        raise UserError(f"{plain[:80]!r} is not an e-mail address")
    return plain


class Mailer(Value):
    """A mail server and who writes.

    Attributes:
        host: Of the server.
        port: Of the server.
        security: ``none``, ``starttls`` or ``tls``.
        user: To sign in with; empty = no sign-in.
        password: Of the user.
        sender: Address in *From*.
    """

    host: str
    port: int
    security: str
    user: str = ""
    password: str = Field(default="", repr=False)
    sender: str

    def send(self, to: str, subject: str, text: str, *, html: str = "") -> str:
        """Send one message; gives why it could not be sent, empty if it was.

        Args:
            to: Address.
            subject: One line.
            text: The message.
            html: The same as a page, for readers that show one.
        """
        try:
            message = self._message(to, subject, text)
            if html:
                message.add_alternative(html, subtype="html")
            with self._server() as server:
                if self.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException, ValueError, UserError) as error:
            why = str(error) or type(error).__name__
            return why.splitlines()[0][:200]
        return ""

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = address(to)
        message["Subject"] = " ".join(subject.split())[:200]
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message

    def _server(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(
                self.host,
                self.port,
                timeout=TIMEOUT_S,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)


class MailQueue:
    """Sends messages one after the other in a thread of its own: no request waits for a server.

    Args:
        mailer: What sends.
    """

    def __init__(self, mailer: Mailer) -> None:
        self.mailer = mailer
        self._waiting: queue.Queue[_Letter] = queue.Queue(MOST_WAITING)
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(
        self,
        to: str,
        subject: str,
        text: str,
        *,
        sent: Callable[[str], None],
    ) -> Future[str] | None:
        """Queue a message; gives why it could not be sent, later; None if too many are waiting.

        Args:
            to: Address.
            subject: One line.
            text: The message.
            sent: Called afterwards with why it could not be sent, empty if it was.
        """
        outcome: Future[str] = Future()
        try:
            self._waiting.put_nowait(_Letter(to, subject, text, sent, outcome))
        except queue.Full:
            return None
        with self._turn:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mail", daemon=True)
                self._thread.start()
        return outcome

    def wait(self, timeout_s: float) -> bool:
        """Wait until everything was sent or given up; False if the time is over first."""
        end = time.monotonic() + timeout_s
        while self._waiting.unfinished_tasks:
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)
        return True

    def _work(self) -> None:
        while True:
            letter = self._waiting.get()
            try:
                why = self.mailer.send(letter.to, letter.subject, letter.text)
                letter.outcome.set_result(why)
                letter.sent(why)
            except Exception:
                log.exception("what became of a message could not be noted")
            finally:
                self._waiting.task_done()


@dataclass(frozen=True)
class _Letter:
    """A message on its way."""

    to: str
    subject: str
    text: str
    sent: Callable[[str], None]
    outcome: Future[str]


def mailer(url: str, sender: str = "") -> Mailer | None:
    """The mail server of a URL: ``smtp+starttls://user:password@mail.example.org:587``.

    None if it is empty.

    Raises:
        UserError: The URL cannot be read, or a password would travel in the clear.

    Example:
        >>> found = mailer("smtps://ann%40example.org:s3cret@mail.example.org", "desk@example.org")
        >>> found.port, found.security, found.user
        (465, 'tls', 'ann@example.org')
    """
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise UserError(
            "the mail server must be given as a URL",
            hint="smtp+starttls://user:password@mail.example.org:587",
        )

    server = SCHEMES[parts.scheme]
    user = unquote(parts.username or "")
    is_remote = parts.hostname not in ("localhost", "127.0.0.1", "::1")
    if user and is_remote and server.security == "none":
        raise UserError(
            "the password would be sent unencrypted",
            hint="smtp+starttls:// or smtps://",
        )
    return Mailer(
        host=parts.hostname,
        port=parts.port or server.port,
        security=server.security,
        user=user,
        password=unquote(parts.password or ""),
        sender=address(sender or _default_sender(user, parts.hostname)),
    )


def _default_sender(user: str, host: str) -> str:
    return user if "@" in user else f"tunewell@{host}"
