"""Security mails say what happened, from where, and what to do if it was someone else."""

import re

from flask import Flask

from authapp.delivery import outbox
from authapp.domain import security_notices
from authapp.models import User, VerificationType, db
from authapp.token_cache import token_cache
from tests.support.accounts import HERE


def test_a_notice_names_the_device_and_has_a_not_me_link(app: Flask, user: User) -> None:
    with app.test_request_context():
        security_notices.send(db.session.get(User, user.id), "new_device", client=HERE)
        db.session.commit()
        (mail,) = outbox.list_recent()

    for text in (mail.body, mail.html):
        assert text is not None
        assert "Firefox on Linux" in text
        assert HERE.address in text
        assert "/not-me/" in text
    assert mail.subject == "New sign-in to authapp"


def test_every_notice_keeps_its_own_not_me_link(app: Flask, user: User) -> None:
    with app.test_request_context():
        for _ in range(2):
            security_notices.send(db.session.get(User, user.id), "new_device", client=None)
        db.session.commit()
        links = [re.search(r"/not-me/(\S+)", mail.body)[1] for mail in outbox.list_recent()]

        found = [token_cache.get_verification_token_by_value(link) for link in links]

    assert len(set(links)) == 2
    assert {record.type for record in found} == {VerificationType.NOT_ME}
    assert all(record.revoked_at is None for record in found)
