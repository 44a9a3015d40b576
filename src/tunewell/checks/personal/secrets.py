"""Secrets in a text: keys and tokens of known forms, passwords in addresses and assignments."""

from __future__ import annotations

import re

from tunewell.checks.personal.identifier import Identifier, Mentions, Place

_KNOWN_FORM = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bgithub_pat_[A-Za-z0-9_]{30,}\b|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bsk-(?:proj-|ant-|or-|svcacct-|live-|"
    # How far is looked ahead is bounded: a text of nothing but "sk-" would be read over and over.
    r"test-)?(?=[A-Za-z_-]{0,99}\d)(?=[\w-]{0,99}[A-Za-z0-9]{16})[A-Za-z0-9_-]{20,}|\b[sr]k_(?:live|"
    r"test)_[A-Za-z0-9]{16,}"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}"
    r"|\bhf_[A-Za-z0-9]{30,}\b|\bnpm_[A-Za-z0-9]{30,}\b"
    r"|\bpypi-[A-Za-z0-9_-]{40,}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"
    r"|\bdop_v1_[a-f0-9]{40,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
    r"(?:[\s\S]{0,8000}?-----END [A-Z ]{0,20}PRIVATE KEY-----)?"
)
_BEGINNINGS = Mentions(
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-"),
    *("sk_live", "sk_test", "rk_live", "rk_test", "xox", "AIza", "hf_", "npm_", "pypi-", "SG."),
    *("dop_v1_", "eyJ", "-----BEGIN"),
)
_NAMES = Mentions("pass", "pwd", "key", "secret", "token")
_URL_LOGIN = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:([^\s:/@]{3,128})@")
_ASSIGNED = re.compile(
    r"(?i:\b(?:password|passwd|passwort|pwd|api[_-]?key|secret(?:[_-]?key)?|access[_-]?token|"
    r"auth[_-]?token|client[_-]?secret|private[_-]?key)\b)"
    r"[\"']?\s*(?:[:=]|(?i:is)\b:?)\s*[\"']?([^\s\"',;<>{}\[\]()]{8,128})"
)


_REFERENCE = re.compile(
    r"(?:[A-Za-z_$][\w$]*(?:\??\.|->|::))+[A-Za-z_$][\w$]*$|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|"
    r"(?i:(?:your|my|the|some|new|old|test|dummy|example|sample|change|insert|enter|replace|"
    r"add|put)[_-])|"
    r"(?i:x{4,}|changeme|placeholder|redacted|none|null|true|false|process\.env|os\.environ|"
    r"https?:)"
)
"""Names of variables, settings and placeholders."""


def _url_login(match: re.Match[str]) -> Place | None:
    """Where a password in an address stands, if it is one and not a word for one."""
    return None if _STAND_IN.fullmatch(match[1]) else match.span(1)


_STAND_IN = re.compile(
    r"(?i)(?:user|my|your|the|db)?[_-]?(?:pass(?:word|wd)?|pwd|pw|secret|token|"
    r"x-oauth-basic|example)|"
    r"x+|\*+|\.+|…|[$%<{].*|changeme|postgres|root|admin|guest|foo|bar|baz|test|1234\d*"
)


def _is_special(character: str) -> bool:
    return not character.isalnum()


_KINDS = (str.islower, str.isupper, str.isdigit, _is_special)
"""Kinds of characters; a password has three of them."""


def _value(match: re.Match[str]) -> Place | None:
    """Where the assigned value stands, if it is a password and not a word or a reference to one."""
    value = match[1].rstrip(".!?")
    if len(value) < 8 or value.startswith(("$", "%", "*", "[")) or _REFERENCE.match(value):
        return None
    # What is called or indexed gives the value, it is not the value.
    if match.string[match.end(1) : match.end(1) + 1] in ("(", "["):
        return None

    kinds = sum(any(map(kind, value)) for kind in _KINDS)
    start = match.start(1)
    return (start, start + len(value)) if kinds >= 3 else None


SECRETS = (
    Identifier("secret", _KNOWN_FORM, needs=_BEGINNINGS),
    Identifier("secret", _URL_LOGIN, proof=_url_login, needs=Mentions("://")),
    Identifier("secret", _ASSIGNED, proof=_value, needs=_NAMES),
)
