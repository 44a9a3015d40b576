from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from bench.curation.fuzz_seeds import SEEDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.curate.test_read import read
from tunewell.curate.reading.documents import (
    Unreadable,
    chunks,
    from_docx,
    from_email,
    from_html,
    from_pdf,
)
from tunewell.curate.reading.read import ReadResult

PAGE = """<!doctype html><html><head><title>Moving house</title>
<meta property="article:published_time" content="2024-05-01T08:00:00Z"></head><body>
<nav>Home | Contact</nav><h1>Moving</h1><p>Tell us <b>two weeks</b> before.</p>
<script>alert(1)</script>
<ul><li>form U-5</li><li>meter reading</li></ul></body></html>"""
MAIL = b"""From: Jo <jo@example.org>
To: desk@example.org
Subject: My bill
Date: Wed, 01 May 2024 10:00:00 +0200
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-1

Why 84 \xa3?

On Tue, 30 Apr 2024 desk wrote:
> old text
"""
DOCX = """<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Tariffs</w:t></w:r></w:p>
<w:p><w:r><w:t>Night </w:t></w:r><w:r><w:t>rate.</w:t></w:r></w:p></w:body></w:document>"""


def docx(path: Path, document: str = DOCX) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", document)
    return path


def test_a_page_gives_its_text_and_its_date(tmp_path: Path) -> None:
    document = from_html(PAGE)
    assert document.text == "# Moving\n\nTell us two weeks before.\n\nform U-5\n\nmeter reading"
    assert (str(document.date), document.title) == ("2024-05-01", "Moving house")
    (tmp_path / "page.html").write_text(PAGE)
    (row,) = read(tmp_path / "page.html").rows
    assert str(row.date) == "2024-05-01"
    assert row.target.startswith("# Moving")


def test_a_mail_gives_what_its_writer_wrote() -> None:
    document = from_email(MAIL)
    assert document.text == "Why 84 £?"
    assert (str(document.date), document.title) == ("2024-05-01", "My bill")


def test_docx_paragraphs_and_headings(tmp_path: Path) -> None:
    assert from_docx(docx(tmp_path / "a.docx")).text == "# Tariffs\n\nNight rate."
    bomb = '<!DOCTYPE a [<!ENTITY x "y">]>' + DOCX
    with pytest.raises(Unreadable, match="entities"):
        from_docx(docx(tmp_path / "bomb.docx", bomb))


def test_pdf_text_and_scans(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(width=72, height=72)
    blank = io.BytesIO()
    writer.write(blank)
    (tmp_path / "scan.pdf").write_bytes(blank.getvalue())
    batch = read(tmp_path / "scan.pdf")
    assert not batch.rows
    assert "scanned" in batch.rejects[0].why


def test_long_documents_are_cut_at_headings_and_siblings_share_a_group(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"# Part {i}\n\n" + " ".join(f"word{i}x{j}." for j in range(250)) for i in range(5)
    )
    (tmp_path / "long.md").write_text(text)
    rows = read(tmp_path / "long.md").rows
    assert len(rows) == 5
    assert {row.group for row in rows} == {"long.md"}
    assert all(row.target.startswith("# Part") for row in rows)
    assert [row.id for row in rows] == [f"long.md:{i}" for i in range(1, 6)]


@given(st.text(alphabet="ab. \n#", max_size=400), st.integers(1, 12))
def test_chunks_lose_no_word_and_stay_short(text: str, words: int) -> None:
    parts = chunks(text, words=words)
    assert " ".join(parts).split() == text.split()
    assert all(len(part.split()) <= words for part in parts)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=300), suffix=st.sampled_from([".html", ".eml", ".docx", ".pdf", ".md"])
)
@pytest.mark.filterwarnings("ignore")
def test_no_bytes_crash_a_reader(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)
    batch = read(path)
    assert batch.read >= 1 or suffix != ".pdf"


@pytest.mark.parametrize(
    ("page", "text", "noted"),
    [
        ("<form><p>a</p></form>", "a", False),
        ("<nav>x</nav><p>a</p>", "a", False),
        ("<nav>x<svg>y</nav><p>a</p>", "a", False),
        ("<p>a</p><nav>x<p>b</p>", "a\nx\n\nb", True),
        ("<p>a</p><script>x<p>b</p>", "a\nx\n\nb", True),
        ("<title>a<p>b</p>", "a\n\nb", True),
        ('<p>a</p><meta name="x <b>c</b>"><p>b</p>', "a\n\nb", True),
        ("<p>a</p><![Cul><p>b</p>", "a\n\nb", True),
    ],
)
def test_what_an_unclosed_element_hides_is_kept_and_said(page: str, text: str, noted: bool) -> None:
    document = from_html(page)
    assert document.text == text
    assert bool(document.note) == noted


