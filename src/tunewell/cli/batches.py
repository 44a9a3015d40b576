"""What the verbs that put people to work share: accounts by name, the newest batch, seats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from tunewell.cli.common import show
from tunewell.errors import UserError
from tunewell.people import Accounts, AuditLog, Batch, WorkStore
from tunewell.people.judgements import SAME_ANSWER
from tunewell.plurals import plural
from tunewell.store import Store

SHORTEST_BEGINNING = 4
"""Characters of an id that are enough to name a batch by, where no other begins so."""

MOST_NAMED = 8

BatchOption = Annotated[
    str,
    typer.Option(
        "--batch",
        metavar="TITLE|ID",
        help="Which batch, by its title or (the beginning of) its id.",
        show_default="the newest",
    ),
]


@dataclass(frozen=True)
class OpenedBatch:
    """A batch that was just opened.

    Attributes:
        batch: What is asked.
        items: How many items it has.
        seats: How many seats were assigned, one for each person and item.
    """

    batch: Batch
    items: int
    seats: int

    def as_json(self) -> dict[str, object]:
        """What goes into the envelope."""
        return {"batch": self.batch.id, "items": self.items, "seats": self.seats}

    def show(self) -> None:
        """What was opened and where people find it, on stdout."""
        show(
            f"{self.batch.title}: batch {self.batch.id}, {plural(self.items, 'item')}, "
            f"{plural(self.seats, 'seat')} assigned"
        )
        show("tunewell serve starts the web app; people find their items under My work")


def accounts_named(store: Store, names: Sequence[str] | None) -> list[str]:
    """Ids of accounts by name.

    Raises:
        UserError: There is no such account.
    """
    accounts = Accounts(store)
    found: list[str] = []
    for name in names or ():
        account = accounts.by_name(name)
        if account is None or not account.active:
            raise UserError(
                f"no such account: {name!r}",
                hint="tunewell serve; owners make invitation links on the page People",
            )
        found.append(account.id)
    return found


def newest_batch(store: Store, kind: str) -> Batch:
    """The newest batch of a kind, without those of ``tunewell stress`` and ``tunewell augment``.

    Raises:
        UserError: There is none.
    """
    # Help and the other verbs need not load the stage.
    from tunewell.augment import CRITERION

    for batch in WorkStore(store).batches(kind=kind):
        if [c.name for c in batch.rubric] not in ([SAME_ANSWER], [CRITERION]):
            return batch
    raise UserError(f"there is no {kind} batch in this project yet", hint=f"tunewell {kind} open")


def batch_named(store: Store, kind: str, name: str) -> Batch:
    """The batch that somebody means: by its title, its id or the beginning of that.

    The newest one if no name is given.

    Raises:
        UserError: There is none, or several that it could be.
    """
    if not name:
        return newest_batch(store, kind)
    batches = WorkStore(store).batches(kind=kind)
    wanted = name.casefold()
    found = [batch for batch in batches if batch.title.casefold() == wanted]
    if not found and len(name) >= SHORTEST_BEGINNING:
        found = [batch for batch in batches if batch.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    known = [f"{batch.id[:8]} ({batch.title})" for batch in (found or batches)[:MOST_NAMED]]
    if found:
        raise UserError(
            f"{len(found)} {kind} batches are called {name!r}",
            hint=f"--batch with one of the ids {', '.join(known)}",
        )
    raise UserError(
        f"there is no {kind} batch {name!r}",
        hint=f"one of {', '.join(known)}" if known else f"tunewell {kind} open",
    )


def assign_seats(
    store: Store,
    batch: Batch,
    accounts: Sequence[str],
    *,
    author: str,
) -> OpenedBatch:
    """Give people their seats in a new batch, and note it in the audit log."""
    book = WorkStore(store)
    seats = book.share(batch, accounts)
    AuditLog(store).add(
        author,
        "batch opened",
        batch.id,
        kind=batch.kind,
        title=batch.title,
        seats=seats,
    )
    return OpenedBatch(batch, items=len(book.items(batch.id)), seats=seats)
