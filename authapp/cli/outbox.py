"""`flask outbox`: the delivery worker, and the messages that are waiting or dead."""

import json
import signal
from queue import SimpleQueue
from typing import Final
from uuid import UUID

import click
from flask import current_app

from authapp.cli.group import OneLineGroup
from authapp.cli.messages import document, row
from authapp.cli.worker import Worker, answering
from authapp.delivery import outbox
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.outbox import State
from authapp.delivery.sender import open_senders
from authapp.services import audit_chain, audit_heads, delete_account, webhook_deliveries

outbox_group = OneLineGroup("outbox", help="Deliver, list and retry messages.")

_STATES: Final = click.Choice([state.value for state in State])


# What the worker does is recorded as authapp's own act.
@outbox_group.command("run", reads_only=True)
@click.option("--once", is_flag=True, help="Deliver the messages that are due now, then stop.")
def run_command(once: bool) -> None:
    """Deliver messages until SIGINT or SIGTERM."""
    if once:
        _run_once()
        return
    worker = Worker(current_app._get_current_object())  # type: ignore[attr-defined]
    # Unlike an event, this queue cannot block a signal's handler that interrupts its own reader.
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: signals.put(received))
    worker.start()
    signals.get()
    worker.stop()


def _run_once() -> None:
    for task in answering():
        task()
    with open_senders() as send:
        outcomes = list(deliver_due(send))
    delete_account.delete_due()
    while audit_chain.extend():
        pass
    audit_heads.HeadReporter().report()
    click.echo(f"messages tried: {len(outcomes)}, sent: {outcomes.count(Outcome.SENT)}")
    while webhook_deliveries.give_new_events():
        pass
    ready = webhook_deliveries.ready_endpoints()
    posted = [outcome for each in ready for outcome in webhook_deliveries.deliver(each)]
    if webhook_deliveries.active_endpoints():
        click.echo(f"webhooks tried: {len(posted)}, sent: {posted.count(Outcome.SENT)}")


@outbox_group.command("list", reads_only=True)
@click.option(
    "--state",
    "states",
    type=_STATES,
    multiple=True,
    help="Show only this state; can be repeated.  [default: waiting, dead]",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List messages, newest first, without their content."""
    chosen = [State(state) for state in states] or [State.WAITING, State.DEAD]
    found = outbox.list_in(chosen, limit=limit)
    if as_json:
        click.echo(json.dumps([document(message) for message in found]))
        return
    for message in found:
        click.echo(row(message))
    if not found:
        click.echo(f"no messages are {' or '.join(chosen)}")


@outbox_group.command("retry")
@click.argument("id", type=click.UUID, required=False)
@click.option("--all-dead", is_flag=True, help="Retry every dead message that is still useful.")
def retry_command(id: UUID | None, all_dead: bool) -> None:
    """Retry the message ID, or every dead message, at once."""
    if (id is None) is not all_dead:
        raise click.UsageError("pass either the ID of a message or --all-dead")
    if id is None:
        click.echo(f"messages to retry: {outbox.retry_dead()}")
    else:
        outbox.retry(id)
        click.echo(f"retrying {id}")
