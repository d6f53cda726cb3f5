"""What served lists were worth to the users of an hour."""

import sqlalchemy as sa
from alembic import op

from pipeline.serving.columns import TEXT, Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """The table `prequential` is there, empty."""
    op.create_table(
        "prequential",
        sa.Column("source", TEXT, primary_key=True, nullable=False),
        sa.Column("arm", TEXT, primary_key=True, nullable=False),
        sa.Column("interval_start", Moment(), primary_key=True, nullable=False),
        sa.Column("list", TEXT, primary_key=True, nullable=False),
        sa.Column("slice", TEXT, primary_key=True, nullable=False),
        sa.Column("k", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("metric", TEXT, primary_key=True, nullable=False),
        sa.Column("users", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("age_hours", sa.Integer(), nullable=False),
    )
