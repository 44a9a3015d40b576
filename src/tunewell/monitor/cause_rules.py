"""From what is known around one alarm to its cause: the rules, in the order in which they speak."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tunewell.monitor.alarm_place import AlarmPlace
from tunewell.monitor.anchors import AnchorReading, AnchorTest
from tunewell.monitor.channel import ChannelTopic
from tunewell.monitor.evidence import (
    CauseEvidence,
    EvidenceKind,
    TimeWindow,
)
from tunewell.monitor.evidence.fields import role_of
from tunewell.monitor.mix import MixEffect
from tunewell.monitor.movement import MOVED, Movement, movement
from tunewell.plurals import per_cent
from tunewell.types import (
    Alarm,
    Cause,
    Value,
)

OF_SERVER: Final = (
    "total_s",
    "first_token",
    "latency",
    "duration",
    "error",
    "fail",
    "status",
    "ended",
    "cost",
)
"""Parts of the names of channels that are about how fast the server answers, and whether."""

SHORT: Final = dt.timedelta(days=4)
"""A fall that is over after so many days may have been anybody's doing."""

KNOWN: Final = 3.0
"""A value that so many records had before the change was known."""


class Judged(Value):
    """A cause with its reason.

    Attributes:
        cause: What it is.
        why: The evidence, one sentence.
    """

    cause: Cause
    why: str


@dataclass(frozen=True)
class Scene:
    """Everything that is known around the beginning of one alarm.

    Attributes:
        alarm: The alarm.
        place: Which channel it is of.
        window: When it began.
        evidence: What the records show.
        moved: How far every channel moved.
        mix: How much of it the shares of topics, regions … explain; None where nobody can say.
        anchors: What anchors show that were run after it began; None without any.
    """

    alarm: Alarm
    place: AlarmPlace
    window: TimeWindow
    evidence: tuple[CauseEvidence, ...]
    moved: tuple[Movement, ...]
    mix: MixEffect | None
    anchors: AnchorReading | None

    @property
    def by_mix(self) -> Judged | None:
        """Traffic, if other shares of what is asked explain the change."""
        if self.mix is None or not self.mix.explains:
            return None
        part = min(self.mix.by_mix / self.mix.change, 1.0)
        why = (
            f"changed shares of {self.mix.field} explain {per_cent(part)} of it; within each "
            "value nothing changed"
        )
        return Judged(cause="traffic", why=why)

    def of(self, *kinds: EvidenceKind) -> list[CauseEvidence]:
        """Evidence of some kinds."""
        return [found for found in self.evidence if found.kind in kinds]

    def among(self, *topics: ChannelTopic) -> list[Movement]:
        """Channels of all of the traffic, of some topics, that moved beyond doubt; most first."""
        found = [moved for moved in self.moved if moved.topic in topics and moved.has_moved]
        return sorted(found, key=lambda moved: -abs(moved.z))

    @property
    def model(self) -> AnchorTest | None:
        """What the anchors say of the model."""
        return self.anchors.model if self.anchors else None

    @property
    def judge(self) -> AnchorTest | None:
        """What the anchors say of the judge."""
        return self.anchors.judge if self.anchors else None


def judge_cause(scene: Scene) -> Judged:
    """The cause of one alarm.

    Evidence that the measurement changed, and that can have moved this very channel, goes first;
    then what this kind of channel says something about.
    """
    for found in scene.evidence:
        if found.cause == "instrumentation" and touches(found, scene.place):
            return Judged(cause="instrumentation", why=found.what)
    if scene.place.kind == "values":
        return _of_values(scene)
    rule = RULES.get(scene.place.topic, _cannot_tell)
    return rule(scene)


def touches(evidence: CauseEvidence, place: AlarmPlace) -> bool:
    """Whether a change of the measurement can have moved a channel."""
    if evidence.kind == "clock":
        return place.topic == "measurement"
    if evidence.kind in ("lost", "silence", "orphans"):
        is_volume = place.kind in ("count", "gap") or place.topic == "measurement"
        return is_volume and not place.rises and evidence.stream == place.stream
    if evidence.kind == "template":
        is_template = any(role_of(field) == "template" for field in place.fields)
        return is_template or place.topic in ("answer", "quality", "judge", "feedback")
    if evidence.kind in ("renamed", "fill", "scale"):
        return bool(set(evidence.fields) & set(place.fields))
    return False


def _cannot_tell(scene: Scene) -> Judged:
    return Judged(
        cause="cannot tell",
        why="nothing in the records or the anchors says why it changed",
    )


# --- who asks, and what ---------------------------------------------------------------------------


def _of_values(scene: Scene) -> Judged:
    """Values of a field: versions say what they are; the others, what their field is about."""
    for found in scene.of("model version", "judge version"):
        if set(found.fields) & set(scene.place.fields):
            return Judged(cause=found.cause, why=found.what)
    if scene.place.topic not in ("input", "traffic"):
        return RULES[scene.place.topic](scene)
    before = scene.alarm.before
    was_known = before is not None and before.value * before.n >= KNOWN
    if not was_known or not scene.place.rises:
        return _cannot_tell(scene)
    return _of_demand(scene)


def _of_demand(scene: Scene) -> Judged:
    """More questions, or others: about something new that they name, or about the same as ever."""
    if scene.place.kind == "words":
        return _of_words(scene)
    words = scene.of("new words")
    if words and scene.place.rises:
        return Judged(cause="knowledge", why=words[0].what)
    if scene.place.kind == "count" and not scene.place.rises:
        return _of_silence(scene)
    return Judged(
        cause="traffic",
        why="different people ask, or about different things, in the same words; no field, "
        "clock or version changed",
    )


