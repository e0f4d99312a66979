"""A user can download all data stored about them, without secrets."""

import json

import pytest
from flask import Flask

from authapp.errors import AccountFrozen, NotFound
from authapp.models import Scope, User, db
from authapp.models.base import table_of
from authapp.services import api_tokens, delete_account
from authapp.services.download_data import SECRETS, TABLES, download_data
from authapp.services.login import sign_in
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user


def test_every_table_about_users_is_included(app: Flask) -> None:
    about_people, grown = {"users"}, True
    while grown:
        more = {
            table.name
            for table in db.metadata.tables.values()
            if any(key.column.table.name in about_people for key in table.foreign_keys)
        }
        grown = not more <= about_people
        about_people |= more

    assert {table_of(model).name for model in TABLES.values()} == about_people


def test_the_download_contains_only_the_users_data_and_no_secrets(
    context: None, user: User
) -> None:
    another = add_user("another@example.org")
    for each in (user, another):
        signed_in = sign_in(each.email, PASSWORD, remember=False, device=DEVICE)
        token = api_tokens.create(
            each.id, name="backup", scopes=[Scope.ACCOUNT_READ], expires_at=None, client=HERE
        )

    text = json.dumps(download_data(user.id, client=HERE))
    data = json.loads(text)

    assert data["account"]["email"] == user.email
    assert data["sessions"][0]["created_address"] == HERE.address
    assert data["api_tokens"][0]["name"] == "backup"
    assert data["messages"][0]["recipient"] == user.email
    assert "data_downloaded" in [event["activity"] for event in data["activity"]]
    assert another.email not in text
    assert str(another.id) not in text
    assert not any(f'"{secret}"' in text for secret in SECRETS)
    assert "/not-me/" not in text
    assert token.value not in text
    assert signed_in.refresh_token not in text


def test_a_deleted_account_is_not_found(context: None, user: User) -> None:
    delete_account.delete(user.id)

    with pytest.raises(NotFound):
        download_data(user.id, client=HERE)


def test_a_frozen_account_cannot_download_its_data(context: None, user: User) -> None:
    db.session.get(User, user.id).frozen_at = user.created_at
    db.session.commit()

    with pytest.raises(AccountFrozen):
        download_data(user.id, client=HERE)
