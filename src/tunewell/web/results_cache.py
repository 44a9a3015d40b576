"""Results for pages: small batches are computed anew, large ones kept and renewed in background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tunewell import __version__
from tunewell.annotate import AnnotationSummary, annotation_result
from tunewell.people import Batch, WorkStore
from tunewell.people.kept_results import keep_result, kept_result, last_number
from tunewell.review import ReviewResult, review_result
from tunewell.types import Value, digest

QUICK_S = 0.04
"""What can be computed in this time is computed anew for each look."""

REST = 10.0
"""A large batch is renewed after this many times the seconds that computing it took, or later."""

R = TypeVar("R", ReviewResult, AnnotationSummary)


class CachedResult(Value, Generic[R]):
    """A result, and how far behind the verdicts it is.

    Attributes:
        result: As computed.
        upto: Number of the newest verdict that it knows.
        behind: Whether newer verdicts are there, which are being counted.
        seconds: How long computing took.
    """

    result: R
    upto: int
    behind: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class _Computation(Generic[R]):
    """How the result of a batch is computed, and the kind of value that keeps it."""

    batch: Batch
    kind: type[CachedResult[R]]
    compute: Callable[[], R]

    @property
    def made(self) -> str:
        """Changes with the code and with the questions: what was kept by others does not count."""
        return digest([__version__, self.kind.__name__, self.batch.version])[:32]


class ResultsCache:
    """Gives the results of batches and keeps them; one for each process.

    Args:
        work_store: Of the project.
    """

    def __init__(self, work_store: WorkStore) -> None:
        self.work_store = work_store
        self._turn = threading.Lock()
        self._running: set[str] = set()
        self._ended: dict[str, float] = {}

    def of(self, batch: Batch) -> CachedResult[ReviewResult] | CachedResult[AnnotationSummary]:
        """What a batch says so far."""
        return self.review(batch) if batch.kind == "review" else self.annotation(batch)

    def review(self, batch: Batch) -> CachedResult[ReviewResult]:
        """What a review says so far; seats are always those of now."""
        found = self._find(
            _Computation(
                batch,
                CachedResult[ReviewResult],
                lambda: review_result(self.work_store, batch),
            )
        )
        seats = self.work_store.seats(batch.id)
        raters = []
        for rater in found.result.raters:
            left = seats.get(rater.account, {}).get("open", 0)
            raters.append(rater.model_copy(update={"left": left}))
        now = {
            "batch": batch,
            "expected": sum(count["open"] + count["done"] for count in seats.values()),
            "raters": tuple(raters),
        }
        return found.model_copy(update={"result": found.result.model_copy(update=now)})

    def annotation(self, batch: Batch) -> CachedResult[AnnotationSummary]:
        """What an annotation says so far."""
        return self._find(
            _Computation(
                batch,
                CachedResult[AnnotationSummary],
                lambda: AnnotationSummary.of(annotation_result(self.work_store, batch)),
            )
        )

    def _find(self, wanted: _Computation[R]) -> CachedResult[R]:
        store = self.work_store.store
        last = last_number(store, wanted.batch.id)
        kept = kept_result(store, wanted.batch.id, made=wanted.made)
        if kept is None:
            return self._compute(wanted)

        found = wanted.kind.model_validate_json(kept.record)
        if kept.upto == last:
            return found
        if found.seconds <= QUICK_S:
            return self._compute(wanted)
        self._renew(wanted, found.seconds)
        return found.model_copy(update={"behind": True})

    def _compute(self, wanted: _Computation[R]) -> CachedResult[R]:
        # The number is asked for first: verdicts that come meanwhile are counted the next time.
        store = self.work_store.store
        upto = last_number(store, wanted.batch.id)
        started = time.perf_counter()
        result = wanted.compute()
        seconds = time.perf_counter() - started

        found = wanted.kind(result=result, upto=upto, seconds=seconds)
        if seconds > QUICK_S:
            keep_result(
                store,
                wanted.batch.id,
                upto=upto,
                made=wanted.made,
                record=found.model_dump_json(),
            )
        return found

    def _renew(self, wanted: _Computation[R], took_s: float) -> None:
        """Compute again in a thread of its own, one at a time, and not all the time."""
        if not self._may_begin(wanted.batch.id, took_s):
            return

        def again() -> None:
            try:
                self._compute(wanted)
            finally:
                self._end(wanted.batch.id)

        threading.Thread(target=again, name="results", daemon=True).start()

    def _may_begin(self, batch_id: str, took_s: float) -> bool:
        with self._turn:
            if self._running:
                return False
            ended = self._ended.get(batch_id)
            if ended is not None and time.monotonic() < ended + REST * took_s:
                return False
            self._running.add(batch_id)
            return True

    def _end(self, batch_id: str) -> None:
        with self._turn:
            self._running.discard(batch_id)
            self._ended[batch_id] = time.monotonic()
