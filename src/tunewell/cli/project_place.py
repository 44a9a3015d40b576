"""The folder of the project on the command line: as an argument or as ``-p``, on every verb."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer
from typer.models import ArgumentInfo

PATH: Final = "path"
"""The parameter of a verb that holds the project's folder."""

ARGUMENT: Final = "project"
OPTION: Final = "project_option"

DEFINITION: Final = "tunewell.yaml"

_ARGUMENT_INFO: Final = typer.Argument(
    metavar="PROJECT", help="Folder with tunewell.yaml.", show_default="."
)
_OPTION_INFO: Final = typer.Option(
    "--project", "-p", metavar="FOLDER", help="The project's folder, as an option."
)

Command = Callable[..., None]


def with_project(command: Command) -> Command:
    """A verb that takes its ``path`` both as its last argument and as ``--project`` or ``-p``.

    A verb without that parameter stays as it is.

    Args:
        command: The function of the verb.

    Example:
        >>> def command(row: str, path: Path = Path()) -> None: ...
        >>> [*inspect.signature(with_project(command)).parameters]
        ['row', 'project', 'project_option']
    """
    signature = inspect.signature(command, eval_str=True)
    if PATH not in signature.parameters:
        # It takes no project, or takes it both ways already.
        return command

    optional = _optional_arguments(signature)

    @functools.wraps(command)
    def placed(**values: Any) -> None:
        given = [values.pop(ARGUMENT), values.pop(OPTION)]
        folders = [folder for folder in given if folder is not None]
        folders += _taken_from(values, optional)
        if len(set(folders)) > 1:
            first, second = folders[:2]
            raise typer.BadParameter(f"the project is named twice: {first} and {second}")
        command(**values, path=folders[0] if folders else Path())

    setattr(placed, "__signature__", _with_both(signature))  # noqa: B010
    return placed


def _with_both(signature: inspect.Signature) -> inspect.Signature:
    """The signature with two parameters in the place of ``path``."""
    kind = inspect.Parameter.KEYWORD_ONLY
    both = [
        inspect.Parameter(
            ARGUMENT,
            kind,
            default=None,
            annotation=Annotated[Path | None, _argument_of(signature)],
        ),
        inspect.Parameter(
            OPTION, kind, default=None, annotation=Annotated[Path | None, _OPTION_INFO]
        ),
    ]
    found: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        found += both if name == PATH else [parameter.replace(kind=kind)]
    return signature.replace(parameters=found)


def _argument_of(signature: inspect.Signature) -> ArgumentInfo:
    """What help says of the argument: the verb's own words where it has some."""
    for info in get_args(signature.parameters[PATH].annotation):
        if isinstance(info, ArgumentInfo):
            own: ArgumentInfo = info
            own.metavar = "PROJECT"
            return own
    chosen: ArgumentInfo = _ARGUMENT_INFO
    return chosen


def _optional_arguments(signature: inspect.Signature) -> Mapping[str, Any]:
    """Arguments that may be left out, with their defaults: the folder may stand in their place."""
    found = {}
    for name, parameter in signature.parameters.items():
        infos = get_args(parameter.annotation)
        is_argument = any(isinstance(info, ArgumentInfo) for info in infos)
        if name != PATH and is_argument and parameter.default is not parameter.empty:
            found[name] = parameter.default
    return found


def _taken_from(values: dict[str, Any], optional: Mapping[str, Any]) -> list[Path]:
    """The folder of a project that was given in the place of another, optional argument."""
    for name, default in optional.items():
        value = values[name]
        if isinstance(value, str) and value and (Path(value) / DEFINITION).is_file():
            values[name] = default
            return [Path(value)]
    return []
