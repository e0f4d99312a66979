"""`flask security`: measure a deployment, and recover after a backup was restored."""

import json
from collections.abc import Sequence
from typing import Any, Final

import click

from authapp.cli.group import OneLineGroup
from authapp.cli.progress import is_watched, with_progress
from authapp.config import current_settings
from authapp.services import conformance, database_restored, enumeration
from authapp.services.conformance import Finding
from authapp.services.enumeration import STATES, Comparison, NotMeasured

security_group = OneLineGroup(
    "security", help="Measure a deployment, and recover after a backup was restored."
)

RISK: Final = 0.01
"""The probability that a run reports a difference in time where there is none."""

_ROW: Final = "{:16}{:12}{:>10}{:>10}{:>7}{:>10}  {}"


class CouldNotMeasure(click.ClickException):
    """Nothing is known about the deployment."""

    exit_code = 2


@security_group.command("enumeration")
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--domain",
    default="example.com",
    show_default=True,
    help="Domain of the sample addresses; the deployment may send emails to them.",
)
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
    try:
        enumeration.require_rounds(rounds, significance)
        with click.progressbar(
            length=rounds + 1, label="Measuring", hidden=not is_watched()
        ) as progress:
            compared = enumeration.measure(
                url,
                states=chosen,
                rounds=rounds,
                domain=domain,
                on_round=lambda: progress.update(1),
            )
    except NotMeasured as error:
        raise CouldNotMeasure(str(error)) from error
    if as_json:
        click.echo(json.dumps([_as_document(each, significance) for each in compared]))
    else:
        _print(compared, significance)
    revealing = sum(bool(each.differences(significance)) for each in compared)
    if revealing:
        raise click.ClickException(f"{revealing} of {len(compared)} comparisons show a difference")
    if not as_json:
        click.echo(f"\nNo difference in {len(compared)} comparisons of {rounds} addresses each.")


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


@security_group.command("conformance", reads_only=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def conformance_command(context: click.Context, as_json: bool) -> None:
    """List the requirements of ASVS, NIST and the RFCs, and which ones these settings do not meet.

    Each has the test that shows it. Exits with 1 if a requirement is not met.
    """
    findings = list(conformance.report(current_settings()))
    click.echo(_findings_as_json(findings) if as_json else _findings_as_text(findings))
    context.exit(any(finding.gap for finding in findings))


@security_group.command("database-restored")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--only-cache",
    is_flag=True,
    help="Only empty the cache: after a failover that lost seconds, in which nothing was revoked.",
)
def database_restored_command(yes: bool, only_cache: bool) -> None:
    """End everything that a restored database backup has brought back to life.

    A backup does not know what was revoked after it was taken. This replaces all signing keys, ends
    every session, API token and link, and empties the cache. Run it before the servers start again.
    """
    if only_cache:
        database_restored.empty_cache()
        click.echo("the cache is empty, and the database is trusted as it is")
        return
    if not yes:
        click.confirm("End every session, API token and link?", abort=True)
    ended = list(with_progress(database_restored.end_everything(), "batches"))
    click.echo(
        f"signing keys replaced; sessions ended: {sum(each.sessions for each in ended)}; "
        f"API tokens revoked: {sum(each.tokens for each in ended)}"
    )


def _findings_as_json(findings: Sequence[Finding]) -> str:
    return json.dumps(
        [
            {
                "source": requirement.source,
                "requirement": requirement.text,
                "test": requirement.test,
                "is_met": not gap,
                "gap": gap or None,
            }
            for requirement, gap in findings
        ]
    )


def _findings_as_text(findings: Sequence[Finding]) -> str:
    lines = []
    for requirement, gap in findings:
        lines.append(f"{'NO ' if gap else 'yes'}  {requirement.source}: {requirement.text}")
        lines.append(f"     {requirement.test}")
        if gap:
            lines.append(f"     {gap}")
    met = sum(not gap for _, gap in findings)
    return "\n".join([*lines, "", f"{met} of {len(findings)} requirements are met"])
