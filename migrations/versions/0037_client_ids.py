"""How each session began: on the pages, or through the API."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The running release inserts rows without it, and does not know how older sessions began.
    client_id = sa.Column("client_id", sa.String(20), nullable=False, server_default="web")
    op.add_column("refresh_tokens", client_id)


def downgrade() -> None:
    op.drop_column("refresh_tokens", "client_id")
