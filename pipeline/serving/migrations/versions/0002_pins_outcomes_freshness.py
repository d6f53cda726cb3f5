"""Pins, removed versions, how attempts ended, and how old events were when they landed and were published."""

import sqlalchemy as sa
from alembic import op

from pipeline.serving.columns import TEXT, Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The columns are there, empty in old rows, and the table `event_freshness` is."""
    op.add_column("live", sa.Column("pinned_at", Moment(), nullable=True))
    op.add_column("live", sa.Column("pinned_why", TEXT, nullable=True))
    op.add_column("live_history", sa.Column("note", TEXT, nullable=True))
    op.add_column("versions", sa.Column("removed_at", Moment(), nullable=True))
    op.add_column("attempts", sa.Column("version", TEXT, nullable=True))
    op.add_column("attempts", sa.Column("outcome", TEXT, nullable=True))
    op.add_column("attempts", sa.Column("ended_at", Moment(), nullable=True))
    op.create_table(
        "event_freshness",
        sa.Column("source", TEXT, primary_key=True, nullable=False),
        sa.Column("arm", TEXT, primary_key=True, nullable=False),
        sa.Column("interval_start", Moment(), primary_key=True, nullable=False),
        sa.Column("step", TEXT, primary_key=True, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("p50_seconds", sa.Double(), nullable=True),
        sa.Column("p95_seconds", sa.Double(), nullable=True),
        sa.Column("p99_seconds", sa.Double(), nullable=True),
        sa.Column("worst_seconds", sa.Double(), nullable=True),
        sa.Column("share_late", sa.Double(), nullable=True),
        sa.Column("recorded_at", Moment(), nullable=False),
    )
