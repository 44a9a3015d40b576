"""Mail: a real SMTP conversation with a server of the test's own.

Nothing without a server, no header from outside.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.web.conftest import World, texts
from tunewell.errors import UserError
from tunewell.project import Project
from tunewell.web import create_app
from tunewell.web.mail import Mailer, mailer


class Sink(socketserver.ThreadingTCPServer):
    """Takes mail and keeps it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.messages: list[str] = []
        super().__init__(("127.0.0.1", 0), Talk)


class Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Sink)
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (more := self.rfile.readline()) != b".\r\n":
                    body += more
                self.server.messages.append(body.decode())
            if verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def with_mail(world: World, sink: Sink) -> World:
    mail = mailer(f"smtp://127.0.0.1:{sink.server_address[1]}", "desk@example.org")
    world.app = create_app(
        Project(world.file, world.store), public="https://tunewell.example.org", mail=mail
    )
    return world


def test_an_invitation_and_new_work_are_sent(world: World, sink: Sink) -> None:
    with_mail(world, sink)
    owner, ann = world.client("owner", "owner"), world.client("ann")
    page = owner.post("/people/invite", role="expert", email="eve@example.org")
    assert "It was sent to eve@example.org." in texts(page.text)
    (invitation,) = sink.messages
    assert "To: eve@example.org" in invitation
    assert "https://tunewell.example.org/join/" in invitation.replace("=\n", "")
    assert ann.post("/account/email", email="ann@example.org").status_code == 303
    batch = world.review([], rows=4, raters=1)
    ids = [world.account("ann", "expert").id, world.account("bob", "expert").id]
    assert (
        owner.client.post(
            f"/batches/{batch.id}/share", data={"csrf": owner.csrf, "people": ids}
        ).status_code
        == 303
    )
    assert world.app.state.context.mail.wait(10)
    assert len(sink.messages) == 2  # bob has left no address
    assert "New work for you: Answers of the desk" in sink.messages[1]
    assert f"https://tunewell.example.org/work/{batch.id}" in sink.messages[1].replace("=\n", "")
    owner.client.post(f"/batches/{batch.id}/share", data={"csrf": owner.csrf, "people": ids})
    assert world.app.state.context.mail.wait(10)
    assert len(sink.messages) == 2  # nothing new for anybody


def test_a_mail_server_that_never_answers_holds_nobody_up(world: World) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(50)
        mail = mailer(f"smtp://127.0.0.1:{hole.getsockname()[1]}", "desk@example.org")
        world.app = create_app(Project(world.file, world.store), mail=mail)
        owner = world.client("owner", "owner")
        ids = []
        for n in range(5):
            account = world.account(f"rater {n}", "expert")
            world.accounts.set_email(account.id, f"r{n}@example.org")
            ids.append(account.id)
        started = time.monotonic()
        title = "evil\r\nBcc: x@example.org\r\n"
        opened = owner.post("/batches/review", rows="6", raters="2", people=ids, title=title)
        invited = owner.post("/people/invite", role="expert", email="eve@example.org")
        # Five people and a guest, each until the server is given up, would be minutes.
        assert time.monotonic() - started < 30
    assert opened.status_code == 303
    assert "It is being sent to eve@example.org" in texts(invited.text)


def test_no_header_comes_from_outside_and_bad_addresses_are_refused(
    world: World, sink: Sink
) -> None:
    with_mail(world, sink)
    owner = world.client("owner", "owner")
    for bad in ("eve@example.org\nBcc: all@example.org", "no address", "a@b, c@d", "<script>@x"):
        assert owner.post("/people/invite", role="expert", email=bad).status_code == 400
        assert owner.post("/account/email", email=bad).status_code == 400
    assert sink.messages == []
    mail = mailer(f"smtp://127.0.0.1:{sink.server_address[1]}")
    assert mail is not None
    assert mail.send("eve@example.org", "one\nBcc: two@example.org", "text") == ""
    assert "\nBcc:" not in sink.messages[0]


def test_what_cannot_be_sent_is_said_and_the_link_is_there(world: World) -> None:
    dead = Mailer(host="127.0.0.1", port=9, security="none", sender="desk@example.org")
    world.app = create_app(Project(world.file, world.store), mail=dead)
    owner = world.client("owner", "owner")
    page = texts(owner.post("/people/invite", role="guest", email="eve@example.org").text)
    assert "could not be sent to eve@example.org" in page
    assert "/join/" in page


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://ann:secret@mail.example.org"])
def test_a_mail_server_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(UserError):
        mailer(url)
    assert mailer("") is None
