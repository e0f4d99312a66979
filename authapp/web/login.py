"""Signing in and out."""

from flask import (
    Blueprint,
    Response,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import CredentialsRefused
from authapp.services import login as service
from authapp.services import sessions
from authapp.web import authn
from authapp.web.forms import LoginForm
from authapp.web.navigation import local_path

login = Blueprint("login", __name__)


@login.get("/login")
def show() -> ResponseReturnValue:
    """Show the form."""
    if g.identity:
        return redirect(_next())
    return render_template("login/show.html", form=LoginForm())


@login.post("/login")
def submit() -> ResponseReturnValue:
    """Sign in, and go where the visitor was going."""
    form = LoginForm()
    if not form.validate():
        return render_template("login/show.html", form=form), 422
    try:
        signed_in = service.sign_in(
            form.email.data, form.password.data, remember=form.remember.data, origin=authn.origin()
        )
    except CredentialsRefused:
        form.form_errors.append(_("The e-mail address or the password is wrong."))
        return render_template("login/show.html", form=form), 422
    # Whoever could read the form's key before must not know the next one.
    session.clear()
    return authn.keep(signed_in, _see_other(_next()))


@login.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End the session, in every tab and for every copy of its tokens."""
    if g.identity:
        sessions.sign_out(g.identity.session_id)
    session.clear()
    flash(_("You are signed out."))
    return authn.forget(_see_other(url_for("login.show")))


def _next() -> str:
    return local_path(request.args.get("next"), url_for("account.show"))


def _see_other(target: str) -> Response:
    return make_response(redirect(target, 303))
