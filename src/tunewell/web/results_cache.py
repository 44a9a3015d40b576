"""Results for pages: small batches are read anew, large ones shown as last kept while they are read again behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from tunewell import __version__
from tunewell.annotate import AnnotationSummary, annotation_result
from tunewell.people import Batch, Book
from tunewell.people.kept_results import keep_reading, kept_reading, last_number
from tunewell.review import ReviewResult, review_result
from tunewell.types import Value, digest

QUICK_S = 0.04
"""What can be read in this time is read anew for each look."""
REST = 10.0
"""A large batch is read again after this many times the seconds that reading it took, at the earliest."""

R = TypeVar("R", ReviewResult, AnnotationSummary)


class CachedResult(Value, Generic[R]):
    """A result, and how far behind the verdicts it is.

    Attributes:
        result: As read.
        upto: Number of the newest verdict that it knows.
        behind: Whether newer verdicts are there, which are being read.
        seconds: How long reading took.
    """

    result: R
    upto: int
    behind: bool = False
    seconds: float = 0.0


class Reader:
    """Gives the results of batches and keeps them; one for each process.

    Args:
        book: Of the project.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self._turn = threading.Lock()
        self._running: set[str] = set()
        self._ended: dict[str, float] = {}

    def review(self, batch: Batch) -> CachedResult[ReviewResult]:
        """What a review says so far; seats are always those of now."""
        found = self._read(
            batch, CachedResult[ReviewResult], lambda: review_result(self.book, batch)
        )
        seats = self.book.seats(batch.id)
        raters = tuple(
            r.model_copy(update={"left": seats.get(r.account, {}).get("open", 0)})
            for r in found.result.raters
        )
        expected = sum(n["open"] + n["done"] for n in seats.values())
        result = found.result.model_copy(
            update={"batch": batch, "expected": expected, "raters": raters}
        )
        return found.model_copy(update={"result": result})

    def annotation(self, batch: Batch) -> CachedResult[AnnotationSummary]:
        """What an annotation says so far."""
        return self._read(
            batch,
            CachedResult[AnnotationSummary],
            lambda: AnnotationSummary.of(annotation_result(self.book, batch)),
        )

    def _read(
        self, batch: Batch, kind: type[CachedResult[R]], read: Callable[[], R]
    ) -> CachedResult[R]:
        made = digest([__version__, kind.__name__, batch.version])[:32]
        last = last_number(self.book.store, batch.id)
        kept = kept_reading(self.book.store, batch.id, made=made)
        if kept is None:
            return self._anew(batch, kind, read, made)
        found = kind.model_validate_json(kept.record)
        if kept.upto == last:
            return found
        if found.seconds <= QUICK_S:
            return self._anew(batch, kind, read, made)
        self._behind(batch, kind, read, made, found.seconds)
        return found.model_copy(update={"behind": True})

    def _anew(
        self, batch: Batch, kind: type[CachedResult[R]], read: Callable[[], R], made: str
    ) -> CachedResult[R]:
        upto = last_number(
            self.book.store, batch.id
        )  # before reading: what comes meanwhile is read again
        started = time.perf_counter()
        result = read()
        found = kind(result=result, upto=upto, seconds=time.perf_counter() - started)
        if found.seconds > QUICK_S:
            keep_reading(
                self.book.store, batch.id, upto=upto, made=made, record=found.model_dump_json()
            )
        return found

    def _behind(
        self,
        batch: Batch,
        kind: type[CachedResult[R]],
        read: Callable[[], R],
        made: str,
        took_s: float,
    ) -> None:
        """Read again in a thread of its own, one at a time, and not all the time."""
        with self._turn:
            early = time.monotonic() < self._ended.get(batch.id, 0.0) + REST * took_s
            if self._running or (early and batch.id in self._ended):
                return
            self._running.add(batch.id)

        def again() -> None:
            try:
                self._anew(batch, kind, read, made)
            finally:
                with self._turn:
                    self._running.discard(batch.id)
                    self._ended[batch.id] = time.monotonic()

        threading.Thread(target=again, name="reading", daemon=True).start()
