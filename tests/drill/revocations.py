"""A client that revokes tokens, and then tries whether any process still accepts them."""

import itertools
import json
import threading
import time
from typing import Any, Final

from tests.bench.load import request
from tests.bench.ours import JSON
from tests.drill.traffic import Answer, Answers, Client
from tests.support.accounts import PASSWORD

REVOKED: Final = "/auth/check, just revoked"

_TRIES: Final = 4
"""Each over a new connection, so that both processes are asked."""

_PAUSE_SECONDS: Final = 0.2
_ROUNDS: Final = 50
"""How many rounds may be refused before it gives up."""


class Revocations(threading.Thread):
    """Signs in, creates an API token, revokes it, signs out, and tries both tokens again."""

    def __init__(self, port: int, emails: list[str]) -> None:
        super().__init__(daemon=True)
        self.answers = Answers()
        self.failure: Exception | None = None
        self._port, self._emails = port, itertools.cycle(emails)
        self._stopping = threading.Event()

    def run(self) -> None:
        """Repeat rounds until stopped, and until one of them got as far as trying."""
        for rounds in itertools.count():
            if self._stopping.wait(_PAUSE_SECONDS) and (self.answers.took_ms or rounds > _ROUNDS):
                break
            try:
                self._revoke_and_try()
            except Exception as error:
                # The rounds before it prove nothing about the rest of the soak.
                self.failure = error
                return

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def _revoke_and_try(self) -> None:
        """Do one round; a step that is answered with 503 ends it."""
        credentials = {"email": next(self._emails), "password": PASSWORD}
        session = self._call("POST", "login", credentials)
        if session is None:
            return
        bearer = session["access_token"]
        wanted = {"name": "soak", "scopes": ["account:read"], "expires_at": None}
        token = self._call("POST", "tokens", wanted, bearer)
        if token is not None and self._call("DELETE", f"tokens/{token['id']}", None, bearer) == {}:
            self._try(token["value"])
        if self._call("POST", "logout", None, bearer) == {}:
            self._try(bearer)

    def _call(self, method: str, path: str, body: Any, bearer: str = "") -> Any:
        """Return the body of a successful answer, and None of any other."""
        headers = {**JSON, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        sent = b"" if body is None else json.dumps(body).encode()
        answer = self._ask(request(method, f"/api/v1/{path}", headers, sent))
        if not answer.status.startswith("2"):
            return None
        return json.loads(answer.raw.partition(b"\r\n\r\n")[2] or b"{}")

    def _try(self, token: str) -> None:
        for _ in range(_TRIES):
            began = time.monotonic()
            answer = self._ask(request("GET", "/auth/check", {"Authorization": f"Bearer {token}"}))
            self.answers.add(answer, time.monotonic() - began)

    def _ask(self, sent: bytes) -> Answer:
        client = Client(self._port)
        try:
            return client.ask(sent)
        finally:
            client.close()
