"""Mail addresses in a text, plain or obfuscated, told from code and from addresses of nobody."""

from __future__ import annotations

import functools
import re
from importlib import resources

from tunewell.checks.personal.identifier import Identifier, Mentions, Place

_LABEL = r"[^\W_](?:[^\W_]|-(?=[^\W_]|-)){0,62}"
_EMAIL = re.compile(
    rf"(?<![\w.+/-])[^\W_](?:[\w.+'%-]{{0,62}}[\w+%-])?[@＠](?:{_LABEL}\.){{1,8}}{_LABEL}(?![\w-])"
)
_AT = r"(?:[\[({<]\s?(?:at|ät|@|arroba|chez)\s?[\])}>]|\s(?:AT|at|ät|arroba)\s)"
_DOT = (
    r"(?:\s?[\[({<]\s?(?:dot|punkt|punto|point|ponto|\.)\s?[\])}>]\s?|\s(?:DOT|dot|punkt|"
    r"punto|ponto)\s|\.)"
)
_OBFUSCATED = re.compile(
    rf"(?<![\w.+/-])[A-Za-z0-9][\w+-]{{0,40}}(?:{_DOT}[\w+-]{{1,40}}){{0,3}}\s?(?:{_AT}|@)\s?"
    rf"{_LABEL}(?:{_DOT}{_LABEL}){{1,4}}(?![\w-])"
)
_MAY_BE_OBFUSCATED = Mentions(
    *(" dot ", "dot)", "dot]", "dot}", "dot>", "dot )", "dot ]", "[.]", "(.)", "{.}"),
    *(" punkt ", "punkt)", "punkt]", " punto ", "punto)", "punto]", " ponto ", "ponto)", "point)"),
    *("point]", "(at)", "[at]", "{at}", "<at>", "( at )", "[ at ]", "(ät)", "[ät]", "(@)", "[@]"),
)

RESERVED = frozenset("example test invalid localhost local internal lan home corp".split())
"""Top-level domains of no mail (RFC 2606, RFC 6761, RFC 6762)."""
_EXAMPLES = re.compile(r"(?i)(?:^|[@.])example\.(?:com|net|org|edu|de|co\.uk|fr|es|it|jp|in|cn)$")
_PLACEHOLDER = re.compile(
    r"(?i)(?:you|your[._-]?(?:name|email|mail|user\w*)|user(?:name)?|name|"
    r"first[._-]?(?:name[._-]?)?last"
    r"(?:name)?|me|someone|somebody|anybody|foo|bar|email|xxx+|abc)@"
    r"(?:(?:your|my|some)?[._-]?(?:domain|company|mail|email|host|site|server|org|organi[sz]ation|"
    r"website|school|provider)|foo|bar|xxx+|abc|xyz)\.\w+(?:\.\w+)?"
    r"|(?:user|test|sample|samples|my|mail|admin)\d*@(?:e?mail|gmail|functions|company|test)\.com"
    r"|[^@]+@(?:(?:my|your|some)?[._-]?company|contoso|fabrikam|northwind(?:traders)?|"
    r"adventure-works|acme(?:corp)?)\.\w+"
)
"""Addresses that stand for an address, and firms that manuals have made up."""

_DESK = re.compile(
    r"(?i)(?:info|hello|hi|contact|sales|support|help|helpdesk|service|customer[._-]?service|"
    r"office|admin|team|billing|press|jobs|careers|marketing|newsletter|security|privacy|abuse|"
    r"postmaster|webmaster|hostmaster|mailer-daemon|(?:do[._-]?not|no)[._-]?reply|feedback|"
    r"kontakt|vertrieb|buchhaltung|kundenservice|bewerbung|redaktion|datenschutz|ventas|contacto|"
    r"soporte|ayuda|accueil|bonjour|assistenza|ufficio|klantenservice)@.+"
    r"|[^@]+@(?:googlegroups\.com|groups\.io|yahoogroups\.com|freelists\.org|lists?\..+|"
    r"listserv\..+)"
)
"""Mailboxes of a desk, and lists: no single person reads them."""

