"""An account owns its address once it is verified: several may wait for the same address."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

VERIFIED = sa.text("email_verified_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("users") as table:
        table.drop_constraint("uq_users_email_key", type_="unique")
    op.create_index("ix_users_email_key", "users", ["email_key"])
    op.create_index(
        "uq_users_verified_email",
        "users",
        ["email_key"],
        unique=True,
        sqlite_where=VERIFIED,
        postgresql_where=VERIFIED,
    )
    op.create_table(
        "verification_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(length=32)),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verification_requests"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_verification_requests_user_id",
            ondelete="CASCADE",
        ),
    )
    for column in ("user_id", "created_at"):
        op.create_index(f"ix_verification_requests_{column}", "verification_requests", [column])


def downgrade() -> None:
    op.drop_table("verification_requests")
    # No one can sign in to these, and only one account per address may remain.
    op.execute("DELETE FROM users WHERE email_verified_at IS NULL")
    op.drop_index("uq_users_verified_email", "users")
    op.drop_index("ix_users_email_key", "users")
    with op.batch_alter_table("users") as table:
        table.create_unique_constraint("uq_users_email_key", ["email_key"])
