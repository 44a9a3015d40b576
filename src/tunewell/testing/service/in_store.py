"""The made-up service's traffic in a project's store, as the gateway and imports leave it there."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.testing.service.service import SimulatedService

AT_ONCE = 500


def put_traffic(
    store: Store,
    service: SimulatedService,
    *,
    shifted: dt.timedelta = dt.timedelta(),
) -> int:
    """Write everything that a service recorded; gives how many interactions there are.

    Args:
        store: Of a project.
        service: The service.
        shifted: Added to every time: so that a service of the past ends today.
    """
    rows = []
    for row in service.interactions():
        rows.append(interaction_line(row.model_copy(update={"at": row.at + shifted})))
    said = []
    for each in service.feedback():
        times = {"at": each.at + shifted, "received": each.received + shifted}
        said.append(feedback_line(each.model_copy(update=times)))
    with store.connection(write=True) as connection:
        for table, lines in ((interactions, rows), (feedback, said)):
            for start in range(0, len(lines), AT_ONCE):
                connection.execute(sa.insert(table), lines[start : start + AT_ONCE])
    return len(rows)