def test_a_mail_says_what_of_it_is_not_read(tmp_path: Path) -> None:
    head = b"Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    text = b"--b\nContent-Type: text/plain\n\nHello.\n"
    bill = (
        b"--b\nContent-Type: application/pdf\n"
        b"Content-Disposition: attachment; filename=bill.pdf\n\n%PDF"
    )
    (tmp_path / "a.eml").write_bytes(head + text + bill + b"\n--b--\n")
    batch = read(tmp_path / "a.eml")
    assert batch.rows[0].target == "Hello."
    ((_, rule, evidence),) = batch.repairs
    assert (rule, evidence) == (
        "not everything in the document is read",
        "not read, or damaged: application/pdf bill.pdf",
    )
    assert from_email(MAIL).note == ""


def test_damage_inside_an_archive_or_a_stream_is_a_reject(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", DOCX * 3)
    data = bytearray((tmp_path / "a.docx").read_bytes())
    at = data.index(b"document.xml") + 12
    data[at : at + 24] = b"\xff" * 24
    (tmp_path / "a.docx").write_bytes(data)
    assert "DOCX" in read(tmp_path / "a.docx").rejects[0].why
    pytest.importorskip("pypdf")
    sound = SEEDS[".pdf"][1]
    assert read_bytes(tmp_path / "a.pdf", sound).rows[0].target.startswith("mk0000x text")
    assert (
        "NotImplementedError"
        in read_bytes(tmp_path / "b.pdf", sound.replace(b"/FlateDecode", b"/Flh")).rejects[0].why
    )


def read_bytes(path: Path, data: bytes) -> ReadResult:
    path.write_bytes(data)
    return read(path)


def pdf(path: Path, content: bytes, *, times: int = 1) -> Path:
    """A file of one page whose content, packed, is this so many times."""
    packer = zlib.compressobj(9)
    stream = b"".join(packer.compress(content) for _ in range(times)) + packer.flush()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /CreationDate (D:20240501120000Z) >>",
    ]
    data = b"%PDF-1.4\n"
    places = []
    for number, part in enumerate(parts, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    data += (
        b"xref\n0 7\n0000000000 65535 f \n%btrailer\n<< /Size 7 /Root 1 0 R /Info 6 0 R >>\n"
        % (table)
    )
    path.write_bytes(data + b"startxref\n%d\n%%%%EOF\n" % data.index(b"xref\n0 7"))
    return path


WORDS = b"BT /F1 12 Tf 72 720 Td (Night rate.) Tj ET\n"


def test_a_page_that_takes_too_long_is_given_up_and_the_next_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page of a 100 kB file would take minutes; the limit holds within it."""
    from tunewell.curate.reading.documents import pdf as reading

    assert from_pdf(pdf(tmp_path / "a.pdf", WORDS)).text == "Night rate."
    monkeypatch.setattr(reading, "PDF_S", 1)
    slow = pdf(tmp_path / "slow.pdf", WORDS, times=1_000_000)
    with pytest.raises(Unreadable, match=r"longer than 1 s|too much time"):
        from_pdf(slow)
    monkeypatch.setattr(reading, "PDF_S", 60)
    found = from_pdf(tmp_path / "a.pdf")
    assert (found.text, str(found.date)) == ("Night rate.", "2024-05-01")


def test_a_page_that_takes_too_much_memory_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunewell.curate.reading.documents import pdf as reading

    reading._READER.end()
    monkeypatch.setattr(reading, "PDF_BYTES", 150 << 20)
    large = pdf(tmp_path / "large.pdf", WORDS, times=1_000_000)
    with pytest.raises(Unreadable, match="too much memory"):
        from_pdf(large)
    reading._READER.end()


def test_the_reader_of_pages_ends_with_us(tmp_path: Path) -> None:
    """Also while it is at a page that never ends: nobody is left to wait for it."""
    slow = pdf(tmp_path / "slow.pdf", WORDS, times=1_000_000)
    code = (
        "import sys; from pathlib import Path\n"
        "from tunewell.curate.reading.documents import pdf\n"
        "pdf._READER._started(); print(pdf._READER._worker.pid, flush=True)\n"
        "pdf.from_pdf(Path(sys.argv[1]))"
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", code, str(slow)], stdout=subprocess.PIPE, text=True
    )
    assert ours.stdout is not None
    reader = int(ours.stdout.readline())
    time.sleep(0.5)
    ours.send_signal(signal.SIGINT)
    ours.communicate(timeout=30)
    with pytest.raises(ProcessLookupError):
        os.kill(reader, 0)
