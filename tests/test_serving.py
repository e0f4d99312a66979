"""The server that serves an application within a test's own process."""

import http.client
import threading
from contextlib import closing, suppress
from typing import Any

from tests.support.servers import PORTS, free_port, serving
from tests.support.waiting import PATIENCE_SECONDS


class Application:
    """Counts its requests; each is answered once it may be."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_answer = threading.Event()
        self.answered = 0

    def __call__(self, _environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.begun.set()
        assert self.may_answer.wait(PATIENCE_SECONDS)
        start_response("200 OK", [("Content-Length", "0")])
        self.answered += 1
        return []


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)


def test_an_idle_connection_does_not_reach_an_application_that_is_closed() -> None:
    app = Application()
    app.may_answer.set()
    with serving(app) as port, closing(connect(port)) as next_one:
        idle = connect(port)
        idle.connect()
        # Connections are accepted in order.
        next_one.request("GET", "/")
        next_one.getresponse().read()

    with closing(idle), suppress(OSError, http.client.HTTPException):
        idle.request("GET", "/")
        idle.getresponse()

    assert app.answered == 1


def test_requests_in_progress_are_finished() -> None:
    app = Application()
    with serving(app) as port:
        connection = connect(port)
        connection.request("GET", "/")
        assert app.begun.wait(PATIENCE_SECONDS)
        threading.Timer(0.1, app.may_answer.set).start()

    assert app.answered == 1
    assert connection.getresponse().status == 200
    connection.close()


def test_ports_are_not_those_of_outgoing_connections() -> None:
    ports = [free_port() for _ in range(20)]

    assert len(set(ports)) == 20
    assert set(ports) <= set(PORTS)
