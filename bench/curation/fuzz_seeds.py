"""Sound files of every format that is read, with marks in their texts.

They are what `bench.curation.fuzz` damages.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def mark(n: int) -> str:
    """A word that is found again: ``mk0001x``."""
    return f"mk{n:04d}x"


def _chat(n: int) -> dict[str, Any]:
    return {
        "id": f"c{n}",
        "messages": [
            {"role": "user", "content": f"{mark(n)} Où est l’été? 日本"},
            {"role": "assistant", "content": f"It is here, {mark(n + 100)}."},
        ],
    }


def _pair(n: int) -> dict[str, Any]:
    return {
        "prompt": f"{mark(n)} what?",
        "completion": f"{mark(n + 100)} that.",
        "date": "2024-05-01",
    }


def _lines(rows: Sequence[object], **options: Any) -> str:
    return "".join(json.dumps(row, **options) + "\n" for row in rows)


def _jsonl() -> list[bytes]:
    chats, pairs = [_chat(i) for i in range(5)], [_pair(i) for i in range(8)]
    sharegpt = [
        {
            "conversations": [
                {"from": "human", "value": mark(i)},
                {"from": "gpt", "value": mark(i + 100)},
            ]
        }
        for i in range(4)
    ]
    parts = [
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": mark(i)}]},
                {"role": "assistant", "content": mark(i + 100)},
            ]
        }
        for i in range(4)
    ]
    return [
        _lines(chats).encode(),
        _lines(chats, ensure_ascii=False).encode(),
        _lines(pairs).encode("utf-16"),
        _lines(sharegpt).encode(),
        _lines(parts).encode(),
        _lines(pairs).replace("\n", "\r\n").encode(),
        ("\ufeff" + _lines(pairs)).encode(),
        _lines(pairs).replace("what", "né").encode("cp1252"),
    ]


def _json() -> list[bytes]:
    pairs = [_pair(i) for i in range(6)]
    keyed = {f"row {i}": _pair(i) for i in range(5)}
    alpaca = [{"instruction": mark(i), "input": "", "output": mark(i + 100)} for i in range(5)]
    return [
        json.dumps(pairs).encode(),
        json.dumps(pairs, indent=1).encode(),
        json.dumps(keyed, indent=1).encode(),
        json.dumps({"data": pairs}).encode(),
        json.dumps([_chat(i) for i in range(4)], ensure_ascii=False).encode(),
        json.dumps(alpaca).encode("utf-16-le"),
        json.dumps(_chat(1)).encode(),
    ]


def _tables(delimiter: str) -> list[bytes]:
    rows = [
        f'"{mark(i)}{delimiter} yes"{delimiter}{mark(i + 100)}{delimiter}2024-05-0{i + 1}'
        for i in range(7)
    ]
    broken = [
        f'"{mark(i)}\nsecond ""line"""{delimiter}{mark(i + 100)}{delimiter}' for i in range(5)
    ]
    head = delimiter.join(("prompt", "completion", "date"))
    whole = "\n".join([head, *rows, ""])
    return [
        whole.encode(),
        "\r\n".join([head, *broken]).encode(),
        whole.replace("yes", "é").encode("cp1252"),
    ]


def _page() -> list[bytes]:
    body = "".join(
        f"<h2>Part {i}</h2><p>{mark(i)} <b>{mark(i + 100)}</b> &amp; é</p>"
        f"<ul><li>{mark(i + 200)}</ul>"
        for i in range(4)
    )
    table = "".join(f"<tr><td>{mark(i)}</td><td>{mark(i + 50)}</td></tr>" for i in range(4))
    head = (
        "<!doctype html><html><head><title>T</title>"
        '<meta property="article:published_time" content="2024-05-01">'
    )
    script = "<script>var a = 1;</script>"
    return [
        f"{head}</head><body><div>{body}</div></body></html>".encode(),
        f"<html><body><form><table>{table}</table></form></body></html>".encode("cp1252"),
        f"{head}{script}</head><body><nav>Home</nav>{body}</body></html>".encode("utf-16"),
    ]


