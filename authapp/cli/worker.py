"""What `flask outbox run` does in rounds, until it is stopped."""

import threading
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog
from flask import Flask

from authapp.delivery.deliver import deliver_due
from authapp.delivery.sender import open_senders
from authapp.models import db
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
    webhook_deliveries,
)
from authapp.token_cache import token_cache

log = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 1.0


class Rounds(threading.Thread):
    """Runs tasks in rounds until it is stopped."""

    def __init__(self, app: Flask, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.app = app
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            with self.app.app_context():
                for task in self.tasks():
                    survive(task)
            self.stopping.wait(PAUSE_SECONDS)

    def tasks(self) -> Sequence[Callable[[], object]]:
        """Return what to do in each round, in this order."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop after the current task."""
        self.stopping.set()
        if self.is_alive():
            self.join()


class Worker(Rounds):
    """Delivers messages and answers queued requests; `EventWorker` handles events in parallel."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app, "outbox-worker")
        self._events = EventWorker(app)

    def tasks(self) -> Sequence[Callable[[], object]]:
        return (*answering(), self._deliver, delete_account.delete_due)

    def start(self) -> None:
        super().start()
        self._events.start()

    def stop(self) -> None:
        """Stop after the current message and the current events."""
        self.stopping.set()
        self._events.stop()
        super().stop()

    def _deliver(self) -> None:
        with open_senders() as send:
            for _outcome in deliver_due(send):
                if self.stopping.is_set():
                    return


class EventWorker(Rounds):
    """Extends the audit log, and sends its events to the endpoints of webhooks.

    Each endpoint has a thread while events for it are due, so that none waits for another.
    """

    def __init__(self, app: Flask) -> None:
        super().__init__(app, "event-worker")
        self._heads = audit_heads.HeadReporter()
        self._senders: dict[UUID, threading.Thread] = {}

    def tasks(self) -> Sequence[Callable[[], object]]:
        give = webhook_deliveries.give_new_events
        return (self._extend, self._heads.report, give, self._start_senders)

    def stop(self) -> None:
        """Stop after the current events."""
        super().stop()
        for sender in self._senders.values():
            sender.join()

    def _extend(self) -> None:
        while audit_chain.extend() and not self.stopping.is_set():
            pass

    def _start_senders(self) -> None:
        self._senders = {id: each for id, each in self._senders.items() if each.is_alive()}
        for id in webhook_deliveries.ready_endpoints():
            if id not in self._senders:
                sender = threading.Thread(target=self._send, args=(id,), daemon=True)
                self._senders[id] = sender
                sender.start()

    def _send(self, endpoint_id: UUID) -> None:
        def task() -> None:
            for _outcome in webhook_deliveries.deliver(endpoint_id):
                if self.stopping.is_set():
                    return

        with self.app.app_context():
            survive(task)


def answering() -> Sequence[Callable[[], object]]:
    """Return the tasks that run before messages are delivered, because they add messages."""
    return (
        token_cache.replay_journal,
        token_cache.mark_database,
        verify_email.answer_requests,
        password_reset.answer_requests,
        email_sign_in.answer_requests,
        sign_in_blocks.answer_blocks,
        lost_factor.remind_due,
    )


def survive(task: Callable[[], object]) -> None:
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
    """Deliver messages in threads of this process; for development."""
    worker = Worker(app)
    worker.start()
    return worker
