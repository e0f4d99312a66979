"""`python -m deploy.health` finds out whether the server of this host answers."""

import os
import subprocess
import sys
from http import HTTPStatus

import pytest
from werkzeug import Request, Response

from authapp import ROOT
from tests.support.servers import free_port, serving


def health(port: int, host: str) -> int:
    environ = {"PATH": os.environ["PATH"], "SERVE_HOST": host, "SERVE_PORT": str(port)}
    command = [sys.executable, "-m", "deploy.health"]
    return subprocess.run(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE).returncode


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
@pytest.mark.parametrize(("status", "code"), [(HTTPStatus.OK, 0), (HTTPStatus.BAD_GATEWAY, 1)])
def test_the_exit_code_says_whether_the_server_is_alive(
    host: str, status: HTTPStatus, code: int
) -> None:
    @Request.application
    def app(request: Request) -> Response:
        return Response(status=status if request.path == "/healthz" else HTTPStatus.NOT_FOUND)

    with serving(app) as port:
        assert health(port, host) == code


def test_a_server_that_is_down_is_not_alive() -> None:
    assert health(free_port(), "127.0.0.1") == 1
