"""The requests of a busy site."""

from authapp.services import sign_out
from tests.bench.load import always, request
from tests.bench.ours import Ours, same
from tests.drill.faults import CHECK, ENDED, HEALTH, PAGE, RENEWAL, SIGN_IN
from tests.drill.traffic import Kind
from tests.support.accounts import HERE


def kinds(ours: Ours, *, sign_ins: int) -> list[Kind]:
    """Return the requests of a busy site."""
    sent = ours.requests()
    checks = [always(sent["/auth/check, JWT"]), always(sent["/auth/check, API token"])]
    return [
        Kind(CHECK, checks * 2, 0.02),
        Kind(HEALTH, [always(sent["/healthz"])], 0.02),
        Kind(ENDED, [always(with_ended_session(ours))], 0.05),
        Kind(PAGE, same(sent["/account"], 24), 0.25),
        Kind(RENEWAL, ours.refreshing(2), 0.25),
        Kind(SIGN_IN, ours.signing_in(sign_ins), 0.5, is_patient=True),
    ]


def with_ended_session(ours: Ours) -> bytes:
    """Return a request with the token of a session that has ended."""
    ended = ours.begin()
    with ours.app.app_context():
        sign_out.sign_out(ended.identity, client=HERE)
    return request("GET", "/auth/check", {"Authorization": f"Bearer {ended.access_token}"})
