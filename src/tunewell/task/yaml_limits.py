"""Limits on YAML before its tree is built: depth, size with its aliases written out, no cycles."""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

from tunewell.errors import UserError

MOST_CHARACTERS = 2_000_000
DEEPEST = 50
MOST_NODES = 100_000
"""Most values of a file once every alias is written out where it stands."""


@dataclass
class _Open:
    """A mapping or sequence that has not ended."""

    anchor: str | None
    nodes: int = 1


@dataclass
class _Count:
    """What has been read so far."""

    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, int] = field(default_factory=dict)

    def add(self, nodes: int) -> int:
        """Count values in everything that is open; gives the largest count."""
        for one in self.open:
            one.nodes += nodes
        return self.open[0].nodes if self.open else nodes


def check_yaml(text: str, name: str) -> None:
    """Refuse a file whose tree would not end, or not fit.

    Args:
        text: The file.
        name: Of the file, for errors.

    Raises:
        UserError: It is too long, too deep, too large with its aliases, or holds itself.
        yaml.YAMLError: It is not YAML.
    """
    if len(text) > MOST_CHARACTERS:
        raise UserError(f"the file has more than {MOST_CHARACTERS} characters", place=name)
    count = _Count()
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        why = _why_not(event, count)
        if why:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise UserError(why, place=f"{name}:{line}")


def _why_not(event: yaml.Event, count: _Count) -> str:
    """Count an event, and say why the file is refused at it."""
    if isinstance(event, yaml.AliasEvent):
        if any(one.anchor == event.anchor for one in count.open):
            return f"the value &{event.anchor} holds itself"
        return _too_large(count.add(count.anchors.get(str(event.anchor), 1)))

    if isinstance(event, yaml.CollectionStartEvent):
        largest = count.add(1)
        count.open.append(_Open(event.anchor))
        if len(count.open) > DEEPEST:
            return f"values are nested more than {DEEPEST} deep"
        return _too_large(largest)

    if isinstance(event, yaml.CollectionEndEvent):
        ended = count.open.pop()
        if ended.anchor:
            count.anchors[ended.anchor] = ended.nodes
        return ""
    return _too_large(count.add(1)) if isinstance(event, yaml.ScalarEvent) else ""


def _too_large(nodes: int) -> str:
    if nodes <= MOST_NODES:
        return ""
    return f"the file has more than {MOST_NODES} values once its aliases are written out"
