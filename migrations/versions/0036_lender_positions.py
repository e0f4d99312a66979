"""A random position of each account among those that lend their hashes to unknown addresses."""

import sqlalchemy as sa
from alembic import context, op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_BATCH = 500
"""Rows that are locked at once; a sign-in to one of these accounts waits for some milliseconds."""

_INDEX = "ix_users_lender_position"


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite" or context.is_offline_mode():
        _add_at_once()
        return
    # Neither the column nor the index may lock the table, which requests use, until it is filled.
    with op.get_context().autocommit_block():
        op.execute(
            "ALTER TABLE users ADD COLUMN IF NOT EXISTS lender_position uuid,"
            " ALTER COLUMN lender_position SET DEFAULT gen_random_uuid()"
        )
        _fill(op.get_bind())
        _require()
        op.drop_index(_INDEX, "users", if_exists=True, postgresql_concurrently=True)
        op.create_index(_INDEX, "users", ["lender_position"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(_INDEX, "users")
    op.drop_column("users", "lender_position")


def _add_at_once() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    random = "(lower(hex(randomblob(16))))" if is_sqlite else "gen_random_uuid()"
    # Fills the rows that exist, and those that the running release inserts, each with its own.
    position = sa.Column(
        "lender_position", sa.Uuid(), nullable=False, server_default=sa.text(random)
    )
    with op.batch_alter_table("users") as table:
        table.add_column(position)
    op.create_index(_INDEX, "users", ["lender_position"])


def _fill(database: sa.Connection) -> None:
    last = (
        "SELECT max(id::text) FROM"
        " (SELECT id FROM users WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT :most) batch"
    )
    update = (
        "UPDATE users SET lender_position = gen_random_uuid()"
        " WHERE id > CAST(:after AS uuid) AND id <= CAST(:last AS uuid) AND lender_position IS NULL"
    )
    after = "00000000-0000-0000-0000-000000000000"
    while reached := database.scalar(sa.text(last), {"after": after, "most": _BATCH}):
        database.execute(sa.text(update), {"after": after, "last": reached})
        after = reached


def _require() -> None:
    """Make the column NOT NULL; the check is validated while requests go on, and then proves it."""
    check = "ck_users_lender_position"
    for change in (
        f"DROP CONSTRAINT IF EXISTS {check}",
        f"ADD CONSTRAINT {check} CHECK (lender_position IS NOT NULL) NOT VALID",
        f"VALIDATE CONSTRAINT {check}",
        "ALTER COLUMN lender_position SET NOT NULL",
        f"DROP CONSTRAINT {check}",
    ):
        op.execute(f"ALTER TABLE users {change}")
