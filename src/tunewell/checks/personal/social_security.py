"""US social security numbers in a text."""

from __future__ import annotations

import re

from tunewell.checks.personal.identifier import DIGIT, Identifier, Mentions, Place
from tunewell.checks.personal.number_context import named_otherwise

_SSN = re.compile(
    r"(?<![\w.-])(?P<area>\d{3})(?P<mark>[- ])(?P<group>\d{2})(?P=mark)(?P<serial>\d{4})"
    r"(?![\w-])(?!\.\d)"
)
_SSN_BARE = re.compile(
    r"(?i:\bssn\b|social security)\D{0,25}?"
    r"(?<!\d)(?P<area>\d{3})(?P<group>\d{2})(?P<serial>\d{4})(?!\d)"
)


_NAMED = re.compile(r"(?i)\b(?:ssn|social|security|taxpayer|tax id)\b")


def _proof(match: re.Match[str]) -> Place | None:
    if not _exists(match["area"], match["group"], match["serial"]):
        return None
    return match.start("area"), match.end("serial")


def _proof_of_groups(match: re.Match[str]) -> Place | None:
    said = match.string[max(0, match.start() - 40) : match.start()]
    if named_otherwise(said):
        return None
    # Three groups between spaces may be any numbers in a row.
    is_named = match["mark"] == "-" or _NAMED.search(said) is not None
    return _proof(match) if is_named else None


def _exists(area: str, group: str, serial: str) -> bool:
    """Whether such a number is ever issued."""
    if area in ("000", "666") or area[0] == "9":
        return False
    return group != "00" and serial != "0000"


SOCIAL_SECURITY = (
    Identifier("ssn", _SSN, proof=_proof_of_groups, needs=DIGIT),
    Identifier("ssn", _SSN_BARE, proof=_proof, needs=Mentions("ssn", "social security")),
)
"""Numbers in groups of 3, 2 and 4 digits, and bare ones beside the words."""
