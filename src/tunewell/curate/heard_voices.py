"""Voices of rows that are heard: one voice under two names, one name over two voices (D08).

Whoever has two names is one family, or a person would be in training and in the test set.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tunewell.curate.reading.clips import Clips
from tunewell.curate.receipts import Ledger, StepRule, still_there
from tunewell.curate.rows import InputRow
from tunewell.similar.union_find import families_of

if TYPE_CHECKING:
    from tunewell.audio.voices import SameVoice

VOICE = "voice"
"""Tag of rows whose speakers are one person under several names: they are never parted."""

_ONE_VOICE = StepRule(
    step="voices",
    rule="rows with one voice under several names stay together",
)


def can_hear_voices() -> bool:
    """Whether torch and the weights that tell voices apart are installed."""
    from tunewell.audio.voices import weights_file

    return find_spec("torch") is not None and weights_file() is not None


def note_voices(rows: Sequence[InputRow], clips: Clips, ledger: Ledger) -> str:
    """Mark rows of one voice under several names, and note rows of another voice.

    Returns:
        Why nothing was looked at; empty if it was.
    """
    heard = [row for row in rows if row.group and row.clip in clips.facts]
    if not heard:
        return ""
    if not can_hear_voices():
        from tunewell.audio.voices import PACKAGE_HINT

        return f"voices were not compared ({PACKAGE_HINT}, and the extra train)"
    _note(heard, clips, ledger)
    return ""


def _note(heard: Sequence[InputRow], clips: Clips, ledger: Ledger) -> None:
    from tunewell.audio.clips import read_clip
    from tunewell.audio.voices import VoiceEncoder, other_voices, same_voices

    encoder = VoiceEncoder()
    voices, known = [], []
    for row in heard:
        voice = encoder.voice(read_clip(clips.paths[row.clip]))
        if voice is not None:
            voices.append(voice)
            known.append(row)
    names = [row.group for row in known]
    for place in other_voices(voices, names):
        ledger.seen("D08", [known[place].id])
        ledger.seen(still_there("D08"), [known[place].id])
    _keep_together(known, same_voices(voices, names), ledger)


def _keep_together(
    rows: Sequence[InputRow],
    pairs: Sequence[SameVoice],
    ledger: Ledger,
) -> None:
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    place = {name: i for i, name in enumerate(names)}
    joined = families_of([(place[pair.first], place[pair.second]) for pair in pairs], len(names))
    called = {names[i]: [names[j] for j in family] for family in joined for i in family}
    for row in rows:
        if row.group in called:
            same = called[row.group]
            row.tags[VOICE] = same[0]
            ledger.change(row, _ONE_VOICE, evidence=f"one voice: {', '.join(same)}")
