"""Groups of verbs: those of ``tunewell``, by heading, and those below a verb."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tunewell.cli.project_place import with_project
from tunewell.cli.verbs import HEADINGS, VERBS, load_verb


class AllVerbs(TyperGroup):
    """The verbs of ``tunewell`` by heading; the module of a verb is imported when it is needed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=about) for name, about in VERBS.items()}
        self._loaded: set[str] = set()

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the verbs."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A verb by its name, or None."""
        if cmd_name in VERBS and cmd_name not in self._loaded:
            self.commands[cmd_name] = _loaded(cmd_name)
            self._loaded.add(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The verbs below their headings, each with the whole first line of its help."""
        width = max(map(len, VERBS))
        for heading, verbs in HEADINGS.items():
            with formatter.section(heading):
                _write_lines(formatter, verbs.items(), width)


class VerbGroup(TyperGroup):
    """Verbs below a verb, such as ``tunewell review open``.

    Their options may still come before them, as in release 0.1: they are moved behind the verb,
    with a hint. This goes with release 0.3.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb first where options came before it."""
        places = [place for place, word in enumerate(args) if word in self.commands]
        options_first = bool(args) and args[0].startswith("-") and bool(places)
        if options_first:
            from tunewell.cli.common import note

            verb = places[0]
            args = [args[verb], *args[:verb], *args[verb + 1 :]]
            note(f"hint: options come after the verb: {ctx.command_path} {' '.join(args)}")
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The verbs, each with the whole first line of its help."""
        lines = [(name, first_line(command.help)) for name, command in self.commands.items()]
        width = max(len(name) for name, _ in lines)
        with formatter.section("Commands"):
            _write_lines(formatter, lines, width)


class ShowsByDefault(VerbGroup):
    """A group whose verb ``show`` need not be typed: ``tunewell model`` shows the versions."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``show`` in front where no verb is named and no help is asked for."""
        asks_for_help = any(word in ("-h", "--help") for word in args)
        if not asks_for_help and not any(word in self.commands for word in args):
            args = ["show", *args]
        return super().parse_args(ctx, args)


class LooksByDefault(VerbGroup):
    """A group whose verb ``look`` need not be typed: ``tunewell watch FILE`` looks at a file."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``look`` in front unless a verb stands there or help is asked for."""
        is_named = bool(args) and args[0] in (*self.commands, "-h", "--help")
        return super().parse_args(ctx, args if is_named else ["look", *args])


def first_line(text: str | None) -> str:
    r"""The first paragraph of a help text on one line.

    Example:
        >>> first_line("Show what was\nfound.\n\nMore.")
        'Show what was found.'
    """
    return " ".join((text or "").split("\n\n")[0].split())


def _loaded(name: str) -> Any:
    """The command of a verb, made from its function or its app."""
    verb = load_verb(name)
    if isinstance(verb, typer.Typer):
        _place_project(verb)
        command = typer.main.get_group(verb)
        command.name = name
        return command
    one = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    one.command(name, help=inspect.getdoc(verb))(with_project(verb))
    return typer.main.get_command(one)


def _place_project(group: typer.Typer) -> None:
    """Let every verb of a group take the project's folder as argument and as option."""
    for info in group.registered_commands:
        if info.callback is not None:
            info.help = info.help or inspect.getdoc(info.callback)
            info.callback = with_project(info.callback)
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _place_project(inner.typer_instance)


def _write_lines(formatter: Any, lines: Iterable[tuple[str, str]], width: int) -> None:
    formatter.write_dl([(name.ljust(width), line) for name, line in lines])
