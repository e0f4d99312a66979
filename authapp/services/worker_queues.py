"""Answering the requests that wait for a worker, each in a transaction of its own."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Row

from authapp.domain import queued_requests
from authapp.domain.queued_requests import Queue
from authapp.models.transaction import transaction


def answer_all(queue: Queue, answer: Callable[[Row[Any]], None]) -> int:
    """Call `answer` with every request of a queue, the oldest first; return how many there were.

    A request is deleted in the transaction that answers it, so that it is answered once.
    """
    answered = 0
    while queued_requests.find_oldest(queue) is not None:
        with transaction():
            asked = queued_requests.claim_oldest(queue)
            if asked is None:
                # Another worker was faster.
                return answered
            answer(asked)
        answered += 1
    return answered
