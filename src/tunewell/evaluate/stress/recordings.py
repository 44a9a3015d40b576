"""Stress of rows that are heard: the recording is changed, in steps of stated strength.

What is said stays what is said (but for `NO_SPEECH`), so that the right transcript does too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunewell.evaluate.stress.perturbations import Effect, Perturbation
from tunewell.types import Example, Message

if TYPE_CHECKING:
    import numpy as np

    from tunewell.audio.clips import Clip
    from tunewell.store.files import Files

NO_SPEECH = "no-speech"
"""The kind of stress, and of its rows, in whose recording nobody speaks."""

VOICES = 3
"""Other people who speak at once in babble."""


def is_silent(row: Example) -> bool:
    """Whether nobody speaks in the recording of a row: no word is right."""
    return bool(row.audio) and row.kind == NO_SPEECH


@dataclass(frozen=True)
class Surroundings:
    """What a change may draw on.

    Attributes:
        rng: Source of noise.
        others: Recordings of other speakers.
    """

    rng: np.random.Generator
    others: Sequence[Clip] = ()


Change = Callable[["Clip", float, Surroundings], "Clip"]


@dataclass(frozen=True)
class HeardKind:
    """One kind of stress of recordings.

    Attributes:
        name: ``noise``, ``telephone`` …
        about: What it does, one sentence.
        unit: Of the strength.
        strengths: From mild to hard.
        change: Makes the changed recording.
        effect: On the right answer.
    """

    name: str
    about: str
    unit: str
    strengths: tuple[float, ...]
    change: Change
    effect: Effect = "same"

    def step(self, strength: float) -> str:
        """The name of the kind at one strength.

        Example:
            >>> HEARD_KINDS["noise"].step(10)
            'noise-10db'
        """
        if len(self.strengths) == 1:
            return self.name
        return f"{self.name}-{strength:g}{self.unit}"


def _noise(clip: Clip, decibels: float, around: Surroundings) -> Clip:
    from tunewell.audio.damage import with_noise

    return with_noise(clip, decibels, around.rng)


def _babble(clip: Clip, decibels: float, around: Surroundings) -> Clip:
    from tunewell.audio.damage import with_voices

    return with_voices(clip, around.others, decibels)


def _telephone(clip: Clip, highest_hz: float, around: Surroundings) -> Clip:
    from tunewell.audio.damage import TELEPHONE_HZ, over_telephone

    return over_telephone(clip, (TELEPHONE_HZ[0], highest_hz))


def _room(clip: Clip, seconds: float, around: Surroundings) -> Clip:
    from tunewell.audio.damage import in_a_room

    return in_a_room(clip, seconds, around.rng)


def _clipped(clip: Clip, share: float, around: Surroundings) -> Clip:
    from tunewell.audio.damage import overdriven

    return overdriven(clip, share / 100)


def _speed(clip: Clip, factor: float, around: Surroundings) -> Clip:
    from tunewell.audio.damage import at_speed

    return at_speed(clip, factor)


def _silent(clip: Clip, _: float, around: Surroundings) -> Clip:
    from tunewell.audio.damage import without_speech

    return without_speech(clip, around.rng)


_KINDS = (
    HeardKind("noise", "In the noise of a room or street.", "db", (20, 10, 0), _noise),
    HeardKind("babble", "While three other people speak.", "db", (20, 10, 0), _babble),
    HeardKind("telephone", "Over a telephone, or a worse line.", "hz", (3400, 2400), _telephone),
    HeardKind("room", "In a room that echoes.", "s", (0.3, 0.8), _room),
    HeardKind("clipped", "Too loud for the microphone.", "pct", (5, 20), _clipped),
    HeardKind("faster", "Played faster, higher in pitch.", "x", (1.2, 1.4), _speed),
    HeardKind("slower", "Played slower, lower in pitch.", "x", (0.85, 0.7), _speed),
    HeardKind(NO_SPEECH, "Nobody speaks: no word is right.", "", (0,), _silent, "changed"),
)

HEARD_KINDS = {kind.name: kind for kind in _KINDS}
"""Every kind of stress of recordings, by name."""

STEPS = {kind.step(each): (kind, each) for kind in _KINDS for each in kind.strengths}
"""Every kind at each of its strengths, by the name of the step."""


@dataclass(frozen=True)
class Recordings:
    """Makes perturbations of rows that are heard: changed recordings go into the store.

    Attributes:
        files: Of the project; holds the recordings.
        rows: Rows whose speakers are heard as the others in babble.
    """

    files: Files
    rows: Sequence[Example]

    def perturbations(self, names: Sequence[str] = ()) -> list[Perturbation]:
        """One for each step of the kinds, or of those that are named.

        Args:
            names: Of kinds or steps; all if empty.
        """
        found = []
        for name, (kind, strength) in STEPS.items():
            if not names or name in names or kind.name in names:
                found.append(self._perturbation(name, kind, strength))
        return found

    def _perturbation(
        self,
        name: str,
        kind: HeardKind,
        strength: float,
    ) -> Perturbation:
        def change(row: Example, chance: random.Random) -> Example | None:
            return self._changed(row, kind, strength, chance)

        return Perturbation(name, kind.about, kind.effect, change, is_heard=True)

    def _changed(
        self, row: Example, kind: HeardKind, strength: float, chance: random.Random
    ) -> Example | None:
        import numpy as np

        from tunewell.audio.clips import LONGEST_S, wav_bytes

        if row.kind == NO_SPEECH:
            return None
        rng = np.random.default_rng(chance.getrandbits(64))
        others = self._others(row, chance) if kind.name == "babble" else []
        if kind.name == "babble" and len(others) < VOICES:
            return None
        place = _place_of_audio(row)
        clip = self._clip(row.messages[place].audio)
        changed = kind.change(clip, strength, Surroundings(rng, others))
        if changed.seconds > LONGEST_S:
            return None
        digest = self.files.put_bytes(wav_bytes(changed), suffix=".wav")
        return _with_recording(row, place, digest, is_silent=kind.name == NO_SPEECH)

    def _others(self, row: Example, chance: random.Random) -> list[Clip]:
        """Recordings of people who are not the speaker, one of each."""
        by_speaker: dict[str, list[str]] = {}
        for other in self.rows:
            if other.audio and other.kind != NO_SPEECH and other.group != row.group:
                by_speaker.setdefault(other.group or other.id, []).append(other.audio[-1])
        speakers = sorted(by_speaker)
        chosen = chance.sample(speakers, min(VOICES, len(speakers)))
        return [self._clip(chance.choice(by_speaker[each])) for each in chosen]

    def _clip(self, digest: str) -> Clip:
        from tunewell.audio.clips import RATE, read_clip

        return read_clip(self.files.open(digest)).at(RATE)


def _place_of_audio(row: Example) -> int:
    """Where the last recording of a row stands."""
    return max(place for place, turn in enumerate(row.messages) if turn.audio)


def _with_recording(
    row: Example,
    place: int,
    digest: str,
    *,
    is_silent: bool,
) -> Example:
    turns = list(row.messages)
    turns[place] = turns[place].model_copy(update={"audio": digest})
    if not is_silent:
        return row.model_copy(update={"messages": tuple(turns)})
    turns[-1] = Message(role="assistant", content="")
    return row.model_copy(update={"messages": tuple(turns), "kind": NO_SPEECH})
