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
from tunewell.metrics.build import NATS
from tunewell.metrics.registry import BUILTINS, BuiltinMetric, NoOptions
from tunewell.pitfalls import CATALOGUE
from tunewell.task import TaskSpec
from tunewell.types import Finding, MetricInfo, Run, Verdict

HERE = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    return {
        "tunewell-yaml.md": _yaml(),
        "command-line.md": _command_line(),
        "metrics.md": _metrics(),
        "pitfalls.md": _pitfalls(),
        "json.md": _json(),
    }


def _description(model: type[BaseModel]) -> str:
    """A model's docstring up to its first section, as one paragraph."""
    text = inspect.getdoc(model) or ""
    return " ".join(re.split(r"\n\n[A-Z][a-z]+:\n", text)[0].split())


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
    first = _description(model)
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


def _command_line() -> str:
    group = typer.main.get_command(app)
    lines = ["# The command line", "", "<!-- made by docs/generate.py -->", ""]
    lines += [
        "Data goes to stdout, everything else to stderr. Every verb knows `--json` (see [json.md](json.md)).", "",
        "| exit code | meaning |", "| --- | --- |",
        f"| {errors.EXIT_OK} | GO, or done |", f"| {errors.EXIT_USER} | something that you can mend |",
        f"| {errors.EXIT_MISUSE} | misuse of the command line |", f"| {errors.EXIT_NO_GO} | NO-GO |",
        f"| {errors.EXIT_INCONCLUSIVE} | INCONCLUSIVE |", f"| {errors.EXIT_INTERNAL} | a fault of ours |",
        f"| {errors.EXIT_INTERRUPT} | interrupted |",
    ]  # fmt: skip
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        lines += [
            "",
            f"## tunewell {name}",
            "",
            " ".join((command.help or "").split()),
            "",
            "| | |",
            "| --- | --- |",
        ]
        for parameter in command.params:
            if parameter.name == "help" or getattr(parameter, "hidden", False):
                continue
            option = parameter.param_type_name == "option"
            shown = (
                ", ".join(parameter.opts)
                if option
                else (parameter.metavar or (parameter.name or "").upper())
            )
            if option and not getattr(parameter, "is_flag", False):
                shown += f" {parameter.metavar or (parameter.name or '').upper()}"
            lines.append(
                f"| `{shown}` | {(getattr(parameter, 'help', '') or '').replace('|', chr(92) + '|')} |"
            )
    return "\n".join(lines) + "\n"


METRICS_HEAD = """\
# Metrics

<!-- made by docs/generate.py -->

Every metric is a number per held-out answer, with a unit, a direction and a range. In reports it is
a mean with an interval, per arm and per slice, and a paired difference between arms. A metric
*guards a gate* when it is of the task's own (not a generic overlap) and exact by nature or held
against people; a gate on another metric may block a release but never opens one alone (E01).

An answer that a metric cannot score is *unscored*, with its reason; it is never dropped but widens
the interval to what the worst and the best case would give. A row that a metric cannot measure
whoever answers (no points are listed for it) is left out for every arm alike.

```yaml
metrics:
  - {name: label, options: {pattern: '^\\[(.+?)\\]'}}
  - {name: key_points, options: {from: tags.points}}
  # a built-in metric under a name of your own
  - {name: short, options: {metric: conciseness, words: 40}}
  # your own function
  - {name: polite, options: {python: metrics.py}}
```
"""
OWN_METRICS = """\
## Your own

A Python function in a file of the project that `tunewell.yaml` names. It is your code and runs with
your rights; none runs that `tunewell.yaml` does not name, and none outside the project's folder.
Its digest is in every score.

```python
from tunewell.metrics import Marked, Unscored, metric

@metric(title="Names the contract", exact=True)
def contract(output, example, *, task):
    number = example.field("contract")
    if not number:
        return Unscored(reason="the row names no contract")
    return Marked(value=float(number in output), reason=f"looked for {number}")
```

It gives a number, `True`/`False`, `Marked` (with a reason and spans) or `Unscored`. An exception,
NaN or a value outside `low`…`high` is unscored, with the reason. Say `exact=False` when it asks a
model or guesses: it then guards no gate until it has been held against people.
"""
NATS_ABOUT = (
    "Loss of the gold answer under the model, per token. Always measured; needs no generated text."
)


def _metrics() -> str:
    own = [metric for metric in BUILTINS.values() if metric.info.own]
    generic = [metric for metric in BUILTINS.values() if not metric.info.own]
    parts = [
        METRICS_HEAD,
        "## Of the task's own\n",
        *map(_metric, own),
        "## Generic\n",
        _metric_info(NATS, NATS_ABOUT),
        *map(_metric, generic),
        OWN_METRICS,
    ]
    return "\n".join(parts)


def _metric(metric: BuiltinMetric) -> str:
    text = _metric_info(metric.info, metric.about)
    if metric.options is NoOptions:
        return text

    rows = ["| option | default | |", "|---|---|---|"]
    about = _attributes(metric.options)
    for name, field in metric.options.model_fields.items():
        default = "required" if field.is_required() else f"`{field.default!r}`"
        words = about[name].replace("``", "`").replace("|", "&#124;")
        rows.append(f"| `{field.alias or name}` | {default} | {words} |")
    table = "\n".join(rows)
    return f"{text}\n{table}\n"


def _metric_info(info: MetricInfo, about: str) -> str:
    highest = "" if info.high == float("inf") else f" to {info.high:g}"
    unit = info.unit[0].upper() + info.unit[1:]
    better = "bigger is better" if info.bigger_is_better else "smaller is better"
    guards = "guards gates" if info.own and info.validated else "never opens a gate alone"
    scale = f"{unit} from {info.low:g}{highest}, {better}; {guards}."
    words = about.replace("``", "`")
    return f"### `{info.name}`: {info.title}\n\n{words}\n\n{scale}\n"


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
