"""Whisper on this machine: writes down what is said, and says how probable given words are.

The same Protocol as models of text (`tunewell.model.base.Model`). What the encoder makes of a
recording is kept (`tunewell.model.speech.encoded`). An empty transcript is possible: the token that
ends one may come first.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.audio.clips import RATE, UnreadableClip, read_clip
from tunewell.errors import MissingExtraError, ModelError
from tunewell.model.base import (
    GenerateOptions,
    Generation,
    Progress,
    ProgressCount,
    TargetScore,
    check_as_many,
    not_answered,
    not_scored,
)
from tunewell.model.load import best_device, no_progress_bars
from tunewell.model.speech.encoded import EncodedClips
from tunewell.model.speech.weights import SPEECH_DEFAULT, resolve_speech
from tunewell.platforms import processor_name
from tunewell.plurals import plural
from tunewell.types import Message

if TYPE_CHECKING:
    import torch

FindClip = Callable[[str], Path]
"""From the digest of a recording to its file, such as ``store.files.open``."""

_ENGLISH_ALONE: Final = 51_864
"""Ids of models that know English alone; others are told the language."""

_BATCH: Final = 8
_ROOM: Final = 4
"""Places that the tokens which begin and end a transcript take up."""


class SpeechModel:
    """A Whisper model, with an adapter where one is given.

    Args:
        name: ``whisper-tiny-en`` or a folder.
        clips: Where recordings are, by their digest.
        adapter: Folder of a PEFT adapter of the decoder.
        language: ISO 639-1, for models of several languages.
        cache: Folder that keeps encoded recordings for the next process; None = memory alone.

    Raises:
        ModelError: There are no such weights, or the adapter does not fit.
        MissingExtraError: The extra ``train`` is not installed.
    """

    def __init__(
        self,
        name: str = SPEECH_DEFAULT,
        *,
        clips: FindClip,
        adapter: Path | None = None,
        language: str = "en",
        cache: Path | None = None,
    ) -> None:
        try:
            import torch
            from transformers import WhisperForConditionalGeneration
        except ImportError as error:
            raise MissingExtraError("train", needed_for=f"Running '{name}'") from error

        self.weights = resolve_speech(name)
        self.device = best_device()
        self._clips = clips
        kept = cache if adapter is None else None
        self.encoded = EncodedClips(self._encode, weights=self.weights.digest, folder=kept)
        self._on: str | None = None
        try:
            with no_progress_bars():
                self._model: Any = WhisperForConditionalGeneration.from_pretrained(
                    str(self.weights.folder),
                    dtype=torch.float32,
                    local_files_only=True,
                    use_safetensors=True,
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"'{name}' cannot be loaded: {error}") from error
        if adapter is not None:
            self._model = _with_adapter(self._model, adapter)
        self._model = self._model.eval().requires_grad_(False).to(self.device)
        self._name = name if adapter is None else f"{name}+{adapter.name}"
        several = self._model.config.vocab_size > _ENGLISH_ALONE
        self._begin = _begin_ids(self._tokenizer, language if several else "")

    def with_adapter(self, adapter: Path, *, name: str = "") -> SpeechModel:
        """The same weights and encoded recordings, with an adapter of the decoder.

        Args:
            adapter: Folder of a PEFT adapter, LoRA on maps of the decoder and nothing else.
            name: In reports.

        Raises:
            ModelError: It does not fit, or is more than that.
        """
        from tunewell.model.adapter import attach, read_adapter

        found = read_adapter(adapter)
        if not found.plain or any(".encoder." in key for key in found.tensors):
            raise found.misfit(
                ["it is more than LoRA on the decoder"], hint="give it as SpeechModel(adapter=…)"
            )
        attach(self._model, found)
        other = copy.copy(self)
        other._on = found.digest
        other._name = name or f"{self._name}+{found.digest[:12]}"
        return other

    def afresh(self) -> SpeechModel:
        """The same model without what it has encoded, and nothing kept on disk: to be timed."""
        other = copy.copy(self)
        other.encoded = EncodedClips(self._encode, weights=self.weights.digest)
        return other

    @property
    def runs_on(self) -> str:
        """The device, as reports name it."""
        import torch

        if self.device.type == "cuda":
            return str(torch.cuda.get_device_name(self.device))
        threads = plural(torch.get_num_threads(), "thread")
        return f"{processor_name() or self.device.type}, {threads}"

    @property
    def network(self) -> Any:
        """The model of transformers, frozen."""
        return self._model

    def coded(self, text: str) -> tuple[list[int], int]:
        """A transcript as ids, from the tokens that begin one to the one that ends it.

        Returns:
            The ids, and the place of the first that the model has to predict.
        """
        # Whisper's own transcripts begin with a space.
        spoken = f" {text.strip()}" if text.strip() else ""
        ids = self._tokenizer.encode(spoken, add_special_tokens=False).ids
        return [*self._begin, *ids, self._end], len(self._begin)

    def spelled(self, ids: Sequence[int]) -> str:
        """The words of ids, up to the one that ends a transcript."""
        own = list(ids)
        if self._end in own:
            own = own[: own.index(self._end)]
        return str(self._tokenizer.decode(own)).strip()

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return self._name

    @functools.cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self.weights.folder / "tokenizer.json"))

    @functools.cached_property
    def _features(self) -> Any:
        from transformers import WhisperFeatureExtractor

        return WhisperFeatureExtractor(feature_size=self._model.config.num_mel_bins)

    @property
    def _end(self) -> int:
        return int(self._model.config.eos_token_id)

    @functools.cached_property
    def _never(self) -> list[int]:
        """Ids that are never said: marks of sounds, special tokens but the end."""
        from transformers import GenerationConfig

        told = GenerationConfig.from_pretrained(str(self.weights.folder), local_files_only=True)
        said = {id for id in told.suppress_tokens or () if id >= 0}
        special = set(range(self._end + 1, self._model.config.vocab_size))
        return sorted((said | special) - {self._end})

    # --- the Protocol -----------------------------------------------------------------------------

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        """What is said in the recording of each prompt, by the most probable token at every step.

        Raises:
            ModelError: A temperature above 0 is asked for.
        """
        options = options or GenerateOptions()
        if options.temperature > 0:
            raise ModelError(
                "A speech model always writes the most probable words.", hint="set temperature: 0"
            )
        found: dict[int, Generation] = {}
        ready = self._ready(prompts, lambda i, why: found.__setitem__(i, not_answered(why)))
        done = ProgressCount(progress, len(prompts))
        done.add(len(found))
        for batch in _batches(ready):
            texts = self._decode([prompts[i] for i in batch], options.max_new_tokens)
            found |= dict(zip(batch, texts, strict=True))
            done.add(len(batch))
        return [found[i] for i in range(len(prompts))]

    def transcribe(self, digests: Sequence[str]) -> list[Generation]:
        """What is said in each recording, by its digest."""
        return self.generate([(Message(role="user", content="", audio=each),) for each in digests])

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        """How probable each transcript is for the recording of its prompt, its end included."""
        check_as_many(prompts, targets)
        found: dict[int, TargetScore] = {}
        ready = self._ready(prompts, lambda i, why: found.__setitem__(i, not_scored(why)))
        done = ProgressCount(progress, len(prompts))
        done.add(len(found))
        for i in ready:
            found[i] = self._nats(_clip_of(prompts[i]), targets[i])
            done.add()
        return [found[i] for i in range(len(prompts))]

    # --- the work ---------------------------------------------------------------------------------

    def _ready(
        self,
        prompts: Sequence[tuple[Message, ...]],
        refuse: Callable[[int, str], None],
    ) -> list[int]:
        """Places of the prompts whose recording can be heard; the others are refused."""
        ready = []
        for place, prompt in enumerate(prompts):
            digest = _clip_of(prompt)
            if not digest:
                refuse(place, "the prompt holds no recording, and this model takes nothing else")
                continue
            try:
                self._hear(digest)
            except (UnreadableClip, OSError, ModelError) as error:
                refuse(place, str(error))
                continue
            ready.append(place)
        return ready

    def _encode(self, digest: str) -> torch.Tensor:
        import torch

        samples = read_clip(self._clips(digest)).at(RATE).samples
        values: NDArray[np.float32] = self._features(
            samples, sampling_rate=RATE, return_tensors="np"
        ).input_features
        with torch.inference_mode():
            heard = self._encoder(torch.from_numpy(values).to(self.device))
        return heard.last_hidden_state[0].clone()

    def _hear(self, digest: str) -> torch.Tensor:
        return self.encoded.get(digest).to(self.device)

    @property
    def _encoder(self) -> Any:
        return self._model.get_encoder()

    def _logits(self, heard: torch.Tensor, ids: torch.Tensor, past: Any = None) -> Any:
        from transformers.modeling_outputs import BaseModelOutput

        from tunewell.model.adapter import switch

        switch(self._model, self._on)
        return self._model(
            encoder_outputs=BaseModelOutput(last_hidden_state=heard),
            decoder_input_ids=ids,
            past_key_values=past,
            use_cache=past is not None,
        )

    def _decode(self, prompts: Sequence[tuple[Message, ...]], most: int) -> list[Generation]:
        import torch
        from transformers import DynamicCache, EncoderDecoderCache

        heard = torch.stack([self._hear(_clip_of(prompt)) for prompt in prompts])
        ids = torch.tensor([self._begin] * len(prompts), device=self.device)
        past = EncoderDecoderCache(DynamicCache(), DynamicCache())
        said: list[list[int]] = [[] for _ in prompts]
        ended = torch.zeros(len(prompts), dtype=torch.bool, device=self.device)
        room = min(most, self._model.config.max_target_positions - len(self._begin) - 1)
        with torch.inference_mode():
            for _ in range(room + 1):
                logits = self._logits(heard, ids, past).logits[:, -1]
                logits[:, self._never] = -torch.inf
                chosen = logits.argmax(dim=-1)
                ended |= chosen == self._end
                if ended.all() or len(said[0]) == room:
                    break
                for row, token in zip(said, chosen.tolist(), strict=True):
                    row.append(token)
                ids = chosen[:, None]
        return [
            self._generation(row, is_ended=bool(end))
            for row, end in zip(said, ended.tolist(), strict=True)
        ]

    def _generation(self, ids: list[int], *, is_ended: bool) -> Generation:
        return Generation(
            text=self.spelled(ids),
            prompt_tokens=len(self._begin),
            tokens=ids.index(self._end) if self._end in ids else len(ids),
            finish="stop" if is_ended else "length",
        )

    def _nats(self, digest: str, target: str) -> TargetScore:
        import torch

        whole, start = self.coded(target)
        if len(whole) > self._model.config.max_target_positions:
            most = self._model.config.max_target_positions - _ROOM
            return not_scored(f"a transcript of {len(whole) - _ROOM} tokens, more than {most}")
        given = torch.tensor([whole[:-1]], device=self.device)
        with torch.inference_mode():
            logits = self._logits(self._hear(digest)[None], given).logits[0]
        wanted = torch.tensor(whole[start:], device=self.device)
        nats = torch.nn.functional.cross_entropy(logits[start - 1 :], wanted, reduction="sum")
        return TargetScore(nats=float(nats), tokens=len(wanted))


def _clip_of(prompt: Sequence[Message]) -> str:
    """Digest of the recording of a prompt, the last one; empty if there is none."""
    return next((turn.audio for turn in reversed(prompt) if turn.audio), "")


def _batches(places: Sequence[int]) -> list[Sequence[int]]:
    return [places[start : start + _BATCH] for start in range(0, len(places), _BATCH)]


def _begin_ids(tokenizer: Any, language: str) -> list[int]:
    """The tokens that a transcript begins with: of several languages which, and no times."""
    names = ["<|startoftranscript|>"]
    if language:
        names += [f"<|{language}|>", "<|transcribe|>"]
    ids = [tokenizer.token_to_id(name) for name in (*names, "<|notimestamps|>")]
    if None in ids:
        raise ModelError(
            f"The model's tokenizer does not know the language {language!r}.",
            hint="give an ISO 639-1 code such as en",
        )
    return ids


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel

    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(
            f"'{folder}' holds no adapter_model.safetensors.", hint="give a folder that PEFT wrote"
        )
    try:
        return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise ModelError(f"The adapter '{folder}' does not fit: {error}") from error
