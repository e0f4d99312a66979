"""`flask security conformance`: the requirements of the standards, and which are not met."""

import json
from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.options import json_option
from authapp.config import current_settings
from authapp.services import conformance
from authapp.services.conformance import Finding


@click.command("conformance", cls=ValueCommand, reads_only=True)
@json_option
@click.pass_context
@with_appcontext
def conformance_command(context: click.Context, as_json: bool) -> None:
    """List the requirements of ASVS, NIST and the RFCs, and which ones these settings do not meet.

    Each has the test that shows it. Exits with 1 if a requirement is not met.
    """
    findings = list(conformance.report(current_settings()))
    click.echo(_findings_as_json(findings) if as_json else _findings_as_text(findings))
    context.exit(any(finding.gap for finding in findings))


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
