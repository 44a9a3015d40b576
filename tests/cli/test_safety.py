"""Nothing of others runs or is obeyed: trust, terminals, fault reports, unwritable files."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunewell.cli
from tunewell.cli.fault_report import redact
from tunewell.cli.main import main
from tunewell.cli.terminal import SafeConsole, safe_json

HOSTILE_CODE = """
from pathlib import Path
Path({mark!r}).write_text("ran")
from tunewell.metrics import metric

@metric(title="Short")
def short(output, example, *, task):
    return 1.0

def find(texts):
    return [[] for _ in texts]
"""

TASK = """
version: 1
task: {name: desk, about: Answers of a desk., input: A question., output: An answer.}
data: [{path: rows.jsonl}]
rules: {recogniser: "own.py:find"}
metrics: [{name: short, options: {python: own.py}}]
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A project with code of its own that leaves a mark when it runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TUNEWELL_TRUST", raising=False)
    folder, mark = tmp_path / "desk", tmp_path / "mark"
    folder.mkdir()
    (folder / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    (folder / "own.py").write_text(HOSTILE_CODE.format(mark=str(mark)), encoding="utf-8")
    rows = []
    for n in range(40):
        turns = [
            {"role": "user", "content": f"Question {n} about the meter in street {n}?"},
            {"role": "assistant", "content": f"Answer {n}: send form {n}."},
        ]
        rows.append(json.dumps({"messages": turns}))
    (folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return folder, mark


VERBS = (
    ["status", "{p}"],
    ["config", "{p}"],
    ["curate", "{p}"],
    ["evaluate", "{p}"],
    ["run", "{p}"],
    ["report", "{p}"],
    ["audit", "verify", "-p", "{p}"],
    ["doctor", "{p}/rows.jsonl", "--task", "{p}"],
    ["doctor", "{p}/rows.jsonl", "--task", "{p}", "--fix", "{p}/out.jsonl"],
)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb[:3]))
def test_code_of_a_project_from_elsewhere_runs_with_no_verb(
    verb: list[str], elsewhere: tuple[Path, Path]
) -> None:
    folder, mark = elsewhere
    main([part.format(p=folder) for part in verb])
    assert not mark.exists()


