"""The documentation says what the code does."""

import ast
import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tunewell.cli.main import main
from tunewell.pitfalls import CATALOGUE

ROOT = Path(__file__).parents[1]
MADE = {f"docs/pitfalls/{code}.md" for code in CATALOGUE}
"""Pages whose links and lines are made by one function: a few of them are looked at."""
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("design/*.md")]
    if str(page.relative_to(ROOT)) not in MADE - {"docs/pitfalls/D07.md", "docs/pitfalls/L10.md"}
)


def generator(name: str = "generate") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_gives() -> None:
    for name, text in generator().pages().items():
        kept = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert kept == text, f"docs/reference/{name} is out of date: python docs/generate.py"


def test_the_words_that_the_shell_completes_are_those_of_the_verbs() -> None:
    made = generator()
    text = made.table_of(made.typer.main.get_command(made.app))
    kept = made.TABLE.read_text(encoding="utf-8")
    assert kept == text, "words.json is out of date: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_in_the_documentation_exists(page: Path) -> None:
    from tunewell.cli.annotate import VERBS as ANNOTATE
    from tunewell.cli.compare import VERBS as COMPARE
    from tunewell.cli.main import VERBS
    from tunewell.cli.review import VERBS as REVIEW

    groups = {"annotate": ANNOTATE, "compare": COMPARE, "review": REVIEW}

    for block in re.findall(
        r"```(?:sh|bash|console)?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    ):
        typed = re.findall(r"^\$? ?tunewell ([a-z-]+)(?: ([a-z-]+))?", block, re.MULTILINE)
        for verb, inner in typed:
            assert verb in VERBS, f"{page.name} speaks of `tunewell {verb}`"
            if verb in groups:
                assert inner in groups[verb], f"{page.name} speaks of `tunewell {verb} {inner}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_import_in_the_documentation_works(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
                "tunewell"
            ):
                continue
            module = importlib.import_module(node.module or "")
            for name in node.names:
                assert hasattr(module, name.name), f"{page.name}: {node.module} has no {name.name}"


def test_every_term_of_the_glossary_is_there_once() -> None:
    text = (ROOT / "docs" / "concepts" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", text, re.MULTILINE)
    assert len(terms) > 50
    assert len({name for name, _ in terms}) == len(terms)
    for name, sentence in terms:
        assert sentence.endswith("."), name


def test_the_code_of_the_python_guide_runs() -> None:
    text = (ROOT / "docs" / "guides" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(<!-- not run -->\n)?```python\n(.*?)```", text, re.DOTALL)
    code = [block for skipped, block in blocks if not skipped]
    assert len(code) >= 4
    names: dict[str, object] = {}
    for block in code:
        exec(compile(block, "python.md", "exec"), names)


def test_every_pitfall_has_its_page_and_says_why_it_hurts() -> None:
    examples = generator("pitfall_examples")
    assert examples.WHY.keys() == CATALOGUE.keys()
    for code, pitfall in CATALOGUE.items():
        text = (ROOT / "docs" / "pitfalls" / f"{code}.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {code} {pitfall.name}\n")
        assert examples.WHY[code] in text


def test_the_examples_in_python_print_what_their_pages_say() -> None:
    made = generator("site_pages")
    for code, example in made.EXAMPLES.PYTHON.items():
        text = (ROOT / "docs" / "pitfalls" / f"{code}.md").read_text(encoding="utf-8")
        assert "\n".join(made._run(example)) in text, f"{code}: python docs/generate.py"


def test_the_comparison_is_that_of_the_kept_results() -> None:
    kept = (ROOT / "docs" / "compared.md").read_text(encoding="utf-8")
    assert kept == generator("site_pages")._compared(), "python docs/generate.py"


@pytest.mark.slow
def test_every_made_page_is_what_the_code_gives() -> None:
    for name, text in generator("site_pages").site_pages().items():
        kept = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert kept == text, f"docs/{name} is out of date: python docs/generate.py"


def test_the_start_in_five_minutes_prints_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "five-minutes.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(json|console)\n(.*?)```", page, re.DOTALL)[1:3])
    rows = [json.loads(line) for line in blocks["json"].splitlines()]
    assert len(rows) == 6
    (tmp_path / "train.jsonl").write_text(blocks["json"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    typed, *shown = blocks["console"].splitlines()
    assert main(typed.removeprefix("$ tunewell ").split()) == 3
    printed = capsys.readouterr().out.splitlines()
    assert shown == [line for line in printed if line in shown]
    assert len(shown) == 4


def pages_of(entry: object) -> list[str]:
    """Every page that a part of the navigation names."""
    if isinstance(entry, str):
        return [entry]
    inner = entry.values() if isinstance(entry, dict) else entry
    assert not isinstance(inner, int)
    return [page for each in inner for page in pages_of(each)]  # type: ignore[attr-defined]


def test_the_site_shows_every_page_once() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    named = pages_of(site["project"]["nav"])
    there = {str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")}
    assert sorted(named) == sorted(there)


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    pytest.importorskip("zensical", reason="the extra docs is not installed")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / ".site").rglob("*.html"))
    assert len(pages) > len(CATALOGUE)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|iframe)[^>]+src=.?https?:", text), page.name
        assert not re.findall(r"<link[^>]+href=.?https?:[^>]+stylesheet", text), page.name
    found = json.loads((tmp_path / ".site" / "search.json").read_text(encoding="utf-8"))
    assert "near duplicates" in json.dumps(found)
