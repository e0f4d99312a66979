"""Problem documents, as documented in docs/api.md."""

import re
from datetime import timedelta
from http import HTTPStatus

import pytest
from flask import Flask
from werkzeug.exceptions import default_exceptions

from authapp import ROOT
from authapp.http import problem_types, problems

MAY_HAVE_ANY_TYPE = {"request-refused", "internal-error"}


def test_the_documentation_lists_every_type() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    table = "".join(re.findall(r"^\| [45]\d\d \|([^|]+)\|", text, re.M))

    listed = set(re.findall(r"`([a-z-]+)`", table))

    types = set(problem_types.all_types())
    assert listed == types - MAY_HAVE_ANY_TYPE | {"internal-error"}
    assert all(f"`{type}`" in text for type in types)


def test_every_framework_error_has_a_type_and_an_explanation(app: Flask) -> None:
    types = {f"{problems.TYPES}{type}" for type in problem_types.all_types()}

    with app.test_request_context("/api/v1/me"):
        documents = {
            status: problems.for_http_error(error()).get_json()
            for status, error in default_exceptions.items()
        }

    for status, document in documents.items():
        assert document["status"] == status
        assert document["type"] in types
        assert document["title"]
        assert re.fullmatch(r"[^<>]+\.", document["detail"])


def test_each_type_has_one_status() -> None:
    for status in HTTPStatus:
        if status >= HTTPStatus.BAD_REQUEST:
            assert problem_types.of_status(status).status is status


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1.01, "2"), (60, "60")])
def test_retry_after_is_rounded_up_to_whole_seconds(seconds: float, header: str) -> None:
    assert problems.retry_after(timedelta(seconds=seconds)) == header
