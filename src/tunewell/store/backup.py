"""A project's store in one file, with a digest for each part; the same file makes it again.

The file is a plain tar: the rows of every table as JSON lines (so that a backup of SQLite can be
restored to PostgreSQL and the other way round), every artifact, the other files of ``.tunewell``,
the definition, and a manifest with the digest of each.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import sqlalchemy as sa
from pydantic import Field, ValidationError

from tunewell import __version__
from tunewell.disk import disk_errors
from tunewell.errors import StoreError, UserError
from tunewell.json_text import parse_json
from tunewell.store.ledger import check_ledger
from tunewell.store.store import FOLDER, SQLITE_NAME, Store
from tunewell.store.tables import HEAD, connect, upgrade
from tunewell.types import Value

MANIFEST: Final = "manifest.json"
TABLES: Final = "tables/"
FILES: Final = "files/"
DEFINITION: Final = "tunewell.yaml"
FORMAT: Final = 1
_AT_ONCE: Final = 500
"""Rows that are inserted together."""
_CHUNK: Final = 1 << 20
_OWN_OF_A_PLACE: Final = (SQLITE_NAME, "lock", "opening", "database-", "artifacts/tmp", "now")
"""What belongs to this place and this moment, and is made anew elsewhere."""


class BackupManifest(Value):
    """What a backup holds.

    Attributes:
        format: Version of this layout.
        tunewell: Version that wrote it.
        revision: Migration that the tables were at.
        at: When, UTC.
        ledger: Head of the ledger.
        rows: Number of rows by table.
        digests: SHA-256 of every member.
    """

    format: int = Field(ge=1)
    tunewell: str
    revision: str = Field(pattern=r"^\d{4}$")
    at: dt.datetime
    ledger: str
    rows: Mapping[str, int]
    digests: Mapping[str, str]

    @property
    def artifacts(self) -> int:
        """How many files of artifacts it holds."""
        return sum(name.startswith(f"{FILES}artifacts/") for name in self.digests)


# --- writing --------------------------------------------------------------------------------------


def back_up(store: Store, target: Path) -> BackupManifest:
    """Write the whole store to one file, readable by its owner alone.

    The rows are those of one moment, whatever is written meanwhile; artifacts are never changed.

    Args:
        store: Of the project.
        target: The file; it must not be there yet.

    Raises:
        UserError: The file is there already.
        StoreError: The disk is full, or the file cannot be written.
    """
    if target.exists():
        raise UserError(f"{target} is there already", hint="name another file")
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    with disk_errors(target), contextlib.ExitStack() as undo:
        undo.callback(temporary.unlink, missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
            manifest = _write(store, archive)
            _add_bytes(archive, MANIFEST, manifest.model_dump_json(indent=1).encode())
        os.replace(temporary, target)
    return manifest


def _write(store: Store, archive: tarfile.TarFile) -> BackupManifest:
    digests: dict[str, str] = {}
    rows: dict[str, int] = {}
    with store.snapshot() as connection:
        head = str(check_ledger(connection).head)
        for table in _tables(connection):
            lines, rows[table.name] = _lines(connection, table)
            with lines:
                name = f"{TABLES}{table.name}.jsonl"
                digests[name] = _add_file(archive, name, lines)

    for path in _files(store.root):
        name = f"{FILES}{path.relative_to(store.root).as_posix()}"
        with path.open("rb") as content:
            digests[name] = _add_file(archive, name, content)
    definition = store.project / DEFINITION
    if definition.is_file():
        with definition.open("rb") as content:
            digests[DEFINITION] = _add_file(archive, DEFINITION, content)
    return BackupManifest(
        format=FORMAT,
        tunewell=__version__,
        revision=HEAD,
        at=dt.datetime.now(dt.UTC),
        ledger=head,
        rows=rows,
        digests=digests,
    )


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """Every table of the database, those that others refer to first."""
    found = sa.MetaData()
    with warnings.catch_warnings():
        # An index over an expression: rows are copied, indexes are made by the migrations.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        found.reflect(bind=connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _lines(connection: sa.Connection, table: sa.Table) -> tuple[IO[bytes], int]:
    """The rows of a table as JSON lines, in the order of its key."""
    file = tempfile.TemporaryFile()
    count = 0
    query = sa.select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(query).mappings():
        file.write(json.dumps(dict(row), ensure_ascii=False).encode("utf-8") + b"\n")
        count += 1
    file.seek(0)
    return file, count


def _files(root: Path) -> Iterator[Path]:
    """Every file of ``.tunewell`` that is not of this place and this moment alone."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink() and not name.startswith(_OWN_OF_A_PLACE):
            yield path


