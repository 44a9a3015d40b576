"""Notices of new work, by e-mail."""

from __future__ import annotations

from fastapi import Request

from tunewell.people import Batch
from tunewell.web.context import AppContext

TEXT = """\
{title}: {items} items left for you, about {minutes} minutes.

{link}

You can stop at any time; everything you have entered is saved.
"""


def notify(
    context: AppContext,
    request: Request,
    batch: Batch,
    before: dict[str, dict[str, int]],
) -> None:
    """Write to everybody who has more to do in a batch than before and has left an address.

    Args:
        context: Of the application.
        request: For the address that links are made with.
        batch: Which.
        before: Seats of each account by status, as `WorkStore.seats` gave them.
    """
    if context.mail is None:
        return
    emails = context.accounts.emails()
    for account, seats in context.work_store.seats(batch.id).items():
        had = before.get(account, {}).get("open", 0)
        if seats["open"] <= had or account not in emails:
            continue

        minutes = seats["open"] * context.work_store.pace(batch, account)
        text = TEXT.format(
            title=batch.title,
            items=seats["open"],
            minutes=max(1, round(minutes)),
            link=context.link(request, f"/work/{batch.id}"),
        )
        context.post(
            emails[account],
            f"New work for you: {batch.title}",
            text,
            subject=account,
            batch=batch.id,
        )
