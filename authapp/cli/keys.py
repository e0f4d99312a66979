"""`flask keys`: the signing keys' life."""

from datetime import datetime, timedelta

import click

from authapp.cli.durations import DURATION
from authapp.cli.group import OneLineGroup
from authapp.models import JWTKey
from authapp.services import jwks_fetches, key_encryption, keys

keys_group = OneLineGroup("keys", help="List, stage, rotate and revoke the signing keys.")


@keys_group.command("list")
def list_command() -> None:
    """List every key with its state.

    LIVE counts the sessions whose latest access token this key signed, where that token has not
    expired yet. A revoked key has none: nothing that it signed is believed.
    """
    found = keys.list_keys()
    click.echo(
        f"{'KID':43}  {'ALGORITHM':9}  {'STATE':7}  {'CREATED':19}  {'VERIFIES UNTIL':19}  LIVE"
    )
    for key in found:
        click.echo(_row(key, keys.live_sessions(key)))


@keys_group.command("consumers")
def consumers_command() -> None:
    """List the programs that fetch the published keys, and whether they have the newest one."""
    newest = jwks_fetches.newest(keys.published())
    click.echo(f"{'LAST FETCH':19}  {'NEWEST':6}  {'ADDRESS':15}  PROGRAM")
    for each in jwks_fetches.consumers():
        has_newest = "yes" if each.newest_kid == newest else "no"
        click.echo(f"{_time(each.last_at)}  {has_newest:6}  {each.address:15}  {each.consumer}")


@keys_group.command("ensure")
def ensure_command() -> None:
    """Make the first keys, if there are none."""
    keys.ensure_active()


@keys_group.command("stage")
def stage_command() -> None:
    """Publish the next key, so that other programs know it before it signs."""
    click.echo(f"staged {keys.stage()}")


@keys_group.command("rotate")
@click.option("--force", is_flag=True, help="Rotate even if a program may not know the next key.")
@click.option(
    "--if-older-than",
    "age",
    type=DURATION,
    metavar="SPAN",
    help="Only if the active key has signed for so long, such as 30d; for cron.",
)
def rotate_command(force: bool, age: timedelta | None) -> None:
    """Let the staged key sign and stage another; older tokens stay valid.

    Refuses while another program may not know the next key yet: while it was published for less
    than JWKS_MAX_AGE, or a program that fetched the keys within the last day has not fetched it.
    """
    if age is not None and not keys.is_due(age):
        click.echo("not due: the active key is not that old")
        return
    click.echo(f"{keys.rotate(force=force)} signs from now on")


@keys_group.command("revoke")
@click.argument("kid")
def revoke_command(kid: str) -> None:
    """Trust a compromised key no more, at once; another takes over."""
    keys.revoke(kid)
    click.echo(f"revoked {kid}")


@keys_group.command("rewrap")
def rewrap_command() -> None:
    """Seal the private halves again, after KEY_ENCRYPTION_KEYS got a new first key."""
    click.echo(f"rewrapped {key_encryption.rewrap()}")


@keys_group.command("prune")
def prune_command() -> None:
    """Delete the keys that can verify nothing any more."""
    for kid in keys.prune():
        click.echo(f"deleted {kid}")


def _row(key: JWTKey, live: int) -> str:
    made = _time(key.created_at)
    until = _time(key.expires_at) if key.expires_at else "-"
    return f"{key.kid:43}  {key.algorithm:9}  {key.state:7}  {made}  {until:19}  {live}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
