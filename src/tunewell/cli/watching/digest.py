"""``tunewell watch digest``: what changed last week, as a page, by mail, to a webhook."""

from __future__ import annotations

import datetime as dt
import json as json_module
import urllib.error
import urllib.request
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Final,
)
from urllib.parse import urlsplit

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectOption,
    emit,
    note,
    open_project,
    show,
)
from tunewell.errors import UserError

if TYPE_CHECKING:
    from tunewell.project import Project
    from tunewell.report.watch_digest import WeekOfWatching

SENT: Final = "watch-digest"
"""Kind of the events that say where a week's digest was sent: it is sent once."""

TIMEOUT_S: Final = 15.0


def digest(
    path: ProjectOption = Path(),
    send: Annotated[
        bool,
        typer.Option("--send", help="Send it to the addresses of tunewell.yaml, once a week."),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Send it even if it was sent.")] = False,
    smtp: Annotated[
        str,
        typer.Option(
            "--smtp",
            envvar="TUNEWELL_SMTP_URL",
            help="Mail server: smtp+starttls://user:password@mail.example.org:587.",
        ),
    ] = "",
    mail_from: Annotated[
        str,
        typer.Option("--mail-from", envvar="TUNEWELL_MAIL_FROM", help="Sender address."),
    ] = "",
    link: Annotated[
        str, typer.Option("--link", help="Address of the page Watch, for the readers.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Write the digest of the last week; with --send by mail and to the webhook, once."""
    from tunewell.report.watch_digest import digest_html, digest_text

    with open_project(path) as project:
        week = week_of_watching(project, dt.datetime.now(dt.UTC), link=link)
        name = f"watch-{week.start.isoformat()}.html"
        file = project.store.reports / name
        file.write_text(digest_html(week), encoding="utf-8")
        sent = _send(project, week, smtp, mail_from, again=again) if send else {}
    failed = {place: why for place, why in sent.items() if why}
    if json:
        emit("watch digest", {"file": str(file), "title": week.title, "sent": sent})
    else:
        show(digest_text(week))
        show(str(file))
        for place, why in sent.items():
            note(f"not sent to {place}: {why}" if why else f"sent to {place}")
    if failed:
        raise UserError(
            f"the digest could not be sent to {', '.join(failed)}",
            hint="tunewell watch digest --send",
        )


def week_of_watching(
    project: Project,
    now: dt.datetime,
    *,
    link: str = "",
) -> WeekOfWatching:
    """What happened within the last seven days.

    Raises:
        UserError: Nobody has looked yet.
    """
    from tunewell.monitor.anomaly import sentence
    from tunewell.monitor.episodes import acknowledgements, episodes
    from tunewell.monitor.kept_look import last_look
    from tunewell.monitor.standing_review import people_alone, read_answers
    from tunewell.releases import history
    from tunewell.report.watch_digest import WeekOfWatching
    from tunewell.watching import queue_so_far

    look = last_look(project.store)
    if look is None:
        raise UserError("nobody has looked at the traffic yet", hint="tunewell watch")
    end = now.date() - dt.timedelta(days=1)
    start = end - dt.timedelta(days=6)
    reading = []
    for criterion in project.spec.people.rubric:
        found = people_alone(read_answers(project.store, criterion.name))
        if found is not None:
            reading.append(f"standing review, {criterion.name}: {found} ({found.n} conversations)")
    queue = queue_so_far(project.store)
    if queue is not None:
        reading.append(sentence(queue))
    return WeekOfWatching(
        project=project.spec.task.name,
        start=start,
        end=end,
        look=look,
        episodes=episodes(look.alarms, acknowledgements(project.store)),
        releases=[each for each in history(project.store) if start <= each.since.date() <= end],
        reading=reading,
        link=link,
    )


def _send(
    project: Project,
    week: WeekOfWatching,
    smtp: str,
    mail_from: str,
    *,
    again: bool,
) -> dict[str, str]:
    """Where it was sent just now, with why it could not be."""
    asked = project.spec.watch.digest
    places = [*asked.to, *([asked.webhook] if asked.webhook else [])]
    if not places:
        raise UserError(
            "nobody is named to send the digest to",
            place=str(project.file.path),
            hint="watch: {digest: {to: [ann@example.org]}}",
        )
    subject = week.start.isoformat()
    done = {event.record.get("place") for event in project.store.said(SENT, subject=subject)}
    sent: dict[str, str] = {}
    for place in places:
        if place in done and not again:
            continue
        is_webhook = place == asked.webhook
        why = post(place, week) if is_webhook else _mail(place, week, smtp, mail_from)
        sent[place] = why
        if not why:
            project.store.say(SENT, subject, author="tunewell watch", record={"place": place})
    return sent


def _mail(
    to: str,
    week: WeekOfWatching,
    smtp: str,
    sender: str,
) -> str:
    from tunewell.report.watch_digest import digest_html, digest_text
    from tunewell.web.mail import mailer

    server = mailer(smtp, sender)
    if server is None:
        return "no mail server is named (--smtp or $TUNEWELL_SMTP_URL)"
    return server.send(to, week.title, digest_text(week), html=digest_html(week))


def post(address: str, week: WeekOfWatching) -> str:
    """Post a digest to a webhook as JSON; gives why it could not be, empty if it was.

    The field ``text`` is what chat services show; the rest is for programs.
    """
    from tunewell.report.watch_digest import digest_text

    if urlsplit(address).scheme not in ("http", "https"):
        return "a webhook's address begins with https://"
    body = {
        "text": digest_text(week),
        "title": week.title,
        "start": week.start.isoformat(),
        "end": week.end.isoformat(),
        "new": [each.lead.model_dump(mode="json") for each in week.new],
        "open": [each.lead.model_dump(mode="json") for each in week.still_open],
    }
    request = urllib.request.Request(
        address,
        data=json_module.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):
            return ""
    except (OSError, ValueError, urllib.error.URLError) as error:
        return str(error).splitlines()[0][:200] or type(error).__name__
