"""A short soak: no error and no revoked token that is accepted; memory is not judged."""

import pytest

from tests.drill.faults import RENEWAL, SIGN_IN, UNHURRIED
from tests.drill.revocations import REVOKED
from tests.drill.soak import INTROSPECTION, SERVERS, Limit, run
from tests.support.proxies import NGINX
from tests.support.servers import PostgresServer

CLOSING = {kind: {"502"} for kind in (RENEWAL, SIGN_IN, INTROSPECTION)}
"""A server may close a connection while nginx sends a POST on it, which it must not repeat."""

LIMIT = Limit(requests=600, seconds=4, restart_seconds=1)


@pytest.mark.long
@pytest.mark.postgresql
@pytest.mark.xdist_group("processes")
@pytest.mark.skipif(NGINX is None, reason="there is no nginx to balance the servers")
def test_restarts_under_traffic_cause_no_wrong_answer(postgres: PostgresServer) -> None:
    found = run(postgres, LIMIT, **UNHURRIED)

    assert found.wrong(CLOSING) == []
    assert found.servers_replaced == SERVERS
    assert found.redis_restarts >= 1
    assert found.answers[REVOKED].statuses["401"] > 0
    assert len(list(found.lines())) > len(found.answers)
