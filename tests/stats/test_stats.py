"""What the room promises to the others."""

from __future__ import annotations

import subprocess
import sys

import tunewell.stats


def test_the_public_names_are_sorted_and_exist() -> None:
    assert tunewell.stats.__all__ == sorted(tunewell.stats.__all__)
    assert all(hasattr(tunewell.stats, name) for name in tunewell.stats.__all__)


def test_every_public_name_is_documented_with_an_example_or_its_attributes() -> None:
    for name in tunewell.stats.__all__:
        text = getattr(tunewell.stats, name).__doc__ or ""
        assert "Example:" in text or "Attributes:" in text, name


def test_importing_costs_no_heavy_package() -> None:
    heavy = ("scipy.stats", "pandas", "torch", "daft")
    code = f"import sys, tunewell.stats; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
