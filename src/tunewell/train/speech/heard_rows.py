"""Transcripts as token ids, and what the decoder attends to beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from tunewell.train.arrays import Ints
from tunewell.train.lora.batches import NOBODY
from tunewell.train.lora.rows import Rows, TrainRow
from tunewell.train.lora.states import run_to_cut
from tunewell.train.speech.cross_attention import Heard
from tunewell.types import Example

if TYPE_CHECKING:
    from torch import Tensor

    from tunewell.model.speech.whisper import SpeechModel
    from tunewell.train.speech.decoder import WhisperDecoder

KEPT_BYTES: Final = 2 << 30
"""Keys and values that are held in memory: of 116 recordings for whisper-tiny in fp32.

Those of the others are computed anew from the cached states of the encoder for every batch.
"""


def encode_heard(
    examples: Sequence[Example], model: SpeechModel, *, max_tokens: int = 1 << 30
) -> Rows:
    """Transcripts as token ids, in the given order; the loss is on the words and their end.

    Args:
        examples: Rows that are heard. One in which nobody speaks has the end alone to learn.
        model: Writes them as ids.
        max_tokens: Longer ones are left out and named, and so are those beyond the model's own
            length.
    """
    most = min(max_tokens, int(model.network.config.max_target_positions))
    rows: list[TrainRow] = []
    too_long: list[str] = []
    empty: list[str] = []
    bad: list[str] = []
    for example in examples:
        if example.label == "bad":
            bad.append(example.id)
            continue
        if not example.is_answered:
            empty.append(example.id)
            continue
        ids, start = model.coded(example.target)
        if len(ids) > most:
            too_long.append(example.id)
            continue
        clip = example.audio[-1]
        rows.append(TrainRow(example.id, np.asarray(ids, np.int32), start, clip=clip))
    return Rows(rows=tuple(rows), too_long=tuple(too_long), empty=tuple(empty), bad=tuple(bad))


class HeardStates:
    """The embedded transcripts of rows, and their recordings for the decoder to hear.

    See `tunewell.train.lora.states.StatesAtCut`.

    Args:
        network: The decoder; it is told which recordings are at hand.
        rows: All rows.
        model: Has encoded the recordings.
        kept_bytes: Keys and values that are held.
    """

    def __init__(
        self,
        network: WhisperDecoder,
        rows: Sequence[TrainRow],
        model: SpeechModel,
        *,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._network = network
        self._rows = rows
        self._model = model
        self._held: dict[str, Heard] = {}
        self._room = kept_bytes

    def of(self, rows: Sequence[TrainRow]) -> HeardStates:
        """The same for other rows, over the same keys and values."""
        other = HeardStates(self._network, rows, self._model)
        other._held = self._held
        other._room = self._room
        return other

    def take(self, places: Ints, length: int) -> Tensor:
        """See `tunewell.train.lora.states.StatesAtCut`."""
        chosen = places.ravel().tolist()
        somebody = next(place for place in chosen if place != NOBODY)
        clips = [self._rows[somebody if p == NOBODY else p].clip for p in chosen]
        at_hand = {clip: self._heard(clip) for clip in dict.fromkeys(clips)}
        self._network.hear([at_hand[clip] for clip in clips])
        hidden = run_to_cut(self._network, self._rows, chosen, length=length, cut=0)
        return hidden.view(*places.shape, length, -1)

    def _heard(self, clip: str) -> Heard:
        """Keys and values of a recording, held as long as there is room."""
        found = self._held.get(clip)
        if found is not None:
            return found
        encoded = self._model.encoded.get(clip).to(self._network.head.device)
        found = self._network.keys_and_values(encoded)
        size = sum(part.nbytes for layer in found for part in layer)
        if size * (len(self._held) + 1) <= self._room:
            self._held[clip] = found
        return found
