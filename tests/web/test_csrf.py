"""Forms that another site makes a browser send are refused, even with a valid token."""

import pytest
from flask.testing import FlaskClient

from authapp.models import User
from tests.support.accounts import PASSWORD
from tests.support.browsing import post
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite

OURS = "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OURS}, 400),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Origin": OURS}, 303),
        ({"Origin": "null"}, 303),
        ({"Origin": "http://127.0.0.1"}, 400),
        ({"Origin": "https://127.0.0.1:5000"}, 400),
        ({"Origin": "http://evil.example"}, 400),
        ({"Origin": f"{OURS}.evil.example"}, 400),
        ({"Origin": ""}, 400),
        ({"Origin": "\xff"}, 400),
    ],
)
def test_only_forms_from_this_site_are_accepted(
    client: FlaskClient, user: User, headers: dict[str, str], status: int
) -> None:
    for name, value in headers.items():
        client.environ_base[f"HTTP_{name.upper().replace('-', '_')}"] = value

    answer = post(client, "/login", email=user.email, password=PASSWORD)

    assert answer.status_code == status
