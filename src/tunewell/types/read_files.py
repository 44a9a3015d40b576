"""How files were read: what became of their bytes, and what their columns and keys were used for.

Every key is accounted for: used, carried as a tag, or named as not used.
"""

from __future__ import annotations

from collections.abc import Iterable

from tunewell.types.values import Value

NOT_USED = "not used"


class KeyUse(Value):
    """What a column or key of a file was used for.

    Attributes:
        file: The file.
        key: Its name; of a key of turns, ``messages[].name``.
        use: ``question``, ``answer``, ``tag``, ``id`` … or ``not used``.
        rows: How many rows hold something there.
        example: What the first of them holds.
    """

    file: str
    key: str
    use: str
    rows: int
    example: str = ""

    @property
    def is_used(self) -> bool:
        """Whether what stands there is in the rows."""
        return self.use != NOT_USED


class ReadFile(Value):
    """What became of the bytes of one file.

    Attributes:
        name: What its places are called by.
        rows: Rows read.
        rejects: Places that are no rows.
        lost_rows: How many rows may have been lost there, by the mean size of the others.
        size: Bytes of the file, unpacked.
        row_bytes: Bytes of the rows read.
        lost_bytes: Bytes of the rejects.
        other_bytes: Bytes that hold no row: blank lines, brackets, a header.
        is_test: Whether it is named as a test set among other files.
    """

    name: str
    rows: int = 0
    rejects: int = 0
    lost_rows: int = 0
    size: int = 0
    row_bytes: int = 0
    lost_bytes: int = 0
    other_bytes: int = 0
    is_test: bool = False


class ReadingReport(Value):
    """How the files of a dataset were read.

    Attributes:
        files: What became of the bytes of each.
        columns: What their columns and keys were used for.
        notes: What the user should know.
    """

    files: tuple[ReadFile, ...] = ()
    columns: tuple[KeyUse, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unused(self) -> tuple[KeyUse, ...]:
        """Columns and keys that hold something and are in no row."""
        return tuple(each for each in self.columns if not each.is_used)

    @property
    def files_with_columns(self) -> list[str]:
        """Files that have columns or keys, in the order in which they were read."""
        return list(dict.fromkeys(each.file for each in self.columns))

    def of_file(self, file: str) -> list[KeyUse]:
        """What the columns and keys of a file were used for."""
        return [each for each in self.columns if each.file == file]


def in_words(uses: Iterable[KeyUse]) -> str:
    """What the columns of a file were used for, in one line."""
    used: dict[str, list[str]] = {}
    for each in uses:
        if each.is_used:
            used.setdefault(each.use, []).append(each.key)
    return "; ".join(f"{', '.join(keys)} → {use}" for use, keys in used.items())
