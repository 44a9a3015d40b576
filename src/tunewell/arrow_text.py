"""Texts as Arrow columns, and their numbers back, without pandas.

Arrow looks for pandas whenever it is given a list or asked for an array, and importing it takes
half a second: as long as a short look at a day's traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def text_column(
    texts: Sequence[str],
    letters: bytes | None = None,
) -> pa.LargeStringArray:
    """Texts as a column.

    Args:
        texts: The texts; half a surrogate pair becomes a question mark.
        letters: What each byte becomes, 256 of them; as it is if None.

    Example:
        >>> text_column(["one", "", "zwölf"]).to_pylist()
        ['one', '', 'zwölf']
    """
    joined = "".join(texts)
    if joined.isascii():
        whole = joined.encode()
        sizes = [len(text) for text in texts]
    else:
        encoded = [text.encode(errors="replace") for text in texts]
        whole = b"".join(encoded)
        sizes = [len(text) for text in encoded]
    if letters is not None:
        whole = whole.translate(letters)
    ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(whole))


def numbers_of(column: pa.Array) -> NDArray[Any]:
    """The numbers of a column without gaps, shape (rows,); not to be written to.

    Example:
        >>> numbers_of(text_column(["a", "b", "a"]).dictionary_encode().indices).tolist()
        [0, 1, 0]
    """
    found: NDArray[Any] = np.from_dlpack(column)
    return found
