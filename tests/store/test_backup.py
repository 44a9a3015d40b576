"""A store in one file: what comes back is what went in, and nothing that is damaged comes back."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import stat
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.people.conftest import _create, _drop
from tests.store.test_migrations import _move
from tunewell.cli.main import main
from tunewell.errors import StoreError, UserError
from tunewell.people import AuditLog
from tunewell.store import Store, backup, tables
from tunewell.store.backup import back_up, check_backup, restore

KINDS = ["sqlite", "postgresql"]
EVENTS = 12


def fill(store: Store) -> None:
    """Rows of several tables, an artifact, a folder of one, a report."""
    audit = AuditLog(store)
    for number in range(EVENTS):
        store.say("look", f"d{number}", author="owner", record={"n": number, "text": "ä → 字 \x00"})
    audit.add("ann", "sign-in", "subject", n=1)
    store.put_value([1, 2, 3])
    store.files.put_folder({"a/b.txt": b"text", "c.bin": bytes(range(256))})
    (store.reports / "latest.html").write_text("<p>report</p>", encoding="utf-8")
    (store.project / "tunewell.yaml").write_text("version: 1\n", encoding="utf-8")


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Gives the URL of an empty database of a kind; empty for SQLite."""
    made: list[tuple[str, str]] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            return ""
        server: str = request.getfixturevalue("postgres")
        name = f"b{uuid.uuid4().hex[:12]}"
        _create(server, name)
        made.append((server, name))
        return server % name

    yield make
    for server, name in made:
        _drop(server, name)


def everything(store: Store) -> dict[str, Any]:
    """All rows of all tables, and all files."""
    with store.snapshot() as connection:
        rows = {
            table.name: [tuple(row) for row in connection.execute(sa.select(table))]
            for table in backup._tables(connection)
        }
    files = {
        path.relative_to(store.root).as_posix(): path.read_bytes()
        for path in backup._files(store.root)
    }
    return {"rows": rows, "files": files}


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_what_comes_back_is_what_went_in(
    source: str, target: str, tmp_path: Path, database: Callable[[str], str]
) -> None:
    with Store(tmp_path / "old", url=database(source)) as store:
        (tmp_path / "old").mkdir(exist_ok=True)
        fill(store)
        wanted = everything(store)
        written = back_up(store, tmp_path / "b.tar")
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    assert check_backup(tmp_path / "b.tar") == written
    assert written.rows["events"] == EVENTS

    url = database(target)
    restore(tmp_path / "b.tar", tmp_path / "new", url=url)
    with Store(tmp_path / "new", url=url) as again:
        assert everything(again) == wanted
        assert again.check_ledger().faults == ()
        assert str(again.check_ledger().head) == written.ledger
        # It goes on where it was: numbers continue, the ledger grows.
        again.say("look", "next", author="owner", record={})
        assert again.said("look")[-1].number == EVENTS + 1
        assert again.check_ledger().faults == ()
    assert (tmp_path / "new" / "tunewell.yaml").read_text(encoding="utf-8") == "version: 1\n"
    assert not list((tmp_path / "new").glob(".restoring-*"))


