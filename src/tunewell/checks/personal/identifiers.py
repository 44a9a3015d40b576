"""Personal data and secrets (pitfall D07): structured identifiers, each with its own proof.

A number counts only when its check digits hold (cards: Luhn, ISO/IEC 7812; IBAN: mod 97, ISO 7064;
national numbers: `national_ids`) or when its grouping and the words beside it leave no doubt, so
order numbers, decimals, versions and tables are left alone.
"""

from __future__ import annotations

import re

from tunewell.checks.personal.emails import EMAILS
from tunewell.checks.personal.identifier import ANYTHING, every
from tunewell.checks.personal.ip_addresses import IP_ADDRESSES
from tunewell.checks.personal.national_ids import NATIONAL_IDS
from tunewell.checks.personal.payment import PAYMENT
from tunewell.checks.personal.phones import PHONES, SEVEN_DIGITS
from tunewell.checks.personal.secrets import SECRETS
from tunewell.checks.personal.social_security import SOCIAL_SECURITY
from tunewell.checks.personal.spans import PersonalSpan, first_of_overlapping

TYPES = ("secret", "iban", "card", "ssn", "national_id", "email", "ip", "phone")
"""What is looked for, the strongest evidence first: where two overlap, the first one counts."""

_MAY = re.compile(
    r"[@＠]|\d{2}|:[/:]|-----BEGIN|[\w-]{20}|(?i:pass|secret|token|key|\bdot\b|\bpunk?to?\b|[(\[]at)"
)
"""A text without any of this holds nothing that is looked for."""
_FIVE_DIGITS = re.compile(r"\d(?:[ .\-/+()]{0,2}\d){4}|[A-Z]{2,6}\d\d")
_GROUPS = (
    (ANYTHING, SECRETS),
    (_FIVE_DIGITS, (*PAYMENT, *SOCIAL_SECURITY, *NATIONAL_IDS)),
    (ANYTHING, EMAILS),
    (ANYTHING, IP_ADDRESSES),
    (SEVEN_DIGITS, PHONES),
)
"""What a text must have, and what is looked for in it then, in the order of `TYPES`."""
"""In the order of `TYPES`."""


def find_personal(text: str) -> list[PersonalSpan]:
    """Personal data and secrets in a text, in order, without overlaps.

    Example:
        >>> text = "Card 4111 1111 1111 1111, not 4111 1111 1111 1112; mail jo@okoro.net"
        >>> [s.type for s in find_personal(text)]
        ['card', 'email']
    """
    if not _MAY.search(text):
        return []
    found: list[PersonalSpan] = []
    for needs, identifiers in _GROUPS:
        if needs.search(text):
            found += every(identifiers, text)
    return first_of_overlapping(found)
