"""Bytes to text: which encoding a file is in, by evidence over the whole of it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from tunewell.curate.reading.plausible import plausibility

UTF_8 = "utf-8"

_MARKS = (
    (b"\xef\xbb\xbf", UTF_8),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SAMPLE = 1 << 16
"""Bytes by which UTF-16 and UTF-32 without a mark are told."""

_EVIDENCE = 200_000
"""Bytes of lines that are not UTF-8 by which their encoding is told."""

_LEGACY = (
    "cp1252",
    "gb18030",
    "cp932",
    "cp949",
    "big5",
    "euc_jp",
    "cp1251",
    "koi8_r",
    "cp1250",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp874",
    "iso8859_2",
    "iso8859_5",
    "iso8859_7",
    "cp850",
    "cp866",
    "mac_roman",
    "mac_cyrillic",
    "cp437",
)
"""Encodings from before UTF-8; of equally plausible ones the first counts."""

NAMES = {"cp1252": "Windows-1252", "gb18030": "GB18030", "cp932": "Shift JIS", "cp949": "EUC-KR"}
"""What people call them."""

_ESCAPED = re.compile(rb"\x1b\$[B@]|\x1b\(J")
"""What begins Japanese text in ISO-2022-JP, which is ASCII otherwise."""

_KANA = re.compile(r"[\u3041-\u3096]")
_WITHOUT_KANA = frozenset({"gb18030", "cp949", "big5"})
"""Encodings that can write Japanese and hardly ever do: EUC-JP has its kana at the same bytes."""

_KANA_COST = 0.1

_LEAST_BETTER = 0.02
"""So much more plausible must an encoding be than one before it."""


@dataclass(frozen=True)
class Encoding:
    """How the bytes of a file are read.

    Attributes:
        name: Of the encoding: what lines are in that are not UTF-8, where only some are.
        mark: Bytes of the mark at its beginning.
        is_mixed: Whether most lines are UTF-8, and the others are in the encoding.
        tail: NUL bytes at its end, which hold nothing.
    """

    name: str
    mark: int = 0
    is_mixed: bool = False
    tail: int = 0

    @property
    def is_wide(self) -> bool:
        """Whether lines do not end at a byte."""
        return self.name.startswith(("utf-16", "utf-32"))

    @property
    def called(self) -> str:
        """What people call it."""
        return NAMES.get(self.name, self.name.upper().replace("_", "-"))

    def size_of(self, text: str) -> int:
        """How many bytes of the file a part of its text takes."""
        if text.isascii() and not self.is_wide:
            return len(text)
        is_unicode = self.is_wide or self.name == UTF_8 or self.is_mixed
        name = UTF_8 if self.is_mixed else self.name
        return len(text.encode(name, "surrogatepass" if is_unicode else "replace"))

    def decode(self, data: bytes) -> tuple[str, str]:
        """Text of bytes without mark and tail, and the encoding if it is no Unicode."""
        if self.is_wide:
            return data.decode(self.name, "replace"), ""
        if self.name == UTF_8 or self.is_mixed:
            try:
                return data.decode(UTF_8), ""
            except UnicodeDecodeError:
                pass
        name = "cp1252" if self.name == UTF_8 else self.name
        text = data.decode(name, "replace")
        return text, "" if text.isascii() and data.isascii() else NAMES.get(name, self.called)


def encoding_of(data: bytes) -> Encoding:
    """The encoding of a file.

    Example:
        >>> encoding_of("né".encode("utf-16-le")).name, encoding_of("né".encode("cp1252")).name
        ('utf-16-le', 'cp1252')
    """
    tail = len(data) - len(data.rstrip(b"\x00"))
    for mark, name in _MARKS:
        if data.startswith(mark):
            width = 4 if "32" in name else 2 if "16" in name else 1
            body = len(data) - tail - len(mark)
            return Encoding(name, len(mark), tail=tail - (-body) % width if tail else 0)
    wide = _wide(data[: len(data) - tail][:_SAMPLE], tail)
    if wide:
        width = 4 if "32" in wide else 2
        kept = tail - (-(len(data) - tail)) % width
        return Encoding(wide, tail=max(0, kept))
    return _narrow(data[: len(data) - tail], tail)


def _wide(sample: bytes, tail: int) -> str:
    """UTF-16 or UTF-32 without a mark: nearly all NULs stand at the same places."""
    if len(sample) + min(tail, 3) < 2 or sample.count(0) < len(sample) // 5:
        return ""
    sample += b"\x00" * (min(tail, 3) if len(sample) % 4 else 0)
    thirds = [sample[place::4].count(0) / max(1, len(sample[place::4])) for place in range(4)]
    if min(thirds[2], thirds[3]) > 0.9 and thirds[0] < 0.5:
        return "utf-32-le"
    if min(thirds[0], thirds[1]) > 0.9 and thirds[3] < 0.5:
        return "utf-32-be"
    even, odd = (thirds[0] + thirds[2]) / 2, (thirds[1] + thirds[3]) / 2
    if max(even, odd) < 0.4 or abs(even - odd) < 0.3:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _narrow(data: bytes, tail: int) -> Encoding:
    if _ESCAPED.search(data):
        return Encoding("iso2022_jp", tail=tail)
    try:
        data.decode(UTF_8)
    except UnicodeDecodeError:
        return _legacy(data, tail)
    return Encoding(UTF_8, tail=tail)


def _legacy(data: bytes, tail: int) -> Encoding:
    """The encoding of lines that are not UTF-8."""
    good = 0
    bad: list[bytes] = []
    for line in re.split(rb"[\r\n]+", data):
        if line.isascii():
            continue
        try:
            line.decode(UTF_8)
            good += 1
        except UnicodeDecodeError:
            bad.append(line)
    is_mixed = good > len(bad) or (good > 0 and good >= len(bad) // 4)
    sample = b"\n".join(bad)
    if len(sample) > _EVIDENCE:
        sample = sample[:_EVIDENCE]
        sample = sample[: sample.rfind(b"\n")] if b"\n" in sample else sample
    return Encoding(most_plausible(sample), is_mixed=is_mixed, tail=tail)


@functools.lru_cache(maxsize=64)
def most_plausible(sample: bytes) -> str:
    """The legacy encoding in which bytes read most like writing."""
    best, most = "cp1252", 0.0
    for name in _LEGACY:
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            if name != "cp1252":
                continue
            text = sample.decode(name, "replace")
        score = plausibility(text)
        if name in _WITHOUT_KANA and _KANA.search(text):
            score -= _KANA_COST
        if score > most + _LEAST_BETTER:
            best, most = name, score
    return best


def decode(data: bytes) -> tuple[str, str]:
    """Text of a whole file, and its encoding if it is no Unicode (as people call it).

    Example:
        >>> decode("né".encode("cp1252")), decode("né".encode("utf-16"))
        (('né', 'Windows-1252'), ('né', ''))
    """
    return text_in(data, encoding_of(data))


def text_in(data: bytes, found: Encoding) -> tuple[str, str]:
    """Text of a whole file in this encoding, and what it is called if it is no Unicode."""
    body = data[found.mark : len(data) - found.tail]
    if not found.is_mixed:
        return found.decode(body)
    texts = [found.decode(line) for line in body.splitlines(keepends=True)]
    return "".join(text for text, _ in texts), next((name for _, name in texts if name), "")


def encoding_of_file(path: Path) -> Encoding:
    """The encoding of a file; a file that is UTF-8 as a whole is not held."""
    size = path.stat().st_size
    if size <= _SAMPLE:
        return encoding_of(path.read_bytes())
    with path.open("rb") as file:
        data = file.read()
    return encoding_of(data)
