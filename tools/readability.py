"""Holds the package to the measures of readable code; `make lint` runs it.

Every limit is a share over the whole package, so that one dense file does not fail a change, but a
habit does. `python tools/readability.py --rooms` prints each room, `--worst` the places to look at.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "tunewell"

MOST_DECISIONS_PER_1000_LINES = 180
MOST_TOKENS_PER_LINE = 8.0
MOST_LAYOUT_EXCEPTIONS = 10
MOST_REPEATED_NAMES = 0
MOST_DENSE_FUNCTIONS = 0.04
MOST_PARAMETERS = 8

# A function with more decisions than this is counted as dense.
DENSE = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef
BRANCHES = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.IfExp,
    ast.comprehension,
    ast.match_case,
)
LAYOUT_TOKENS = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@dataclass
class Measures:
    """What was counted in one room, or in the whole package."""

    lines: int = 0
    tokens: int = 0
    decisions: int = 0
    functions: int = 0
    layout_exceptions: int = 0
    dense: list[tuple[int, str]] = field(default_factory=list)
    wide: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Measures) -> None:
        """Add another room's counts."""
        self.lines += other.lines
        self.tokens += other.tokens
        self.decisions += other.decisions
        self.functions += other.functions
        self.layout_exceptions += other.layout_exceptions
        self.dense += other.dense
        self.wide += other.wide

    @property
    def decisions_per_1000_lines(self) -> float:
        """Decisions in 1,000 lines of code."""
        return 1000 * self.decisions / max(1, self.lines)

    @property
    def tokens_per_line(self) -> float:
        """Tokens in a line of code."""
        return self.tokens / max(1, self.lines)

    @property
    def dense_share(self) -> float:
        """Share of functions with more than `DENSE` decisions."""
        return len(self.dense) / max(1, self.functions)


def decisions(tree: ast.AST) -> int:
    """Branches, loops, handlers, ternaries, comprehensions, conditions, `and` and `or`."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, BRANCHES):
            count += 1
        if isinstance(node, ast.comprehension):
            count += len(node.ifs)
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
    return count


def docstring_lines(tree: ast.AST) -> set[int]:
    """Numbers of the lines that hold docstrings."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | Function) or not node.body:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            if isinstance(first.value.value, str):
                found.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def code_lines_and_tokens(source: str, skipped: set[int]) -> tuple[int, int]:
    """Lines that hold code, and their tokens; comments, blank lines and docstrings do not count."""
    lines: set[int] = set()
    tokens = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in LAYOUT_TOKENS or token.start[0] in skipped:
            continue
        tokens += 1
        lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines), tokens


COMMANDS = {"command", "callback", "get", "post", "put", "delete", "patch"}


def is_command(function: Function, room: str) -> bool:
    """Whether its parameters are a user's own: the options of a verb, the fields of a form."""
    if room == "cli" and function.name == "command":
        return True
    for decorator in function.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(target, ast.Attribute) and target.attr in COMMANDS:
            return True
    return False


def parameters(function: Function) -> int:
    """Number of parameters, `self` and `cls` left out."""
    names = function.args
    every = [*names.posonlyargs, *names.args, *names.kwonlyargs]
    return len([a for a in every if a.arg not in {"self", "cls"}])


def measure(path: Path, root: Path) -> Measures:
    """Count one file."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines, tokens = code_lines_and_tokens(source, docstring_lines(tree))
    found = Measures(
        lines=lines,
        tokens=tokens,
        decisions=decisions(tree),
        layout_exceptions=source.count("fmt: skip") + source.count("fmt: off"),
    )
    for node in ast.walk(tree):
        if not isinstance(node, Function):
            continue
        found.functions += 1
        place = f"{path.relative_to(root)}:{node.lineno} {node.name}"
        if decisions(node) > DENSE:
            found.dense.append((decisions(node), place))
        room = path.relative_to(root).parts[0]
        if parameters(node) > MOST_PARAMETERS and not is_command(node, room):
            found.wide.append((parameters(node), place))
    return found


def public_classes(root: Path) -> Iterator[tuple[str, str]]:
    """Every public class of the package with the file it is in."""
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, str(path.relative_to(root))


def repeated_classes(root: Path) -> dict[str, list[str]]:
    """Public class names that are in more than one file."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, file in public_classes(root):
        places[name].append(file)
    return {name: files for name, files in places.items() if len(files) > 1}


def faults_of(whole: Measures, repeated: dict[str, list[str]]) -> list[str]:
    """Which limits the package does not keep, one sentence each."""
    faults = []
    if whole.decisions_per_1000_lines > MOST_DECISIONS_PER_1000_LINES:
        faults.append(
            f"{whole.decisions_per_1000_lines:.0f} decisions per 1,000 lines, "
            f"at most {MOST_DECISIONS_PER_1000_LINES}"
        )
    if whole.tokens_per_line > MOST_TOKENS_PER_LINE:
        faults.append(f"{whole.tokens_per_line:.2f} tokens a line, at most {MOST_TOKENS_PER_LINE}")
    if whole.layout_exceptions > MOST_LAYOUT_EXCEPTIONS:
        faults.append(
            f"{whole.layout_exceptions} layout exceptions, at most {MOST_LAYOUT_EXCEPTIONS}"
        )
    if whole.dense_share > MOST_DENSE_FUNCTIONS:
        faults.append(
            f"{whole.dense_share:.1%} of functions have more than {DENSE} decisions, "
            f"at most {MOST_DENSE_FUNCTIONS:.0%} (--worst lists them)"
        )
    for count, place in whole.wide:
        faults.append(f"{place} takes {count} parameters, at most {MOST_PARAMETERS}")
    if len(repeated) > MOST_REPEATED_NAMES:
        for name, files in sorted(repeated.items()):
            faults.append(f"class {name} is in {' and '.join(files)}")
    return faults


def row(name: str, found: Measures) -> str:
    """One line of the table."""
    return (
        f"{name:<16} {found.lines:>6} lines  {found.decisions_per_1000_lines:>4.0f} decisions/1,000"
        f"  {found.tokens_per_line:>5.2f} tokens/line  {len(found.dense):>3} dense of"
        f" {found.functions:>4} ({found.dense_share:.1%})  {len(found.wide)} wide"
    )


def main() -> int:
    """Print what was measured; 1 if a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=PACKAGE)
    parser.add_argument("--rooms", action="store_true", help="print each room")
    parser.add_argument("--worst", action="store_true", help="print the dense functions")
    options = parser.parse_args()

    by_room: dict[str, Measures] = defaultdict(Measures)
    for path in sorted(options.root.rglob("*.py")):
        room = path.relative_to(options.root).parts[0]
        by_room[room].add(measure(path, options.root))

    whole = Measures()
    for found in by_room.values():
        whole.add(found)

    if options.rooms:
        for room in sorted(by_room):
            print(row(room, by_room[room]))
    if options.worst:
        for count, place in sorted(whole.dense, reverse=True):
            print(f"{count:>4}  {place}")
    print(row("all", whole))

    faults = faults_of(whole, repeated_classes(options.root))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
