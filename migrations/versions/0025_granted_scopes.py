"""Scopes that an operator has granted to an account."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The running release inserts accounts without it.
    op.add_column(
        "users", sa.Column("granted_scopes", sa.String(255), nullable=False, server_default="")
    )


def downgrade() -> None:
    op.drop_column("users", "granted_scopes")
