"""The only way to a terminal: what others wrote is shown, never obeyed.

Ids, file names and texts of rows can hold control characters that move the cursor, colour a NO-GO
green or write to the clipboard. Every text that a verb prints goes through `SafeConsole` or
`write_data`; a test holds every verb to it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from tunewell.safe_text import shown

_UNSAFE_IN_JSON = re.compile(
    "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


class SafeConsole(Console):
    r"""As rich's console; controls in texts become pictures, markup in them stays text.

    Example:
        >>> import io
        >>> console = SafeConsole(file=io.StringIO())
        >>> console.print("a\x1b[2Jb [red]c")
        >>> console.file.getvalue()
        'a␛[2Jb [red]c\n'
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, soft_wrap=True, **options)

    def render(
        self,
        renderable: RenderableType,
        options: ConsoleOptions | None = None,
    ) -> Iterable[Segment]:
        """The pieces of what is printed, with every text made harmless."""
        for segment in super().render(renderable, options):
            # Pieces with a control are the console's own: they move the cursor of a progress bar.
            yield segment if segment.control else segment._replace(text=shown(segment.text))


def safe_json(value: object) -> str:
    r"""JSON on one line whose texts no terminal obeys; it reads back as the same value.

    Example:
        >>> safe_json({"id": "a\x9b31mb"})
        '{"id": "a\\u009b31mb"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _UNSAFE_IN_JSON.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0], ensure_ascii=True)[1:-1]


def write_data(text: str) -> None:
    """Write data to stdout: as it is into a file or a pipe, harmless to a terminal."""
    sys.stdout.write(shown(text) if sys.stdout.isatty() else text)
