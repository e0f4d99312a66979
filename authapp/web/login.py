"""Signing in and out."""

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import AccountClosing, AccountFrozen, CredentialsRefused, TooManyAttempts
from authapp.http.credentials import DEVICE, cookie
from authapp.http.origin import origin
from authapp.services import delete_account, known_devices
from authapp.services import login as service
from authapp.services import sign_out as sign_out_service
from authapp.web import authn, words
from authapp.web.forms import LoginForm, refused_for_now
from authapp.web.navigation import local_path

login = Blueprint("login", __name__)


@login.get("/login")
def show() -> ResponseReturnValue:
    """Show the form."""
    if g.identity:
        return redirect(_next())
    return _render(LoginForm())


@login.post("/login")
def submit() -> ResponseReturnValue:
    """Sign in, and go where the visitor was going."""
    form = LoginForm()
    if not form.validate():
        return _render(form), 422
    try:
        signed_in = service.sign_in(
            form.email.data,
            form.password.data,
            remember=form.remember.data,
            origin=origin(),
            device=cookie(DEVICE),
            instead_of=g.identity,
        )
    except TooManyAttempts as refusal:
        return refused_for_now(form, refusal, _render)
    except CredentialsRefused:
        form.form_errors.append(_("The e-mail address or the password is wrong."))
        return _render(form), 422
    except AccountFrozen:
        return render_template("login/frozen.html", text=words.FROZEN), 403
    except AccountClosing as closing:
        session["keep_account"] = delete_account.offer_to_keep(closing.user_id)
        return redirect(url_for("delete_account.offer"), 303)
    # Whoever could read the form's key before must not know the next one.
    session.clear()
    authn.keep(signed_in)
    authn.keep_device(known_devices.learn(cookie(DEVICE), signed_in.identity.user_id))
    return redirect(_next(), 303)


@login.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End the session, in every tab and for every copy of its tokens."""
    if g.identity:
        sign_out_service.sign_out(g.identity, origin=origin())
    authn.forget()
    session.clear()
    flash(_("You are signed out."))
    return redirect(url_for("login.show"), 303)


def _render(form: LoginForm) -> str:
    ending = authn.ending()
    return render_template(
        "login/show.html", form=form, why_ended=words.for_ending(ending) if ending else ""
    )


def _next() -> str:
    return local_path(request.args.get("next"), url_for("account.show"))
