"""The registration page."""

from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.models import User
from authapp.services.register import BY_ADDRESS
from tests.support.accounts import PASSWORD
from tests.support.browsing import post


def test_all_errors_are_reported_at_once(client: FlaskClient) -> None:
    page = post(client, "/register", email="nonsense", password="short").get_data(as_text=True)

    assert "Enter an email address in the format" in page
    assert "Use at least 15 characters." in page


def test_mails_to_one_address_are_limited_silently(app: Flask, user: User) -> None:
    pages = []
    for number in range(BY_ADDRESS.most + 2):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        answer = post(client, "/register", email=user.email, password=PASSWORD)
        pages.append((answer.status_code, urlsplit(answer.headers["Location"]).path))

    with app.app_context():
        told = [mail for mail in outbox.list_recent() if mail.message == "address_exists"]
    assert len(told) == BY_ADDRESS.most
    assert len(set(pages)) == 1
