"""The audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("account_id", sa.Uuid()),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("previous_hash", sa.LargeBinary(length=32)),
        sa.Column("hash", sa.LargeBinary(length=32)),
        sa.Column("mac", sa.LargeBinary(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.UniqueConstraint("sequence", name="uq_audit_entries_sequence"),
    )
    op.create_index(
        "ix_audit_entries_account_id_sequence", "audit_entries", ["account_id", "sequence"]
    )
    is_waiting = sa.text("sequence IS NULL")
    op.create_index(
        "ix_audit_entries_waiting",
        "audit_entries",
        ["at"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )


def downgrade() -> None:
    op.drop_table("audit_entries")
