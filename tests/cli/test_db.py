"""`flask db`, which Flask-Migrate provides."""

from collections.abc import Callable
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask


def test_a_missing_database_is_reported_in_one_line(
    make_app: Callable[..., Flask], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path / 'no' / 'folder' / 'authapp.db'}")

    with app.app_context(), pytest.raises(SystemExit) as ended:
        flask_migrate.upgrade()

    assert ended.value.code == 1
    (line,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert line.getMessage().startswith("Error: the database is not available (unable to open")
    assert line.exc_info is None


def test_each_migration_is_reported(
    make_app: Callable[..., Flask], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}")

    with app.app_context():
        flask_migrate.upgrade()

    assert "Running upgrade 0001 -> 0002" in caplog.text
