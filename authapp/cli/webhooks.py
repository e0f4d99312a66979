"""`flask webhooks`: the endpoints that receive events, and what was sent to them."""

import json
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import click

from authapp.cli.durations import DURATION
from authapp.cli.group import OneLineGroup
from authapp.cli.messages import document, row
from authapp.cli.options import json_option, yes_option
from authapp.delivery import outbox
from authapp.delivery.failures import DeliveryFailed
from authapp.delivery.outbox import State
from authapp.models.transaction import transaction
from authapp.services import webhook_deliveries, webhooks
from authapp.services.webhooks import Listed, health

webhooks_group = OneLineGroup(
    "webhooks", help="Send events about accounts and sessions to programs."
)

_STATES: Final = click.Choice([state.value for state in State])
_MAX_OVERLAP: Final = timedelta(days=30)


@webhooks_group.command("add")
@click.argument("url")
@click.option(
    "--event", "events", multiple=True, metavar="TYPE", help="Send only this type; can be repeated."
)
def add_command(url: str, events: tuple[str, ...]) -> None:
    """Send events to URL from now on, and print the id and the secret of the endpoint.

    The secret verifies what was sent, and is not shown again. Without --event, all events are sent.
    """
    id, secret = webhooks.add(url, events)
    click.echo(f"id:     {id}")
    click.echo(f"secret: {secret}")


@webhooks_group.command("list", reads_only=True)
@json_option
def list_command(as_json: bool) -> None:
    """List the endpoints, their states, and how many events wait for them or are dead."""
    found = webhooks.list_all()
    if as_json:
        click.echo(json.dumps([_document(each) for each in found]))
        return
    for each in found:
        click.echo(_row(each))
    if not found:
        click.echo("there are no endpoints")


@webhooks_group.command("test", reads_only=True)
@click.argument("id", type=click.UUID)
def test_command(id: UUID) -> None:
    """Send the event webhook.test to the endpoint ID at once.

    Exits with 1 and the reason if the endpoint does not accept it. It is tried even while the
    endpoint is disabled.
    """
    try:
        status = webhooks.send_test(id)
    except DeliveryFailed as error:
        raise click.ClickException(f"not accepted: {error}") from error
    click.echo(f"accepted: {status}")


@webhooks_group.command("rotate-secret")
@click.argument("id", type=click.UUID)
@click.option(
    "--overlap",
    type=DURATION,
    metavar="DURATION",
    default=webhooks.OVERLAP,
    help="How long the former secret also signs, such as 2d.  [default: 1d]",
)
@click.option("--at-once", is_flag=True, help="Stop using the former secret at once.")
def rotate_secret_command(id: UUID, overlap: timedelta, at_once: bool) -> None:
    """Replace the secret of the endpoint ID, and print the new one.

    Until --overlap has passed, requests are signed with both, so that the receiver can change over.
    """
    if overlap > _MAX_OVERLAP:
        raise click.UsageError("--overlap must be at most 30d")
    click.echo(f"secret: {webhooks.rotate_secret(id, overlap=timedelta() if at_once else overlap)}")


@webhooks_group.command("disable")
@click.argument("id", type=click.UUID)
def disable_command(id: UUID) -> None:
    """Send nothing to the endpoint ID until it is enabled."""
    webhooks.disable(id)
    click.echo(f"disabled {id}")


@webhooks_group.command("enable")
@click.argument("id", type=click.UUID)
@click.option("--skip", is_flag=True, help="Skip the events that happened in between.")
def enable_command(id: UUID, skip: bool) -> None:
    """Send events to the endpoint ID again, beginning with what happened in between.

    Events that died before need `flask webhooks replay`.
    """
    webhooks.enable(id, skip=skip)
    click.echo(f"enabled {id}")


@webhooks_group.command("remove")
@click.argument("id", type=click.UUID)
@yes_option
def remove_command(id: UUID, yes: bool) -> None:
    """Delete the endpoint ID, and the events that wait for it."""
    with transaction():
        url = webhooks.require(id).url
    if not yes:
        click.confirm(f"Delete the endpoint {url}?", abort=True)
    webhooks.remove(id)
    click.echo(f"removed {id}")


@webhooks_group.command("deliveries", reads_only=True)
@click.argument("id", type=click.UUID)
@click.option(
    "--state",
    "states",
    type=_STATES,
    multiple=True,
    help="Show only this state; can be repeated.  [default: waiting, dead]",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def deliveries_command(id: UUID, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List events for the endpoint ID, newest first, with the reason if one was not accepted."""
    with transaction():
        webhooks.require(id)
    chosen = [State(state) for state in states] or [State.WAITING, State.DEAD]
    found = outbox.list_in(chosen, limit=limit, which=outbox.to_endpoint(id))
    if as_json:
        click.echo(json.dumps([document(message) for message in found]))
        return
    for message in found:
        click.echo(row(message))
    if not found:
        click.echo(f"no events are {' or '.join(chosen)}")


@webhooks_group.command("replay")
@click.argument("id", type=click.UUID)
@click.option(
    "--since", type=DURATION, metavar="DURATION", help="Send all events of the last 7d, 12h, ..."
)
def replay_command(id: UUID, since: timedelta | None) -> None:
    """Send events to the endpoint ID again: dead ones, or with --since those of a period.

    Dead events are kept for a week; --since reads the audit log, and goes back as far as that. An
    event has the same webhook-id each time.
    """
    if since is None:
        number = webhook_deliveries.replay_dead(id)
    else:
        number = webhook_deliveries.replay(id, since)
    click.echo(f"events to send: {number}")


def _document(listed: Listed) -> dict[str, Any]:
    endpoint = listed.endpoint
    since = endpoint.failing_since
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "events": endpoint.events.split() or None,
        "state": health(endpoint),
        "failing_since": since.isoformat(timespec="seconds") if since else None,
        "waiting": listed.waiting,
        "dead": listed.dead,
    }


def _row(listed: Listed) -> str:
    endpoint = listed.endpoint
    line = f"{endpoint.id}  {health(endpoint):8}  waiting {listed.waiting}, dead {listed.dead}"
    return f"{line}  {endpoint.url}  {endpoint.events or 'all events'}"
