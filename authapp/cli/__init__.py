"""The `flask` commands, one module per group."""

from flask import Flask

from authapp.cli.audit import audit_group
from authapp.cli.cache import cache_group
from authapp.cli.config import config_group
from authapp.cli.export_users import export_command
from authapp.cli.import_users import import_command
from authapp.cli.keys import keys_group
from authapp.cli.outbox import outbox_group
from authapp.cli.security import security_group
from authapp.cli.tokens import tokens_group
from authapp.cli.users import users_group
from authapp.cli.webhooks import webhooks_group


def init_app(app: Flask) -> None:
    """Register every group."""
    users_group.add_command(export_command)
    users_group.add_command(import_command)
    for group in (
        config_group,
        keys_group,
        cache_group,
        tokens_group,
        users_group,
        outbox_group,
        security_group,
        audit_group,
        webhooks_group,
    ):
        app.cli.add_command(group)
