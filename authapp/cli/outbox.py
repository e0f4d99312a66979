"""`flask outbox`: delivering what waits, and the worker that does it."""

import signal
import threading
from typing import Final

import click
from flask import Flask, current_app

from authapp.cli.group import OneLineGroup
from authapp.delivery import outbox, sender
from authapp.models import db
from authapp.services import password_reset
from authapp.token_cache import token_cache

outbox_group = OneLineGroup("outbox", help="Deliver the messages that wait.")

PAUSE_SECONDS: Final = 1.0


class Worker(threading.Thread):
    """Delivers what is due and sweeps the cache's journal, again and again, until stopped."""

    def __init__(self, app: Flask) -> None:
        super().__init__(name="outbox-worker", daemon=True)
        self._app = app
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            with self._app.app_context():
                try:
                    token_cache.replay_journal()
                    password_reset.answer_requests()
                    outbox.deliver_due(sender.send)
                except Exception:
                    # Whatever it was, the messages still wait; the worker must live to retry.
                    db.session.rollback()
                    self._app.logger.exception("the outbox could not be delivered")
            self._stopping.wait(PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop after the message at hand."""
        self._stopping.set()
        if self.is_alive():
            self.join()


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
        click.echo(f"sent {outbox.deliver_due(sender.send)}")
        return
    worker = Worker(current_app._get_current_object())  # type: ignore[attr-defined]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    worker.start()
    stop.wait()
    worker.stop()
