"""Real paragraphs from the triple-quoted texts of installed packages, and what is measured with."""

from __future__ import annotations

import gc
import random
import re
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewell.stats.proportions import wilson


def paragraphs(count: int, *, low: int = 40, high: int = 90, seed: int = 0) -> list[str]:
    """Distinct paragraphs of ``low`` to ``high`` words, drawn by seed.

    Args:
        count: How many.
        low: Fewest words.
        high: Most words.
        seed: Of the draw.
    """
    found: dict[str, str] = {}
    roots = sorted({p for p in sys.path if p.endswith(("site-packages", "dist-packages"))})
    files = sorted(
        (path for root in roots for path in Path(root).rglob("*.py")), key=lambda p: p.as_posix()
    )
    random.Random(0).shuffle(files)
    for path in files:
        source = path.read_bytes().decode("utf-8", "ignore")
        for quoted in re.findall(r'"""([^\\]*?)"""', source):
            for part in re.split(r"\n\s*\n", quoted):
                words = part.split()
                if low <= len(words) <= high and ">>>" not in part:
                    text = " ".join(words)
                    found.setdefault(re.sub(r"\W+", " ", text.lower())[:120], text)
        if len(found) >= 1.5 * count:
            break
    texts = sorted(found.values())
    random.Random(seed).shuffle(texts)
    return texts[:count]


def dissimilar(texts: Sequence[str], *, most: float = 0.4) -> list[str]:
    """The texts that share at most so much of their words with every text before them.

    By the exact Jaccard coefficient of their word sets.

    Documentation repeats itself; without this, real copies would count as false flags. The measure
    is none of those that the compared methods decide by.

    Args:
        texts: The texts.
        most: Jaccard coefficient, in [0, 1].
    """
    from scipy.sparse import csr_array

    sets = [sorted(set(re.findall(r"\w+", text.lower()))) for text in texts]
    number = {word: i for i, word in enumerate(sorted({word for words in sets for word in words}))}
    columns = np.fromiter((number[word] for words in sets for word in words), dtype=np.int64)
    sizes = np.array([len(words) for words in sets])
    table = csr_array(
        (np.ones(len(columns), np.int32), columns, np.r_[0, np.cumsum(sizes)]),
        shape=(len(sets), len(number)),
    )
    kept = np.ones(len(texts), dtype=bool)
    for at in range(0, len(texts), 500):
        both = (table[at : at + 500] @ table.T).toarray()
        jaccard = both / (sizes[at : at + 500, None] + sizes[None, :] - both)
        for row in range(len(both)):
            kept[at + row] = not (jaccard[row, : at + row] > most).any()
    return [text for text, keep in zip(texts, kept, strict=True) if keep]


def share(found: int, n: int) -> dict[str, float]:
    """A share with its 95 % interval (Wilson 1927)."""
    low, high = wilson(found, n, 1.959964)
    return {
        "value": round(found / n, 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "n": n,
    }


def resident_bytes() -> int:
    """Memory of this process now."""
    gc.collect()
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * resource.getpagesize()
    )


def reset_peak() -> None:
    """Forget the most memory that this process has had."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """Most memory of this process since the peak was reset."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
