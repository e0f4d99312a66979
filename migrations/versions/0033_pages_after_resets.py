"""The page to which a password reset leads."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("password_reset_requests", sa.Column("continue_to", sa.String(2000)))
    op.add_column("verification_tokens", sa.Column("continue_to", sa.String(2000)))


def downgrade() -> None:
    op.drop_column("verification_tokens", "continue_to")
    op.drop_column("password_reset_requests", "continue_to")
