"""Other tools on the same texts, in an environment of their own: JSON in, JSON out.

Run by `bench.curation.personal` with the interpreter of that environment (presidio-analyzer,
datafog, a spaCy model); it imports nothing of ours.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

Spans = list[tuple[int, int, str]]


def presidio(model: str) -> Callable[[str], Spans]:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": "en", "model_name": model}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
    return lambda text: [
        (r.start, r.end, r.entity_type) for r in engine.analyze(text, language="en")
    ]


def datafog(_model: str) -> Callable[[str], Spans]:
    import datafog

    return lambda text: [(e.start, e.end, e.type) for e in datafog.scan(text).entities]


def main() -> None:
    """Every tool once over all texts."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    given = json.load(sys.stdin)
    result: dict[str, Any] = {}
    for name, make in {"presidio-analyzer": presidio, "datafog": datafog}.items():
        run = make(given["spacy"])
        run("My name is Jo Doe, jo@example.org.")  # what is loaded on first use
        clock = time.process_time()
        spans = [run(text) for text in given["texts"]]
        seconds = time.process_time() - clock
        result[name] = {
            "spans": spans,
            "seconds": seconds,
            "version": importlib.metadata.version(name),
        }
    json.dump(result, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
