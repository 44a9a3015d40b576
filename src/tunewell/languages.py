"""Languages by their codes and names, and which of them are easily taken for each other."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from importlib import resources

from rapidfuzz import fuzz, process

_RELATED = """
    no da nn sv, is fo, de als bar lb nds pfl frr, nl af fy li vls nds, en sco, ga gd gv,
    es gl ast an ca, pt gl mwl es, fr oc wa ca, it scn nap vec lmo pms co sc eml rm,
    hr bs sr sh sl, bg mk sr, cs sk, hsb dsb pl, ru uk be rue bg, uk rue, lt lv,
    tr az azb tk, tt ba, kk ky, uz ug, id ms min jv su, tl ceb war ilo pam bcl, zh yue wuu,
    ar arz, fa tg mzn lrc ps, ur pnb pa, sd ur, hi mai bh bho hif mr ne sa dty gom, bn as bpy,
    os ru, tg ru, eo io ie ia, ky ru, uz tr, tk tr, ku diq, fi et, mhr mrj, zu xh ss nr, st nso tn
"""
"""Groups of languages that a detector confuses in short texts, separated by commas."""


@functools.cache
def _codes() -> dict[str, str]:
    """Everything that a language is called, in small letters, to its code."""
    found: dict[str, str] = {}
    for code, names in _entries():
        for name in (code.rstrip("?"), *names):
            found.setdefault(name, code.rstrip("?"))
    return found


def _entries() -> list[tuple[str, list[str]]]:
    text = resources.files("tunewell").joinpath("languages.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    parted = [line.partition(": ") for line in lines]
    return [(code, names.split(", ")) for code, _, names in parted]


@functools.cache
def detectable() -> frozenset[str]:
    """Codes of the languages that the detector knows."""
    return frozenset(code for code, _ in _entries() if not code.endswith("?"))


@functools.cache
def relatives(code: str) -> frozenset[str]:
    """Languages that a short text in this one is easily taken for, itself included.

    Example:
        >>> sorted(relatives("cs")), sorted(relatives("ja"))
        (['cs', 'sk'], ['ja'])
    """
    groups = [set(group.split()) for group in _RELATED.split(",")]
    return frozenset({code}.union(*(group for group in groups if code in group)))


def language_code(said: object) -> str:
    """The code of a language that a person named: ISO 639-1, 639-3, with a region, or its name.

    YAML 1.1 reads a bare ``no`` as false; here it is Norwegian.

    Raises:
        ValueError: There is no such language; the message names the nearest one.

    Example:
        >>> [language_code(said) for said in ("no", False, "zh-CN", "German", "norsk", "nb", "ukr")]
        ['no', 'no', 'zh', 'de', 'no', 'no', 'uk']
        >>> language_code("Germn")
        Traceback (most recent call last):
        ...
        ValueError: 'Germn' is no language that is known here; did you mean german (de)?
    """
    if said is False:
        return "no"

    name = str(said).strip().lower().replace("_", "-")
    code = _codes().get(name) or _codes().get(name.split("-")[0].strip())
    if code is None:
        raise ValueError(f"{said!r} is no language that is known here; {_suggestion(name)}")
    # Both written forms of Norwegian are meant by either.
    return "no" if code == "nn" else code


_TRANSLATION = re.compile(
    r"translat|übersetz|vertaal|vertal|oversett|oversæt|översätt|tradu[czi]|"
    r"przet[łl]umacz|p[řr]elo[žz]|prevedi|fordíts|käännä|tercüme|çevir|terjemah|dịch|"
    r"перевед|перевод|переклад|μετάφρα|μεταφρ|ترجم|תרגם|अनुवाद|翻[译譯訳]|[译譯訳][成为為文せし]|번역|"
    r"แปล|[英日中韩韓法德俄西葡汉漢](?:[语語]|文(?![章件字本化]))",
    re.IGNORECASE,
)
"""Words by which a translation is asked for, or another language by its Chinese name."""

_LEAST_NAME = 4
"""Letters of a name that is looked for in a text, where letters are no syllables."""


def asks_for_language(text: str, code: str) -> bool:
    """Whether a text asks for a translation, or names a language.

    Args:
        text: What somebody asks.
        code: The language.

    Example:
        >>> asks_for_language("Say good night in Spanish.", "es")
        True
        >>> asks_for_language("Say good night.", "es")
        False
    """
    if _TRANSLATION.search(text):
        return True
    words = set(re.findall(r"\w+", text.casefold()))
    names = [name for name in _names()[code] if len(name) >= _LEAST_NAME or not name.isascii()]
    return any(name in words or (" " in name and name in text.casefold()) for name in names)


@functools.cache
def _names() -> dict[str, list[str]]:
    """What each language is called, its codes left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for code, names in _entries():
        found[code.rstrip("?")] += names
    return found


def _suggestion(name: str) -> str:
    word = re.sub(r"[^\w -]", "", name)
    names = [known for known in _codes() if len(known) > 3]
    best = process.extractOne(word, names, scorer=fuzz.ratio, score_cutoff=65)
    if best is None:
        return "give an ISO 639 code such as en, or a name such as English"
    return f"did you mean {best[0]} ({_codes()[best[0]]})?"
