"""What all exports to other tools and all imports from them share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple, Self

from pydantic import ValidationError

from tunewell.errors import DataError
from tunewell.people import MarkedSpan, RaterVerdict, Said, shown

UNREADABLE: Final = (
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    ValidationError,
    ValueError,
)
"""What a record of another shape raises."""
OWN_LABEL: Final = frozenset({"row", "label"})
"""What the control of a row's label is called in our own exports."""
OWN_ANSWER: Final = "answer"


class ImportedAnnotation(NamedTuple):
    """One annotation from a file of another tool.

    Attributes:
        row: Id of the row.
        annotator: Name in the other tool; empty if it gives none.
        said: The content.
    """

    row: str
    annotator: str
    said: Said


class RejectedRecord(NamedTuple):
    """A record of a file that cannot be read.

    Attributes:
        place: Which.
        annotator: Whose it is, where that is known.
        why: In words.
    """

    place: str
    annotator: str
    why: str


class AnnotationFile(list[ImportedAnnotation]):
    """The annotations of a file, in order, with what could not be read of it.

    Attributes:
        rejects: One bad record rejects itself alone.
    """

    def __init__(
        self,
        annotations: Iterable[ImportedAnnotation] = (),
        rejects: Iterable[RejectedRecord] = (),
    ) -> None:
        super().__init__(annotations)
        self.rejects = tuple(rejects)

    def checked(self, tool: str) -> Self:
        """The same.

        Raises:
            DataError: It holds rejects and nothing else.
        """
        if self.rejects and not self:
            place, _, why = self.rejects[0]
            raise DataError(f"{place} of the {tool} cannot be read: {why}", place=place)
        return self


class AnnotationReader:
    """Gathers the annotations of a file record by record."""

    def __init__(self) -> None:
        self._annotations: list[ImportedAnnotation] = []
        self._rejects: list[RejectedRecord] = []

    def take(self, place: str, made: Iterator[ImportedAnnotation], annotator: str = "") -> None:
        """Every annotation of a record, or none of them and the reason why."""
        try:
            found = list(made)
        except UNREADABLE as error:
            self.reject(place, _first_line(error), annotator)
            return
        self._annotations += found

    def reject(self, place: str, why: str, annotator: str = "") -> None:
        """Note a record that cannot be read."""
        self._rejects.append(RejectedRecord(place, annotator, why))

    def found(self) -> AnnotationFile:
        """All of it."""
        return AnnotationFile(self._annotations, self._rejects)


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    if isinstance(error, ValidationError):
        details = error.errors()
        return "; ".join(str(detail["msg"]) for detail in details)
    return str(error)


def by_item(said: Iterable[RaterVerdict]) -> dict[str, list[RaterVerdict]]:
    """Verdicts by item, in their order; an item without any gives an empty list."""
    verdicts: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in said:
        verdicts[verdict.item].append(verdict)
    return verdicts


def row_named(names: Iterable[Any], text: str, sources: Mapping[str, str]) -> str:
    """The row that a record is about: the first name that the project has, else by its text.

    Args:
        names: What may be its id, the most telling first.
        text: What the annotator saw; empty if the record does not hold it.
        sources: What annotators would see here, by row.
    """
    given = [str(name) for name in names if name not in {None, ""}]
    known = [name for name in given if name in sources]
    found = known or _rows_with(text, sources) or given
    if not found:
        raise ValueError("it does not name a row")
    return found[0]


def _rows_with(text: str, sources: Mapping[str, str]) -> list[str]:
    """The one row that is this text, else the one that holds it; empty if there are several."""
    wanted = shown(text).strip()
    if not wanted:
        return []
    holding = [row for row, source in sources.items() if wanted in source]
    exact = [row for row in holding if sources[row].strip() == wanted]
    return next((rows for rows in (exact, holding) if len(rows) == 1), [])


