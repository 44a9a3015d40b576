"""Whether two texts are one in other spelling: slips, polite frames, split and joined words.

Short texts are compared letter by letter too: a typo in a command of seven words leaves it less
alike, counted in words, than many a different command.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import OSA, Levenshtein

from tunewell.similar.candidates import candidates
from tunewell.similar.confusables import plain_letters
from tunewell.similar.exact_keys import normalise
from tunewell.similar.near_duplicates import Pairs
from tunewell.similar.signs import with_signs
from tunewell.similar.slips import is_near, is_plain
from tunewell.similar.union_find import by_key
from tunewell.similar.word_table import NEGATIONS, split_words

MOST_WORDS = 25
"""Longer texts are compared by words alone."""

_RARE = 2
"""A writing in more texts than this, and in a tenth of those of the other one, is no slip."""

_KNOWN = 4
"""In a text of one or two words a slip is one only if the right word stands in so many texts."""

_FEWEST_WORDS = 3
"""Words that are left of a text without its polite frame."""

_DIGITS = re.compile(r"\d+")
_GRAM = 3
LEAST_ALIKE = 0.72
"""Similarity of the letters from which two texts are looked at word by word."""

_OPENING = frozenset(
    # English
    "please kindly hello hi hey dear good morning afternoon evening day there could can would will "
    "you i d ll m we us me tell know need want wanted like wonder wondering was if whether help "
    "with thanks thank quick question just maybe possible is it to assist team sir madam everyone "
    "folks and ok okay um uh er well sorry excuse bother but let your say really also now maybe "
    "perhaps actually "
    # German, French, Spanish, Italian, Dutch, Portuguese
    "bitte danke hallo guten tag morgen abend könnten können sie kannst könntest könntet du ihr "
    "würdest würden mir uns sagen ich möchte "
    "würde gerne wissen ob mal bonjour bonsoir s il vous plaît svp plait pourriez pouvez dire je "
    "voudrais savoir si salut peux tu pourrais peut on te plait hola buenos días buenas tardes por "
    "favor podría podrías puede puedes decirme decir quisiera quería saber ciao buongiorno salve "
    "per favore potrebbe potresti può puoi dirmi vorrei sapere se hoi hallo graag kunt kun kan zou "
    "je u mij zeggen willen weten alstublieft alsjeblieft olá oi bom dia poderia podes pode dizer "
    "me gostaria queria de".split()
)
"""Words that stand before a question and are no part of it."""

_CLOSING = frozenset(
    "please kindly thanks thank you so much very a lot many in advance cheers regards kind best "
    "for your help assistance great would be appreciated appreciate it any ok okay um uh er sir "
    "madam team guys bitte danke vielen dank im voraus schon mal liebe viele grüße mit "
    "freundlichen grüßen merci beaucoup d avance cordialement s il vous plaît svp gracias muchas "
    "de antemano por favor saludos grazie mille per favore alstublieft bedankt alvast obrigado "
    "obrigada desde já".split()
)
"""Words that stand behind it."""

_COURTESY = frozenset(
    "please kindly thanks thank cheers regards appreciated appreciate help bitte danke dank grüße "
    "grüßen merci cordialement plaît svp gracias favor saludos grazie alstublieft bedankt obrigado "
    "obrigada um uh er ok okay sir madam team guys".split()
)
"""Of what stands behind a question, one word must be one of these: "my card is not in" ends in
none."""

_FILLERS = frozenset(
    "please um uh er eh äh hm hmm just well like so the a an kindly bitte really now maybe perhaps "
    "actually simply quite very also mal eben wirklich vielleicht".split()
)

SMALL_WORDS = frozenset(
    "the a an this that these those your our my do does did is are be we you it to what will would "
    "der die das den dem ein eine mein meine ihr ihre le la les un une mon ma el los mi su".split()
)
"""Words without which a question is still the same."""

SMALL_TALK = _FILLERS | _COURTESY | SMALL_WORDS
"""Words that say nothing of what is asked or answered."""

_SOUND_ALIKE = (
    "write right rite|for four|to too two|ate eight|won one|know no|their there they're|sum some|"
    "here hear|weather whether|by buy bye|see sea|whole hole|flower flour|meet meat|week weak|"
    "sale sail|mail male|wait weight|new knew|our hour|son sun|pair pear|plane plain|"
    "break brake|check cheque|light lite|night knight|through threw|would wood|your you're|"
    "its it's|peace piece|right write|root route|role roll|steal steel|tail tale|way weigh|"
    "whose who's|wear where|waist waste|allowed aloud|bear bare|board bored|cell sell|cent sent|"
    "dear deer|fair fare|great grate|heel heal|higher hire|made maid|principal principle|read red|"
    "scene seen|stair stare|than then|accept except"
)
LOGOGRAMS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Signs that are a word, or a syllable: another one is another word and no slip."""

