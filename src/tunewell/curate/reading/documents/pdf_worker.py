"""The process that reads PDF files: a file that hangs or swells takes this one with it, not ours.

It is run by its path and imports nothing of ours, so that it starts quickly. Each line of standard
input asks for one file; each line of standard output answers: its pages' texts and stated day, or
why there are none.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from typing import Any

MOST_TEXT = 64 << 20
"""Characters of one file: a hundred novels."""


def limit_memory(most_bytes: int) -> None:
    """Refuse this process more memory than this."""
    # A system may not know the limit (Windows has none), or have set a lower one.
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))


def limit_seconds(most: int) -> None:
    """End this process, also where nobody waits for it any more, after so many more seconds."""
    soft = int(time.process_time()) + most + 1
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def answer(path: str) -> dict[str, Any]:
    """What one file gives."""
    from pypdf import PdfReader

    try:
        reader = PdfReader(path)
        pages: list[str] = []
        size = 0
        for page in reader.pages:
            pages.append(page.extract_text() or "")
            size += len(pages[-1])
            if size > MOST_TEXT:
                return {"fault": f"it holds more than {MOST_TEXT >> 20} million characters"}
        about = reader.metadata
        stated = (about.modification_date or about.creation_date) if about else None
    except MemoryError:
        return {"fault": "reading it takes too much memory"}
    except Exception as error:  # whatever a parser makes of a damaged file, the file is a reject
        return {"fault": f"{type(error).__name__}: {error}"}
    return {"pages": pages, "date": stated.date().isoformat() if stated else ""}


def main() -> None:
    """Answer until nobody asks any more."""
    most_bytes, most_seconds = int(sys.argv[1]), int(sys.argv[2])
    import pypdf  # noqa: F401 (before there is a limit: it has a right to its own code)

    # It tells of every fault that it works around.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    limit_memory(most_bytes)
    for line in sys.stdin:
        limit_seconds(most_seconds)
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
