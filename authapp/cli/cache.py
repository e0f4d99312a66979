"""`flask cache`: warming, watching and mending the token cache."""

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from authapp.cli.group import OneLineGroup
from authapp.cli.progress import with_progress
from authapp.token_cache import token_cache
from authapp.token_cache.admin.statistics import Statistics
from authapp.token_cache.counters import EVENTS
from authapp.token_cache.redis.client import RedisAway

cache_group = OneLineGroup("cache", help="Warm, watch and mend the token cache.")

_FILE = click.Path(dir_okay=False, path_type=Path)


@cache_group.command("stats")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
def stats_command(as_json: bool) -> None:
    """Show how the cache is doing, over all processes."""
    found = token_cache.statistics()
    click.echo(json.dumps(asdict(found)) if as_json else _as_text(found))


@cache_group.command("check")
@click.option("--sample", type=click.IntRange(1), help="Stop after about so many entries.")
def check_command(sample: int | None) -> None:
    """Compare cached entries with the database; exit with 1 on a difference."""
    compared, differing = 0, []
    for batch in token_cache.check():
        compared += batch.compared
        differing += batch.differing
        if sample is not None and compared >= sample:
            break
    for key in differing:
        click.echo(f"differs: {key}")
    click.echo(f"compared {compared}, {len(differing)} differ")
    if differing:
        raise SystemExit(1)


@cache_group.command("warm")
@click.option("--hours", type=click.IntRange(1, 24 * 90), default=24, show_default=True)
def warm_command(hours: int) -> None:
    """Cache the signing keys, and the tokens of people who were here within so many hours."""
    click.echo(f"keys: {token_cache.warm_keys()}")
    people = sum(with_progress(token_cache.warm_recent(timedelta(hours=hours)), "people"))
    click.echo(f"people: {people}")


@cache_group.command("flush")
def flush_command() -> None:
    """Begin a new epoch, in which no older entry opens, and remove every entry."""
    try:
        removed = token_cache.flush()
    except RedisAway as error:
        click.echo(f"began a new epoch; nothing could be removed: {error}")
    else:
        click.echo(f"began a new epoch and removed {removed}")


@cache_group.command("backup")
@click.argument("file", type=_FILE)
def backup_command(file: Path) -> None:
    """Write every entry, still sealed, to a new FILE."""
    try:
        click.echo(f"wrote {token_cache.backup(file)}")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error


@cache_group.command("restore")
@click.argument("file", type=_FILE)
def restore_command(file: Path) -> None:
    """Fill what FILE holds and the database confirms."""
    try:
        done = list(with_progress(token_cache.restore(file), "batches"))
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    read, filled = (sum(column) for column in zip(*done, strict=True))
    click.echo(f"read {read}, filled {filled}")


def _as_text(found: Statistics) -> str:
    ratio = "-" if found.hit_ratio is None else f"{found.hit_ratio:.1%}"
    lines = [
        f"Redis       {'connected' if found.connected else 'away'}, breaker {found.breaker}",
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
