"""Words that turn a text into its opposite: at most and at least, before and after.

Texts that differ in such a word are alike in all others, and ask or say different things.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_PAIRS = (
    # English
    "most least|more less|more fewer|greater less|greater smaller|larger smaller|bigger smaller|"
    "higher lower|upper lower|above below|over under|maximum minimum|max min|longest shortest|"
    "largest smallest|highest lowest|biggest smallest|cheapest dearest|newest oldest|first last|"
    "earliest latest|earlier later|before after|leading trailing|start end|starts ends|begin end|"
    "open close|opens closes|opened closed|on off|enable disable|enabled disabled|left right|"
    "increase decrease|raise lower|up down|in out|incoming outgoing|inbound outbound|"
    "arrive depart|arrival departure|arrivals departures|arriving leaving|arrives leaves|to from|"
    "buy sell|send receive|sent received|add remove|insert delete|install uninstall|lock unlock|"
    "with without|include exclude|including excluding|inside outside|north south|east west|"
    "ascending descending|true false|yes no|import export|login logout|accept decline|"
    "accept reject|allow forbid|win lose|front back|top bottom|hot cold|warm cold|old new|"
    "deposit withdraw|credit debit|husband wife|mother father|son daughter|morning evening|"
    "am pm|even odd|positive negative|single double|day night|summer winter|push pull|"
    # German
    "höchstens mindestens|mehr weniger|größer kleiner|höher niedriger|obere untere|oberen unteren|"
    "über unter|vor nach|vorher nachher|anfang ende|beginnt endet|öffnet schließt|öffnen schließen|"
    "an aus|ein aus|links rechts|linke rechte|erste letzte|ersten letzten|früher später|"
    "älteste neueste|ankunft abfahrt|kaufen verkaufen|senden empfangen|hinzufügen entfernen|"
    "erhöhen senken|innen außen|mit ohne|abends morgens|sommer winter|norden süden|"
    # French, Spanish, Italian
    "plus moins|avant après|ouvre ferme|ouvrir fermer|gauche droite|premier dernier|"
    "première dernière|haut bas|acheter vendre|arrivée départ|supérieur inférieur|avec sans|"
    "más menos|antes después|abre cierra|abrir cerrar|izquierda derecha|primero último|"
    "comprar vender|llegada salida|mayor menor|superior inferior|con sin|"
    "più meno|prima dopo|apre chiude|aprire chiudere|sinistra destra|primo ultimo|"
    "comprare vendere|arrivo partenza|maggiore minore|superiore inferiore|con senza"
)


def _table() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in _PAIRS.split("|"):
        one, other = pair.split()
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


OPPOSITES = _table()
"""By word, its opposites."""


def are_opposed(a: Collection[str], b: Collection[str]) -> bool:
    """Whether one text has a word where the other has its opposite.

    Args:
        a: The words of a text, in small letters.
        b: Those of another.

    Example:
        >>> are_opposed("at least 8 signs".split(), "at most 8 signs".split())
        True
        >>> are_opposed("turn it on".split(), "please turn it on now".split())
        False
    """
    only_a = set(a).difference(b)
    only_b = set(b).difference(a)
    return any(not OPPOSITES.get(word, _NONE).isdisjoint(only_b) for word in only_a)


_NONE: frozenset[str] = frozenset()
