"""Secrets are kept as digests only, so that a copy of the database opens nothing."""

from __future__ import annotations

import hashlib


def token_digest(token: str) -> str:
    """SHA-256 of a secret, hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