def test_a_backup_while_others_write_is_of_one_moment(tmp_path: Path) -> None:
    with Store(tmp_path / "p") as store:
        fill(store)
        done = threading.Event()

        def write_on() -> None:
            with Store(tmp_path / "p") as other:
                while not done.is_set():
                    other.say("look", "while", author="owner", record={})

        writer = threading.Thread(target=write_on)
        writer.start()
        try:
            made = [back_up(store, tmp_path / f"{number}.tar") for number in range(2)]
        finally:
            done.set()
            writer.join()
    for number, manifest in enumerate(made):
        restored = restore(tmp_path / f"{number}.tar", tmp_path / f"q{number}")
        assert restored.rows["events"] == manifest.rows["events"]
        assert restored.rows["ledger"] == manifest.rows["ledger"]


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project and its backup."""
    folder = tmp_path_factory.mktemp("backed-up")
    with Store(folder / "p") as store:
        fill(store)
        back_up(store, folder / "b.tar")
    return folder


@pytest.fixture
def made(backed_up: Path, tmp_path: Path) -> Path:
    """A backup."""
    shutil.copytree(backed_up / "p", tmp_path / "p")
    return Path(shutil.copy(backed_up / "b.tar", tmp_path / "b.tar"))


def changed(source: Path, change: Callable[[dict[str, bytes]], None], **kinds: bytes) -> Path:
    """The backup with other members."""
    with tarfile.open(source) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    change(members)
    target = source.with_name("changed.tar")
    with tarfile.open(target, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.type = kinds.get(name.replace("/", "_"), tarfile.REGTYPE)
            archive.addfile(member, io.BytesIO(content))
    return target


def named(members: dict[str, bytes], manifest: Callable[[Any], None]) -> None:
    """Change what the manifest says."""
    value = json.loads(members["manifest.json"])
    manifest(value)
    members["manifest.json"] = json.dumps(value).encode()


def flip(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        found = next(each for each in members if each.startswith(name))
        content = bytearray(members[found])
        content[len(content) // 2] ^= 1
        members[found] = bytes(content)

    return change


def add(name: str) -> Callable[[dict[str, bytes]], None]:
    """A member that the manifest vouches for."""

    def change(members: dict[str, bytes]) -> None:
        members[name] = b"x"
        digest = hashlib.sha256(b"x").hexdigest()
        named(members, lambda value: value["digests"].update({name: digest}))

    return change


DAMAGES: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "a row": (flip("tables/events"), "events.jsonl is damaged"),
    "an artifact": (flip("files/artifacts"), "is damaged"),
    "the definition": (flip("tunewell.yaml"), "tunewell.yaml is damaged"),
    "no manifest": (lambda members: members.pop("manifest.json"), "no manifest"),  # type: ignore[dict-item]
    "no table": (lambda members: members.pop("tables/runs.jsonl"), "not those of its manifest"),  # type: ignore[dict-item]
    "one more": (lambda members: members.update({"files/x": b""}), "not those of its manifest"),
    "outside": (add("files/../../evil"), "no plain file of a project"),
    "absolute": (add("/etc/evil"), "no plain file of a project"),
    "newer": (
        lambda members: named(members, lambda value: value.update(revision="9999")),
        "newer Tunewell",
    ),
    "no JSON": (lambda members: members.update({"manifest.json": b"{"}), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_that_is_damaged_comes_back(damage: str, made: Path, tmp_path: Path) -> None:
    change, says = DAMAGES[damage]
    wrong = changed(made, change)
    for attempt in (check_backup, lambda path: restore(path, tmp_path / "new")):
        with pytest.raises(StoreError, match=says):
            attempt(wrong)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "evil").exists()


def test_a_link_in_a_backup_is_refused(made: Path, tmp_path: Path) -> None:
    wrong = changed(made, lambda _: None, tunewell_yaml=b"")
    with tarfile.open(made) as archive, tarfile.open(wrong, "w") as target:
        for member in archive.getmembers():
            if member.name == "tunewell.yaml":
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
                target.addfile(member)
            else:
                target.addfile(member, archive.extractfile(member))
    with pytest.raises(StoreError, match="no plain file"):
        restore(wrong, tmp_path / "new")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_a_backup_that_was_cut_off_is_refused(share: float, made: Path, tmp_path: Path) -> None:
    content = made.read_bytes()
    made.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StoreError, match="cannot be restored"):
        restore(made, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_neither_a_file_nor_a_store_is_written_over(made: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "p") as store, pytest.raises(UserError, match="is there already"):
        back_up(store, made)
    with pytest.raises(UserError, match="a store in"):
        restore(made, tmp_path / "p")


def test_a_database_with_rows_is_not_restored_to(
    made: Path, tmp_path: Path, database: Callable[[str], str]
) -> None:
    url = database("postgresql")
    Store(tmp_path / "other", url=url).close()
    with pytest.raises(StoreError, match="not empty"):
        restore(made, tmp_path / "new", url=url)
    assert not (tmp_path / "new" / ".tunewell").exists()


OLD_ROWS = [
    "INSERT INTO events VALUES (1, 'approval', 'd', 'owner', '2026-01-01T00:00:00+00:00', '{}')",
    "INSERT INTO audit VALUES (1, '2026-01-01', 'ann', 'sign-in', 's', '{}')",
    "INSERT INTO verdicts VALUES (1, 'a', 'k', 'i', 'b', '2026-01-01', 1.5, 'v', '{}')",
    "INSERT INTO assignments VALUES ('i', 'a', 'b', 0, 'done')",
]


PAST = ["0002", "0003", "0004", "0005", "0006"]


@pytest.fixture(scope="module")
def of_past_schemas(backed_up: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A backup of every past schema: one database, moved on from one to the next."""
    folder = tmp_path_factory.mktemp("past")
    source = Path(shutil.copy(backed_up / "b.tar", folder / "b.tar"))
    engine = tables.connect(f"sqlite:///{folder / 'old.db'}")
    _move(engine, PAST[0])
    with engine.begin() as connection:
        for row in OLD_ROWS:
            connection.execute(sa.text(row))
    found = {}
    for revision in PAST:
        _move(engine, revision)
        old = changed(source, lambda members, now=revision: of_then(members, engine, now))  # type: ignore[misc]
        found[revision] = old.rename(folder / f"{revision}.tar")
    engine.dispose()
    return found


def of_then(members: dict[str, bytes], engine: sa.Engine, revision: str) -> None:
    """The tables of a database in the place of those of a backup."""
    for name in [each for each in members if each.startswith("tables/")]:
        del members[name]
    rows = {}
    with engine.connect() as connection:
        for table in backup._tables(connection):
            lines, rows[table.name] = backup._lines(connection, table)
            with lines:
                members[f"tables/{table.name}.jsonl"] = lines.read()
    digests = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in members.items()
        if name != "manifest.json"
    }
    named(members, lambda value: value.update(revision=revision, rows=rows, digests=digests))


@pytest.mark.parametrize("revision", PAST)
@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_of_any_past_schema_comes_back_in_todays(
    kind: str,
    revision: str,
    of_past_schemas: dict[str, Path],
    tmp_path: Path,
    database: Callable[[str], str],
) -> None:
    url = database(kind)
    restore(of_past_schemas[revision], tmp_path / "new", url=url)
    with Store(tmp_path / "new", url=url) as store:
        assert store.check_ledger().faults == ()
        assert store.check_ledger().entries == 3
        assert [event.subject for event in store.said("approval")] == ["d"]


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = tmp_path / "p"
    project.mkdir()
    definition = (
        "task: {name: a, about: Answers questions., input: text, output: text}\n"
        "data: [{path: rows.jsonl}]\n"
    )
    (project / "tunewell.yaml").write_text(definition, encoding="utf-8")
    with Store(project) as store:
        store.say("look", "x", author="owner", record={})
    archive = str(tmp_path / "b.tar")
    assert main(["backup", archive, "-p", str(project)]) == 0
    assert "every digest right" in capsys.readouterr().out
    assert main(["backup", archive, "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["rows"]["events"] == 1
    assert main(["restore", archive, str(tmp_path / "q")]) == 0
    assert main(["audit", "verify", "-p", str(tmp_path / "q")]) == 0
    capsys.readouterr()
    assert main(["restore", archive, str(tmp_path / "q")]) == 1
    assert main(["backup", str(tmp_path / "none.tar"), "--check"]) == 1
