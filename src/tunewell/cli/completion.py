"""What the shell offers after Tab: read from a table, so that no verb is imported for it.

``words.json`` beside this file is made from the verbs by ``docs/generate.py``; a test fails when it
is out of date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperCommand

from tunewell.cli.verbs import COMPLETION

TABLE: Final = Path(__file__).with_name("words.json")
Words = Mapping[str, Any]


@dataclass(frozen=True)
class Offer:
    """One word that the shell offers.

    Attributes:
        value: The word.
        help: What it is, for shells that show it.
        type: Always ``plain``: where nothing is offered, the shell completes file names itself.
    """

    value: str
    help: str = ""
    type: str = "plain"


def offers(given: Sequence[str], incomplete: str, words: Words) -> list[Offer]:
    """The words that may stand next on a line.

    Args:
        given: The complete words before, without the program's name.
        incomplete: What has been typed of the next one.
        words: The table, or the part of it below a verb.

    Example:
        >>> table = {"verbs": {"run": {"help": "Run.", "options": {"--plan": {"help": "Only."}}}}}
        >>> [offer.value for offer in offers([], "r", table)]
        ['run']
        >>> [offer.value for offer in offers(["run"], "--", table)]
        ['--plan']
    """
    rest = list(given)
    before = ""
    while rest:
        before = rest.pop(0)
        words = words.get("verbs", {}).get(before, words)

    options: Words = words.get("options", {})
    if "=" in incomplete and incomplete.startswith("--"):
        before, _, incomplete = incomplete.partition("=")
    if options.get(before, {}).get("value"):
        found = _choices(options[before].get("choices", ()))
    elif incomplete.startswith("-"):
        found = _options(options, set(given))
    else:
        found = _below(words)
    return [offer for offer in found if offer.value.startswith(incomplete)]


def _options(options: Words, given: set[str]) -> Iterator[Offer]:
    """Options that are not there yet, or may be there again."""
    for name, about in options.items():
        if about.get("repeatable") or name not in given:
            yield Offer(name, about["help"])


def _below(words: Words) -> Iterator[Offer]:
    """The verbs below, and the choices of an argument."""
    for name, about in words.get("verbs", {}).items():
        yield Offer(name, about["help"])
    yield from _choices(words.get("choices", ()))


def _choices(choices: Iterable[str]) -> Iterator[Offer]:
    return (Offer(choice) for choice in choices)


class _Offering(TyperCommand):
    """Takes any line and answers the shell from the table."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        table = json.loads(TABLE.read_text(encoding="utf-8"))
        return list(offers(ctx.args, incomplete, table))


def complete() -> int:
    """Answer the shell's completion script; the environment holds the line."""
    app = typer.Typer(rich_markup_mode=None)
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}

    @app.command(cls=_Offering, context_settings=anything, add_help_option=False)
    def line() -> None:
        pass

    command = typer.main.get_command(app)
    command.params.clear()
    try:
        command.main([], prog_name="tunewell", complete_var=COMPLETION)
    except SystemExit as end:
        sys.stdout.flush()
        return int(end.code or 0)
    return 0


# --- the table ------------------------------------------------------------------------------------


def words_of(command: Any) -> dict[str, Any]:
    """The part of the table for a command of Typer: its options, choices and verbs.

    Args:
        command: The whole command line, or a verb of it.
    """
    found: dict[str, Any] = {"help": _first_line(command)}
    options: dict[str, Any] = {}
    for parameter in command.params:
        choices = list(map(str, parameter.type_descriptor.choices or ()))
        if parameter.param_type_name == "option":
            for name in (*parameter.opts, *parameter.secondary_opts):
                options[name] = _option(parameter, choices)
        elif choices:
            found["choices"] = choices
    options["--help"] = {"help": "Show this message and exit."}
    found["options"] = options
    if hasattr(command, "commands"):
        context = typer.Context(command)
        verbs = [command.get_command(context, name) for name in command.list_commands(context)]
        found["verbs"] = {verb.name: words_of(verb) for verb in verbs}
    return found


def _option(parameter: Any, choices: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"help": parameter.help or ""}
    if not parameter.is_flag:
        found["value"] = True
    if parameter.multiple:
        found["repeatable"] = True
    if choices:
        found["choices"] = choices
    return found


def _first_line(command: Any) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def table_of(command: Any) -> str:
    """The table as it is kept: JSON, a line for each verb."""
    words = words_of(command)
    verbs = words.pop("verbs")
    lines = [
        f"{json.dumps(name)}: {json.dumps(about, ensure_ascii=False)}"
        for name, about in verbs.items()
    ]
    head = json.dumps(words, ensure_ascii=False)[:-1]
    return head + ',\n"verbs": {\n' + ",\n".join(lines) + "\n}}\n"
