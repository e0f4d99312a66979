"""Work that one process at a time may do."""

import os
from pathlib import Path

import pytest

from authapp.errors import Conflict
from authapp.models import db
from authapp.models.turn import Work, turn
from tests.support.on_sqlite import on_sqlite
from tests.support.servers import NOBODY


@pytest.mark.usefixtures("context")
def test_a_turn_is_refused_while_another_is_held_and_free_afterwards() -> None:
    with turn(Work.PURGE_AUDIT_LOG), pytest.raises(Conflict), turn(Work.PURGE_AUDIT_LOG):
        pass

    with turn(Work.PURGE_AUDIT_LOG):
        pass


@on_sqlite
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.usefixtures("context")
def test_a_file_that_root_locked_belongs_to_the_owner_of_the_database() -> None:
    database = Path(str(db.engine.url.database))
    os.chown(database, NOBODY, NOBODY)

    with turn(Work.PURGE_AUDIT_LOG):
        pass

    (file,) = database.parent.glob(f"{database.name}-purge_audit_log")
    assert file.stat().st_uid == NOBODY
