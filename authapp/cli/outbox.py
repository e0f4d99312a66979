"""`flask outbox`: the worker that delivers, and what waits or could not be delivered."""

import signal
import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID

import click
from flask import Flask, current_app
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from authapp import clock
from authapp.cli.group import OneLineGroup
from authapp.delivery import outbox
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.outbox import State
from authapp.delivery.sender import open_senders
from authapp.models import OutboxMessage, db
from authapp.services import delete_account, password_reset
from authapp.token_cache import token_cache

outbox_group = OneLineGroup("outbox", help="Deliver the messages that wait.")

PAUSE_SECONDS: Final = 1.0
_TIME: Final = "%Y-%m-%d %H:%M:%S"
_STATES: Final = click.Choice([state.value for state in State])


class Worker(threading.Thread):
    """Delivers what is due and sweeps the cache's journal, again and again, until stopped."""

    def __init__(self, app: Flask) -> None:
        super().__init__(name="outbox-worker", daemon=True)
        self._app = app
        self._stopping = threading.Event()
        self._database_is_away = False

    def run(self) -> None:
        while not self._stopping.is_set():
            with self._app.app_context():
                for task in (
                    token_cache.replay_journal,
                    password_reset.answer_requests,
                    self._deliver,
                    delete_account.delete_due,
                ):
                    self._survive(task)
            self._stopping.wait(PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop after the message at hand."""
        self._stopping.set()
        if self.is_alive():
            self.join()

    def _deliver(self) -> None:
        with open_senders() as send:
            for _outcome in deliver_due(send):
                if self._stopping.is_set():
                    return
        if self._database_is_away:
            self._database_is_away = False
            self._app.logger.info("the database answers again")

    def _survive(self, task: Callable[[], object]) -> None:
        """Do a part of the work; whatever goes wrong, the messages still wait for the next time."""
        try:
            task()
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            db.session.rollback()
            if not self._database_is_away:
                self._database_is_away = True
                kind = type(error).__name__
                self._app.logger.error("the database does not answer: %s", kind)  # noqa: TRY400
        except Exception:
            db.session.rollback()
            self._app.logger.exception("the outbox could not be delivered")


def start_background_worker(app: Flask) -> Worker:
    """Deliver from a thread of this process; for development."""
    worker = Worker(app)
    worker.start()
    return worker


@outbox_group.command("run")
@click.option("--once", is_flag=True, help="Deliver what is due now, then stop.")
def run_command(once: bool) -> None:
    """Deliver messages until told to stop (SIGINT or SIGTERM)."""
    if once:
        password_reset.answer_requests()
        with open_senders() as send:
            outcomes = list(deliver_due(send))
        delete_account.delete_due()
        click.echo(f"tried {len(outcomes)}, sent {outcomes.count(Outcome.SENT)}")
        return
    worker = Worker(current_app._get_current_object())  # type: ignore[attr-defined]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    worker.start()
    stop.wait()
    worker.stop()


@outbox_group.command("list")
@click.option(
    "--state", "states", type=_STATES, multiple=True, help="Only these; waiting and dead."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
def list_command(states: tuple[str, ...], limit: int) -> None:
    """List messages, newest first; what they say is not shown."""
    chosen = [State(state) for state in states] or [State.WAITING, State.DEAD]
    for message in outbox.list_in(chosen, limit=limit):
        click.echo(_row(message))


@outbox_group.command("retry")
@click.argument("id", type=click.UUID, required=False)
@click.option("--all-dead", is_flag=True, help="Every dead message that is still of use.")
def retry_command(id: UUID | None, all_dead: bool) -> None:
    """Let the message ID, or every dead one, be tried again at once."""
    if (id is None) is not all_dead:
        raise click.UsageError("name one message, or say --all-dead")
    if id is None:
        click.echo(f"{outbox.retry_dead()} will be tried again")
    else:
        outbox.retry(id)
        click.echo(f"{id} will be tried again")


def _row(message: OutboxMessage) -> str:
    """Return one line; what a server said may hold anything, and is made to fit."""
    made = f"{message.created_at:{_TIME}}"
    tries = f"tries {message.attempts}"
    head = f"{message.id}  {made}  {message.channel:4}  {message.message}  {message.recipient}"
    error = " ".join(
        "".join(c if c.isprintable() else " " for c in message.last_error or "").split()
    )
    return f"{head}  {_standing(message)}  {tries}" + (f"  {error}" if error else "")


def _standing(message: OutboxMessage) -> str:
    """Say where a message stands, and since or until when."""
    if message.sent_at is not None:
        return f"sent {message.sent_at:{_TIME}}"
    if message.dead_at is not None:
        return f"dead {message.dead_at:{_TIME}}"
    if message.claimed_until is not None and message.claimed_until > clock.now():
        return "being sent"
    return f"due {message.due_at:{_TIME}}"
