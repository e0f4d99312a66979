"""`flask outbox`: the delivery worker, and the messages that are waiting or dead."""

import json
import signal
import threading
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import click
import structlog
from flask import Flask, current_app

from authapp import clock
from authapp.cli.group import OneLineGroup
from authapp.delivery import outbox
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.outbox import State
from authapp.delivery.sender import open_senders
from authapp.models import OutboxMessage, db
from authapp.models.base import OUTAGES
from authapp.models.outage import database_outage
from authapp.services import (
    audit_chain,
    audit_heads,
    delete_account,
    email_sign_in,
    lost_factor,
    password_reset,
    sign_in_blocks,
    verify_email,
)
from authapp.token_cache import token_cache

log = structlog.get_logger(__name__)

outbox_group = OneLineGroup("outbox", help="Deliver, list and retry messages.")

PAUSE_SECONDS: Final = 1.0
_TIME: Final = "%Y-%m-%d %H:%M:%S"
_STATES: Final = click.Choice([state.value for state in State])


class Worker(threading.Thread):
    """Delivers messages, replays the cache's journal, and extends the audit log, until stopped."""

    def __init__(self, app: Flask) -> None:
        super().__init__(name="outbox-worker", daemon=True)
        self._app = app
        self._stopping = threading.Event()
        self._heads = audit_heads.HeadReporter()

    def run(self) -> None:
        while not self._stopping.is_set():
            with self._app.app_context():
                for task in (
                    token_cache.replay_journal,
                    token_cache.mark_database,
                    verify_email.answer_requests,
                    password_reset.answer_requests,
                    email_sign_in.answer_requests,
                    sign_in_blocks.answer_blocks,
                    lost_factor.remind_due,
                    self._deliver,
                    delete_account.delete_due,
                    audit_chain.extend,
                    self._heads.report,
                ):
                    self._survive(task)
            self._stopping.wait(PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop after the current message."""
        self._stopping.set()
        if self.is_alive():
            self.join()

    def _deliver(self) -> None:
        with open_senders() as send:
            for _outcome in deliver_due(send):
                if self._stopping.is_set():
                    return

    def _survive(self, task: Callable[[], object]) -> None:
        """Run one task of a round; if it fails, it runs again in the next round."""
        try:
            task()
        except OUTAGES as error:
            db.rollback()
            database_outage.note(error)
        except Exception:
            db.rollback()
            log.exception("outbox_task_failed")


def start_background_worker(app: Flask) -> Worker:
    """Deliver messages in a thread of this process; for development."""
    worker = Worker(app)
    worker.start()
    return worker


# What the worker does is recorded as authapp's own act.
@outbox_group.command("run", reads_only=True)
@click.option("--once", is_flag=True, help="Deliver the messages that are due now, then stop.")
def run_command(once: bool) -> None:
    """Deliver messages until SIGINT or SIGTERM."""
    if once:
        token_cache.replay_journal()
        token_cache.mark_database()
        verify_email.answer_requests()
        password_reset.answer_requests()
        email_sign_in.answer_requests()
        sign_in_blocks.answer_blocks()
        lost_factor.remind_due()
        with open_senders() as send:
            outcomes = list(deliver_due(send))
        delete_account.delete_due()
        audit_chain.extend()
        audit_heads.HeadReporter().report()
        click.echo(f"messages tried: {len(outcomes)}, sent: {outcomes.count(Outcome.SENT)}")
        return
    worker = Worker(current_app._get_current_object())  # type: ignore[attr-defined]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    worker.start()
    stop.wait()
    worker.stop()


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
        click.echo(json.dumps([_document(message) for message in found]))
        return
    for message in found:
        click.echo(_row(message))
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


def _document(message: OutboxMessage) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "created_at": message.created_at.isoformat(timespec="seconds"),
        "channel": message.channel,
        "message": message.message,
        "recipient": message.recipient,
        "state": _state(message),
        "attempts": message.attempts,
        "last_error": message.last_error,
    }


def _row(message: OutboxMessage) -> str:
    """Return one line, with the printable characters of the server's response."""
    created = f"{message.created_at:{_TIME}}"
    tries = f"tries {message.attempts}"
    head = f"{message.id}  {created}  {message.channel:4}  {message.message}  {message.recipient}"
    error = " ".join(
        "".join(c if c.isprintable() else " " for c in message.last_error or "").split()
    )
    return f"{head}  {_state(message)}  {tries}" + (f"  {error}" if error else "")


def _state(message: OutboxMessage) -> str:
    """Return a message's state, and since or until when."""
    if message.sent_at is not None:
        return f"sent {message.sent_at:{_TIME}}"
    if message.dead_at is not None:
        return f"dead {message.dead_at:{_TIME}}"
    if message.claimed_until is not None and message.claimed_until > clock.now():
        return "being sent"
    return f"due {message.due_at:{_TIME}}"
