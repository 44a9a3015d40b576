"""From YAML, environment and flags to a `TaskFile`, or to all faults with their lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from tunewell.documentation import reference
from tunewell.errors import TaskError, UserError
from tunewell.project_code import announce
from tunewell.task.gates import gate_faults
from tunewell.task.places import Places
from tunewell.task.spec import TaskFile, TaskSpec
from tunewell.task.unknown_keys import unknown_key
from tunewell.task.yaml_limits import check_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE_NAME = "tunewell.yaml"
ENV_PREFIX = "TUNEWELL__"


def load_task(
    path: Path, *, overrides: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> TaskFile:
    """Read and check a ``tunewell.yaml``.

    Args:
        path: The file, or the folder that holds it.
        overrides: ``name=value`` pairs of ``--set``, names dotted, values YAML.
        environment: Variables to read; the process's own if None.

    Raises:
        UserError: There is no such file, or it is not YAML.
        TaskError: With every fault and its line.
    """
    path = path / FILE_NAME if path.is_dir() else path
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"there is no {path.name} in {path.parent or '.'}", hint="tunewell init"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 (byte {error.start})", hint=f"save {path.name} as UTF-8"
        ) from None
    file = parse_task(text, path=path, overrides=overrides, environment=environment)
    for name in _code_of(file.spec):
        announce(file.root, name)
    return file


def _code_of(spec: TaskSpec) -> Iterator[str]:
    """Files of Python that the definition names, which other verbs would run."""
    for metric in spec.metrics:
        named = metric.options.get("python")
        if isinstance(named, str):
            yield named
    recogniser, _, _ = spec.rules.recogniser.partition(":")
    if recogniser.endswith(".py"):
        yield recogniser


def parse_task(
    text: str,
    *,
    path: Path,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> TaskFile:
    """As `load_task`, from text.

    Example:
        >>> parse_task("task: {name: A}", path=Path("tunewell.yaml"), environment={})
        Traceback (most recent call last):
        ...
        tunewell.errors.TaskError: 5 faults:
          tunewell.yaml:1: task.name: String should match pattern '^[a-z0-9][a-z0-9-]*$'. Got 'A'.
          tunewell.yaml:1: task.about: Field required.
          tunewell.yaml:1: task.input: Field required.
          tunewell.yaml:1: task.output: Field required.
          tunewell.yaml:1: data: Field required.
        <BLANKLINE>
        hint: ...docs/reference/tunewell-yaml.md lists every key; `tunewell init` writes ...
    """
    node, values = _from_yaml(text, path.name)
    lines: dict[str, int] = {}
    faults = list(_note_lines(node, "", lines, path.name))

    variables = os.environ if environment is None else environment
    origins: dict[str, str] = {}
    for given in [*_of_environment(variables), *_of_flags(overrides)]:
        given.put_into(values)
        origins[given.name] = given.origin

    places = Places(path.name, lines, origins)
    spec: TaskSpec | None = None
    try:
        spec = TaskSpec.model_validate(values)
    except ValidationError as error:
        faults += [_fault(details, places) for details in error.errors()]

    for number, why in gate_faults(values):
        place = places.nearest(f"gates.{number}") or f"{path.name}:1"
        faults.append((place, f"gates[{number}]: {why}"))

    if faults or spec is None:
        raise TaskError(
            faults,
            hint=f"{reference('tunewell-yaml.md')} lists every key; "
            "`tunewell init` writes a file with comments",
        )
    return TaskFile(spec=spec, path=path, lines=lines, origins=origins)


# --- the file and its lines -----------------------------------------------------------------------


def _from_yaml(text: str, name: str) -> tuple[yaml.Node | None, dict[str, Any]]:
    """The tree of the file, which knows its lines, and its values.

    Raises:
        UserError: It is not YAML, or not a mapping.
    """
    try:
        check_yaml(text, name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(
            f"not YAML: {problem}",
            place=f"{name}:{mark.line + 1}" if mark else name,
            hint="check indentation and quotes on that line",
        ) from None
    if not isinstance(values, dict):
        raise UserError(
            "the file is empty or not a mapping", place=f"{name}:1", hint="tunewell init"
        )
    return node, values


def _note_lines(
    node: yaml.Node | None, prefix: str, lines: dict[str, int], name: str
) -> Iterator[tuple[str, str]]:
    """Fill ``lines`` and give the keys that stand twice (YAML would silently keep the last)."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            dotted = f"{prefix}{key.value}"
            line = key.start_mark.line + 1
            if dotted in lines:
                yield f"{name}:{line}", f"{dotted}: is there twice (first on line {lines[dotted]})."
            lines[dotted] = line
            yield from _note_lines(value, f"{dotted}.", lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[f"{prefix}{i}"] = value.start_mark.line + 1
            yield from _note_lines(value, f"{prefix}{i}.", lines, name)


# --- values from elsewhere ------------------------------------------------------------------------


@dataclass(frozen=True)
class GivenValue:
    """A value given outside the file.

    Attributes:
        name: Dotted path.
        text: The value, as YAML.
        origin: Who gave it: ``environment NAME`` or ``flag --set NAME``.
    """

    name: str
    text: str
    origin: str

    def put_into(self, values: dict[str, Any]) -> None:
        """Set the value; mappings on the way to it are made.

        Raises:
            UserError: It is not YAML, or the path leads through something that is no mapping.
        """
        try:
            value = yaml.safe_load(self.text)
        except yaml.YAMLError:
            raise UserError(
                f"{self.name}: {self.text!r} is not a YAML value",
                place=self.origin,
                hint="quote it: 'a: b'",
            ) from None

        *above, last = self.name.split(".")
        place: Any = values
        for part in above:
            place = self._step(place, part)
        if _is_item(place, last):
            place[int(last)] = value
        elif isinstance(place, dict):
            place[last] = value
        else:
            raise UserError(f"{self.name!r} leads nowhere", hint="tunewell config")

    def _step(self, place: Any, part: str) -> Any:
        """What is under a part of the path."""
        if _is_item(place, part):
            return place[int(part)]
        if isinstance(place, dict):
            return place.setdefault(part, {})
        raise UserError(
            f"{self.name!r} leads nowhere: {part!r} is not a mapping", hint="tunewell config"
        )


def _is_item(place: object, part: str) -> bool:
    """Whether the part of a path is the number of an item in a list."""
    return isinstance(place, list) and part.isdigit() and int(part) < len(place)


def _of_environment(variables: Mapping[str, str]) -> Iterator[GivenValue]:
    for variable in sorted(variables):
        if variable.startswith(ENV_PREFIX):
            name = variable.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            yield GivenValue(name, variables[variable], f"environment {variable}")


def _of_flags(overrides: Sequence[str]) -> Iterator[GivenValue]:
    for item in overrides:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise UserError(
                f"--set takes name=value, got {item!r}", hint="tunewell run --set train.epochs=2"
            )
        yield GivenValue(name, text, f"flag --set {name}")


# --- faults ---------------------------------------------------------------------------------------


def _fault(error: ErrorDetails, places: Places) -> tuple[str, str]:
    """The place and the sentence of one fault that pydantic found."""
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        place = places.nearest(name) or f"{places.file}:1"
        return place, f"{name}: {unknown_key(TaskSpec, error['loc'])}"
    message = error["msg"].removeprefix("Value error, ")
    sentence = message if message.endswith((".", "?")) else f"{message}."
    first_line = f"{places.file}:1"
    if name:
        return places.nearest(name) or first_line, f"{name}: {sentence}{_got(error)}"

    # A fault of the whole definition has no path.
    return first_line, sentence


def _got(error: ErrorDetails) -> str:
    """What was given instead, where it is short."""
    given = error.get("input")
    if error["type"] == "missing" or isinstance(given, (dict, list, tuple)):
        return ""
    return f" Got {given!r}."
