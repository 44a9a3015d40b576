"""Rows that are heard: what is wrong with a recording (D08), and the same recording again.

Copies of a recording are found by their sound, whatever the encoding: in training (D04), between
training and test rows (D11), and with other words (D09).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

from tunewell.checks.broken import Breakage
from tunewell.curate.receipts import Ledger, StepRule, still_there
from tunewell.curate.row_checks import RowLook
from tunewell.curate.rows import InputRow
from tunewell.plurals import per_cent, plural
from tunewell.similar import key
from tunewell.types.rows import NO_SPEECH

if TYPE_CHECKING:
    from tunewell.audio.facts import ClipFacts
    from tunewell.audio.fingerprint import SameRecording
    from tunewell.curate.reading.clips import Clips

RECORDING = "recording"
"""Tag of rows that are heard in one recording: they are never parted."""

_WHOLE = 0.9
"""Share that two recordings have in common from which they are copies, not parts of each other."""

_FEWEST_RATES = 20
"""Fewer rows do not tell how fast people speak here."""

_FEWEST_OWN = 5
"""Fewer rows do not tell how fast one speaker speaks."""

_FAR = 0.55
"""Natural logarithm of how many times slower or faster than the median is out of the ordinary …"""

_FASTER = 0.4
"""… and of how many times faster than the same speaker: recordings read at a wrong rate.

The fastest of 80 readings of LibriSpeech and of 152 dictations stand at .29 and .18 of their own
speaker; read at twice their rate all but one stand above .44.
"""

_VERY_FAR = 1.1
"""… and of how many times (about three) nobody speaks: recording and words do not belong together.