_SOUND = {word: line for line in _SOUND_ALIKE.split("|") for word in line.split()}


def tokens_of(text: str) -> list[str]:
    """The words of a text, signs and numbers among them."""
    return normalise(with_signs(plain_letters(text))).split()


def word_counts(tokens: Sequence[Sequence[str]]) -> Mapping[str, int]:
    """In how many different texts each word stands."""
    counts: Counter[str] = Counter()
    for text in {tuple(each) for each in tokens}:
        counts.update(set(text))
    return counts


@dataclass(frozen=True)
class Wordings:
    """Texts as words, and in how many texts each word stands.

    Attributes:
        tokens: The words of each text.
        cores: The same without what is only polite at either end.
        counts: In how many different texts each word stands.
    """

    tokens: Sequence[Sequence[str]]
    cores: Sequence[Sequence[str]]
    counts: Mapping[str, int]

    @classmethod
    def of(
        cls,
        tokens: Sequence[Sequence[str]],
        counts: Mapping[str, int] | None = None,
    ) -> Wordings:
        """Texts as words.

        Args:
            tokens: The words of each text.
            counts: In how many texts each word stands; counted in these texts if not given.
        """
        known = word_counts(tokens) if counts is None else counts
        return cls(tokens, [_core(each) for each in tokens], known)

    def same(self, i: int, j: int) -> bool:
        """Whether two texts differ in nothing but slips and polite words.

        Example:
            >>> words = "please turn on the kitchen light|trun on the kitchen light|turn off it"
            >>> texts = Wordings.of([text.split() for text in words.split("|")])
            >>> texts.same(0, 1), texts.same(0, 2)
            (True, False)
        """
        if self._are_one(self.cores[i], self.cores[j]):
            return True
        # A slip may stand in the polite words, so that they are not known for such.
        return self._are_one(self.tokens[i], self.tokens[j])

    def _are_one(self, a: Sequence[str], b: Sequence[str]) -> bool:
        if a == b:
            return bool(a)
        if "".join(a) == "".join(b):
            return _numbers(a) == _numbers(b)
        return _values(a) == _values(b) and self._slips_only(a, b)

    def _slips_only(self, a: Sequence[str], b: Sequence[str]) -> bool:
        most = max(1, min(len(a), len(b)) // 3)
        says_little = min(len(a), len(b)) < _FEWEST_WORDS
        slips = 0
        for op in Levenshtein.opcodes(a, b):
            before = a[op.src_start : op.src_end]
            after = b[op.dest_start : op.dest_end]
            if op.tag == "equal" or self._are_filled_in([*before, *after], op.tag, a, op.src_start):
                continue
            slips += max(len(before), len(after))
            if not self._is_slip_of(before, after):
                return False
            if says_little and not self._is_plain_slip(before, after):
                return False
        return slips <= most

    def _is_plain_slip(self, before: Sequence[str], after: Sequence[str]) -> bool:
        """Whether one of some words is frequent, and the others no word of their own beside it.

        "thanks" is frequent, "Raj" and "Raju" are two names, "user" and "users" two words.
        """
        if max(self.counts.get(word, 0) for word in (*before, *after)) < _KNOWN:
            return False
        return is_plain("".join(before), "".join(after))

    def _are_filled_in(
        self,
        words: Sequence[str],
        tag: str,
        text: Sequence[str],
        at: int,
    ) -> bool:
        """Whether words that only one text has say nothing: fillers, or the last word again."""
        if tag == "replace":
            return False
        if all(word in _FILLERS for word in words):
            return True
        around = text[max(0, at - 1) : at + 2]
        return len(words) == 1 and list(around).count(words[0]) > (tag == "delete")

    def _is_slip_of(self, before: Sequence[str], after: Sequence[str]) -> bool:
        if not before or not after:
            return False
        if "".join(before) == "".join(after):
            return True
        if len(before) == len(after):
            return all(self.slip(a, b) for a, b in zip(before, after, strict=True))
        # "kitchen" heard as "kit chin": one word and two.
        one, other = "".join(before), "".join(after)
        rare = any(self.counts.get(word, 0) <= _RARE for word in (*before, *after))
        return rare and len(one) >= 5 and OSA.distance(one, other) <= 1

    def slip(self, a: str, b: str) -> bool:
        """Whether one word is the other with a slip of the hand or of the ear."""
        if a == b:
            return True
        if not (a + b).isalpha() or _values([a, b]) or LOGOGRAMS.search(a + b):
            return False
        if a in _SOUND and _SOUND[a] == _SOUND.get(b):
            return True
        low, high = sorted((self.counts.get(a, 0), self.counts.get(b, 0)))
        if low > _RARE and 10 * low > high:
            return False
        return is_near(a, b)

    def plain_slip(self, a: str, b: str) -> bool:
        """Whether one word is the other with a slip, and no word of its own.

        A writing beside which the other one is frequent is a slip; of two rare ones either may be
        another word: "million" and "billion".
        """
        if not self.slip(a, b):
            return False
        return max(self.counts.get(a, 0), self.counts.get(b, 0)) > _RARE or is_plain(a, b)


def _values(words: Sequence[str]) -> list[str]:
    """The numbers, signs and negations of a text."""
    found = []
    for word in words:
        if word in NEGATIONS:
            found.append("0not")
        elif any(map(str.isdigit, word)):
            found.append(word)
    return sorted(found)


def _numbers(words: Sequence[str]) -> list[str]:
    """The runs of digits of a text: "a3" is "a 3", and "1 23" is not "12 3"."""
    return _DIGITS.findall(" ".join(words))


def _core(words: Sequence[str]) -> Sequence[str]:
    first, end = 0, len(words)
    while first < end and words[first] in _OPENING:
        first += 1
    while end > first and words[end - 1] in _CLOSING:
        end -= 1
    while end < len(words) and words[end] not in _COURTESY:
        end += 1
    core = words[first:end]
    return core if len(core) >= _FEWEST_WORDS else words


def same_wording(wordings: Wordings, *, across: int = 0) -> Pairs:
    """Pairs of short texts that differ in nothing but slips and polite words.

    Args:
        wordings: The texts; longer ones and empty ones are in no pair.
        across: If not 0, only pairs between the first ``across`` texts and the rest.
    """
    n = len(wordings.tokens)
    short = [i for i in range(n) if 0 < len(wordings.cores[i]) <= MOST_WORDS]
    cores = ["".join(wordings.cores[i]) for i in short]
    found = _equal_ones(cores, short, across)
    found |= _near_ones(cores, short, across)
    found |= _near_ones(["".join(wordings.tokens[i]) for i in short], short, across)

    pairs = sorted(pair for pair in found if wordings.same(*pair))
    left = np.array([i for i, _ in pairs], dtype=np.int64)
    right = np.array([j for _, j in pairs], dtype=np.int64)
    alike = [
        Levenshtein.normalized_similarity("".join(wordings.cores[i]), "".join(wordings.cores[j]))
        for i, j in pairs
    ]
    return Pairs(left, right, np.array(alike, dtype=np.float32))


def _equal_ones(
    joined: Sequence[str],
    short: Sequence[int],
    across: int,
) -> set[tuple[int, int]]:
    """Texts of the same letters: each with the first of its kind (on the other side)."""
    found: set[tuple[int, int]] = set()
    for members in by_key(joined):
        rows = [short[k] for k in members]
        head, tail = rows[0], rows[1:]
        if across:
            tail = [row for row in rows if row >= across] if head < across else []
        found.update((head, row) for row in tail)
    return found


def _near_ones(
    joined: Sequence[str],
    short: Sequence[int],
    across: int,
) -> set[tuple[int, int]]:
    """Texts of nearly the same letters, by the groups of three letters that they share."""
    distinct = dict.fromkeys(zip(joined, [row < across for row in short], strict=True))
    texts = list(distinct)
    if across:
        texts.sort(key=lambda text: not text[1])
    first: dict[tuple[str, bool], int] = {}
    for text, row in zip(joined, short, strict=True):
        first.setdefault((text, row < across), row)

    heads = sum(is_head for _, is_head in texts)
    table = split_words([grams(text) for text, _ in texts])
    n = max(len(texts), 1)
    found: set[tuple[int, int]] = set()
    for batch in candidates(table, across=heads):
        for low, high in zip(*(part.tolist() for part in np.divmod(batch, n)), strict=True):
            alike = Levenshtein.normalized_similarity(texts[low][0], texts[high][0])
            if alike >= LEAST_ALIKE:
                pair = sorted((first[texts[low]], first[texts[high]]))
                found.add((pair[0], pair[1]))
    return found


def grams(text: str) -> str:
    """The groups of three letters of a text, each a word."""
    letters = f"x{text}x"
    return " ".join(letters[at : at + _GRAM] for at in range(len(letters) - _GRAM + 1))
