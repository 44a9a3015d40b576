"""``tunewell gateway``: keys, the switch, the ledger, and a gateway that serves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tunewell.cli.main import main

YAML = """
version: 1
task:
  name: desk
  about: answers questions of customers
  input: a question
  output: an answer
data: [{path: rows.jsonl}]
"""
GATEWAY = """
gateway:
  servers: [{name: s, url: "http://127.0.0.1:9/v1"}]
  arms: [{name: a, server: s, model: m}]
"""


def project(folder: Path, *, text: str = YAML + GATEWAY) -> str:
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    (folder / "tunewell.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def test_keys_are_made_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["-p", project(tmp_path)]
    assert main(["gateway", "key", "make", "--name", "app", "--scope", "user", *at]) == 0
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("twg_")
    assert main(["gateway", "key", "make", "--name", "app", *at]) == 1
    assert "hint: tunewell gateway key revoke --name app" in capsys.readouterr().err
    assert main(["gateway", "key", "make", "--name", "x", "--scope", "root", *at]) == 1
    capsys.readouterr()
    assert main(["gateway", "key", "list", "--json", *at]) == 0
    shown = json.loads(capsys.readouterr().out)["result"]
    assert shown == [{"name": "app", "scopes": ["user"]}]
    assert main(["gateway", "key", "revoke", "--name", "app", "--json", *at]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {"name": "app", "revoked": True}
    assert main(["gateway", "key", "revoke", "--name", "app", *at]) == 1
    capsys.readouterr()
    assert main(["gateway", "key", "list", *at]) == 0
    assert "no keys" in capsys.readouterr().out
    everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert secret.encode() not in everything


def test_the_switch_needs_a_fallback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["-p", project(tmp_path), "--reason", "complaints"]
    assert main(["gateway", "off", *at]) == 1
    assert "hint: set gateway.fallback to a" in capsys.readouterr().err
    project(tmp_path, text=YAML + GATEWAY + "  fallback: a\n")
    capsys.readouterr()
    for verb, is_off in (("off", True), ("on", False)):
        assert main(["gateway", verb, "--json", *at]) == 0
        assert json.loads(capsys.readouterr().out)["result"]["off"] is is_off


def test_an_empty_ledger_balances(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "ledger", "--json", "-p", project(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["balances"] is True


def test_a_project_without_a_gateway_says_what_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", "serve", project(tmp_path, text=YAML)]) == 1
    hint = capsys.readouterr().err.split("such as:\n")[1]
    lines = [line.removeprefix("  ") for line in hint.splitlines() if line.strip()]
    project(tmp_path, text=YAML + "\n".join(lines).replace("MODEL", "m") + "\n")
    assert main(["gateway", "ledger", "-p", str(tmp_path)]) == 0


def test_a_busy_port_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["gateway", "serve", project(tmp_path), "--port", str(port)]) == 1
    assert f"--port {port + 1}" in capsys.readouterr().err


def test_a_model_is_shown_without_a_verb_and_served_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(tmp_path)
    assert main(["model", "-p", folder]) in (0, 1)  # 1 where the weights are not to be had
    shown = capsys.readouterr()
    assert main(["model", "show", folder]) in (0, 1)
    assert capsys.readouterr().out == shown.out
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["model", "serve", folder, "--port", str(port)]) == 1
    assert f"hint: tunewell model serve --port {port + 1}" in capsys.readouterr().err


def test_traffic_is_imported_shown_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(tmp_path)
    log = tmp_path / "log.jsonl"
    row = {"id": "r1", "at": "2026-11-30T12:00:00Z", "prompt": "hi", "response": "hello"}
    log.write_text(json.dumps(row) + "\n{\n", encoding="utf-8")
    assert main(["traffic", "show", "-p", folder]) == 0
    assert "no traffic yet" in capsys.readouterr().out
    assert main(["traffic", "import", str(log), "-p", folder]) == 0
    said = capsys.readouterr()
    assert "imported 1 interaction and 0 feedback records from 2 objects" in said.out
    assert "1 not readable" in said.out
    assert "log.jsonl:2: not JSON" in said.err
    assert main(["traffic", "show", "--json", "-p", folder]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["interactions"] == 1
    assert main(["traffic", "export", str(tmp_path / "out"), "-p", folder]) == 0
    assert (tmp_path / "out" / "interactions.parquet").exists()
    assert main(["traffic", "import", str(tmp_path / "none"), "-p", folder]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_it_serves_until_a_signal_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(tmp_path)
    main(["gateway", "key", "make", "--name", "app", "-p", folder])
    secret = capsys.readouterr().out.strip()
    port = _free_port()
    command = [sys.executable, "-m", "tunewell", "gateway", "serve", folder, "--port", str(port)]
    command.append("--json")
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=os.environ, stdout=pipe, stderr=pipe, text=True)
    try:
        _wait_for(port)
        assert _post(port, secret) == 502  # nothing listens behind it
        assert _post(port, "wrong") == 401
    finally:
        process.send_signal(signal.SIGTERM)
        envelope, said = process.communicate(timeout=60)
    started = json.loads(envelope)["result"]
    assert started == {"address": f"http://127.0.0.1:{port}/v1", "process": process.pid}
    assert f"The gateway is running at http://127.0.0.1:{port}/v1" in said
    assert secret not in said
    assert list((tmp_path / ".tunewell" / "gateway" / "spool").iterdir()) == []
    assert main(["gateway", "ledger", "-p", folder]) == 0
    assert "accepted 1 = recorded 1 + unconfirmed 0 + refused 0" in capsys.readouterr().out


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
        return found


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
            return
        except (URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError


def _post(port: int, secret: str) -> int:
    request = Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        data=b'{"messages": []}',
        headers={"authorization": f"Bearer {secret}"},
    )
    try:
        with urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
