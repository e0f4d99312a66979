"""The language in which an account's owner gets messages."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("language", sa.String(11)))


def downgrade() -> None:
    op.drop_column("users", "language")
