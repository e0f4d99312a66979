"""Password hashing uses a limited number of threads per process, with a short queue."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import passwords
from authapp.errors import Overloaded
from authapp.models import Attempt, User, db
from authapp.security import shared_slots
from authapp.security.hashing_queue import WAITING_PER_SLOT, HashingQueue, QueueFull
from tests.support.accounts import PASSWORD
from tests.support.browsing import hidden, sign_in
from tests.support.waiting import PATIENCE_SECONDS


class Crowd:
    """Threads that hash, or wait to hash, until they are released."""

    def __init__(self, queue: HashingQueue, slots: int) -> None:
        self._queue, self._slots = queue, slots
        self._release = threading.Event()
        self.running = threading.Semaphore(0)
        self.most_running = 0
        self._count = 0
        self._counting = threading.Lock()
        self._threads: list[threading.Thread] = []

    def add(self, number: int) -> None:
        for _ in range(number):
            self._threads.append(threading.Thread(target=self._hash, daemon=True))
            self._threads[-1].start()

    def leave(self) -> None:
        self._release.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()

    def _hash(self) -> None:
        with self._queue.slot(self._slots):
            with self._counting:
                self._count += 1
                self.most_running = max(self.most_running, self._count)
            self.running.release()
            assert self._release.wait(PATIENCE_SECONDS)
            with self._counting:
                self._count -= 1


def fill(queue: HashingQueue, slots: int) -> Crowd:
    """Fill a queue, and return the threads in it."""
    crowd = Crowd(queue, slots)
    crowd.add(slots * (1 + WAITING_PER_SLOT))
    for _ in range(slots):
        assert crowd.running.acquire(timeout=PATIENCE_SECONDS)
    for _ in range(1000):
        try:
            queue.require_room(slots)
        except QueueFull:
            return crowd
        threading.Event().wait(0.01)
    raise AssertionError("the queue did not fill")


@pytest.fixture
def crowd(app: Flask) -> Iterator[Crowd]:
    crowd = fill(passwords._queue, 1)
    with ExitStack() as stack:
        stack.callback(crowd.leave)
        yield crowd


@pytest.mark.parametrize("slots", [1, 3])
def test_no_more_threads_hash_than_there_are_slots_and_all_get_a_turn(slots: int) -> None:
    queue = HashingQueue()
    crowd = fill(queue, slots)

    with pytest.raises(QueueFull), queue.slot(slots):
        pass
    crowd.leave()

    assert crowd.most_running == slots
    with queue.slot(slots):
        queue.require_room(slots)


def test_failed_work_returns_its_slot() -> None:
    queue = HashingQueue()

    for _ in range(10):
        with pytest.raises(ValueError, match="argon2"), queue.slot(1):
            raise ValueError("argon2")

    queue.require_room(1)


def test_a_sign_in_beyond_the_queue_gets_a_503_and_counts_no_attempt(
    app: Flask, client: FlaskClient, user: User, crowd: Crowd
) -> None:
    body = {"email": user.email, "password": PASSWORD}

    answer = client.post("/api/v1/login", json=body)

    assert answer.status_code == 503
    assert answer.json["type"] == "urn:authapp:problem:overloaded"
    assert answer.headers["Retry-After"] == "1"
    with app.app_context():
        assert db.session.query(Attempt).count() == 0
    crowd.leave()
    assert client.post("/api/v1/login", json=body).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_form_beyond_the_queue_shows_that_the_server_is_busy(
    client: FlaskClient, crowd: Crowd, path: str
) -> None:
    fields = {"email": "new@example.org", "password": PASSWORD}
    form = hidden(client.get(path).get_data(as_text=True))

    answer = client.post(path, data={**form, **fields})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_a_full_queue_does_not_block_other_requests(
    client: FlaskClient, user: User, request: pytest.FixtureRequest
) -> None:
    sign_in(client)
    request.getfixturevalue("crowd")

    statuses = [
        client.get(p).status_code for p in ("/healthz", "/auth/check", "/account", "/login")
    ]

    assert statuses == [200, 204, 200, 302]


def test_the_number_of_hashers_is_configurable(
    make_app: Callable[..., Flask], crowd: Crowd
) -> None:
    app = make_app(PASSWORD_HASHERS="2")

    with app.app_context():
        assert passwords.hash_password("any password").startswith("$argon2id$")


def test_a_deleted_folder_is_logged_once_and_stops_no_sign_in(
    make_app: Callable[..., Flask], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "hashing"
    app = make_app(HASHING_FOLDER=str(folder))

    with app.app_context():
        hashes = [passwords.hash_password("any password") for _ in range(2)]
        folder.mkdir()
        hashes.append(passwords.hash_password("any password"))

    assert all(each.startswith("$argon2id$") for each in hashes)
    assert list(folder.iterdir())
    assert caplog.text.count("hashing_not_shared") == 1


def test_a_hash_waits_for_the_other_processes_of_the_server(
    make_app: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_slots, "WAIT_SECONDS", 0.02)
    app = make_app(HASHING_FOLDER=str(tmp_path))

    with app.app_context():
        with shared_slots.shared_slot(tmp_path, 1), pytest.raises(Overloaded):
            passwords.hash_password("any password")
        assert passwords.hash_password("any password").startswith("$argon2id$")