_EXTENSION = re.compile(r"[\"']gecko[\"']\s*:\s*\{\s*[\"']id[\"']\s*:\s*[\"']$")
"""Before the id of a browser extension, which has the form of an address."""
_NOT_PEOPLE = frozenset("this self super git hg svn ssh return break continue ec2-user".split())
"""What stands before an @ that is a label, a receiver or an account of a machine."""
_PIXEL_DENSITY = re.compile(r"[1-4]x\.")
_OPERAND = re.compile(r"[=(*+,\[-]\s*$|^\s*$|\breturn\s+$")
_COMMAND = re.compile(
    r"\b(?:ssh|scp|rsync|sftp|mosh|npm i|npm install|yarn add|pnpm add|npx)\b[^\n]{0,60}$"
)


@functools.cache
def _top_level() -> frozenset[str]:
    text = resources.files("tunewell.checks.personal").joinpath("top_level_domains.txt")
    lines = text.read_text("utf-8").splitlines()
    return frozenset(" ".join(line for line in lines if not line.startswith("#")).split())


def is_top_level_domain(label: str) -> bool:
    """Whether the Internet has such a top-level domain.

    Example:
        >>> [is_top_level_domain(label) for label in ("org", "рф", "finish", "T", "png")]
        [True, True, False, False, False]
    """
    return label.lower() in _top_level()


def _address(match: re.Match[str]) -> Place | None:
    """Where an address stands, if somebody may get mail there."""
    local, _, domain = re.split("([@＠])", match[0], maxsplit=1)
    end = match.end()
    # "x@W.to(device)", "git@host.org:path", "w@x.id[0]": operators and remotes, no addresses.
    following = match.string[end : end + 2]
    if following[:1] in ("(", "[") or re.match(r":[\w/~]", following):
        return None
    before = match.string[max(0, match.start() - 80) : match.start()]
    if _is_machine(local, domain, before) or not is_somebody_s(f"{local}@{domain}"):
        return None
    return match.span()


def _is_machine(local: str, domain: str, before: str) -> bool:
    if local.lower() in _NOT_PEOPLE or _PIXEL_DENSITY.match(domain):
        return True
    if _COMMAND.search(before) or _EXTENSION.search(before):
        return True
    # One or two letters beside an operator are variables of a matrix product.
    is_variable = len(local) <= 2 or local[0] == "_"
    return is_variable and _OPERAND.search(before.rsplit("\n", 1)[-1]) is not None and "=" in before


def is_somebody_s(address: str) -> bool:
    """Whether an address can be a person's: its domain exists, is not for examples, and no desk's.

    Example:
        >>> [is_somebody_s(a) for a in ("jo@okoro.net", "jo@example.org", "you@yourdomain.com")]
        [True, False, False]
        >>> is_somebody_s("info@okoro.net"), is_somebody_s("users@lists.okoro.net")
        (False, False)
    """
    last = address.rsplit(".", 1)[-1].lower()
    if not is_top_level_domain(last) or last in RESERVED:
        return False
    if _EXAMPLES.search(address) or _PLACEHOLDER.fullmatch(address):
        return False
    return not _DESK.fullmatch(address)


def _obfuscated(match: re.Match[str]) -> Place | None:
    """Where an address with "at" and "dot" written out stands."""
    at = re.search(rf"\s?(?:{_AT}|@)\s?", match[0])
    if at is None:
        return None
    local = re.sub(_DOT, ".", match[0][: at.start()])
    domain = re.sub(_DOT, ".", match[0][at.end() :])
    is_plain = "@" in at[0] and not re.search(r"\s|[\[({<]", match[0][at.end() :])
    says_dot = domain.count(".") > match[0][at.end() :].count(".") or re.search(
        r"[\[({<]", match[0]
    )
    if is_plain or not says_dot or not is_somebody_s(f"{local}@{domain}"):
        return None
    return match.span()


EMAILS = (
    Identifier("email", _EMAIL, proof=_address, needs=re.compile("[@＠]")),
    Identifier("email", _OBFUSCATED, proof=_obfuscated, needs=_MAY_BE_OBFUSCATED),
)
