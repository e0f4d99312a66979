"""The registration page."""

from flask.testing import FlaskClient

from tests.web.browsing import post


def test_all_that_is_wrong_is_told_at_once(client: FlaskClient) -> None:
    page = post(client, "/register", email="nonsense", password="short").get_data(as_text=True)

    assert "Enter an e-mail address, like" in page
    assert "Use at least 15 characters." in page
