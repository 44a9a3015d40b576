"""Runs as event files of TensorBoard: one folder a run, curves by step, settings as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tunewell.errors import UserError
from tunewell.safe_text import shown
from tunewell.tracking.run_facts import RunFacts

DONE: Final = "sent"
"""An empty file that says that a run's folder is whole."""


def tracker(place: str, project: str) -> TensorboardTracker:
    """A folder of event files.

    Raises:
        UserError: An address is given, from which a folder called ``http:`` would be made.
    """
    if "://" in place:
        raise UserError(
            f"TensorBoard is sent to through a folder. Got {place!r}.", hint="tensorboard:runs"
        )
    return TensorboardTracker(Path(place))


class TensorboardTracker:
    """Writes into a folder.

    Args:
        folder: What ``tensorboard --logdir`` is given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _of(self, facts: RunFacts) -> Path:
        return self.folder / facts.run.id

    def knows(self, facts: RunFacts) -> bool:
        """Whether the run's folder is there and whole."""
        return (self._of(facts) / DONE).exists()

    def take(self, facts: RunFacts, *, rows: int) -> None:
        """Write one run, after what a kill left of it is gone; there is no place for rows."""
        folder = self._of(facts)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("events.*"):
            left.unlink()
        writer = EventFileWriter(str(folder))
        began = facts.run.started.timestamp()
        for figure in facts.figures():
            value = Summary.Value(tag=figure.name, simple_value=figure.value)
            event = Event(wall_time=began, step=figure.step, summary=Summary(value=[value]))
            writer.add_event(event)
        for name, texts in (("settings", facts.settings), ("run", facts.tags)):
            writer.add_event(Event(wall_time=began, summary=_text(name, texts)))
        writer.close()
        (folder / DONE).touch()

    def close(self) -> None:
        """Nothing is under way."""


def _text(name: str, values: dict[str, str]) -> Summary:
    """Values as a table in Markdown, which TensorBoard makes safe."""
    lines = [f"| {key} | `{_cell(value)}` |" for key, value in values.items() if value]
    table = "\n".join(["| | |", "|---|---|", *lines])
    tensor = TensorProto(dtype=DT_STRING, string_val=[table.encode()])
    tensor.tensor_shape.CopyFrom(TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
    shown_by = SummaryMetadata.PluginData(plugin_name="text")
    metadata = SummaryMetadata(plugin_data=shown_by)
    return Summary(value=[Summary.Value(tag=name, tensor=tensor, metadata=metadata)])


def _cell(value: str) -> str:
    return shown(value).replace("`", "'").replace("|", "\\|")
