"""Real paragraphs from the documentation strings of installed packages: text that every machine with Tunewell has."""

from __future__ import annotations

import ast
import random
import re
import sysconfig
from pathlib import Path


def paragraphs(count: int, *, low: int = 40, high: int = 90, seed: int = 0) -> list[str]:
    """Distinct paragraphs of ``low`` to ``high`` words, drawn by seed.

    Args:
        count: How many.
        low: Fewest words.
        high: Most words.
        seed: Of the draw.
    """
    found: dict[str, str] = {}
    files = sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.py"))
    random.Random(0).shuffle(files)
    for path in files:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for part in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
                    words = part.split()
                    if low <= len(words) <= high and ">>>" not in part:
                        text = " ".join(words)
                        found.setdefault(re.sub(r"\W+", " ", text.lower())[:120], text)
        if len(found) >= 3 * count:
            break
    texts = sorted(found.values())
    random.Random(seed).shuffle(texts)
    return texts[:count]
