"""What changed in use within a week: one page that needs nothing else, and its text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from tunewell.monitor.episodes import Episode
from tunewell.monitor.kept_look import KeptChannel, KeptLook
from tunewell.monitor.plain_alarm import figure, headline
from tunewell.plurals import per_cent, plural
from tunewell.releases import Release
from tunewell.safe_text import shown

STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 -apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif;"
    "margin:0 auto;max-width:44rem;padding:1.5rem 1rem;color:#1c2126;background:#fffffd}"
    "h1{font-size:1.4rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}"
    "p,ul,dl{margin:.3rem 0}dt{color:#5a626b}dd{margin:0 0 .4rem}"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}"
    "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #dfdcd3;"
    "vertical-align:top;overflow-wrap:anywhere}"
    ".muted{color:#5a626b}.bad{border-left:5px solid #a62b25;padding-left:.9rem}"
    ".good{border-left:5px solid #17683f;padding-left:.9rem}"
    "@media(prefers-color-scheme:dark){body{color:#e9e7e1;background:#191d20}"
    "dt,.muted{color:#a3abb3}th,td{border-color:#31373c}"
    ".bad{border-color:#f4958d}.good{border-color:#7fd3a4}}"
)


@dataclass(frozen=True)
class WeekOfWatching:
    """What a digest is made of.

    Attributes:
        project: Name of the project.
        start: First day of the week.
        end: Last day.
        look: The newest look.
        episodes: What was found in it, taken together.
        releases: Of the week.
        reading: Sentences on what people read: the standing review, the queue.
        link: Address of the page; empty if nobody knows.
    """

    project: str
    start: dt.date
    end: dt.date
    look: KeptLook
    episodes: Sequence[Episode]
    releases: Sequence[Release] = ()
    reading: Sequence[str] = ()
    link: str = ""

    @property
    def new(self) -> list[Episode]:
        """What was first seen in the week."""
        return [each for each in self.episodes if self._has(each.lead.raised)]

    @property
    def still_open(self) -> list[Episode]:
        """What is older and nobody has acknowledged."""
        return [each for each in self.episodes if each.is_open and not self._has(each.lead.raised)]

    @property
    def is_unseen(self) -> bool:
        """Whether the records end before the week, so that nothing is known of it."""
        return self.look.as_of.date() < self.start

    @property
    def nothing(self) -> str:
        """What is said where nothing new was found."""
        if self.is_unseen:
            return (
                f"No records came after {self.look.as_of:%Y-%m-%d}: nothing is known of this week."
            )
        return "Nothing new was found."

    def _has(
        self,
        at: dt.datetime,
    ) -> bool:
        # An alarm is raised at the end of its last day.
        return self.start <= (at - dt.timedelta(seconds=1)).date() <= self.end

    @property
    def title(self) -> str:
        """One line: what it is about and whether anything happened."""
        found = plural(len(self.new), "new alarm") if self.new else "nothing new"
        if self.is_unseen:
            found = "no records of this week"
        if self.still_open:
            found = f"{found}, {len(self.still_open)} still open"
        return f"{self.project}: {found}, {self.start} to {self.end}"


def digest_html(week: WeekOfWatching) -> str:
    """The digest as a page of its own."""
    parts = [
        Markup("<h1>{}</h1>").format(shown(week.title)),
        Markup('<p class="muted">{}</p>').format(_about(week)),
        _section("New this week", week.new, week.nothing, is_bad=week.is_unseen),
        _section("Still open", week.still_open, ""),
        _list("Releases", [_release(each) for each in week.releases]),
        _list("What people read", list(week.reading)),
        _list("Quality by feedback", [bound.sentence for bound in week.look.bounds]),
        _channels(week.look),
        _list(
            "Not checked", [_unchecked(each.channel, each.reason) for each in week.look.unchecked]
        ),
    ]
    if week.link:
        parts.append(Markup('<p><a href="{}">Open the page</a></p>').format(week.link))
    head = Markup("<title>{}</title><style>{}</style>").format(shown(week.title), Markup(STYLE))
    page = Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">{}</head>'
        "<body><main>{}</main></body></html>\n"
    )
    return str(page.format(head, Markup("").join(parts)))


def digest_text(week: WeekOfWatching) -> str:
    """The digest as plain text."""
    lines = [week.title, _about(week), ""]
    for name, found in (("New this week", week.new), ("Still open", week.still_open)):
        if found:
            lines += [name, *(line for each in found for line in _told(each)), ""]
    if not week.new:
        lines += [week.nothing, ""]
    for name, said in (
        ("Releases", [_release(each) for each in week.releases]),
        ("What people read", list(week.reading)),
    ):
        if said:
            lines += [name, *(f"  {each}" for each in said), ""]
    if week.look.unchecked:
        lines.append(f"{plural(len(week.look.unchecked), 'channel')} not checked")
    if week.link:
        lines.append(week.link)
    return "\n".join(shown(line) for line in lines).rstrip() + "\n"


def _about(week: WeekOfWatching) -> str:
    look = week.look
    return (
        f"{plural(look.records, 'record')} until {look.as_of:%Y-%m-%d}, "
        f"{plural(len(look.channels), 'channel')}; {per_cent(look.yearly)} of years without "
        "change would show any alarm"
    )


def _told(episode: Episode) -> list[str]:
    alarm = episode.lead
    lines = [f"  {headline(alarm)}, since {alarm.since:%Y-%m-%d}; cause: {alarm.cause}"]
    if alarm.before and alarm.after:
        lines.append(f"    {figure(alarm.after)}, before {figure(alarm.before)}")
    if alarm.cause_why:
        lines.append(f"    why: {alarm.cause_why}")
    if alarm.remedy:
        lines.append(f"    do: {alarm.remedy}")
    if episode.acknowledged:
        lines.append(f"    {episode.acknowledged.author}: {episode.acknowledged.reason}")
    return lines


def _release(release: Release) -> str:
    return f"{release.since:%Y-%m-%d}: {release.version[:12]} in {release.place}"


def _unchecked(
    channel: str,
    reason: str,
) -> str:
    return f"{channel}: {reason}"


def _section(
    title: str,
    found: Sequence[Episode],
    nothing: str,
    *,
    is_bad: bool = False,
) -> Markup:
    if not found:
        if not nothing:
            return Markup("")
        mood = "bad" if is_bad else "good"
        return Markup('<h2>{}</h2><p class="{}">{}</p>').format(title, mood, nothing)
    parts = [Markup("<h2>{}</h2>").format(title)]
    for episode in found:
        first, *rest = (shown(line.strip()) for line in _told(episode))
        more = Markup("").join(Markup("<br>{}").format(escape(line)) for line in rest)
        parts.append(Markup('<p class="bad"><strong>{}</strong>{}</p>').format(first, more))
    return Markup("").join(parts)


def _list(
    title: str,
    lines: Sequence[str],
) -> Markup:
    if not lines:
        return Markup("")
    items = Markup("").join(Markup("<li>{}</li>").format(shown(line)) for line in lines)
    return Markup("<h2>{}</h2><ul>{}</ul>").format(title, items)


def _channels(look: KeptLook) -> Markup:
    rows = Markup("").join(map(_channel_row, look.channels))
    head = Markup("<tr><th>Channel</th><th>Now</th><th>Usual</th><th>Band</th></tr>")
    return Markup("<h2>Channels</h2><table>{}{}</table>").format(head, rows)


def _channel_row(channel: KeptChannel) -> Markup:
    cells = [_last(series) for series in (channel.values, channel.expected)]
    band = f"{_last(channel.low)} to {_last(channel.high)}"
    name = f"{channel.title} {channel.place}".strip()
    return Markup("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>").format(
        shown(name), f"{cells[0]} {channel.unit}".strip(), cells[1], band
    )


def _last(series: Sequence[float | None]) -> str:
    known = [value for value in series if value is not None]
    return f"{known[-1]:.3g}" if known else "–"
