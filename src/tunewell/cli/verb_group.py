"""Verbs below a verb, such as ``tunewell review open``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from tunewell.cli.common import note


class VerbGroup(TyperGroup):
    """A group whose options may still come before its verb, as in release 0.1.

    They are moved behind it, with a hint. This goes with release 0.3.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb first where options came before it."""
        places = [place for place, word in enumerate(args) if word in self.commands]
        options_first = bool(args) and args[0].startswith("-") and bool(places)
        if options_first:
            verb = places[0]
            args = [args[verb], *args[:verb], *args[verb + 1 :]]
            note(f"hint: options come after the verb: {ctx.command_path} {' '.join(args)}")
        return super().parse_args(ctx, args)
