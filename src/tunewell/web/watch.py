"""What is unusual in use, since when, why and what to do: read in ten seconds by who is on duty."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import (
    APIRouter,
    Form,
    Request,
)
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import StoreError, UserError
from tunewell.monitor.episodes import (
    Episode,
    acknowledge,
    acknowledgements,
    episodes,
)
from tunewell.monitor.kept_look import (
    KeptChannel,
    KeptLook,
    last_look,
)
from tunewell.monitor.plain_alarm import figure, headline, short_figure
from tunewell.people import Session
from tunewell.releases import Release, history, serving
from tunewell.web.access import Maker, MakerForm
from tunewell.web.context import AppContext, context_of
from tunewell.web.render import page
from tunewell.web.watch_chart import ChannelChart, channel_chart

router = APIRouter(include_in_schema=False)


@router.get("/watch")
def watch_page(request: Request, session: Maker) -> Response:
    """What is unusual now, and every channel with its band."""
    return _watch(request, session)


def _watch(
    request: Request,
    session: Session,
    *,
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    look = last_look(context.store)
    found: tuple[Episode, ...] = ()
    if look is not None:
        found = episodes(look.alarms, acknowledgements(context.store))
    return page(
        request,
        "watch.html",
        session,
        status=400 if error else 200,
        look=look,
        serves_since=_released_after(context, look) if look else None,
        silent_days=(look.at - look.as_of).days if look else 0,
        open_episodes=[episode for episode in found if episode.is_open],
        noted=[episode for episode in found if not episode.is_open],
        charts=_charts(context, look) if look else [],
        alarm_figure=figure,
        headline=headline,
        short_figure=short_figure,
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def _released_after(context: AppContext, look: KeptLook) -> Release | None:
    """What serves since the last record of a look, whose figures say nothing of it."""
    now = serving(context.store, context.project.spec.decide.place)
    return now if now is not None and now.since > look.as_of else None


def _charts(context: AppContext, look: KeptLook) -> list[dict[str, Any]]:
    """Every channel's chart, those with alarms first."""
    releases = history(context.store)
    drawn = []
    for channel in look.channels:
        alarms = [alarm for alarm in look.alarms if channel.has(alarm)]
        drawn.append(
            {"channel": channel, "alarms": alarms, "chart": _chart(channel, alarms, releases)}
        )
    return sorted(drawn, key=lambda each: -len(each["alarms"]))


def _chart(
    channel: KeptChannel,
    alarms: list[Any],
    releases: Any,
) -> ChannelChart | None:
    marks = [(release.since, f"{release.place} {release.version[:8]}") for release in releases]
    return channel_chart(channel, since=[alarm.since for alarm in alarms], releases=marks)


@router.post("/watch/acknowledge")
def acknowledge_alarm(
    request: Request,
    session: MakerForm,
    alarm: Annotated[str, Form(max_length=64)],
    reason: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Take note of an alarm, with a reason, for ever."""
    context = context_of(request)
    look = last_look(context.store)
    known = {each.id for each in look.alarms} if look else set()
    try:
        if alarm not in known:
            raise UserError("there is no such alarm in the newest look", hint="reload the page")
        acknowledge(
            context.store,
            alarm,
            reason=reason,
            author=session.account.shown,
            account=session.account.id,
        )
    except StoreError:
        raise
    except UserError as error:
        return _watch(
            request,
            session,
            error=error,
        )
    context.audit.add(session.account.name, "alarm acknowledged", alarm, reason=reason.strip())
    return RedirectResponse("/watch", 303)
