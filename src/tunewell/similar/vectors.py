"""Meaning as vectors: static word vectors that a package carries; nothing is ever downloaded."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.errors import MissingExtraError
from tunewell.similar.arrays import Points

WIDTH = 256
_PACKAGES = ("wordllama", "model2vec", "tokenizers")


@functools.cache
def _model() -> Any:
    found = importlib.util.find_spec("wordllama")
    if found is None or found.origin is None:
        raise MissingExtraError("vectors", needed_for="comparing texts by meaning")
    try:
        from model2vec import StaticModel
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError("vectors", needed_for="comparing texts by meaning") from None

    # The package's own loader asks the network; its files are read directly.
    root = Path(found.origin).parent
    tensors = load_file(root / "weights" / "l2_supercat_256.safetensors")
    tokenizer = Tokenizer.from_file(str(root / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    return StaticModel(
        vectors=tensors["embedding.weight"].astype("float32"),
        tokenizer=tokenizer,
        normalize=True,
        max_length=None,
    )


def available() -> bool:
    """Whether the optional part ``vectors`` is installed."""
    return all(importlib.util.find_spec(name) for name in _PACKAGES)


def vectors(texts: Sequence[str], *, most_characters: int = 2_000) -> Points:
    """Vectors of unit length, shape (texts, 256); zero for a text without words.

    Args:
        texts: The texts; only their first ``most_characters`` count.
        most_characters: See above.

    Raises:
        MissingExtraError: ``vectors`` is not installed.
    """
    if not texts:
        return np.zeros((0, WIDTH), dtype=np.float32)
    cut = [text[:most_characters] for text in texts]
    made = _model().encode(cut, use_multiprocessing=False)
    return np.nan_to_num(np.asarray(made, dtype=np.float32))
