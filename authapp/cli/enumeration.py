"""`flask security enumeration`: whether a deployment reveals which addresses have accounts."""

import json
from collections.abc import Sequence
from typing import Any, Final

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.options import json_option
from authapp.cli.progress import is_watched
from authapp.services import enumeration
from authapp.services.enumeration import STATES, Comparison, NotMeasured

RISK: Final = 0.01
"""The probability that a run reports a difference in time where there is none."""

_ROW: Final = "{:16}{:12}{:>10}{:>10}{:>7}{:>10}  {}"


class CouldNotMeasure(click.ClickException):
    """Nothing is known about the deployment."""

    exit_code = 2


@click.command("enumeration", cls=ValueCommand)
@click.argument("url")
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Measure only this state; can be repeated.  [default: all]",
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=30, show_default=True)
@click.option("--ignore-time", is_flag=True, help="Compare only what the answers contain.")
@json_option
@click.option(
    "--domain",
    default="example.com",
    show_default=True,
    help="Domain of the sample addresses; the deployment may send emails to them.",
)
@with_appcontext
def enumeration_command(
    *,
    url: str,
    states: tuple[str, ...],
    rounds: int,
    ignore_time: bool,
    as_json: bool,
    domain: str,
) -> None:
    """Measure whether the deployment at URL reveals which addresses have accounts.

    Creates sample accounts in the database, does what a stranger can do with their addresses, and
    deletes them. Each request is compared with the same request about an address without an
    account: status, headers, cookies, body and time.

    Exits with 1 if there is a difference, and with 2 if it could not measure.
    """
    chosen = list(dict.fromkeys(states or STATES))
    # Many comparisons have some small p-values by chance (Bonferroni's correction).
    significance = 0.0 if ignore_time else RISK / (len(chosen) * len(enumeration.every_request()))
    compared = _measure(url, chosen, rounds, domain, significance)
    if as_json:
        click.echo(json.dumps([_as_document(each, significance) for each in compared]))
    else:
        _print(compared, significance)
    revealing = sum(bool(each.differences(significance)) for each in compared)
    if revealing:
        raise click.ClickException(f"{revealing} of {len(compared)} comparisons show a difference")
    if not as_json:
        click.echo(f"\nNo difference in {len(compared)} comparisons of {rounds} addresses each.")


def _measure(
    url: str, states: list[str], rounds: int, domain: str, significance: float
) -> list[Comparison]:
    """Measure, and show a progress bar; raises CouldNotMeasure."""
    try:
        enumeration.require_rounds(rounds, significance)
        with click.progressbar(
            length=rounds + 1, label="Measuring", hidden=not is_watched()
        ) as progress:
            return enumeration.measure(
                url,
                states=states,
                rounds=rounds,
                domain=domain,
                on_round=lambda: progress.update(1),
            )
    except NotMeasured as error:
        raise CouldNotMeasure(str(error)) from error


def _as_document(compared: Comparison, significance: float) -> dict[str, Any]:
    return {
        "request": compared.request,
        "state": compared.state,
        "milliseconds": compared.milliseconds,
        "milliseconds_absent": compared.milliseconds_absent,
        "auc": compared.time.auc,
        "p": compared.time.p,
        "differences": compared.differences(significance),
    }


def _print(compared: Sequence[Comparison], significance: float) -> None:
    click.echo(_ROW.format("request", "state", "ms", "absent", "AUC", "p", "difference"))
    for each in compared:
        click.echo(
            _ROW.format(
                each.request,
                each.state,
                f"{each.milliseconds:.1f}",
                f"{each.milliseconds_absent:.1f}",
                f"{each.time.auc:.2f}",
                f"{each.time.p:.2g}",
                ", ".join(each.differences(significance)) or "none",
            )
        )
