"""Addresses of machines in a text, told from version numbers by what stands around them."""

from __future__ import annotations

import ipaddress
import re

from tunewell.checks.personal.identifier import DIGIT, Identifier, Place, before, whole
from tunewell.checks.personal.number_context import follows_version_word

_IPV4 = re.compile(r"(?<![\w.@-])(?<![^/]/)(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:{1,2}){3,7}[0-9A-Fa-f]{1,4}(?![\w:])"
    r"|(?<![\w:.])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,5}::"
    r"(?:[0-9A-Fa-f]{1,4}:){0,5}[0-9A-Fa-f]{1,4}(?![\w:])"
)
_LEADING_ZERO = re.compile(r"\b0\d")
_NAMED = re.compile(r"(?i)\b(?:ip|host|address|server|from)\W*$")


_PREFIX_LENGTH = re.compile(r"/(?:[1-9]|[12]\d|3[01])(?!\d)")
_OF_NOBODY = frozenset(
    "208.67.222.222 208.67.220.220 149.112.112.112 94.140.14.14 1.2.3.4 4.3.2.1".split()
)
"""Public name servers that instructions name, and digits in a row."""

_OF_A_SERVER = re.compile(
    r"(?i:(?<![\w-])[\"']?host(?:name)?[\"']?\s{0,3}[:=]\s{0,3}[\"']?|\bReceived: by )$"
)
"""Before the address of a machine that serves others …"""

_NAMED_HOST = re.compile(r"([\w-]{1,63}(?:\.[\w-]{1,63}){2,6})(?:</a>)?\s{0,3}\(\[?$")
_OF_A_LINE = re.compile(
    r"(?i)dyn|dsl|dhcp|pool|ppp|cable|client|cust|home|mobile|\bres\b|laptop|desktop|macbook|phone|"
    r"notebook|workstation|(?<![a-z])pc(?![a-z])"
)
"""… which has a name: a provider names the lines of its customers by their numbers."""


def _is_somebody_s(text: str) -> bool:
    """Whether a machine on the Internet has it: it is not private, for documentation or a mask."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.is_multicast or not address.is_global or text in _OF_NOBODY:
        return False
    return address.version == 6 or not text.startswith(("0.", "240.", "255."))


def _is_server_s(match: re.Match[str]) -> bool:
    """Whether a text gives the address as that of a server, as the headers of a mail do."""
    said = before(match, 160)
    if _OF_A_SERVER.search(said):
        return True
    host = _NAMED_HOST.search(said)
    if host is None or _OF_A_LINE.search(host[1]):
        return False
    numbers = set(match[0].split("."))
    return len(numbers.intersection(re.findall(r"\d+", host[1]))) < 2


def _version_4(match: re.Match[str]) -> Place | None:
    if _LEADING_ZERO.search(match[0]):
        return None

    octets = [int(part) for part in match[0].split(".")]
    if max(octets) > 255 or not _is_somebody_s(match[0]):
        return None
    # A network or a mask belongs to nobody in particular; many versions end in 0 as well.
    if octets[-1] == 0 or _PREFIX_LENGTH.match(match.string, match.end()):
        return None
    # Small numbers throughout are a version or a section ("2.4.1.0") unless the text says
    # otherwise.
    if _is_server_s(match):
        return None
    said = before(match, 24)
    if max(octets) < 32 and not _NAMED.search(said):
        return None
    return None if follows_version_word(said) else whole(match)


def _version_6(match: re.Match[str]) -> Place | None:
    if len(match[0]) <= 6 or not _is_somebody_s(match[0]):
        return None
    if _is_server_s(match):
        return None
    return whole(match) if DIGIT.search(match[0]) else None


IP_ADDRESSES = (
    Identifier("ip", _IPV4, proof=_version_4, needs=DIGIT),
    Identifier("ip", _IPV6, proof=_version_6, needs=re.compile("[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:")),
)
"""Public addresses, version 4 and 6."""
