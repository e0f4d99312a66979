"""Where the CPU time of one warm `/auth/check` goes, layer by layer.

A worker's own time per request is measured over HTTP. What the layers inside it take is measured
in this process, by calling each of them on its own; a layer's share is the difference.
"""

import time
from collections.abc import Callable
from typing import Any

import psutil
from flask import Response

from authapp.api import auth_check
from authapp.services import introspection
from tests.bench.load import run
from tests.bench.ours import Ours, same
from tests.support.servers import AppServer

ADDRESS = "127.0.0.1"
CONNECTIONS = 16
TIMES = 5


def microseconds(deployment: Ours, server: AppServer, calls: int) -> dict[str, float]:
    """Return how long each layer takes; `server` must have one worker."""
    environ = _environ(deployment.session.access_token)
    app, value = deployment.app, deployment.session.access_token

    def request() -> None:
        b"".join(app(dict(environ), _ignored))

    request()
    whole = _over_http(deployment, server, calls)
    flask = _fastest(request, calls)
    with app.request_context(environ):
        view = _fastest(auth_check.check, calls)
        verdict = _fastest(lambda: introspection.authenticate(value, address=ADDRESS), calls)
        headers = auth_check._headers(introspection.authenticate(value, address=ADDRESS))
        answer = _fastest(lambda: Response(status=204, headers=headers), calls)
    return {
        "server: HTTP, threads, WSGI environment": whole - flask,
        "Flask: contexts, routing, hooks, default headers": flask - view,
        "view: reading the Authorization header": view - verdict - answer,
        "verdict: digest of the token, its session and key from memory": verdict,
        "response": answer,
        "all": whole,
    }


def _over_http(deployment: Ours, server: AppServer, calls: int) -> float:
    scripts = same(deployment.requests()["/auth/check, JWT"], CONNECTIONS)
    run(server.port, scripts, seconds=60, limit=calls // 2)
    found = []
    for _ in range(TIMES):
        before = _cpu_seconds(server)
        taken = run(server.port, scripts, seconds=60, limit=calls)
        found.append((_cpu_seconds(server) - before) / len(taken.took))
    return min(found) * 1e6


def _cpu_seconds(server: AppServer) -> float:
    """Return the CPU time of the server's processes so far; the parent process takes none.

    Read from each process's CPU clock, because /proc counts in steps of 10 ms.
    Source: clock_getcpuclockid(3); the id is that of MAKE_PROCESS_CPUCLOCK in the Linux kernel.
    """
    children = psutil.Process(server.process.pid).children()
    return sum(time.clock_gettime(~each.pid << 3 | 2) for each in children)


def _fastest(call: Callable[[], object], calls: int) -> float:
    found = []
    for _ in range(TIMES):
        began = time.thread_time()
        for _ in range(calls):
            call()
        found.append((time.thread_time() - began) / calls)
    return min(found) * 1e6


def _environ(access_token: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/auth/check",
        "QUERY_STRING": "",
        "SERVER_NAME": ADDRESS,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": ADDRESS,
        "HTTP_HOST": ADDRESS,
        "HTTP_AUTHORIZATION": f"Bearer {access_token}",
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
    }


def _ignored(_status: str, _headers: list[tuple[str, str]], _error: Any = None) -> Any:
    return None
