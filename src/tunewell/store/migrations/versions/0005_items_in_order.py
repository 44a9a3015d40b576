"""Items of a batch by number and by row, so that pages of them are found without reading all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Ids of rows may be of any length, and an index entry of PostgreSQL may not.
_BEGINNING = "substr(example, 1, 64)"


def upgrade() -> None:
    op.create_index("ix_items_batch_number", "items", ["batch", "number"])
    op.create_index("ix_items_example", "items", [sa.text(_BEGINNING)])


def downgrade() -> None:
    op.drop_index("ix_items_batch_number", "items")
    op.drop_index("ix_items_example", "items")
