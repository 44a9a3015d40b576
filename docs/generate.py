"""Write docs/reference from the code: python docs/generate.py (tests/test_docs.py fails when a page is out of date)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from pydantic import BaseModel

from tunewell import errors
from tunewell.cli.main import app
from tunewell.pitfalls import CATALOGUE
from tunewell.task import TaskSpec
from tunewell.types import Finding, Run, Verdict

HERE = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    return {
        "tunewell-yaml.md": _yaml(),
        "command-line.md": _command_line(),
        "pitfalls.md": _pitfalls(),
        "json.md": _json(),
    }


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each field."""
    text = inspect.getdoc(model) or ""
    if "Attributes:" not in text:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in text.split("Attributes:", 1)[1].splitlines():
        if line and not line.startswith(" "):
            break
        match = re.match(r"    (\w+): (.*)", line)
        if match:
            name = match[1]
            found[name] = match[2]
        elif name and line.strip() and not re.match(r"\s*Example", line):
            found[name] += " " + line.strip()
    return found


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _inner(argument)
        if found:
            return found
    return None


def _type(annotation: Any) -> str:
    origin, arguments = (
        get_origin(annotation),
        [a for a in get_args(annotation) if a is not Ellipsis],
    )
    if origin is None:
        name = getattr(annotation, "__name__", str(annotation))
        return {
            "str": "text",
            "NoneType": "nothing",
            "float": "number",
            "int": "whole number",
            "bool": "true/false",
        }.get(name, name)
    if str(origin) == "typing.Literal":
        return " · ".join(f"`{a}`" for a in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if str(origin) == "typing.Annotated":
        return _type(arguments[0])
    if "Mapping" in str(origin):
        return "mapping"
    return " or ".join(_type(a) for a in arguments)


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    described = _attributes(model)
    first = (inspect.getdoc(model) or "").splitlines()[0]
    yield (
        f"\n## `{path}`\n\n{first}\n\n| key | type | default | what it is |\n| --- | --- | --- | --- |"
        if path
        else ""
    )
    deeper = []
    for name, info in model.model_fields.items():
        key = info.alias or name
        inner = _inner(info.annotation)
        many = get_origin(info.annotation) is tuple
        if inner and path == "":
            deeper.append((inner, f"{key}[]" if many else key))
            continue
        default = (
            "required"
            if info.is_required()
            else _default(info.get_default(call_default_factory=True))
        )
        kind = _type(info.annotation).replace("|", "\\|")
        if inner:
            place = f"{path}.{key}[]" if many else f"{path}.{key}"
            deeper.append((inner, place))
            kind = f"see `{place}`"
            default = "" if not info.is_required() else default
        text = described.get(name, info.description or "").replace("|", "\\|")
        if path:
            yield f"| `{key}` | {kind} | {default} | {text} |"
    for inner, place in deeper:
        yield from _sections(inner, place)


def _default(value: Any) -> str:
    if value is None or value == "" or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return "" if isinstance(value, BaseModel | dict) else f"`{value}`"


def _yaml() -> str:
    head = (
        "# tunewell.yaml\n\n<!-- made by docs/generate.py -->\n\nOne file defines a project. "
        "`tunewell init` writes it with comments; `tunewell config` prints every value with where it came from: "
        "default < file < environment "
        "(`TUNEWELL__TRAIN__EPOCHS=2`) < flag (`--set train.epochs=2`). Unknown keys and keys that stand twice are "
        "faults, and all faults are reported together with their lines.\n"
    )
    return head + "\n".join(line for line in _sections(TaskSpec, "") if line) + "\n"


EXIT_CODES = {
    errors.EXIT_OK: "GO, or done",
    errors.EXIT_USER: "something that you can fix",
    errors.EXIT_MISUSE: "misuse of the command line",
    errors.EXIT_NO_GO: "NO-GO",
    errors.EXIT_INCONCLUSIVE: "INCONCLUSIVE",
    errors.EXIT_INTERNAL: "an internal error",
    errors.EXIT_INTERRUPT: "interrupted",
}


def _command_line() -> str:
    lines = [
        "# The command line",
        "",
        "<!-- made by docs/generate.py -->",
        "",
        "Data goes to stdout, everything else to stderr. Every verb but `serve` takes `--json` "
        "(see [json.md](json.md)); `-h` or `--help` shows its options.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
        *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()),
    ]
    for name, command in _commands("tunewell", typer.main.get_command(app)):
        text = " ".join((command.help or "").split())
        lines += ["", f"## {name}", "", text, ""]
        if _is_group(command):
            lines += [
                f"- [{name} {verb}](#{_anchor(f'{name} {verb}')})" for verb in _verbs(command)
            ]
        else:
            lines += ["| | |", "| --- | --- |", *_parameters(command)]
    return "\n".join(lines) + "\n"


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _verbs(group: Any) -> list[str]:
    return list(group.list_commands(typer.Context(group)))


def _anchor(heading: str) -> str:
    return heading.replace(" ", "-")


def _commands(name: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Every verb with its full name, those of a group below it."""
    for verb in _verbs(group):
        command = group.commands[verb]
        yield f"{name} {verb}", command
        if _is_group(command):
            yield from _commands(f"{name} {verb}", command)


def _parameters(command: Any) -> Iterator[str]:
    """A row of the table for each argument and option."""
    for parameter in command.params:
        if parameter.name == "help" or getattr(parameter, "hidden", False):
            continue
        text = (getattr(parameter, "help", "") or "").replace("|", "\\|")
        yield f"| `{_typed(parameter)}` | {text} |"


def _typed(parameter: Any) -> str:
    """An argument or option as it is typed."""
    value = parameter.metavar or (parameter.name or "").upper()
    if parameter.param_type_name != "option":
        return value
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return names if getattr(parameter, "is_flag", False) else f"{names} {value}"


def _pitfalls() -> str:
    lines = ["# The pitfalls", "", "<!-- made by docs/generate.py -->", "",
             "Every finding, gate and report line speaks of one of these. A finding is `found`, `clear`, `unchecked` "
             "(and says why) or `accepted` (by whom, why, until when).", ""]  # fmt: skip
    for area in ("data", "training", "evaluation", "deployment"):
        lines += [
            f"## {area.capitalize()}",
            "",
            "| code | name | what is measured | what to do |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| {p.code} | {p.name} | {p.measured} | {p.remedy}{f' (`{p.command}`)' if p.command else ''} |"
            for p in CATALOGUE.values()
            if p.area == area
        ]
        lines.append("")
    return "\n".join(lines)


def _json() -> str:
    lines = ["# The JSON envelope", "", "<!-- made by docs/generate.py -->", "",
             "Every verb prints one line with `--json`:", "", "```json",
             '{"schema": "tunewell/1", "command": "run", "verdict": "GO", "result": {}}', "```", "",
             "`verdict` is `GO`, `NO-GO`, `INCONCLUSIVE` or null. After an error `result` is null and `error` holds "
             "`message`, `place` and `hint`; the exit code is the same as without `--json`. "
             "The nouns inside `result`:"]  # fmt: skip
    for noun in (Verdict, Finding, Run):
        described = _attributes(noun)
        first = (inspect.getdoc(noun) or "").splitlines()[0]
        lines += ["", f"## {noun.__name__}", "", first, "", "| key | what it is |", "| --- | --- |"]
        lines += [f"| `{name}` | {described.get(name, '')} |" for name in noun.model_fields]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write every page."""
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
