"""The browser that requested a link."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("verification_tokens") as table:
        table.add_column(sa.Column("browser_digest", sa.LargeBinary(length=32)))


def downgrade() -> None:
    with op.batch_alter_table("verification_tokens") as table:
        table.drop_column("browser_digest")
