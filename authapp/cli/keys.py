"""`flask keys`: manage the signing keys."""

import json
from datetime import datetime, timedelta
from typing import Any

import click

from authapp.cli.durations import DURATION
from authapp.cli.group import OneLineGroup
from authapp.cli.options import json_option
from authapp.cli.output import iso_time
from authapp.domain import signing_keys
from authapp.models import JWKSFetch, JWTKey
from authapp.services import jwks_fetches, keys

keys_group = OneLineGroup("keys", help="List, stage, rotate and revoke signing keys.")


@keys_group.command("list", reads_only=True)
@json_option
def list_command(as_json: bool) -> None:
    """List every key with its state.

    LIVE is the number of sessions whose latest access token was signed by this key and has not
    expired. A revoked key has none, because nothing that it signed is trusted.
    """
    found = keys.list_keys()
    if as_json:
        click.echo(json.dumps([_key(key, keys.live_sessions(key)) for key in found]))
        return
    click.echo(
        f"{'KID':43}  {'ALGORITHM':9}  {'STATE':7}  {'CREATED':19}  {'VERIFIES UNTIL':19}  LIVE"
    )
    for key in found:
        click.echo(_row(key, keys.live_sessions(key)))


@keys_group.command("consumers", reads_only=True)
@json_option
def consumers_command(as_json: bool) -> None:
    """List the programs that fetch the keys, and which are up to date."""
    newest = jwks_fetches.newest(signing_keys.published())
    if as_json:
        found = [_consumer(each, newest) for each in jwks_fetches.consumers()]
        click.echo(json.dumps(found))
        return
    click.echo(f"{'LAST FETCH':19}  {'NEWEST':6}  {'ADDRESS':15}  PROGRAM")
    for each in jwks_fetches.consumers():
        has_newest = "yes" if each.newest_kid == newest else "no"
        click.echo(f"{_time(each.last_at)}  {has_newest:6}  {each.address:15}  {each.consumer}")


@keys_group.command("ensure")
def ensure_command() -> None:
    """Generate the first keys, if there are none."""
    created = keys.ensure_active()
    click.echo("generated the first keys" if created else "there are keys already")


@keys_group.command("stage")
def stage_command() -> None:
    """Publish the next key, which does not sign yet."""
    click.echo(f"staged {keys.stage()}")


@keys_group.command("rotate")
@click.option("--force", is_flag=True, help="Rotate even if a program may not have the next key.")
@click.option(
    "--if-older-than",
    "age",
    type=DURATION,
    metavar="DURATION",
    help="Rotate only if the active key has been signing for at least this long, such as 30d.",
)
def rotate_command(force: bool, age: timedelta | None) -> None:
    """Activate the staged key and stage another one.

    Existing tokens stay valid. Refuses while another program may not have the next key yet: while
    the key was published less than JWKS_MAX_AGE ago, or while a program that fetched the keys
    within the last day has not fetched it.
    """
    if age is not None and not keys.is_due(age):
        click.echo("not due: the active key is newer than that")
        return
    click.echo(f"{keys.rotate(force=force)} is now active")


@keys_group.command("revoke")
@click.argument("kid")
def revoke_command(kid: str) -> None:
    """Stop trusting a compromised key at once and activate another."""
    keys.revoke(kid)
    click.echo(f"revoked {kid}")


@keys_group.command("rewrap")
@click.option("--force", is_flag=True, help="Rewrap even if a process does not have the key yet.")
def rewrap_command(force: bool) -> None:
    """Encrypt private keys and messages again with the first encryption key.

    Refuses while a process that is connected to PostgreSQL does not have this key.
    """
    click.echo(f"keys rewrapped: {keys.rewrap(force=force)}")


@keys_group.command("prune")
def prune_command() -> None:
    """Delete the keys that can no longer verify any token."""
    pruned = keys.prune()
    for kid in pruned:
        click.echo(f"deleted {kid}")
    if not pruned:
        click.echo("no key can be deleted: each one may still verify a token")


def _row(key: JWTKey, live: int) -> str:
    created = _time(key.created_at)
    until = _time(key.expires_at) if key.expires_at else "-"
    return f"{key.kid:43}  {key.algorithm:9}  {key.state:7}  {created}  {until:19}  {live}"


def _key(key: JWTKey, live: int) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": key.state,
        "created_at": iso_time(key.created_at),
        "verifies_until": iso_time(key.expires_at),
        "live_sessions": live,
    }


def _consumer(consumer: JWKSFetch, newest: str | None) -> dict[str, Any]:
    return {
        "program": consumer.consumer,
        "address": consumer.address,
        "last_fetch_at": iso_time(consumer.last_at),
        "has_newest": consumer.newest_kid == newest,
    }


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