def _add_file(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> str:
    """Add a member and give its digest: of what was written, whatever becomes of the file."""
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    reader = _Hashing(content)
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, reader)
    return reader.digest.hexdigest()


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    _add_file(archive, name, io.BytesIO(content))


class _Hashing:
    """A file whose digest is computed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self.digest.update(data)
        return data


# --- reading --------------------------------------------------------------------------------------


def check_backup(source: Path) -> BackupManifest:
    """Whether a backup is whole: each member has its digest of the manifest, and no other is there.

    Args:
        source: The file.

    Raises:
        UserError: There is no such file.
        StoreError: It is no backup, is damaged, or was written by a newer Tunewell.
    """
    with _opened(source) as archive:
        return _checked(archive, source)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, mode="r:") as archive:
            yield archive
    except FileNotFoundError:
        raise UserError(f"No such file: {source}", hint="check the path") from None
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _damaged(source, f"it is no backup, or was cut off ({error})") from None


def _damaged(source: Path, why: str) -> StoreError:
    return StoreError(f"{source.name} cannot be restored: {why}", hint="use another backup")


def _checked(archive: tarfile.TarFile, source: Path) -> BackupManifest:
    members = {member.name: member for member in archive.getmembers()}
    if MANIFEST not in members:
        raise _damaged(source, "it has no manifest")
    try:
        text = _content(archive, members[MANIFEST]).read()
        manifest = BackupManifest.model_validate(parse_json(text))
    except (ValidationError, ValueError):
        raise _damaged(source, "its manifest cannot be read") from None
    if manifest.format > FORMAT or manifest.revision > HEAD:
        raise StoreError(
            f"{source.name} was written by a newer Tunewell ({manifest.tunewell})",
            hint="pip install --upgrade tunewell",
        )
    if members.keys() - {MANIFEST} != manifest.digests.keys():
        odd = sorted((members.keys() - {MANIFEST}) ^ manifest.digests.keys())
        raise _damaged(source, f"its members are not those of its manifest: {odd[0]}")
    for name, wanted in manifest.digests.items():
        _refuse_strange(members[name], source)
        if _digest(_content(archive, members[name])) != wanted:
            raise _damaged(source, f"{name} is damaged")
    return manifest


def _refuse_strange(member: tarfile.TarInfo, source: Path) -> None:
    """Refuse what would be written elsewhere than into the project."""
    parts = PurePosixPath(member.name)
    is_inside = not parts.is_absolute() and ".." not in parts.parts and "\\" not in member.name
    if not member.isreg() or not is_inside:
        raise _damaged(source, f"{member.name} is no plain file of a project")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = archive.extractfile(member)
    if found is None:
        raise tarfile.ReadError(f"{member.name} is no file")
    return found


def _digest(content: IO[bytes]) -> str:
    found = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()


# --- restoring ------------------------------------------------------------------------------------


def restore(source: Path, project: Path, *, url: str = "") -> BackupManifest:
    """Make the store of a project from a backup, in an empty place.

    Everything is checked first; then the place is filled, and only a whole store takes its name. A
    backup of an older version is brought to the tables of this one.

    Args:
        source: The file.
        project: The folder of the project; made if it is not there.
        url: Of an empty PostgreSQL database; SQLite in the folder if empty.

    Raises:
        UserError: There is no such file, or the folder has a store already.
        StoreError: The backup is damaged or newer, or the database is not empty.
    """
    final = project / FOLDER
    if final.exists():
        raise UserError(
            f"there is a store in {project} already",
            hint=f"move {final} away, or name a new folder",
        )
    with _opened(source) as archive:
        manifest = _checked(archive, source)
        with disk_errors(project):
            project.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(prefix=".restoring-", dir=project))
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, place, ignore_errors=True)
            root = place / FOLDER
            _fill_folder(archive, manifest, root, project)
            _fill_database(archive, manifest, url or f"sqlite:///{root / SQLITE_NAME}")
            os.replace(root, final)
    _check_restored(project, url, manifest)
    return manifest


def _fill_folder(
    archive: tarfile.TarFile, manifest: BackupManifest, root: Path, project: Path
) -> None:
    root.mkdir(mode=0o700)
    for name in manifest.digests:
        if name.startswith(FILES):
            target = root / name.removeprefix(FILES)
        elif name == DEFINITION and not (project / DEFINITION).exists():
            target = project / DEFINITION
        else:
            continue
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(_content(archive, archive.getmember(name)), file)


def _fill_database(archive: tarfile.TarFile, manifest: BackupManifest, url: str) -> None:
    """All rows in one transaction: a database has them all or is as empty as it was."""
    engine = connect(url)
    try:
        with engine.begin() as connection:
            if sa.inspect(connection).has_table("alembic_version"):
                raise StoreError(
                    "the database is not empty: it holds the store of a project",
                    hint="make a new database, and name it with --database-url",
                )
            upgrade(connection, manifest.revision)
            for table in _tables(connection):
                name = f"{TABLES}{table.name}.jsonl"
                if name in manifest.digests:
                    _insert(connection, table, _content(archive, archive.getmember(name)))
                _continue_numbers(connection, table)
    finally:
        engine.dispose()


def _insert(connection: sa.Connection, table: sa.Table, lines: Iterable[bytes]) -> None:
    # A fresh table may begin with rows of its own (the ledger's head).
    if _is_seeded(connection, table):
        connection.execute(sa.delete(table))
    batch: list[dict[str, Any]] = []
    for line in lines:
        batch.append(parse_json(line))
        if len(batch) == _AT_ONCE:
            connection.execute(sa.insert(table), batch)
            batch = []
    if batch:
        connection.execute(sa.insert(table), batch)


def _is_seeded(connection: sa.Connection, table: sa.Table) -> bool:
    return connection.execute(sa.select(table).limit(1)).first() is not None


def _continue_numbers(connection: sa.Connection, table: sa.Table) -> None:
    """Let PostgreSQL number on from the last row; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        find = sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
        sequence = connection.execute(find).scalar()
        if sequence:
            last = sa.select(sa.func.max(column))
            newest = connection.execute(last).scalar()
            connection.execute(sa.select(sa.func.setval(sequence, newest or 1, newest is not None)))


def _check_restored(project: Path, url: str, manifest: BackupManifest) -> None:
    """Hold the new store against the manifest.

    Raises:
        StoreError: It is not what was backed up.
    """
    with Store(project, url=url) as store:
        report = store.check_ledger()
        faults = list(report.faults)
        # A backup of older tables was migrated since: what is counted there may be elsewhere now.
        if manifest.revision == HEAD:
            faults += _differences(store, str(report.head), manifest)
    if faults:
        raise StoreError(
            f"the restored store is not what was backed up: {faults[0]}",
            hint="please report this; the backup itself is intact",
        )


def _differences(store: Store, head: str, manifest: BackupManifest) -> Iterator[str]:
    if head != manifest.ledger:
        yield f"the head of the ledger is {head} instead of {manifest.ledger}"
    with store.snapshot() as connection:
        for table in _tables(connection):
            query = sa.select(sa.func.count()).select_from(table)
            count = connection.execute(query).scalar_one()
            if count != manifest.rows.get(table.name, count):
                wanted = manifest.rows[table.name]
                yield f"{table.name} has {count} rows instead of {wanted}"
