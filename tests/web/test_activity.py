"""The account's activity, shown in plain words to its owner only."""

import ast
import re
from collections.abc import Iterator
from itertools import chain

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp import ROOT
from authapp.domain import activity
from authapp.models import Activity, ActivityEvent, User, VerificationType, db
from authapp.services.activity import PAGE, list_recent
from authapp.web.activity import DESCRIPTIONS, DETAILS, PURPOSES
from tests.support.accounts import HERE, add_user
from tests.support.browsing import post, sign_in
from tests.support.markup import faults

pytestmark = pytest.mark.usefixtures("new_hour")


def noted_details() -> Iterator[str]:
    """Return the name of every detail that the domain or a service records."""
    for file in chain.from_iterable(
        (ROOT / "authapp" / folder).rglob("*.py") for folder in ("domain", "services")
    ):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "activity.note":
                yield from (keyword.arg for keyword in call.keywords if keyword.arg)


def events(page: str) -> list[str]:
    return re.findall(r"<li", page.split('class="events"')[1].split("</ol>", maxsplit=1)[0])


def test_every_activity_and_detail_has_a_label() -> None:
    assert set(DESCRIPTIONS) == set(Activity)
    assert set(PURPOSES) == set(VerificationType)
    assert set(noted_details()) <= set(DETAILS)
    assert "name" in set(noted_details())


def test_events_are_shown_with_device_and_address(client: FlaskClient, user: User) -> None:
    client.environ_base["HTTP_USER_AGENT"] = HERE.user_agent
    post(client, "/login", email=user.email, password="not the password")
    sign_in(client)

    page = client.get("/account/activity").get_data(as_text=True)

    assert page.index("Signed in") < page.index("Sign-in failed")
    assert "Firefox on Linux, from 127.0.0.1" in page
    assert "ago" in page
    assert "UTC" not in page.split("<time")[0]


def test_details_are_shown_and_user_text_is_escaped(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        activity.note(user.id, Activity.API_TOKEN_CREATED, None, name="<b>backup</b>")
        activity.note(
            user.id, Activity.SIGNED_OUT_ELSEWHERE, HERE, program="Safari", system="macOS"
        )
        activity.note(user.id, Activity.LINK_OPENED_ELSEWHERE, HERE, purpose="password_reset")
        db.session.commit()

    page = client.get("/account/activity").get_data(as_text=True)

    assert "Name: &lt;b&gt;backup&lt;/b&gt;" in page
    assert "Device: Safari on macOS" in page
    assert "Purpose of the link: reset the password" in page
    assert "possibly a mail scanner" in page


def test_a_long_history_is_paged_and_shows_each_event_once(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        at = db.session.scalars(db.select(ActivityEvent)).one().created_at
        for _ in range(2 * PAGE):
            # All have the same time, so that the page has to keep their order.
            db.session.add(
                ActivityEvent(user_id=user.id, activity=Activity.SIGNED_OUT, created_at=at)
            )
        db.session.commit()

    seen, path = [], "/account/activity"
    while path:
        page = client.get(path).get_data(as_text=True)
        seen.append(len(events(page)))
        assert faults(page) == []
        assert page.count("Older") == (len(events(page)) == PAGE)
        older = re.search(r'href="(/account/activity\?before=[^"]+)"', page)
        path = older[1] if older else ""

    assert seen == [PAGE, PAGE, 1]


@pytest.mark.parametrize("before", ["nonsense", "00000000-0000-0000-0000-000000000000", "\x00"])
def test_an_unknown_page_is_not_found(client: FlaskClient, user: User, before: str) -> None:
    sign_in(client)

    assert client.get("/account/activity", query_string={"before": before}).status_code == 404


def test_another_users_history_is_not_visible(app: Flask, client: FlaskClient, user: User) -> None:
    with app.app_context():
        another = add_user("another@example.org")
        activity.note(another.id, Activity.REUSE_SEEN, HERE)
        db.session.commit()
        (event,) = list_recent(another.id)
    sign_in(client)

    page = client.get("/account/activity").get_data(as_text=True)

    assert "a copy of it was used" not in page
    assert client.get(f"/account/activity?before={event.id}").status_code == 404
