"""A model that is opened when it is first asked."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.metrics.judge.identity import weights_of
from tunewell.model.base import GenerateOptions, Generation, Model, Progress, TargetScore
from tunewell.types import Message


class LazyModel:
    """A judge's model: a definition can be checked without weights or a server.

    Args:
        name: Name of weights, or of a model behind the server.
        url: The server; empty = on this machine.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url
        self._model: Model | None = None

    @property
    def identity(self) -> str:
        """The server with the model's name there, or the weights on this machine."""
        if self._url:
            return f"{self._url.rstrip('/')} {self.name}"
        return weights_of(self.name)

    def _opened(self) -> Model:
        if self._model is None:
            self._model = self._open()
        return self._model

    def _open(self) -> Model:
        if self._url:
            from tunewell.model.endpoint import EndpointModel

            return EndpointModel(self.name, base_url=self._url)

        from tunewell.model.local import LocalModel

        return LocalModel(self.name)

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        """As `Model`."""
        return self._opened().generate(prompts, options=options, progress=progress, tools=tools)

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        """As `Model`."""
        return self._opened().score(prompts, targets, progress=progress, tools=tools)
