"""Responses to errors: a page for a browser, or a problem document for a program."""

from datetime import timedelta
from http import HTTPStatus

import structlog
from flask import (
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from authapp.errors import DomainError, Misconfigured, TokenRevoked, TooManyAttempts, Unavailable
from authapp.http import problem_types, problems
from authapp.http.request_id import request_id
from authapp.models import db
from authapp.models.base import OUTAGES
from authapp.models.outage import database_outage
from authapp.web import authn, explanations, messages
from authapp.web.flows import PageOutOfDate
from authapp.web.navigation import can_open, current_page

log = structlog.get_logger(__name__)

# Temporary errors, whose page offers to open the same URL again.
_PASSING = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def init_app(app: Flask) -> None:
    """Register a handler for every kind of error."""
    app.register_error_handler(CSRFError, _form_not_ours)
    app.register_error_handler(PageOutOfDate, _page_out_of_date)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DomainError, _domain_error)
    for outage in OUTAGES:
        app.register_error_handler(outage, _database_away)
    app.register_error_handler(Exception, _unexpected)


def _form_not_ours(error: CSRFError) -> Response:
    log.info("form_refused", reason=error.description)
    if request.endpoint == "login.sign_out" and g.get("identity") is None:
        # The user already signed out in another tab, so there is nothing left to do.
        return make_response("", HTTPStatus.SEE_OTHER, {"Location": url_for("login.show")})
    return _page(HTTPStatus.BAD_REQUEST, explanations.FORM_NOT_OURS, again=current_page())


def _page_out_of_date(error: PageOutOfDate) -> Response:
    return _page(HTTPStatus.GONE, explanations.PAGE_OUT_OF_DATE, again=error.again)


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return make_response(error.get_response())
    if problems.is_for_program():
        response = problems.for_http_error(error)
    elif above := _page_above(error):
        response = make_response(redirect(above, HTTPStatus.SEE_OTHER))
    elif request.endpoint is None:
        response = _no_such_page(HTTPStatus(error.code))
    else:
        response = _answer(HTTPStatus(error.code))
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = error.get_response().headers.get("Allow", "")
    return response


def _page_above(error: HTTPException) -> str | None:
    """Return the page of the form whose address someone has opened or reloaded."""
    is_form = error.code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET"
    path = request.path.rpartition("/")[0] if is_form else ""
    while path and not can_open(path):
        path = path.rpartition("/")[0]
    return path or None


def _no_such_page(status: HTTPStatus) -> Response:
    """Return an error page for the signed-in user: no page hook has loaded the identity yet."""
    try:
        authn.load_identity()
    except Exception as outage:
        return make_response(current_app.handle_user_exception(outage))
    return _answer(status)


def _domain_error(error: DomainError) -> Response:
    wait = error.retry_after if isinstance(error, (Unavailable, TooManyAttempts)) else None
    if isinstance(error, TokenRevoked) and not problems.is_for_program():
        # The sign-in page explains why the session has ended.
        return make_response(redirect(url_for("login.show", next=current_page()), 303))
    if not problems.is_for_program():
        text = explanations.MISCONFIGURED if isinstance(error, Misconfigured) else None
        return _answer(problem_types.of_error(error).status, wait=wait, text=text)
    response = problems.for_refusal(error)
    if wait is not None:
        response.headers["Retry-After"] = problems.retry_after(wait)
    return response


def _database_away(error: Exception) -> Response:
    database_outage.note(error)
    db.rollback()
    return _domain_error(Unavailable())


def _unexpected(error: Exception) -> Response:
    """Log an exception, and return an error response with the request's id as its reference."""
    log.error("unexpected_error", exc_info=error)
    db.rollback()
    if problems.is_for_program():
        return problems.for_fault(request_id())
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR)


def _answer(
    status: HTTPStatus,
    *,
    wait: timedelta | None = None,
    text: explanations.Explanation | None = None,
) -> Response:
    again = current_page() if status in _PASSING else None
    reference = request_id() if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
    shown = text or explanations.for_status(status)
    response = _page(status, shown, wait=wait, reference=reference, again=again)
    if wait is not None:
        response.headers["Retry-After"] = problems.retry_after(wait)
    return response


def _page(
    status: HTTPStatus,
    text: explanations.Explanation,
    *,
    wait: timedelta | None = None,
    reference: str = "",
    again: str | None = None,
) -> Response:
    g.setdefault("identity", None)
    body = render_template(
        "errors/error.html",
        status=status.value,
        text=text,
        wait=messages.for_wait(wait) if status is HTTPStatus.TOO_MANY_REQUESTS else "",
        reference=reference,
        again=again,
    )
    return make_response(body, status)
