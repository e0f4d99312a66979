"""Every error's page, in one place."""

from datetime import timedelta
from http import HTTPStatus
from uuid import uuid4

from flask import Flask, Response, current_app, g, make_response, render_template
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from authapp.errors import DomainError, NotAllowed, NotFound, TooManyAttempts, Unavailable
from authapp.models import db

_OUTAGE = timedelta(seconds=5)


def init_app(app: Flask) -> None:
    """Answer every error with a page in the product's look."""
    app.register_error_handler(CSRFError, _form_too_old)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DomainError, _domain_error)
    for outage in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(outage, _database_away)
    app.register_error_handler(Exception, _unexpected)


def _form_too_old(_error: CSRFError) -> Response:
    advice = _("It was open for too long, or cookies are off. Go back, reload the page, try again.")
    return _page(HTTPStatus.BAD_REQUEST, _("This form can no longer be sent"), advice)


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return make_response(error.get_response())
    status = HTTPStatus(error.code)
    title, advice = _texts().get(
        status, (_("This request was refused"), _("Go back and try again."))
    )
    response = _page(status, title, advice)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = error.get_response().headers.get("Allow", "")
    return response


def _domain_error(error: DomainError) -> Response:
    if isinstance(error, Unavailable):
        return _unavailable(error.retry_after)
    if isinstance(error, TooManyAttempts):
        response = _known(HTTPStatus.TOO_MANY_REQUESTS)
        return _retry_after(response, error.retry_after)
    if isinstance(error, NotFound):
        return _known(HTTPStatus.NOT_FOUND)
    if isinstance(error, NotAllowed):
        return _known(HTTPStatus.FORBIDDEN)
    return _page(HTTPStatus.CONFLICT, _("That is not possible now"), _("Go back and try again."))


def _database_away(error: Exception) -> Response:
    current_app.logger.error("the database does not answer: %s", type(error).__name__)
    db.session.rollback()
    return _unavailable(_OUTAGE)


def _unexpected(error: Exception) -> Response:
    """Say that it is our fault, with a reference that the log bears too."""
    reference = str(uuid4())
    current_app.logger.error("unexpected error %s", reference, exc_info=error)
    db.session.rollback()
    title, advice = _texts()[HTTPStatus.INTERNAL_SERVER_ERROR]
    return _page(HTTPStatus.INTERNAL_SERVER_ERROR, title, advice, reference)


def _unavailable(retry_after: timedelta) -> Response:
    return _retry_after(_known(HTTPStatus.SERVICE_UNAVAILABLE), retry_after)


def _retry_after(response: Response, after: timedelta) -> Response:
    response.headers["Retry-After"] = str(max(1, int(after.total_seconds())))
    return response


def _known(status: HTTPStatus) -> Response:
    return _page(status, *_texts()[status])


def _page(status: HTTPStatus, title: str, advice: str, reference: str = "") -> Response:
    g.setdefault("identity", None)
    body = render_template(
        "errors/error.html", status=status.value, title=title, advice=advice, reference=reference
    )
    return make_response(body, status)


def _texts() -> dict[HTTPStatus, tuple[str, str]]:
    return {
        HTTPStatus.BAD_REQUEST: (_("This request makes no sense"), _("Go back and try again.")),
        HTTPStatus.FORBIDDEN: (_("This is not yours to see"), _("Sign in as somebody who may.")),
        HTTPStatus.NOT_FOUND: (_("There is no such page"), _("Check the address, or start again.")),
        HTTPStatus.METHOD_NOT_ALLOWED: (
            _("This page cannot be used like that"),
            _("Open it from the page that leads to it."),
        ),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
            _("That is too much to send at once"),
            _("Go back and send less."),
        ),
        HTTPStatus.TOO_MANY_REQUESTS: (_("Too many attempts"), _("Wait a while, then try again.")),
        HTTPStatus.INTERNAL_SERVER_ERROR: (
            _("Something went wrong"),
            _("The fault is ours. Nothing was changed; try again."),
        ),
        HTTPStatus.SERVICE_UNAVAILABLE: (
            _("We cannot answer right now"),
            _("You are still signed in. Try again in a moment."),
        ),
    }
