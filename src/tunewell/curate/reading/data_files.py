"""Which files a data source names: what is read, and what a plan speaks of."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunewell.curate.reading.media_columns import is_recording
from tunewell.curate.reading.speech_files import BESIDE, is_beside_speech
from tunewell.errors import DataError
from tunewell.json_text import parse_json
from tunewell.task import DataSource, FieldMap, TaskFile

ROLES = ("train", "test")
"""What data is for."""

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def sources_of(file: TaskFile, *roles: str) -> Iterator[tuple[DataSource, str]]:
    """The data sources of these roles (all, if none is named), each with the line that names it."""
    for i, source in enumerate(file.spec.data):
        if source.role in (roles or ROLES):
            yield source, file.where(f"data.{i}.path")


_ABOUT = re.compile(
    r"(read_?me|licen[cs]e|copying|notice|citation|changelog|contributing|authors|security"
    r"|code_of_conduct|dataset_?card)([._-].*)?$"
    r"|(dataset_infos?|dataset_dict|state|croissant|package|config|\w*config)\.json$"
    r"|.*\.(py|sh|ipynb|ya?ml|toml|cfg|ini|lock|md5|sha256|gitattributes|bib|cff)$"
    r"|(requirements|checksums|sha256sums|md5sums)[\w.-]*\.txt$|makefile$|dockerfile$",
    re.IGNORECASE,
)
"""Files of a folder that say something about the data and hold no rows."""

_TEST_NAME = re.compile(
    r"(?:^|[-_. ])(?:test|tests|testing|testset|eval|evaluation|valid|validation|val|dev|devset"
    r"|held[-_]?out|holdout)(?=$|[-_. \d])",
    re.IGNORECASE,
)
_TRAIN_NAME = re.compile(r"(?:^|[-_. ])train(?:ing)?(?=$|[-_. \d])", re.IGNORECASE)
_SHARD = re.compile(r"[-_.](?:part[-_.]?)?\d{3,6}(?:[-_]of[-_]\d{3,6})?(?=[-_.]|$)")


def is_about_data(path: Path) -> bool:
    """Whether a file of a folder is a README, a licence or a description, not rows.

    Example:
        >>> [is_about_data(Path(n)) for n in ("LICENSE.txt", "dataset_infos.json", "train.json")]
        [True, True, False]
    """
    return _ABOUT.match(path.name) is not None


def holds_recordings(folder: Path) -> bool:
    """Whether a folder holds recordings, in itself or in a folder such as ``clips`` or ``wavs``."""
    if not folder.is_dir() or folder.name.startswith("."):
        return False
    for inside in BESIDE:
        if any(is_recording(path.name) for path in (folder / inside).glob("*")):
            return True
    return False


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def is_test_name(name: str) -> bool:
    """Whether a file or split is called a test set.

    Example:
        >>> [is_test_name(n) for n in ("data/test-00000.parquet", "contest.csv", "validation")]
        [True, False, True]
    """
    path = Path(name)
    parts = [*path.parts[:-1], path.name.split(".")[0] if "." in path.name else path.name]
    if _TRAIN_NAME.search(parts[-1]):
        return False
    return any(_TEST_NAME.search(part) for part in parts)


def held_out_files(source: DataSource, paths: Sequence[Path]) -> frozenset[Path]:
    """The files of a folder or pattern that are named as a test set, beside others that are not.

    Where the user said what the source is for, that holds for all of its files. A recording is
    what the file says that names it.
    """
    paths = [path for path in paths if not is_recording(path.name)]
    if "role" in source.model_fields_set or len(paths) < 2:
        return frozenset()
    common = Path(os.path.commonpath([path.parent for path in paths]))
    named = [path for path in paths if is_test_name(path.relative_to(common).as_posix())]
    return frozenset(named) if len(named) < len(paths) else frozenset()


def held_out_among(paths: Sequence[Path]) -> frozenset[Path]:
    """Those of several files that the user lists which are named as a test set."""
    named = [path for path in paths if is_test_name(path.name)]
    return frozenset(named) if len(named) < len(paths) else frozenset()


def set_of(name: str) -> str:
    """The name of a file without the number of the shard: ids belong to all shards of a file.

    Example:
        >>> set_of("train-00000-of-00002.parquet") == set_of("train-00001-of-00002.parquet")
        True
    """
    return _SHARD.sub("", name)


def described(source: DataSource, path: Path) -> DataSource:
    """The source as LLaMA-Factory's ``dataset_info.json`` beside a file describes it.

    What the user says in data[].fields comes first.
    """
    info = path.parent / "dataset_info.json"
    if source.fields != FieldMap() or source.format != "auto" or not info.is_file():
        return source
    try:
        entries = parse_json(info.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return source
    if not isinstance(entries, dict):
        return source
    for entry in entries.values():
        if isinstance(entry, dict) and entry.get("file_name") == path.name:
            return _by_entry(source, entry)
    return source


_COLUMNS = {
    "prompt": "input",
    "query": "context",
    "response": "target",
    "history": "history",
    "system": "system",
    "messages": "messages",
    "tools": "tools",
    "kto_tag": "label",
    "chosen": "target",
    "rejected": "rejected",
}
"""LLaMA-Factory's names of columns to ours."""

_ROLE_TAGS = {
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
    "observation_tag": "tool",
}


def _by_entry(source: DataSource, entry: Mapping[str, Any]) -> DataSource:
    columns = entry.get("columns") or {}
    tags = entry.get("tags") or {}
    values: dict[str, Any] = {}
    for theirs, ours in _COLUMNS.items():
        if isinstance(columns.get(theirs), str):
            values[ours] = columns[theirs]
    if "messages" in values or entry.get("formatting") == "sharegpt":
        values.setdefault("messages", "conversations")
        if "rejected" not in values:
            values.pop("target", None)
    values["role"] = tags.get("role_tag", "")
    values["content"] = tags.get("content_tag", "")
    values["roles"] = {tags[tag]: role for tag, role in _ROLE_TAGS.items() if tag in tags}
    try:
        fields = FieldMap.model_validate(values)
    except ValueError:
        return source
    return source.model_copy(update={"fields": fields})


def find_files(
    source: DataSource,
    *,
    root: Path,
    where: str = "",
) -> list[Path]:
    """The files of a source, sorted.

    A folder stands for all files in it but hidden ones and those that say something about the data
    (README, LICENSE, dataset_infos.json); a pattern stands for the files that it matches, not for
    folders.

    Args:
        source: Its path is a file, a folder or a pattern.
        root: Folder that relative paths start from.
        where: Line of tunewell.yaml that named the source.

    Raises:
        DataError: A variable is not set, or nothing is there.
    """
    for name in _VARIABLE.findall(source.path):
        if name not in os.environ:
            raise DataError(
                f"${name} in the path {source.path!r} is not set",
                place=where,
                hint=f"export {name}=/path/to/data",
            )
    path = root / Path(os.path.expandvars(source.path)).expanduser()
    found = _files_at(path)
    if not found:
        raise DataError(
            f"there is no file {path}",
            place=where,
            hint="check data.path in tunewell.yaml" if where else "check the path",
        )
    return sorted(found)


def _files_at(path: Path) -> list[Path]:
    if path.is_dir():
        inside = [found for found in path.rglob("*") if found.is_file()]
        inside = [found for found in inside if not _is_hidden(found.relative_to(path))]
        rows = [found for found in inside if not is_about_data(found)]
        rows = [found for found in rows if not is_beside_speech(found)]
        return rows or inside
    if path.is_file():
        return [path]
    matched = map(Path, glob.glob(str(path), recursive=True))
    return list(filter(Path.is_file, matched))