class QuotedSpan(NamedTuple):
    """A marked stretch as another tool gives it.

    Attributes:
        start: First character: of code points, or of UTF-16 units as JavaScript counts.
        end: One past the last.
        label: What it is.
        quote: The text that was marked; empty if it is not given.
    """

    start: int
    end: int
    label: str
    quote: str = ""


def placed(span: QuotedSpan, source: str) -> MarkedSpan:
    r"""The stretch in our own text, held against what it quotes.

    Its places are read as code points, else as UTF-16 units; where neither gives the quoted text,
    and it stands in the source once, it is taken from there.

    Args:
        span: As the other tool gives it.
        source: What annotators would see here; empty if that is not known.

    Raises:
        ValueError: The quoted text is not there, or stands in several places.

    Example:
        >>> placed(QuotedSpan(3, 6, "x", "pay"), "\U0001f642 pay")
        MarkedSpan(start=2, end=5, label='x')
    """
    start, end = int(span.start), int(span.end)
    as_given = MarkedSpan(start=start, end=end, label=span.label)
    if not source:
        return as_given
    quote = shown(span.quote)
    if not quote:
        return _without_quote(as_given, source)
    if source[start:end] == quote:
        return as_given

    units = _code_points(source, start, end)
    if units is not None and source[units[0] : units[1]] == quote:
        return MarkedSpan(start=units[0], end=units[1], label=span.label)
    count = source.count(quote)
    if count != 1:
        times = "nowhere" if not count else f"{count} times"
        raise ValueError(
            f"the span {start}-{end} quotes {span.quote[:60]!r}, which occurs {times} in the text"
        )
    at = source.index(quote)
    return MarkedSpan(start=at, end=at + len(quote), label=span.label)


def _without_quote(span: MarkedSpan, source: str) -> MarkedSpan:
    if span.end > len(source):
        raise ValueError(f"the span {span.start}-{span.end} is outside the text")
    if any(ord(character) > 0xFFFF for character in source[: span.end]):
        raise ValueError(
            f"the span {span.start}-{span.end} quotes no text, and whether it counts characters or "
            "UTF-16 units cannot be told"
        )
    return span


def _code_points(source: str, start: int, end: int) -> tuple[int, int] | None:
    """Places in UTF-16 units as places in code points; None if they cut a character in two."""
    raw = source.encode("utf-16-le", "surrogatepass")
    try:
        before = raw[: 2 * start].decode("utf-16-le")
        within = raw[2 * start : 2 * end].decode("utf-16-le")
    except UnicodeDecodeError:
        return None
    return len(before), len(before) + len(within)


def _only_or_named(controls: Mapping[str, Any], names: Set[str]) -> str:
    """The control that is called so, else the only one; empty if there is no such."""
    named = [control for control in controls if control in names]
    if named:
        return named[0]
    return next(iter(controls)) if len(controls) == 1 else ""


def with_choices(
    choices: Mapping[str, Sequence[str]],
    texts: Mapping[str, str],
    spans: Sequence[MarkedSpan],
    comment: str = "",
) -> Said:
    """What one person said with several controls.

    One thing chosen in one control, or in the one that is called so, is the row's label; one text
    is the answer. Everything else is kept under the control's name.

    Args:
        choices: What was chosen, by control.
        texts: What was written, by control.
        spans: What was marked.
        comment: A remark.
    """
    label_control = _only_or_named(choices, OWN_LABEL)
    chosen = choices.get(label_control, ())
    label = chosen[0] if len(chosen) == 1 else ""
    answer_control = _only_or_named(texts, {OWN_ANSWER})

    kept = {control: tuple(found) for control, found in choices.items() if found}
    kept |= {control: (text,) for control, text in texts.items() if text}
    if label:
        kept.pop(label_control)
    kept.pop(answer_control, None)
    return Said(
        spans=tuple(spans),
        label=label,
        answer=texts.get(answer_control, ""),
        comment=comment,
        choices=kept,
    )
