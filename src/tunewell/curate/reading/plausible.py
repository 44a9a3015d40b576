"""How much like writing a text reads: what tells one encoding of the same bytes from another.

Every encoding of a legacy file gives some text. The right one gives words of one script, in the
usual case, of letters and characters that its languages use much.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_LATIN = frozenset("äöüßéèêëàâçîïôûùñáíóúìòøåæœãõÄÖÜÉÈÀÇÑÅØÓÁÍÚ")
_LATIN_EAST = frozenset("ąćęłńśźżčřšžýěůďťňőűăîâșțşğıđİŞĞŁŚŻČŠŽŘÝ")
_CYRILLIC = frozenset("оеаинтсрвлкмдпуяыьгзбчйх")
_CYRILLIC_VOWELS = frozenset("аеёиоуыэюяіїєАЕЁИОУЫЭЮЯІЇЄ")
_GREEK_VOWELS = frozenset("αεηιουωάέήίόύώϊϋΑΕΗΙΟΥΩΆΈΉΊΌΎΏ")
_FINAL_HEBREW = frozenset("םןךףץ")
_PUNCTUATION = frozenset("“”‘’„‚–—…€£°§«»¿¡·×©®™•´²³½ºª、。！？：；，（）「」『』・ー　《》")
_HANZI = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道"
    "行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日军者意"
    "無這個們來為國說時會對於過發後裡種經麼學現當沒動進樣開從實請問請"
)
_HANGUL = frozenset("이다는에을가의를은고하지기도한나사로시리어있서자아수니해인그요까대보일라과만")
_KANA = re.compile(r"[\u3041-\u30fe]")
_WORD = re.compile(r"[^\W\d_]+")


def plausibility(text: str) -> float:
    """How much the part of a text that is not ASCII reads like writing, from 0 to 1.

    Example:
        >>> right, wrong = "Wo ist die Straße?", "Wo ist die StraĂźe?"
        >>> plausibility(right) > plausibility(wrong)
        True
    """
    strange = [sign for sign in text if sign > "\x7f"]
    if not strange:
        return 1.0
    common = _common_share(strange)
    signs = sum(_weight(sign, common) for sign in strange)
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    if not words:
        return signs / len(strange)
    good = sum(_is_word(word) for word in words)
    return 0.5 * signs / len(strange) + 0.5 * good / len(words)


def _common_share(strange: list[str]) -> dict[str, float]:
    """Of the scripts with thousands of characters: how many are those used most."""
    count: Counter[str] = Counter()
    for sign in strange:
        if sign in _HANZI:
            count["han"] += 1
        elif sign in _HANGUL:
            count["hangul"] += 1
        elif _KANA.match(sign):
            count["kana"] += 1
    total = len(strange)
    share = {script: min(1.0, n / total / 0.15) for script, n in count.items()}
    # Japanese mixes both: kana vouch for the ideographs beside them.
    share["han"] = max(share.get("han", 0.0), share.get("kana", 0.0))
    return share


def _weight(sign: str, common: dict[str, float]) -> float:
    """How usual a sign is in writing."""
    if sign in _LATIN or sign in _PUNCTUATION or sign in _CYRILLIC:
        return 1.0
    if sign in _LATIN_EAST:
        return 0.95
    code = ord(sign)
    if _is_rare(sign, code):
        return 0.0
    for first, behind, script, least in _SCRIPTS:
        if first <= code < behind:
            return least + (1.0 - least) * common.get(script, 0.0)
    return _weight_of_category(sign, code)


_SCRIPTS = (
    (0x4E00, 0xA000, "han", 0.4),
    (0xAC00, 0xD7A4, "hangul", 0.4),
    (0x3040, 0x3100, "kana", 0.5),
)
"""Scripts with thousands of characters: weighed by how many are those used most."""


def _is_rare(sign: str, code: int) -> bool:
    """Whether a sign stands in no text: controls, private use, halves of old Japanese."""
    return code < 0xA0 or sign == "\ufffd" or 0xE000 <= code < 0xF900 or 0xFF61 <= code <= 0xFF9F


def _weight_of_category(sign: str, code: int) -> float:
    category = unicodedata.category(sign)
    if category.startswith("L"):
        if 0x370 <= code < 0x700 or 0x900 <= code < 0xE80:
            return 0.85
        return 0.35
    if category in {"Mn", "Mc"}:
        return 0.7 if 0x590 <= code < 0xE80 else 0.2
    if category.startswith("P") or category == "Zs":
        return 0.5
    return 0.1


def _is_word(word: str) -> float:
    """How much a run of letters looks like one word."""
    scripts = {_script(sign) for sign in word}
    if scripts <= {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL"}:
        return 1.0
    if len(scripts) > 1:
        return 0.0
    is_usual = word.lower() == word or word.isupper() or word.istitle()
    if not is_usual:
        return 0.2
    [script] = scripts
    judge = _BY_SCRIPT.get(script)
    return judge(word) if judge is not None else 1.0


def _is_cyrillic(word: str) -> float:
    is_mute = len(word) > 2 and _CYRILLIC_VOWELS.isdisjoint(word)
    return 0.1 if is_mute else 1.0


def _is_greek(word: str) -> float:
    is_strange = (
        "ς" in word[:-1]
        or word[1:].endswith("σ")
        or word[0] in "ΰΐ"
        or _GREEK_VOWELS.isdisjoint(word)
    )
    if not is_strange:
        return 1.0
    return 0.1 if len(word) > 2 else 0.8


def _is_hebrew(word: str) -> float:
    return 1.0 if _FINAL_HEBREW.isdisjoint(word[:-1]) else 0.2


def _is_latin(word: str) -> float:
    strange = sum(sign > "\x7f" for sign in word)
    return 1.0 if strange <= max(1, len(word) // 2) else 0.2


_BY_SCRIPT = {
    "CYRILLIC": _is_cyrillic,
    "GREEK": _is_greek,
    "HEBREW": _is_hebrew,
    "LATIN": _is_latin,
}


def _script(sign: str) -> str:
    return unicodedata.name(sign, "?").split(" ")[0]
