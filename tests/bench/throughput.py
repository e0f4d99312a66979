"""Requests per second: authapp, two libraries and bare Flask, slice by slice in turn."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Script, request, run
from tests.bench.ours import JSON, Ours, recorded, same
from tests.bench.report import Measured
from tests.bench.serving import EMAIL, Served
from tests.support.accounts import PASSWORD
from tests.support.servers import AppServer, RedisServer

CONNECTIONS = 16
SUCCESS = {"200", "204"}


@dataclass
class Subject:
    """One thing to measure; `baseline` names the subject that its ratio is to."""

    name: str
    port: int
    scripts: list[Script]
    baseline: str = ""


def measure(subjects: list[Subject], *, rounds: int, seconds: float) -> dict[str, Measured]:
    """Measure each in turn, in every round; each round begins with another one.

    Raises RuntimeError if a subject was refused: that takes another time than what it measures.
    """
    results = {each.name: Measured(each.name, each.baseline) for each in subjects}
    for each in subjects:
        run(each.port, each.scripts, min(seconds, 0.3))
    for number in range(rounds):
        turn = number * 5 % len(subjects)
        for each in subjects[turn:] + subjects[:turn]:
            results[each.name].add(run(each.port, each.scripts, seconds))
    for name, found in results.items():
        if not found.statuses.keys() <= SUCCESS:
            raise RuntimeError(f"{name} was answered {dict(found.statuses)}")
    return results


def ours(deployment: Ours, server: AppServer, bare: Served | None) -> list[Subject]:
    """Return authapp's subjects, each after bare Flask that returns the same bytes."""
    port = server.port
    subjects: list[Subject] = []
    scripts = {name: same(sent, CONNECTIONS) for name, sent in deployment.requests().items()}
    scripts["/api/v1/refresh, each renews"] = deployment.refreshing(CONNECTIONS)
    if deployment.emails:
        scripts["/api/v1/login"] = deployment.signing_in(CONNECTIONS)
    for number, (name, script) in enumerate(scripts.items()):
        baseline = ""
        if bare is not None:
            baseline = f"bare Flask: as {name}"
            repeated = same(request("GET", f"/{number}"), CONNECTIONS)
            subjects.append(Subject(baseline, bare.port, repeated))
        subjects.append(Subject(f"authapp: {name}", port, script, baseline))
    return subjects


def of_peers(jwt: Served, security: Served) -> list[Subject]:
    """Return the same work done by the two libraries; ratios are to authapp's own."""
    pair = json.loads(_answer(jwt.port, _sign_in("/login")))
    by_jwt = {"Authorization": f"Bearer {pair['access_token']}"}
    renewing = {"Authorization": f"Bearer {pair['refresh_token']}"}
    by_token = {"Authentication-Token": security_token(security.port)}
    security_login = _sign_in("/login?include_auth_token")
    name_1, name_2 = "Flask-JWT-Extended", "Flask-Security-Too"
    check, me = "authapp: /auth/check, JWT", "authapp: /api/v1/me"
    refresh, login = "authapp: /api/v1/refresh, each renews", "authapp: /api/v1/login"
    table = [
        (f"{name_1}: a check", jwt, request("GET", "/check", by_jwt), check),
        (f"{name_1}: the user", jwt, request("GET", "/me", by_jwt), me),
        (f"{name_1}: refresh", jwt, request("POST", "/refresh", renewing), refresh),
        (f"{name_1}: sign-in", jwt, _sign_in("/login"), login),
        (f"{name_2}: a check", security, request("GET", "/check", by_token), check),
        (f"{name_2}: the user", security, request("GET", "/me", by_token), me),
        (f"{name_2}: sign-in", security, security_login, login),
    ]
    return [
        Subject(name, served.port, same(sent, CONNECTIONS), baseline)
        for name, served, sent, baseline in table
    ]


def security_token(port: int) -> str:
    """Sign in at Flask-Security-Too and return the authentication token."""
    answer = json.loads(_answer(port, _sign_in("/login?include_auth_token")))
    return str(answer["response"]["user"]["authentication_token"])


def jwt_token(port: int) -> str:
    """Sign in at Flask-JWT-Extended and return the access token."""
    return str(json.loads(_answer(port, _sign_in("/login")))["access_token"])


def _sign_in(path: str) -> bytes:
    given = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    return request("POST", path, {**JSON, "Accept": "application/json"}, given)


def whole_answer(port: int, sent: bytes) -> bytes:
    """Send one request over a connection of its own, and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(sent.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        with connection.makefile("rb") as received:
            return received.read()


def _answer(port: int, sent: bytes) -> bytes:
    return whole_answer(port, sent).partition(b"\r\n\r\n")[2]


def record_answers(deployment: Ours, server: AppServer, file: Path) -> None:
    """Write down what authapp answers, for bare Flask to repeat."""
    sent: list[Callable[[], bytes]] = [
        lambda each=each: each for each in deployment.requests().values()
    ]
    sent.append(lambda: deployment.refreshing(1)[0](b""))
    if deployment.emails:
        sent.append(lambda: deployment.signing_in(1)[0](b""))
    answers = {
        str(number): recorded(whole_answer(server.port, make())) for number, make in enumerate(sent)
    }
    file.write_text(json.dumps(answers))


@contextmanager
def peers_served(
    folder: Path, redis_server: RedisServer, *, workers: int = 2
) -> Iterator[tuple[Served, Served]]:
    """Serve the two libraries, each on an SQLite database of its own."""
    with ExitStack() as stack:
        served = []
        for name in ("jwt_extended", "security_too"):
            environ = {
                "BENCH_DATABASE": f"sqlite:///{folder}/{name}.db",
                "BENCH_LOCK": f"{folder}/{name}.lock",
                "REDIS_URL": redis_server.url,
            }
            served.append(Served(environ, target=f"tests.bench.peers:{name}", workers=workers))
            stack.callback(served[-1].close)
        for each in served:
            each.wait_until_ready()
        yield served[0], served[1]
