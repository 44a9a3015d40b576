from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.cli.main import main
from tunewell.errors import EXIT_USER


@pytest.mark.parametrize("group", ["annotate", "review"])
def test_options_before_the_verb_still_work_with_a_hint(
    group: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([group, "-p", str(tmp_path), "results"])
    said = capsys.readouterr().err
    assert code == EXIT_USER, said
    assert "options come after the verb" in said
    assert "no tunewell.yaml" in said
