"""Text in which every character counts: code, patches, data, tables, paths.

No repair touches it, and it is complete without a full stop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_BEGIN = r"^[^\S\n]*+"
"""The beginning of a line; ``^\\s*`` looks at a flood of empty lines from each one of them."""

_INDENTED = re.compile(r"^(?: {2,}|\t)\S", re.MULTILINE)
"""A line that begins with white space: code, a list below a list, verse."""

_PATCH = re.compile(r"^(?:diff --git |@@ |\+\+\+ |--- \S|[+-](?![ +-])\S*[\w({\[])", re.MULTILINE)
_FENCE = re.compile(r"^(?:```|~~~)", re.MULTILINE)
_TERMINAL = re.compile(r"\x1b\[|\x1b\]")

_KEYWORD = re.compile(
    rf"{_BEGIN}(?:(?:async )?def \w|"
    r"class \w+[(:{]|import [\w.{*]+(?: as \w+| from .*)?;?$|from [\w.]+ import |"
    r"return\b(?:[^.]|\.\d)*;?$|func \w|function\b.*[({]|fn \w+|(?:const|let|var|val) \w+ ?[=:]|"
    r"(?:if|for|while|elif|switch|catch|except)\b.*[:{]$|(?:else|try|finally|do)\b ?[:{]|"
    r"print ?[(f'\"]|#include|#!|package [\w.]+;|using [\w.:]+;|"
    r"(?:public|private|protected|static|void|int|float|double|string|bool) \w+ ?[\w(=;]|"
    r"(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|WITH|EXPLAIN|GRANT|MERGE)\s|"
    r"(?:FROM|WHERE|GROUP BY|ORDER BY|HAVING|LIMIT|JOIN|VALUES)\s+\S|"
    r"<[?!/]?[A-Za-z][\w:-]*(?:[ >/]|$)|[$>%#] ?(?:\w|\./)|"
    r"(?:sudo|curl|wget|git|npm|npx|pip|docker|kubectl|echo|printf|cd|ls|grep|sed|awk|chmod|chown|"
    r"mkdir|rm|cp|mv|tar|ssh|scp|systemctl|apt|brew) [-./~$'\"\w*]|"
    r"find [./~-]|make [-\w]+$|export \w+=|cat \S*[./>])",
    re.MULTILINE,
)
"""Beginnings of lines that only code has. Those of SQL in capitals."""

_CODE_SIGN = re.compile(
    r"[;{}]\s*$|=>|->|::|:=|==|!=|&&|\|\||\w\(\)|\w\([^ ()]*\)[.;]|</\w|/>|\$\{|\$\(|"
    rf"{_BEGIN}[\w.\[\]]+ ?[+*/-]?= ?\S",
    re.MULTILINE,
)
_DATA_HEAD = re.compile(r"\s*(?:[{\[](?!\w+\])|<\?xml|<!)|---\n")
_KEY_LINE = re.compile(rf"{_BEGIN}(?:- )?[\w.\"'-]+ ?[:=](?:\s\S.*)?$", re.MULTILINE)
_TABLE_LINE = re.compile(rf"{_BEGIN}\|.*\||\t", re.MULTILINE)
_PATH = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+|(?:[A-Za-z]:\\|\\\\|~?/|\.{1,2}/)[\w.\\/@%+~-]+|"
    r"\w[\w.-]*@\w[\w.-]*"
)
_ENCODINGS = re.compile(
    r"mojibake|encod|encodage|codific|kodier|zeichensatz|zeichenkod|charset|character set|"
    r"codepage|"
    r"code page|\butf-?(?:8|16|32)|\blatin-?1|iso-?8859|\bcp-?125\d|windows-?125\d|\bascii\b|"
    r"unicode|"
    r"\bbytes?\b|ftfy|\bU\+[0-9A-F]{4}|文字化け|кодировк",
    re.IGNORECASE,
)


def is_verbatim(text: str) -> bool:
    r"""Whether every character of a text may count: code, a patch, data, a table.

    Rather too often than not: what it says yes to is left alone.

    Example:
        >>> is_verbatim("SELECT town FROM gauges"), is_verbatim("@@ -1 +1 @@\n \n-a\n+b")
        (True, True)
        >>> is_verbatim("The office opens at nine; bring a form.")
        False
    """
    return (
        _INDENTED.search(text) is not None
        or _FENCE.search(text) is not None
        or _TERMINAL.search(text) is not None
        or _PATCH.search(text) is not None
        or is_structured(text)
    )


def is_structured(text: str) -> bool:
    r"""Whether a text follows the grammar of a machine: code, JSON, YAML, XML, a table, a path.

    Example:
        >>> is_structured('{"on": true}'), is_structured("a: 1\nb: 2"), is_structured("a, b and c")
        (True, True, False)
    """
    stripped = text.strip()
    if not stripped:
        return False
    if _DATA_HEAD.match(text) or _KEYWORD.search(text) or _TABLE_LINE.search(text):
        return True
    if _CODE_SIGN.search(text) or _PATH.fullmatch(stripped):
        return True
    lines = stripped.splitlines()
    if len(lines) < 2:
        return False
    return 2 * len(_KEY_LINE.findall(stripped)) > len(lines) or _is_delimited(lines)


def _is_delimited(lines: Sequence[str]) -> bool:
    """Whether all lines have the same number of fields, as in a CSV file."""
    for sign in ",;":
        fields = {line.count(sign) for line in lines}
        has_no_sentence = not any(f"{sign} " in line for line in lines)
        if len(fields) == 1 and fields != {0} and has_no_sentence:
            return True
    return False


def is_about_encodings(text: str) -> bool:
    """Whether a text speaks of character encodings, so that garbled letters may be meant.

    Example:
        >>> is_about_encodings("Read as Latin-1 they show as Ã©."), is_about_encodings("cafÃ©")
        (True, False)
    """
    return _ENCODINGS.search(text) is not None
