"""`flask keys`: the signing keys' life."""

import click

from authapp.cli.group import OneLineGroup
from authapp.models import JWTKey
from authapp.services import keys

keys_group = OneLineGroup("keys", help="List, stage, rotate and revoke the signing keys.")


@keys_group.command("list")
def list_command() -> None:
    """List every key with its state."""
    found = keys.list_keys()
    click.echo(f"{'KID':43}  {'ALGORITHM':9}  {'STATE':7}  {'CREATED':19}  VERIFIES UNTIL")
    for key in found:
        click.echo(_row(key))


@keys_group.command("ensure")
def ensure_command() -> None:
    """Make the first keys, if there are none."""
    keys.ensure_active()


@keys_group.command("stage")
def stage_command() -> None:
    """Publish the next key, so that other programs know it before it signs."""
    click.echo(f"staged {keys.stage()}")


@keys_group.command("rotate")
def rotate_command() -> None:
    """Let the staged key sign and stage another; older tokens stay valid."""
    click.echo(f"{keys.rotate()} signs from now on")


@keys_group.command("revoke")
@click.argument("kid")
def revoke_command(kid: str) -> None:
    """Trust a compromised key no more, at once; another takes over."""
    keys.revoke(kid)
    click.echo(f"revoked {kid}")


@keys_group.command("rewrap")
def rewrap_command() -> None:
    """Seal the private halves again, after KEY_ENCRYPTION_KEYS got a new first key."""
    click.echo(f"rewrapped {keys.rewrap()}")


@keys_group.command("prune")
def prune_command() -> None:
    """Delete the keys that can verify nothing any more."""
    for kid in keys.prune():
        click.echo(f"deleted {kid}")


def _row(key: JWTKey) -> str:
    made = f"{key.created_at:%Y-%m-%d %H:%M:%S}"
    until = f"{key.expires_at:%Y-%m-%d %H:%M:%S}" if key.expires_at else "-"
    return f"{key.kid:43}  {key.algorithm:9}  {key.state:7}  {made}  {until}"
