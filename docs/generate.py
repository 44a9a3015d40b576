"""Write docs/reference from the code: python docs/generate.py.

tests/test_docs.py fails when a page is out of date.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tunewell import errors
from tunewell.cli.completion import TABLE, table_of
from tunewell.cli.main import app
from tunewell.metrics.build import NATS
from tunewell.metrics.registry import BUILTINS, BuiltinMetric, NoOptions
from tunewell.pitfalls import CATALOGUE, Pitfall
from tunewell.task import TaskSpec
from tunewell.types import Finding, MetricInfo, Run, Verdict

HERE = Path(__file__).parent / "reference"
MADE: Final = "<!-- made by docs/generate.py -->"


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


_NAMES: Final = {
    "str": "text",
    "NoneType": "nothing",
    "float": "number",
    "int": "whole number",
    "bool": "true/false",
}


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    arguments = [a for a in get_args(annotation) if a is not Ellipsis]
    if origin is None:
        name = getattr(annotation, "__name__", str(annotation))
        return _NAMES.get(name, name)
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
    """The table of a section of the file, then those of the sections in it."""
    if path:
        yield from ("", f"## `{path}`", "", _description(model), "")
        yield "| key | type | default | what it is |"
        yield "| --- | --- | --- | --- |"
    described = _attributes(model)
    deeper = []
    for name, info in model.model_fields.items():
        key = info.alias or name
        kind = _type(info.annotation)
        default = _default_of(info)
        inner = _inner(info.annotation)
        if inner:
            place = _place(path, key, many=get_origin(info.annotation) is tuple)
            deeper.append((inner, place))
            kind = f"see `{place}`"
            default = "required" if info.is_required() else ""
        if path:
            text = described.get(name, info.description or "")
            yield f"| `{key}` | {_cell(kind)} | {default} | {_cell(text)} |"
    for inner, place in deeper:
        yield from _sections(inner, place)


def _place(path: str, key: str, *, many: bool) -> str:
    place = f"{path}.{key}" if path else key
    return f"{place}[]" if many else place


def _cell(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|")


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


def _default_of(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    return _default(info.get_default(call_default_factory=True))


def _default(value: Any) -> str:
    if value is None or value == "" or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return "" if isinstance(value, BaseModel | dict) else f"`{value}`"


def _yaml() -> str:
    head = f"""\
# tunewell.yaml

{MADE}

One file defines a project. `tunewell init` writes it with comments; `tunewell config` prints every
value with where it came from: default < file < environment (`TUNEWELL__TRAIN__EPOCHS=2`) < flag
(`--set train.epochs=2`). Unknown keys and keys that are there twice are errors, and all errors are
reported together with their lines.
"""
    return head + "\n".join(_sections(TaskSpec, "")) + "\n"


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
    rows = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    head = f"""\
# The command line

{MADE}

Data goes to stdout, everything else to stderr. Every verb takes `--json` (see [json.md](json.md));
`-h` or `--help` shows its options. The folder of the project is the last argument or `-p FOLDER`;
without either it is the current one. `tunewell --install-completion` teaches your shell the verbs.

| exit code | meaning |
| --- | --- |
{rows}
"""
    lines = []
    for name, command in _commands("tunewell", typer.main.get_command(app)):
        about = " ".join((command.help or "").split())
        lines += ["", f"## {name}", "", about, ""]
        if _is_group(command):
            for verb in _verbs(command):
                lines.append(f"- [{name} {verb}](#{_anchor(f'{name} {verb}')})")
        else:
            lines += ["| | |", "| --- | --- |", *_parameters(command)]
    return head + "\n".join(lines) + "\n"


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


REAL_TIME = """\
## Measured by itself

### `real_time_factor`: how fast recordings are transcribed

Where rows are heard, `tunewell evaluate` times every arm on up to 16 of the held-out recordings,
drawn by seed and the same for all arms: one at a time, from file to transcript, encoder included
and nothing cached. Seconds of processing per second of audio, with an interval over the
recordings; below 1 the model keeps up with the speaker.

It stands in the record of the evaluation (`speeds` in `tunewell evaluate --json`) and in the
report, and is for information only: it varies between runs and machines, so it can
neither be listed under `metrics` nor be used by a gate.
"""


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
        REAL_TIME,
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


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _verbs(group: Any) -> list[str]:
    return list(group.list_commands(typer.Context(group)))


def _anchor(heading: str) -> str:
    return heading.replace(" ", "-")


def _commands(name: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Every verb with its full name, those of a group below it."""
    for verb in _verbs(group):
        command = group.get_command(typer.Context(group), verb)
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
    lines = [
        "# The pitfalls",
        "",
        MADE,
        "",
        "Every finding, gate and line of the report refers to one of these. A finding is `found`,",
        "`clear`, `unchecked` (and says why) or `accepted` (by whom, why, until when).",
        "",
    ]
    for area in ("data", "training", "evaluation", "deployment"):
        lines += [f"## {area.capitalize()}", ""]
        lines += ["| code | name | what is measured | what to do |", "| --- | --- | --- | --- |"]
        lines += [_row_of(pitfall) for pitfall in CATALOGUE.values() if pitfall.area == area]
        lines.append("")
    return "\n".join(lines)


def _row_of(pitfall: Pitfall) -> str:
    command = f" (`{pitfall.command}`)" if pitfall.command else ""
    remedy = f"{pitfall.remedy}{command}"
    return f"| {pitfall.code} | {pitfall.name} | {pitfall.measured} | {remedy} |"


def _json() -> str:
    head = f"""\
# The JSON envelope

{MADE}

Every verb prints one line with `--json`:

```json
{{"schema": "tunewell/1", "command": "run", "verdict": "GO", "result": {{}}}}
```

`verdict` is `GO`, `NO-GO`, `INCONCLUSIVE` or null. After an error `result` is null and `error` has
`message`, `place` and `hint`; the exit code is the same as without `--json`. The nouns inside
`result`:
"""
    lines = []
    for noun in (Verdict, Finding, Run):
        described = _attributes(noun)
        lines += ["", f"## {noun.__name__}", "", _first_line(noun), ""]
        lines += ["| key | what it is |", "| --- | --- |"]
        lines += [f"| `{name}` | {described.get(name, '')} |" for name in noun.model_fields]
    return head + "\n".join(lines) + "\n"


def main() -> None:
    """Write every page, and the table of what the shell completes."""
    TABLE.write_text(table_of(typer.main.get_command(app)), encoding="utf-8")
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    from site_pages import site_pages

    for name, text in site_pages().items():
        page = HERE.parent / name
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
