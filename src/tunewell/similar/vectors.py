"""Meaning as vectors: static word vectors that a package carries; nothing is ever downloaded."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import MissingExtraError

WIDTH = 256


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
    weights = load_file(root / "weights" / "l2_supercat_256.safetensors")[
        "embedding.weight"
    ].astype("float32")
    tokenizer = Tokenizer.from_file(str(root / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    return StaticModel(vectors=weights, tokenizer=tokenizer, normalize=True, max_length=None)


def available() -> bool:
    """Whether the optional part ``vectors`` is installed."""
    return all(importlib.util.find_spec(name) for name in ("wordllama", "model2vec", "tokenizers"))


def vectors(texts: Sequence[str], *, most_characters: int = 2_000) -> NDArray[np.float32]:
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


def clusters(
    points: NDArray[np.float32], k: int, *, seed: int = 0, rounds: int = 12
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Spherical k-means (Dhillon and Modha 2001).

    Args:
        points: Unit vectors, shape (n, width).
        k: How many clusters; fewer come out where points coincide.
        seed: Of the start, which spreads the centres (k-means++).
        rounds: Most passes.

    Returns:
        The cluster of each point, shape (n,), and the centres, shape (k, width).
    """
    random = np.random.default_rng(seed)
    n = len(points)
    k = max(1, min(k, n))
    sample = points[random.permutation(n)[: 20 * k + 200]]
    centres = sample[:1]
    nearest = 1 - sample @ centres[0]
    for _ in range(k - 1):
        weight = np.maximum(nearest, 0) + 1e-9
        chosen = sample[random.choice(len(sample), p=weight / weight.sum())]
        centres = np.vstack([centres, chosen])
        nearest = np.minimum(nearest, 1 - sample @ chosen)
    own = np.zeros(n, dtype=np.int64)
    for _ in range(rounds):
        before = own
        own = np.argmax(points @ centres.T, axis=1).astype(np.int64)
        if np.array_equal(before, own) and _:
            break
        sums = np.zeros_like(centres)
        np.add.at(sums, own, points)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.maximum(norms, 1e-9), centres).astype(np.float32)
    return own, centres


def effective_number(counts: NDArray[np.int64]) -> float:
    """Effective number of kinds: exp of the Shannon entropy of their shares (Hill number of order 1; Hill 1973).

    Example:
        >>> round(effective_number(np.array([10, 10, 10, 10])), 6), round(effective_number(np.array([97, 1, 1, 1])), 2)
        (4.0, 1.18)
    """
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