In 80 readings of LibriSpeech the slowest stands at .93 (a chapter's heading), the fastest at .42.
"""


@dataclass(frozen=True)
class SpokenRate:
    """How many characters a second are spoken in a set of rows.

    Attributes:
        usual: The median; 0 = there are too few rows to tell.
        own: The median of each speaker with rows enough.
    """

    usual: float = 0.0
    own: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[InputRow], facts: Mapping[str, ClipFacts]) -> SpokenRate:
        """The rate of rows with words."""
        rates: list[float] = []
        by_speaker: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            if row.target and row.clip in facts:
                rates.append(_rate(row, facts[row.clip]))
                by_speaker[row.group].append(rates[-1])
        if len(rates) < _FEWEST_RATES:
            return cls()
        enough = {name: own for name, own in by_speaker.items() if len(own) >= _FEWEST_OWN}
        return cls(median(rates), {name: median(own) for name, own in enough.items() if name})

    def is_too_fast(self, row: InputRow, facts: ClipFacts) -> bool:
        """Whether a row is faster than its speaker ever speaks."""
        own = self.own.get(row.group)
        return own is not None and math.log(_rate(row, facts) / own) >= _FASTER

    def distance(self, row: InputRow, facts: ClipFacts) -> float:
        """Natural logarithm of the row's rate over the usual one; 0 where that is unknown."""
        if not self.usual or not row.target:
            return 0.0
        return math.log(_rate(row, facts) / self.usual)


def _rate(row: InputRow, facts: ClipFacts) -> float:
    return len(row.target) / max(facts.spoken_s, 0.1)


def clip_fault(row: InputRow, facts: ClipFacts, rate: SpokenRate) -> Breakage | None:
    """What makes a recording unusable for its row, or may; None if nothing does."""
    if row.kind == NO_SPEECH:
        return None
    if facts.is_silent:
        said = f"the loudest moments are at {facts.loudest_db:.0f} dB"
        return Breakage("silent", "a recording must hold something that can be heard", said)
    if facts.is_clipped:
        said = f"{per_cent(facts.clipped, 2)} of the samples stand at the limit"
        return Breakage("clipped", "loud parts of the recording are clipped", said, False)
    distance = rate.distance(row, facts)
    if abs(distance) >= _FAR or rate.is_too_fast(row, facts):
        often = math.exp(abs(distance))
        than = "faster" if distance > 0 else "slower"
        said = f"{len(row.target)} characters in {facts.spoken_s:.1f} s, {often:.1f} times {than}"
        rule = (
            "the words must fit the length of the recording, at the speed of the other recordings"
        )
        return Breakage("length against words", rule, said, abs(distance) >= _VERY_FAR)
    if facts.is_narrow:
        said = f"{facts.rate} samples a second, and nothing above 4.5 kHz"
        rule = "the recording holds less than its sample rate allows: it was made at 8 kHz"
        return Breakage("wrong rate", rule, said, False)
    return None


def with_clip_faults(
    rows: Sequence[InputRow],
    looked: Sequence[RowLook],
    clips: Clips,
) -> list[RowLook]:
    """What the pass over rows saw, with what is wrong with recordings.

    A row in which nobody speaks (kind `NO_SPEECH`) may have no words.
    """
    if not clips.facts:
        return list(looked)
    rate = SpokenRate.of(rows, clips.facts)
    return [_looked(row, look, clips, rate) for row, look in zip(rows, looked, strict=True)]


def _looked(row: InputRow, look: RowLook, clips: Clips, rate: SpokenRate) -> RowLook:
    facts = clips.facts.get(row.clip)
    if facts is None:
        return look
    if row.kind == NO_SPEECH and not row.target:
        return replace(look, fault=None)
    fault = clip_fault(row, facts, rate)
    if fault is None or look.fault:
        return look
    degree = "certain" if fault.is_certain else "likely"
    return replace(look, fault=[fault.kind, fault.rule, fault.evidence, degree])


def with_speech(rows: Sequence[InputRow]) -> list[InputRow]:
    """The rows but for those in whose recording nobody speaks: they rightly have no words."""
    return [row for row in rows if not (row.clip and row.kind == NO_SPEECH)]


_IN_TEST = StepRule(
    step="heard leaks",
    rule="no training row has the same recording as a test row",
    code="D11",
)
_COPY = StepRule(
    step="heard copies",
    rule="of copies of a recording with the same words, the first is kept",
    code="D04",
)
_ONE_RECORDING = StepRule(
    step="heard copies",
    rule="rows from one recording stay together",
)


@dataclass(frozen=True)
class HeardCopies:
    """Rows that are heard in the same recording.

    Attributes:
        pairs: Both rows, and how far the recordings agree.
    """

    pairs: tuple[tuple[InputRow, InputRow, SameRecording], ...] = ()

    @classmethod
    def among(cls, rows: Sequence[InputRow], clips: Clips) -> HeardCopies:
        """The pairs among rows; a row that is written has none."""
        heard = [row for row in rows if row.clip in clips.facts]
        if len(heard) < 2:
            return cls()
        from tunewell.audio.fingerprint import SameRecording, same_recordings

        found = same_recordings([clips.facts[row.clip].print for row in heard])
        known = {(same.left, same.right) for same in found}
        for pair in _equal(heard):
            if pair not in known:
                found.append(SameRecording(*pair, different=0.0, covered=1.0))
        return cls(tuple((heard[each.left], heard[each.right], each) for each in found))

    def copies(self) -> Iterator[tuple[InputRow, InputRow, SameRecording]]:
        """Pairs of whole recordings that both are still there."""
        for first, second, same in self.pairs:
            is_there = not first.dropped and not second.dropped
            if is_there and same.covered >= _WHOLE:
                yield first, second, same


def _equal(heard: Sequence[InputRow]) -> Iterator[tuple[int, int]]:
    """Rows with the very same file, which may be too short for a fingerprint."""
    first: dict[str, int] = {}
    for place, row in enumerate(heard):
        earlier = first.setdefault(row.clip, place)
        if earlier != place:
            yield earlier, place


def drop_heard_copies(
    rows: Sequence[InputRow],
    clips: Clips,
    ledger: Ledger,
) -> HeardCopies:
    """Drop what is heard again: of a test row (D11), or of another row with the same words (D04).

    The same recording with other words is noted (D09), and parts of one recording are marked by the
    tag ``recording`` so that they are never parted.
    """
    found = HeardCopies.among(rows, clips)
    for first, second, same in found.copies():
        row, other = (first, second) if second.held else (second, first)
        if row.held:
            continue
        evidence = f"{per_cent(same.different)} of the bits of the fingerprints differ"
        if other.held:
            ledger.drop(row, _IN_TEST, evidence=evidence, other=other.id)
        elif key(row.target) == key(other.target):
            ledger.drop(row, _COPY, evidence=evidence, other=other.id)
        else:
            ledger.seen("D09", [row.id, other.id])
            ledger.seen(still_there("D09"), [row.id, other.id])
    for first, second, same in found.pairs:
        _keep_together(first, second, same, ledger)
    return found


def _keep_together(
    first: InputRow,
    second: InputRow,
    same: SameRecording,
    ledger: Ledger,
) -> None:
    if first.dropped or second.dropped:
        return
    name = first.tags.setdefault(RECORDING, first.id)
    second.tags[RECORDING] = name
    evidence = f"{per_cent(same.covered)} of the longer recording"
    ledger.change(second, _ONE_RECORDING, evidence=evidence, other=first.id)


def speakers_on_both_sides(rows: Sequence[InputRow], tests: Sequence[InputRow]) -> list[InputRow]:
    """Training rows whose speaker is also heard in a test row."""
    tested = {row.group for row in tests if row.clip and row.group}
    return [row for row in rows if row.clip and row.group in tested]


def speakers_said(rows: Sequence[InputRow]) -> str:
    """How many rows of how many speakers, in words."""
    speakers = {row.group for row in rows}
    return f"{plural(len(rows), 'row')} of {plural(len(speakers), 'speaker')}"
