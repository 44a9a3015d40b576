"""The documentation says what the code does."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("design/*.md")])


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
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
