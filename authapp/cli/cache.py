"""`flask cache`: warm, inspect, back up and clear the token cache."""

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from authapp.cli.group import OneLineGroup
from authapp.cli.options import json_option, yes_option
from authapp.cli.progress import with_progress
from authapp.token_cache import token_cache
from authapp.token_cache.admin.statistics import Statistics
from authapp.token_cache.counters import EVENTS
from authapp.token_cache.redis.client import RedisUnavailable

cache_group = OneLineGroup("cache", help="Warm, inspect, back up and clear the token cache.")

_FILE = click.Path(dir_okay=False, path_type=Path)


@cache_group.command("stats", reads_only=True)
@json_option
def stats_command(as_json: bool) -> None:
    """Show statistics of the cache, over all processes."""
    found = token_cache.statistics()
    click.echo(json.dumps(asdict(found)) if as_json else _as_text(found))


@cache_group.command("check", reads_only=True)
@click.option("--sample", type=click.IntRange(1), help="Stop after about this many entries.")
@json_option
def check_command(sample: int | None, as_json: bool) -> None:
    """Compare cached entries with the database.

    Exits with 1 if they differ, and with 3 if Redis or the database is not available.
    """
    compared, differing = 0, []
    for batch in with_progress(token_cache.check(), "batches"):
        compared += batch.compared
        differing += batch.differing
        if sample is not None and compared >= sample:
            break
    if as_json:
        click.echo(json.dumps({"compared": compared, "differing": differing}))
    else:
        for key in differing:
            click.echo(f"differs: {key}")
        click.echo(f"entries compared: {compared}, different: {len(differing)}")
    if differing:
        raise SystemExit(1)


@cache_group.command("warm")
@click.option(
    "--hours",
    type=click.IntRange(1, 24 * 90),
    default=24,
    show_default=True,
    help="Include users active within this many hours.",
)
def warm_command(hours: int) -> None:
    """Cache the signing keys and the tokens of recently active users."""
    click.echo(f"keys: {token_cache.warm_keys()}")
    users = sum(with_progress(token_cache.warm_recent(timedelta(hours=hours)), "users"))
    click.echo(f"users: {users}")


@cache_group.command("flush")
@click.argument("pattern", required=False)
@yes_option
def flush_command(pattern: str | None, yes: bool) -> None:
    """Remove every entry, or only those whose key matches PATTERN.

    PATTERN is a Redis glob, such as 'token:*' or 'refresh_tokens:user:*'. Without it, a new epoch
    starts too: older entries are unreadable, even those that could not be removed.
    """
    if not yes:
        which = "every entry" if pattern is None else f"the entries that match {pattern!a}"
        click.confirm(f"Remove {which} of the cache?", abort=True)
    if pattern is not None:
        click.echo(f"entries removed: {token_cache.flush(pattern)}")
        return
    try:
        removed = token_cache.flush()
    except RedisUnavailable as error:
        click.echo(f"started a new epoch, but could not remove entries: {error}")
    else:
        click.echo(f"started a new epoch; entries removed: {removed}")


@cache_group.command("backup", reads_only=True)
@click.argument("file", type=_FILE)
def backup_command(file: Path) -> None:
    """Save every entry, still sealed, to a new FILE."""
    try:
        click.echo(f"entries saved: {token_cache.backup(file)}")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error


@cache_group.command("restore")
@click.argument("file", type=_FILE)
def restore_command(file: Path) -> None:
    """Restore the entries in FILE that match the database."""
    try:
        done = list(with_progress(token_cache.restore(file), "batches"))
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    read, filled = (sum(column) for column in zip(*done, strict=True))
    click.echo(f"entries read: {read}, restored: {filled}")


def _state(found: Statistics) -> str:
    if not found.connected:
        return "not connected"
    return "connected" if found.writable else "connected, but refuses writes"


def _as_text(found: Statistics) -> str:
    ratio = "-" if found.hit_ratio is None else f"{found.hit_ratio:.1%}"
    lines = [
        f"Redis       {_state(found)}, breaker {found.breaker}",
        f"epoch       {found.epoch}",
        f"journal     {found.journal_depth} waiting",
        f"hit ratio   {ratio}",
    ]
    for each in found.memory:
        limit = f"{each.limit:,}" if each.limit else "none"
        lines.append(f"memory      {each.used:,} bytes, peak {each.peak:,}, limit {limit}")
    for event in EVENTS:
        kinds = found.counts.get(event, {})
        by_kind = "  ".join(f"{kind} {total:,}" for kind, total in sorted(kinds.items()))
        lines.append(f"{event:12}{by_kind or 0}")
    return "\n".join(lines)