def _of_words(scene: Scene) -> Judged:
    """Words: of what is asked more often anyway, or of something that happened."""
    if scene.by_mix is not None:
        return scene.by_mix
    named = ", ".join(scene.place.terms[:3])
    return Judged(cause="knowledge", why=f"the texts name {named} far more often than before")


def _of_silence(scene: Scene) -> Judged:
    """Fewer questions: whether they were not asked or not recorded, only other records can say."""
    if _is_over(scene):
        return _cannot_tell(scene)
    return Judged(
        cause="traffic",
        why="fewer people ask; row numbers, fields and clock are unchanged",
    )


def _is_over(scene: Scene) -> bool:
    """Whether a fall was over so soon that the time after it looks as the time before."""
    counts = [
        moved.channel
        for moved in scene.moved
        if moved.channel.kind == "count" and moved.channel.stream == scene.place.stream
    ]
    # Without the first days, which may be all that there was of it.
    settled = replace(scene.window, high=scene.window.high + SHORT)
    later = movement(counts[0], settled) if counts else None
    return later is None or later.z > -MOVED


# --- how it answers -------------------------------------------------------------------------------


def _of_answers(scene: Scene) -> Judged:
    """How the model answers: its own doing, unless other questions explain it."""
    known = _model_changed(scene)
    if known is not None:
        return known
    if scene.by_mix is not None:
        return scene.by_mix
    if is_of_server(scene.place.name, scene.place.terms):
        return Judged(
            cause="model",
            why="its server answers differently; questions and records are as before",
        )
    servers = [moved for moved in scene.among("answer") if is_of_server(moved.channel.name, ())]
    if servers and scene.model is not None:
        return Judged(cause="model", why=f"its server answers differently: {_moved(servers)}")
    if scene.model is not None:
        return Judged(
            cause="cannot tell", why="answers changed, but anchors are answered as before"
        )
    asked = scene.among("traffic", "input")
    if asked:
        return Judged(
            cause="cannot tell",
            why=f"answers changed together with what is asked: {_moved(asked)}",
        )
    return Judged(
        cause="model",
        why="answers changed while what is asked and how it is recorded did not",
    )


def _model_changed(scene: Scene) -> Judged | None:
    """What the anchors show of the model, or without them its version."""
    if scene.model is not None:
        return Judged(cause="model", why=scene.model.what) if scene.model.is_change else None
    versions = scene.of("model version")
    return Judged(cause="model", why=versions[0].what) if versions else None


def is_of_server(
    name: str,
    terms: tuple[str, ...],
) -> bool:
    """Whether a channel is about how fast the server answers, and whether: no anchor shows it."""
    text = " ".join((name, *terms))
    return any(word in text for word in OF_SERVER)


def _of_quality(scene: Scene) -> Judged:
    """How well it answers, as people and metrics see it."""
    known = _model_changed(scene)
    if known is not None:
        return known
    if scene.by_mix is not None:
        return scene.by_mix
    answers = scene.among("answer")
    if answers and scene.model is None:
        return Judged(cause="model", why=f"the answers themselves changed: {_moved(answers)}")
    words = scene.of("new words")
    if words:
        return Judged(cause="knowledge", why=f"{words[0].what}, and answers are right less often")
    servers = [moved for moved in answers if is_of_server(moved.channel.name, ())]
    if servers:
        return Judged(cause="model", why=f"its server answers differently: {_moved(servers)}")
    if scene.model is not None and not answers:
        return Judged(
            cause="knowledge",
            why="anchors are answered as before, but answers are right less often",
        )
    return _cannot_tell(scene)


def _of_judge(scene: Scene) -> Judged:
    """How the judge scores: its own doing, unless the answers changed."""
    if scene.judge is not None:
        if scene.judge.is_change:
            return Judged(cause="judge", why=scene.judge.what)
        return _of_quality(scene) if _is_seen_by_others(scene) else _cannot_tell(scene)
    versions = scene.of("judge version")
    if versions:
        return Judged(cause="judge", why=versions[0].what)
    if scene.by_mix is not None:
        return scene.by_mix
    if scene.among("answer", "quality", "feedback") or scene.of("model version"):
        return _of_quality(scene)
    if scene.among("traffic", "input"):
        return _cannot_tell(scene)
    return Judged(
        cause="judge",
        why="its scores changed while answers, people's scores and questions did not",
    )


def _is_seen_by_others(scene: Scene) -> bool:
    """Whether anything but the judge speaks of it: anchors miss a small change of the judge."""
    others = scene.among("answer", "quality", "feedback", "traffic", "input")
    return bool(others or scene.of("new words", "model version"))


def _moved(found: list[Movement]) -> str:
    """What moved most, in words."""
    first = found[0]
    name = f"{first.channel.stream}: {first.channel.name}".removeprefix(": ")
    return f"{name} went from {first.before:.3g} to {first.after:.3g}"


Rule = Callable[[Scene], Judged]

RULES: Final[Mapping[ChannelTopic, Rule]] = {
    "traffic": _of_demand,
    "input": _of_demand,
    "answer": _of_answers,
    "quality": _of_quality,
    "judge": _of_judge,
    "feedback": _of_quality,
    # Clocks, gaps and fields: without evidence beside them nobody knows.
    "measurement": _cannot_tell,
}
