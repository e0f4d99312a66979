"""A random position of each account among those that lend their hashes to unknown addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    random = "(lower(hex(randomblob(16))))" if is_sqlite else "gen_random_uuid()"
    # Fills the rows that exist, and those that the running release inserts, each with its own.
    position = sa.Column(
        "lender_position", sa.Uuid(), nullable=False, server_default=sa.text(random)
    )
    with op.batch_alter_table("users") as table:
        table.add_column(position)
    op.create_index("ix_users_lender_position", "users", ["lender_position"])


def downgrade() -> None:
    op.drop_index("ix_users_lender_position", "users")
    op.drop_column("users", "lender_position")
