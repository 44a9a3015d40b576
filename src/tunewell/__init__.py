"""Tunewell fine-tunes a language model and brings the evidence that it is better."""

from __future__ import annotations

import os as _os

# Promise 6: nothing is sent anywhere that the user did not name. Daft, TRL and huggingface_hub read
# this before or at import, so it has to be set before any of them is imported.
_os.environ.setdefault("DO_NOT_TRACK", "1")
_os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
_os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
_os.environ.setdefault("DAFT_PROGRESS_BAR", "0")

# Threads that have nothing to do sleep instead of spinning. Where other programs share the cores, a
# thread that spins keeps the one that it waits for from running: answers took 16 times as long.
# Read by the libraries' threads when they start, so before PyTorch is imported.
_os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_os.environ.setdefault("KMP_BLOCKTIME", "0")

__version__ = "0.2.0"
