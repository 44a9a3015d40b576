"""The report of an internal error: for its reader alone, without secrets."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import traceback
from pathlib import Path

from tunewell.lineage import package_versions
from tunewell.revision import code_revision

HIDDEN = "***"

_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s'\"<>]*@", re.IGNORECASE)
_OPTION = re.compile(
    r"((?:--)?[\w-]*(?:passwo?r?d|passwd|pwd|secret|token|api[_-]?key|credential)[\w-]*"
    r"['\"]?\s*[=: ]\s*['\"]?)[^\s'\",;)}\]]+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\b(?:tw_|sk-|hf_|ghp_|xox[bp]-)[\w-]{8,}")
_LINK = re.compile(r"(/join/)[\w-]{8,}")
_SECRET_NAME = re.compile(r"secret|token|passw|_key$|apikey|smtp|database_url", re.IGNORECASE)
_SHORTEST_SECRET = 6


def redact(text: str) -> str:
    """A text without the secrets in it: of addresses, options, tokens, and of the environment.

    Example:
        >>> redact("serve --smtp smtps://desk:S3CRET@mail.example.org --api-key abc123")
        'serve --smtp smtps://***@mail.example.org --api-key ***'
        >>> redact("postgresql://tw:p@ss/w@127.0.0.1/x")
        'postgresql://***@127.0.0.1/x'
    """
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, HIDDEN)
    text = _IN_URL.sub(rf"\1{HIDDEN}@", text)
    text = _OPTION.sub(rf"\1{HIDDEN}", text)
    text = _LINK.sub(rf"\1{HIDDEN}", text)
    return _TOKEN.sub(HIDDEN, text)


def write_fault_report(arguments: list[str]) -> tuple[str, Path | None, str]:
    """Write what happened where only this user can read it.

    Call it while the error is being handled.

    Returns:
        The error in one line, the file (None if none could be written), and the whole report.
    """
    trace = redact(traceback.format_exc())
    lines = [
        f"tunewell {code_revision()}, Python {sys.version}",
        f"arguments: {redact(' '.join(arguments))}",
        f"packages: {package_versions()}",
        "",
        trace,
    ]
    report = "\n".join(lines)
    what = trace.strip().splitlines()[-1]
    project = Path(".tunewell")
    folder = project if project.is_dir() else Path(tempfile.gettempdir())
    try:
        # Mode 0600, and a name that nobody can lay a link under beforehand.
        handle, name = tempfile.mkstemp(prefix="tunewell-fault-", suffix=".txt", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report)
    except OSError:
        return what, None, report
    return what, Path(name).resolve(), report
