"""Packed files that are traps: they swell, hold themselves, or name places outside of theirs."""

from __future__ import annotations

import errno
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.curate.test_read import read
from tunewell.curate.reading import packed
from tunewell.errors import StoreError

ROW = json.dumps({"prompt": "Which form for a move?", "completion": "Form U-5."}) + "\n"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds in small: 1 MiB where it is 1 GiB."""
    monkeypatch.setattr(packed, "PLAIN_BYTES", 1 << 20)


def swelling() -> bytes:
    """4 MB of blanks, which pack a thousandfold."""
    return b" " * (4 << 20) + ROW.encode()


def test_a_packed_file_that_swells_is_a_reject(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(swelling()))
    found = read(path)
    assert [reject.why for reject in found.rejects][-1] == packed.TOO_LARGE


def test_an_archive_that_swells_over_its_members_is_a_reject_and_the_first_are_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", ROW)
        for name in "bcdefgh":
            archive.writestr(f"{name}.jsonl", " " * (200 << 10) + ROW)
    found = read(path)
    assert packed.TOO_LARGE in [reject.why for reject in found.rejects]
    assert 1 <= len(found.rows) < 8


def test_repetitive_rows_are_no_trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows from a template, twice the bound, pack forty times; honest logs do."""
    monkeypatch.setattr(packed, "PLAIN_BYTES", 1 << 18)
    path = tmp_path / "rows.jsonl.gz"
    rows = [json.dumps({"prompt": f"Form {n}?", "completion": "U-5"}) for n in range(12_000)]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    assert len(read(path).rows) == 12_000


def test_a_file_that_is_packed_over_and_over_is_a_reject(tmp_path: Path) -> None:
    """A file can hold itself; ten times packed stands for one without end."""
    data = ROW.encode()
    for _ in range(10):
        data = gzip.compress(data)
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(data)
    found = read(path)
    assert "packed more than 3 times over" in found.rejects[0].why
    twice = tmp_path / "twice.jsonl.gz.gz"
    twice.write_bytes(gzip.compress(gzip.compress(ROW.encode())))
    assert len(read(twice).rows) == 1


@pytest.mark.parametrize(
    "name",
    ["../../evil.jsonl", "/etc/evil.jsonl", "a/../../evil.jsonl", "..", "c\\..\\evil.jsonl"],
)
def test_no_member_is_written_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "one" / "two"
    inside.mkdir(parents=True)
    path = inside / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, ROW)
        archive.writestr("good.jsonl", ROW.replace("U-5", "U-6"))
    found = read(path)
    assert any("U-6" in str(row) for row in found.rows)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["rows.zip"]


def test_a_member_with_a_name_too_long_for_a_disk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{'n' * 3000}.jsonl", ROW)
    assert len(read(path).rows) == 1


@pytest.mark.parametrize("ending", [".jsonl.gz", ".zip"])
def test_a_full_disk_is_not_blamed_on_the_file(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"rows{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("rows.jsonl", ROW)
    else:
        path.write_bytes(gzip.compress(ROW.encode()))

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open

    def full(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        return Full() if mode == "wb" else opened(self, mode, *args, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StoreError, match="disk is full"):
        read(path)