def test_it_is_said_and_trust_is_kept_for_the_folder(
    elsewhere: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, mark = elsewhere
    assert main(["curate", str(folder)]) == 1
    told = capsys.readouterr().err
    assert "brings code of its own (own.py)" in told
    assert "--trust" in told
    assert main(["curate", str(folder), "--trust"]) == 0
    assert mark.exists()
    kept = tmp_path / "state" / "tunewell" / "trusted.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    sys.modules.pop(next(name for name in sys.modules if name.startswith("_tunewell_own_")))
    assert main(["curate", str(folder)]) == 0

    # Another folder in its place is another project.
    folder.rename(tmp_path / "before")
    folder.mkdir()
    for name in ("tunewell.yaml", "own.py", "rows.jsonl"):
        (folder / name).write_bytes((tmp_path / "before" / name).read_bytes())
    mark.unlink()
    assert main(["curate", str(folder)]) == 1
    assert not mark.exists()


# --- terminals ------------------------------------------------------------------------------------

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_text_reaches_a_terminal_with_its_controls(text: str) -> None:
    import io

    from rich.table import Table

    console = SafeConsole(file=io.StringIO(), force_terminal=False, width=200)
    console.print(text)
    table = Table("a", box=None)
    table.add_row(text)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    assert not CONTROLS.search(console.file.getvalue())
    line = safe_json({"id": text})
    assert not CONTROLS.search(line)
    assert json.loads(line) == {"id": text}


def test_every_verb_prints_through_the_safe_console() -> None:
    """No `print`, no `sys.stdout.write`, no console of its own anywhere in the command line."""
    folder = Path(tunewell.cli.__file__).parent
    found = []
    for path in sorted(folder.rglob("*.py")):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in ("print", "typer.echo", "sys.stderr.write", "Console", "rich.print"):
                found.append(f"{path.name}:{node.lineno} {called}")
            if called == "sys.stdout.write" and "code_revision()" not in ast.unparse(node):
                found.append(f"{path.name}:{node.lineno} {called}")
    assert found == []


def test_hostile_names_are_shown_and_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows\x1b[2J.jsonl"
    hostile = "id\x1b]52;c;ZXZpbA==\x07\u202e"
    line = json.dumps({"id": hostile, "messages": [{"role": "user", "content": "\x1b[31mhi"}] * 2})
    rows.write_text("\n".join([line] * 5), encoding="utf-8")
    for arguments in (["doctor", str(rows)], ["doctor", str(rows), "--json"]):
        main(arguments)
        printed = capsys.readouterr()
        assert not CONTROLS.search(printed.out + printed.err)


# --- secrets --------------------------------------------------------------------------------------


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=20),
    st.sampled_from(["{}://desk:{}@mail.example.org:465/x", "{}://{}@h/x", "{}://a:p@{}@h/x"]),
    st.sampled_from(["smtps", "postgresql+psycopg", "https"]),
)
def test_no_password_of_a_url_is_told(secret: str, url: str, scheme: str) -> None:
    text = f"serve p --smtp {url.format(scheme, 'S3' + secret)} and more"
    assert "S3" + secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "--api-key S3CRETPW",
        "--token=S3CRETPW",
        "{'password': 'S3CRETPW'}",
        'client_secret="S3CRETPW"',
        "Authorization: Bearer tw_S3CRETPWabcdef",
        "http://127.0.0.1/join/S3CRETPWabcdef",
        "OPENAI_API_KEY=S3CRETPW",
    ],
)
def test_no_secret_is_told(text: str) -> None:
    assert "S3CRETPW" not in redact(text)


def test_a_fault_report_is_for_its_reader_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TUNEWELL_OIDC_SECRET", "OIDCS3CRET")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("smtps://desk:S3CRETPW@x and OIDCS3CRET")

    monkeypatch.setattr("tunewell.cli.config.load_task", broken)
    assert main(["config", str(tmp_path), "--set", "a=postgresql://tw:DBPASS@127.0.0.1/x"]) == 70
    (report,) = tmp_path.glob("tunewell-fault-*.txt")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    told = report.read_text() + "".join(capsys.readouterr())
    for secret in ("S3CRETPW", "DBPASS", "OIDCS3CRET"):
        assert secret not in told
    assert not re.fullmatch(r"tunewell-fault-[\dT]+-\d+\.txt", report.name)


def test_a_database_url_that_cannot_be_read_is_not_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    assert main(["audit", "verify", "-p", str(tmp_path), "--database-url", "x:DBPASS@y"]) == 1
    assert "DBPASS" not in "".join(capsys.readouterr())


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["/nowhere/at/all.jsonl", "/proc/x.jsonl", "/dev/full", "."])
def test_a_place_that_cannot_be_written_is_the_users_error(
    out: str, elsewhere: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = elsewhere
    if out == "." and os.getuid() != 0:
        out = str(folder)
    code = main(["doctor", str(folder / "rows.jsonl"), "--fix", out])
    told = capsys.readouterr().err
    assert code == 1, told
    assert "internal error" not in told
    # A slow machine shows progress before it.
    error = told[told.index("error: ") :]
    assert len(error.strip().splitlines()) <= 3


def test_a_full_disk_ends_in_one_line(tmp_path: Path) -> None:
    """The cache of hidden states has its room before it is mapped; else the kernel ends us."""
    code = """
import errno, os, resource
from pathlib import Path
import sys
from tunewell.errors import StoreError
from tunewell.disk import disk_errors
path = Path(sys.argv[1])
path.write_bytes(b"")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "states")], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.strip() == "EFBIG"
