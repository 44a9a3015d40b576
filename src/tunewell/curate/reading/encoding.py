"""Bytes to text: which encoding a file is in, by evidence over the whole of it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from tunewell.curate.reading.latin import latin_fit
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
    "koi8_u",
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
    "iso8859_13",
    "iso8859_15",
    "cp850",
    "cp852",
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

_CONTROLS = bytes(sorted({*range(32)} - {9, 10, 12, 13}))
_LEAST_WIDE = 24
_SURELY_WRITING = 0.93
"""Plausibility of bytes that are surely UTF-16: what was written otherwise gives rare signs."""

_KANA = re.compile(r"[\u3041-\u3096]")
_WITHOUT_KANA = frozenset({"gb18030", "cp949", "big5"})
"""Encodings that can write Japanese and hardly ever do: EUC-JP has its kana at the same bytes."""

_KANA_COST = 0.1

_LATIN = (
    "cp1252",
    "cp1250",
    "iso8859_2",
    "cp1254",
    "cp1257",
    "iso8859_13",
    "iso8859_15",
    "cp850",
    "cp852",
    "mac_roman",
    "cp437",
)
"""Those for languages in Latin letters; of those that fit as well the first counts."""

_ALIKE = 0.45
"""So much less plausible may a Latin encoding be that fits the language better."""

_WHOLE_SIGN = 0.2
_FEW_COST = 1.6
"""The fewer signs there are to judge by, the better must an encoding fit than one before it.

Of many signs a single wrong one decides.
"""

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
        rival: Another encoding, which gives another text and fits as well.
    """

    name: str
    mark: int = 0
    is_mixed: bool = False
    tail: int = 0
    rival: str = ""

    @property
    def is_wide(self) -> bool:
        """Whether lines do not end at a byte."""
        return self.name.startswith(("utf-16", "utf-32"))

    @property
    def called(self) -> str:
        """What people call it, and what else it could be."""
        name = _called(self.name)
        return f"{name} (or {_called(self.rival)}: too little text to tell)" if self.rival else name

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
        if text.isascii() and data.isascii():
            return text, ""
        return text, self.called if name == self.name else _called(name)


def _called(name: str) -> str:
    return NAMES.get(name, name.upper().replace("_", "-"))


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


def _wide_without_ascii(data: bytes) -> str:
    """UTF-16 without a mark in which hardly a sign is ASCII, as in Chinese or Russian text."""
    sample = data[: _SAMPLE // 16 * 2]
    if len(data) % 2 or len(sample) < _LEAST_WIDE:
        return ""
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            continue
        strange = sum(sign > "\x7f" for sign in text)
        if strange > len(text) // 2 and plausibility(text) >= _SURELY_WRITING:
            return name
    return ""


def _wide(sample: bytes, tail: int) -> str:
    """UTF-16 or UTF-32 without a mark: nearly all NULs stand at the same places."""
    if len(sample) + min(tail, 3) < 2 or sample.count(0) < len(sample) // 5:
        return ""
    sample += b"\x00" * (min(tail, 3) if len(sample) % 4 else 0)
    places = [sample[place::4] for place in range(4)]
    return _wide_by_nuls([bytes_.count(0) / max(1, len(bytes_)) for bytes_ in places])


def _wide_by_nuls(shares: list[float]) -> str:
    """The encoding in which the bytes at these of four places are NUL; empty if in none."""
    if min(shares[2], shares[3]) > 0.9 and shares[0] < 0.5:
        return "utf-32-le"
    if min(shares[0], shares[1]) > 0.9 and shares[3] < 0.5:
        return "utf-32-be"
    even, odd = (shares[0] + shares[2]) / 2, (shares[1] + shares[3]) / 2
    if max(even, odd) < 0.4 or abs(even - odd) < 0.3:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _narrow(data: bytes, tail: int) -> Encoding:
    if _ESCAPED.search(data):
        return Encoding("iso2022_jp", tail=tail)
    has_controls = len(data.translate(None, _CONTROLS)) < 0.95 * len(data)
    try:
        data.decode(UTF_8)
        is_utf_8 = True
    except UnicodeDecodeError:
        is_utf_8 = False
    if has_controls or not is_utf_8:
        half = len(data) % 2 if tail else 0  # of the last sign, whose other byte is NUL
        wide = _wide_without_ascii(data + b"\x00" * half)
        if wide:
            return Encoding(wide, tail=tail - half)
    return Encoding(UTF_8, tail=tail) if is_utf_8 else _legacy(data, tail)


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
    name, rival = most_plausible(sample)
    return Encoding(name, is_mixed=is_mixed, tail=tail, rival=rival)


@functools.lru_cache(maxsize=64)
def most_plausible(sample: bytes) -> tuple[str, str]:
    """The legacy encoding in which bytes read most like writing, and one that may be it too."""
    scores = _scores(sample)
    best, most = "cp1252", 0.0
    for name, (score, _) in scores.items():
        if score > most + _LEAST_BETTER:
            best, most = name, score
    if best not in _LATIN:
        return best, ""
    likely = {name: text for name, (score, text) in scores.items() if score > most - _ALIKE}
    return _fitting({name: likely[name] for name in _LATIN if name in likely})


def _fitting(texts: dict[str, str]) -> tuple[str, str]:
    """Of Latin encodings the one whose text fits its language, and one that may be it too."""
    fits = {name: latin_fit(text) for name, text in texts.items()}
    several = max(sum(sign > "\x7f" for sign in text) for text in texts.values())
    margin = _WHOLE_SIGN / several + _FEW_COST / several**2
    first = max(fits.values())
    best = next(name for name, fit in fits.items() if fit >= first - margin)
    rivals = [
        name
        for name, fit in fits.items()
        if texts[name] != texts[best] and abs(fit - fits[best]) <= margin
    ]
    return best, max(rivals, key=lambda name: fits[name], default="")


def _scores(sample: bytes) -> dict[str, tuple[float, str]]:
    """How plausible the text is that each encoding gives, and the text."""
    found = {}
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
        found[name] = score, text
    return found


def decode(data: bytes) -> tuple[str, str]:
    """Text of a whole file, and its encoding if it is no Unicode (as people call it).

    Example:
        >>> text = "Où est la clé de la boîte ? À côté du château."
        >>> decode(text.encode("cp1252")) == (text, "Windows-1252"), decode("né".encode("utf-16"))
        (True, ('né', ''))
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
