"""Tunewell fine-tunes a language model and brings the evidence that it is better."""

from __future__ import annotations

import os as _os

# Promise 6: nothing is sent anywhere that the user did not name. Daft, TRL and huggingface_hub read
# this before or at import, so it has to be set before any of them is imported.
_os.environ.setdefault("DO_NOT_TRACK", "1")
_os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
_os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
_os.environ.setdefault("DAFT_PROGRESS_BAR", "0")

__version__ = "0.2.0"
