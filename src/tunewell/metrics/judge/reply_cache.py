"""Replies of a judge by the content of what was asked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ReplyCache:
    """Replies as files.

    Attributes:
        folder: Where they are; None = none are kept.
    """

    folder: Path | None

    def get(self, key: str) -> str | None:
        """The reply under a key, if there is one."""
        if self.folder is None:
            return None
        try:
            text = self._path(self.folder, key).read_bytes()
            reply = json.loads(text)["reply"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return reply if isinstance(reply, str) else None

    def known(self, keys: Iterable[str]) -> dict[str, str]:
        """The keys under which there is a reply, with the replies."""
        found = {}
        for key in keys:
            reply = self.get(key)
            if reply is not None:
                found[key] = reply
        return found

    def keep(self, key: str, reply: str, *, model: str) -> None:
        """Keep a reply; another process never sees half of one."""
        if self.folder is None:
            return
        path = self._path(self.folder, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{key}.{os.getpid()}")
        text = json.dumps({"reply": reply, "model": model})
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"