def _mail() -> list[bytes]:
    head = (
        b"From: a@example.org\r\nSubject: bill\r\n"
        b"Date: Wed, 01 May 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    )
    text = f"{mark(1)} I have paid.\r\n\r\n{mark(2)} What now?\r\n".encode()
    coded = base64.encodebytes(text * 4)
    return [
        head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text,
        head + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + coded,
        head
        + b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n'
        + b"Content-Type: text/plain\r\n\r\n"
        + text
        + b"--b\r\nContent-Type: text/html\r\n\r\n<p>the same</p>\r\n--b--\r\n",
        head + b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>" + text + b"\xe9</p>",
    ]


def _docx() -> list[bytes]:
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "".join(f"<w:p><w:r><w:t>{mark(i)} text</w:t></w:r></w:p>" for i in range(6))
    document = f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>'
    core = '<c:p xmlns:c="c" xmlns:d="d"><d:modified>2024-05-01T00:00:00Z</d:modified></c:p>'
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            _write(archive, "word/document.xml", document)
            _write(archive, "docProps/core.xml", core)
        made.append(out.getvalue())
    return made


def _write(archive: zipfile.ZipFile, name: str, text: str) -> None:
    """Without the time of day, so that a seed is the same in every run."""
    about = zipfile.ZipInfo(name)
    about.compress_type = archive.compression
    archive.writestr(about, text)


def _pdf() -> list[bytes]:
    made = []
    for packed in (False, True):
        text = (
            b"BT /F1 12 Tf 72 720 Td "
            + b" ".join(f"({mark(i)} text) Tj 0 -14 Td".encode() for i in range(5))
            + b" ET"
        )
        stream = zlib.compress(text) if packed else text
        kind = b"/Filter /FlateDecode " if packed else b""
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 5 0 R >> >> >>",
            b"<< " + kind + b"/Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        out, offsets = b"%PDF-1.4\n", []
        for number, content in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
        at = len(out)
        out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(
            b"%010d 00000 n \n" % o for o in offsets
        )
        made.append(out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % at)
    return made


def _parquet() -> list[bytes]:
    made = []
    for rows, codec in (
        ([_pair(i) for i in range(8)], "snappy"),
        ([_chat(i) for i in range(5)], "zstd"),
    ):
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), out, compression=codec)
        made.append(out.getvalue())
    return made


def _arrow() -> list[bytes]:
    """A file and a stream of Arrow, as data sets are saved."""
    made = []
    for rows, opened in (
        ([_pair(i) for i in range(8)], pa.ipc.new_file),
        ([_chat(i) for i in range(5)], pa.ipc.new_stream),
    ):
        table = pa.Table.from_pylist(rows)
        out = io.BytesIO()
        with opened(out, table.schema) as writer:
            writer.write_table(table)
        made.append(out.getvalue())
    return made


def _packed(pack: Callable[[bytes], bytes]) -> list[bytes]:
    """Lines, a table and an array, compressed."""
    return [pack(_jsonl()[0]), pack(_tables(",")[0]), pack(_json()[0])]


def _zstandard(data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return bytes(out.getvalue())


def _zip() -> list[bytes]:
    """An archive of two files, stored and deflated."""
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            _write(archive, "train.jsonl", _jsonl()[0].decode())
            _write(archive, "more.csv", _tables(",")[0].decode())
        made.append(out.getvalue())
    return made


def _plain() -> list[bytes]:
    text = "\n\n".join(
        f"# Part {i}\n\n{mark(i)} some words, né, {mark(i + 100)}." for i in range(6)
    )
    return [
        text.encode(),
        text.encode("cp1252"),
        text.encode("utf-16"),
        gzip.compress(text.encode(), mtime=0),
    ]


SEEDS: dict[str, list[bytes]] = {
    ".jsonl": _jsonl(),
    ".json": _json(),
    ".csv": _tables(","),
    ".tsv": _tables("\t"),
    ".txt": _plain(),
    ".md": _plain(),
    ".html": _page(),
    ".eml": _mail(),
    ".docx": _docx(),
    ".parquet": _parquet(),
    ".pdf": _pdf(),
    ".arrow": _arrow(),
    ".bz2": _packed(bz2.compress),
    ".xz": _packed(lzma.compress),
    ".zst": _packed(_zstandard),
    ".zip": _zip(),
}
"""By suffix, some sound files each."""
