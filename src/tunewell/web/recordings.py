"""The recordings of items, for those who may read the item."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response

from tunewell.errors import StoreError
from tunewell.people import Item, Session
from tunewell.web.access import Refused, SignedIn
from tunewell.web.blind import refuse_blind
from tunewell.web.context import AppContext, context_of
from tunewell.web.manage import known_batch
from tunewell.web.work import own_item

router = APIRouter(include_in_schema=False)

MEDIA_TYPES: Final = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".aiff": "audio/aiff",
    ".aif": "audio/aiff",
}
"""What a browser is told, by suffix."""

UNKNOWN: Final = "application/octet-stream"

Place = Annotated[int, Path(ge=0, le=1_000)]


@router.get("/item/{name}/audio/{place}")
def recording(request: Request, name: str, place: Place, session: SignedIn) -> Response:
    """A recording of an item, whole or the range of bytes that is asked for."""
    context = context_of(request)
    item = _readable_item(context, name, session)
    if place >= len(item.audio):
        raise Refused(404, "the item has no such recording", hint="/")
    try:
        path = context.store.files.open(item.audio[place])
    except StoreError:
        raise Refused(404, "the recording is no longer in this project", hint="/") from None
    return FileResponse(path, media_type=MEDIA_TYPES.get(path.suffix, UNKNOWN))


def _readable_item(context: AppContext, name: str, session: Session) -> Item:
    """An item that this person works on, or whose page owners and engineers may open.

    Raises:
        Refused: 404 or 403, as for the pages of the item.
    """
    is_maker = session.account.role in ("owner", "engineer")
    item = context.work_store.item(name)
    if item is None or not is_maker:
        return own_item(context, name, session)
    if context.work_store.assigned(name, session.account.id) is None:
        refuse_blind(context, session, known_batch(context, item.batch))
    return item
